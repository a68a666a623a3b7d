/** What is in the Debian package, and in the image. */
import manifest from "../../package.json" with { type: "json" };
import { withMark } from "../cli/commands/install-files.ts";
import { commands } from "../cli/commands.ts";
import { manPages } from "../cli/help/man-pages.ts";
import { TOPIC_NAMES, topicPages } from "../cli/help/topics.ts";
import { completions } from "../cli/program/completion.ts";
import { completionScript, type Shell } from "../cli/program/completion-scripts.ts";
import thirdPartyLicenses from "../cli/program/third-party-licenses.txt" with { type: "text" };
import { versionCommand } from "../cli/program/version-command.ts";
import { KERNEL_OPTIONS } from "../options/kernel-options.ts";
import { routeProtocolName, tunnelTemplate } from "../tools/install/network-files.ts";
import { type ServiceUnit, serviceUnit } from "../tools/install/service-units.ts";
import { type ArchiveEntry, textFile } from "./archive-entry.ts";
import type { DebPackage } from "./deb.ts";
import type { OciImage } from "./oci-image.ts";

/** The user and the group in an image. */
const IMAGE_USER = 65_532;
const EXECUTABLE = "usr/bin/bunbond";
const COMPLETIONS: Readonly<Record<Shell, string>> = {
  bash: "usr/share/bash-completion/completions/bunbond",
  zsh: "usr/share/zsh/vendor-completions/_bunbond",
  fish: "usr/share/fish/vendor_completions.d/bunbond.fish",
};

export interface PackageContext {
  readonly executable: Uint8Array;
  /** The text of LICENSE. */
  readonly license: string;
  /** "amd64" or "arm64". */
  readonly architecture: string;
  readonly timeSeconds: number;
}

export function debPackage({ executable, license, architecture, timeSeconds }: PackageContext): DebPackage {
  const all = [...commands, versionCommand];
  const pages = manPages({ commands: all, topics: topicPages(all), version: manifest.version });
  const protocol = routeProtocolName(KERNEL_OPTIONS.routeProtocol.default);
  const files = [
    { type: "file", path: EXECUTABLE, bytes: executable, mode: 0o755 } as const,
    ...[packagedUnit("server"), packagedUnit("client"), tunnelTemplate("/usr/lib/systemd/system")].map(
      ({ path, text }) => textFile(path.slice(1), text),
    ),
    // With the mark, so that `bunbond install` takes it for its own.
    textFile(protocol.path.slice(1), withMark(protocol.text)),
    ...pages.map(({ fileName, text }) => compressedPage(fileName, text)),
    ...Object.entries(COMPLETIONS).map(([shell, path]) =>
      // The keys are those of the type.
      textFile(path, completionScript(shell as Shell, completions(all, TOPIC_NAMES))),
    ),
    textFile("usr/share/doc/bunbond/copyright", copyright(license)),
    { type: "directory", path: "etc/bunbond", mode: 0o755 } as const,
  ];
  return {
    fields: {
      Package: "bunbond",
      Version: manifest.version,
      Architecture: architecture,
      Maintainer: "BunBond authors <bunbond@localhost>",
      Depends: "libc6 (>= 2.17), libnl-3-200",
      Recommends: "iproute2",
      Section: "net",
      Priority: "optional",
      Description: `MetalBond route distribution: server and hypervisor client\n One executable for the servers and the hypervisors of a cloud. The services\n start when /etc/bunbond/server.yaml or /etc/bunbond/client.yaml exists, and\n are enabled. "bunbond help service" has more.`,
    },
    files,
    configurationFiles: [protocol.path.slice(1)],
    scripts: {
      postinst: script("configure", "systemctl daemon-reload"),
      prerm: script("remove", "systemctl stop bunbond-server.service bunbond-client.service"),
      postrm: script("remove", "systemctl daemon-reload"),
    },
    timeSeconds,
  };
}

export function ociImage(
  { executable, license, architecture, timeSeconds }: PackageContext,
  libraries: readonly ArchiveEntry[],
): OciImage {
  return {
    architecture,
    version: manifest.version,
    entrypoint: [`/${EXECUTABLE}`],
    user: `${IMAGE_USER}:${IMAGE_USER}`,
    ports: ["4711/tcp"],
    labels: {
      "org.opencontainers.image.title": "bunbond",
      "org.opencontainers.image.description": manifest.description,
      "org.opencontainers.image.version": manifest.version,
      "org.opencontainers.image.licenses": manifest.license,
    },
    files: [
      { type: "file", path: EXECUTABLE, bytes: executable, mode: 0o755 },
      ...libraries,
      textFile(
        "etc/passwd",
        `root:x:0:0:root:/:/none\nbunbond:x:${IMAGE_USER}:${IMAGE_USER}:bunbond:/:/none\n`,
      ),
      textFile("etc/group", `root:x:0:\nbunbond:x:${IMAGE_USER}:\n`),
      textFile("etc/nsswitch.conf", "hosts: files dns\n"),
      textFile("usr/share/doc/bunbond/copyright", copyright(license)),
      { type: "directory", path: "etc/bunbond", mode: 0o755 },
      { type: "directory", path: "run/bunbond", mode: 0o755, owner: IMAGE_USER },
      { type: "directory", path: "tmp", mode: 0o1777 },
      // The runtime mounts these; Bun needs both.
      { type: "directory", path: "dev", mode: 0o755 },
      { type: "directory", path: "proc", mode: 0o755 },
    ],
    timeSeconds,
  };
}

/** Returns a unit that needs nothing but the configuration file. */
function packagedUnit(program: ServiceUnit["program"]) {
  const configuration = `/etc/bunbond/${program}.yaml`;
  return serviceUnit({
    program,
    executable: `/${EXECUTABLE}`,
    args: [`--config=${configuration}`],
    capabilities: program === "client" ? ["CAP_NET_ADMIN"] : [],
    hasSocketUnit: false,
    after: [],
    conditionPath: configuration,
    directory: "/usr/lib/systemd/system",
  });
}

/** "bunbond-client.1" becomes usr/share/man/man1/bunbond-client.1.gz. */
function compressedPage(fileName: string, text: string): ArchiveEntry {
  const section = fileName.slice(fileName.lastIndexOf(".") + 1);
  const path = `usr/share/man/man${section}/${fileName.replaceAll(" ", "-")}.gz`;
  return { type: "file", path, bytes: Bun.gzipSync(Buffer.from(text)), mode: 0o644 };
}

function copyright(license: string): string {
  return `BunBond:\n\n${license}\n\nSoftware of others in the executable:\n\n${thirdPartyLicenses}`;
}

/** A maintainer script (deb-postinst(5)) that does something where systemd runs. DPKG_ROOT is set for the image of another host. */
function script(when: string, command: string): string {
  return `#!/bin/sh
set -e
if [ "$1" = ${when} ] && [ -z "\${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
    ${command} || true
fi
`;
}
