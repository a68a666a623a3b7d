/** `npm run package`: the Debian package is installed into a directory, the image is unpacked, and both are run. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { announceFlag, standardRoute } from "../support/models/text-route.ts";
import { builtExecutable, LIBNL_PATHS } from "../support/process/built-executable.ts";
import { startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { REPOSITORY } from "../support/process/documents.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const ARCHITECTURE = process.arch === "x64" ? "amd64" : process.arch;
const VERSION_LINE = /^bunbond \d+\.\d+\.\d+ \(commit \S+, bun [\d.]+\)$/;

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

function run(command: readonly string[], cwd = REPOSITORY) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], {
    cwd,
    env: { ...process.env, LC_ALL: "C", NODE_ENV: undefined },
  });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  return stdout.toString();
}

const because = LIBNL_PATHS.length === 0 ? " (skipped: libnl-3-200 is not installed)" : "";

describe.skipIf(because !== "")(`packages${because}`, () => {
  const directory = temporaryDirectory();
  afterAll(() => directory[Symbol.dispose]());
  const [one, two] = [join(directory.path, "one"), join(directory.path, "two")];
  const debName = `bunbond_${manifest.version}_${ARCHITECTURE}.deb`;

  beforeAll(async () => {
    const executable = await builtExecutable();
    for (const outdir of [one, two]) {
      run([process.execPath, "src/packaging/package.ts", "--executable", executable, "--outdir", outdir]);
    }
  }, 300_000);

  test("are equal, byte by byte, if made twice", () => {
    const digest = (outdir: string) =>
      new Bun.CryptoHasher("sha256").update(readFileSync(join(outdir, debName))).digest("hex");
    expect(digest(two)).toBe(digest(one));
    // It names the manifest by its digest, and that all else.
    expect(readFileSync(join(two, "image/index.json"), "utf8")).toBe(
      readFileSync(join(one, "image/index.json"), "utf8"),
    );
  });

  const noDpkg = Bun.which("dpkg") === null ? " (skipped: dpkg is not installed)" : "";
  describe.skipIf(noDpkg !== "")(`the Debian package${noDpkg}`, () => {
    const root = join(directory.path, "root");
    const dpkg = (...args: readonly string[]) =>
      run([
        ...["dpkg", `--root=${root}`, "--force-not-root", "--force-script-chrootless", "--force-depends"],
        ...args,
      ]);

    beforeAll(() => {
      for (const path of ["info", "updates"])
        mkdirSync(join(root, "var/lib/dpkg", path), { recursive: true });
      for (const path of ["status", "available"]) writeFileSync(join(root, "var/lib/dpkg", path), "");
    });

    test("is installed, runs, and leaves nothing when it is purged", async () => {
      dpkg("--install", join(one, debName));
      expect(run([join(root, "usr/bin/bunbond"), "version"]).trim()).toMatch(VERSION_LINE);
      const manual = readdirSync(join(root, "usr/share/man/man1"));
      expect(manual).toContain("bunbond.1.gz");
      expect(manual).toContain("bunbond-install-client.1.gz");
      expect(readdirSync(join(root, "usr/share/man/man7"))).toContain("bunbond-service.7.gz");
      const completion = readFileSync(join(root, "usr/share/bash-completion/completions/bunbond"), "utf8");
      expect(completion).toBe(run([join(root, "usr/bin/bunbond"), "completion", "bash"]));
      const unit = readFileSync(join(root, "usr/lib/systemd/system/bunbond-server.service"), "utf8");
      expect(unit).toContain("\nExecStart=/usr/bin/bunbond server --config=/etc/bunbond/server.yaml\n");
      expect(unit).toContain("\nConditionPathExists=/etc/bunbond/server.yaml\n");
      dpkg("--purge", "bunbond");
      expect(Array.from(new Bun.Glob("{etc,usr}/**").scanSync(root))).toEqual([]);
    });

    test("leaves a changed name of the route protocol in place when it is installed again", () => {
      const path = join(root, "etc/iproute2/rt_protos.d/bunbond.conf");
      dpkg("--install", join(one, debName));
      expect(readFileSync(path, "utf8")).toEndWith("\n254\tbunbond\n");
      writeFileSync(path, "200\tbunbond\n");
      dpkg("--force-confold", "--install", join(two, debName));
      expect(readFileSync(path, "utf8")).toBe("200\tbunbond\n");
    });

    test("depends on what the executable needs", () => {
      const fields = run(["dpkg", "--field", join(one, debName), "Depends", "Architecture"]);
      expect(fields).toBe(`Depends: libc6 (>= 2.17), libnl-3-200\nArchitecture: ${ARCHITECTURE}\n`);
    });

    test.skipIf(Bun.which("systemd-analyze") === null)("has units that systemd accepts", () => {
      dpkg("--force-confold", "--install", join(one, debName));
      // They start /usr/bin/bunbond, which is not on this machine.
      const units = ["bunbond-server", "bunbond-client", "bunbond-tunnel@"].map((unit) => {
        const path = join(root, "usr/lib/systemd/system", `${unit}.service`);
        const copy = join(directory.path, `${unit.replace(/@$/, "@overlay")}.service`);
        writeFileSync(copy, readFileSync(path, "utf8").replace("=/usr/bin/bunbond ", "=/usr/bin/env "));
        return copy;
      });
      expect(run(["systemd-analyze", "verify", "--man=no", ...units])).toBe("");
    });
  });

  describe("the image", () => {
    const blob = ({ digest, size }: Descriptor) => {
      const bytes = readFileSync(join(one, "image/blobs", digest.replace(":", "/")));
      expect(bytes.length).toBe(size);
      expect(`sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`).toBe(digest);
      return bytes;
    };
    const readImage = () => {
      const { manifests } = JSON.parse(readFileSync(join(one, "image/index.json"), "utf8"));
      const { config, layers } = JSON.parse(blob(manifests[0]).toString());
      return { config: JSON.parse(blob(config).toString()), layer: blob(layers[0]) };
    };

    test("has the sizes and digests that it names, and a configuration", () => {
      expect(JSON.parse(readFileSync(join(one, "image/oci-layout"), "utf8"))).toEqual({
        imageLayoutVersion: "1.0.0",
      });
      const { config, layer } = readImage();
      const tar = Bun.gunzipSync(new Uint8Array(layer));
      const digest = new Bun.CryptoHasher("sha256").update(tar).digest("hex");
      expect(config).toMatchObject({
        architecture: ARCHITECTURE,
        os: "linux",
        config: { Entrypoint: ["/usr/bin/bunbond"], User: "65532:65532", ExposedPorts: { "4711/tcp": {} } },
        rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
      });
    });

    const reason =
      process.getuid?.() !== 0
        ? " (skipped: only root can chroot)"
        : Bun.which("unshare") === null
          ? " (skipped: unshare is missing)"
          : "";
    test.skipIf(reason !== "")(`has all that a server needs${reason}`, async () => {
      const root = join(directory.path, "image-root");
      mkdirSync(root);
      const layer = join(directory.path, "layer.tar.gz");
      writeFileSync(layer, readImage().layer);
      run(["tar", "-xzf", layer, "-C", root]);
      // As a runtime: /proc and /dev are mounted, and the user is the image's.
      const mounts = 'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev"';
      const inImage = 'exec chroot --userspec 65532:65532 "$0" /usr/bin/bunbond "$@"';
      const command = ["unshare", "-m", "sh", "-c", `${mounts} && ${inImage}`, root];
      await using version = new ChildProcess({ command: [...command, "version"] });
      expect(await version.ended).toBe(0);
      expect(version.stdoutLines.join()).toMatch(VERSION_LINE);
      await using server = await startBunbondServer({ command, socket: "/run/bunbond/server.sock" });
      const route = standardRoute(100, "10.0.1.0/24", "2001:db8::1");
      await using _announcer = startBunbondClient({
        servers: [server.address],
        announce: [announceFlag(route)],
      });
      await using client = startBunbondClient({ servers: [server.address], vnis: [100] });
      await client.viewIs([route]);
      expect(await server.stop()).toBe(0);
    });
  });
});
