/**
 * `bunbond install server` and `bunbond install client` make this host run the daemon as a service of systemd:
 *
 *     flags ─▶ checked as the daemon checks them ─▶ files (tools/install) ─▶ compared with those on the host ─▶ written, or printed
 */
import { isAbsolute, join } from "node:path";
import { type Endpoint, formatEndpoint, hasHostName } from "../../net/endpoint.ts";
import {
  networkdDevice,
  networkdDropIn,
  routeProtocolName,
  TUNNEL_UNIT,
  tunnelUnit,
} from "../../tools/install/network-files.ts";
import type { ServiceFile } from "../../tools/install/service-file.ts";
import { type ServiceUnit, serviceUnit, socketUnit } from "../../tools/install/service-units.ts";
import { type ClientConfig, clientDefinition, readClientOptions } from "../daemon/client-command.ts";
import { readServerOptions, type ServerConfig, serverDefinition } from "../daemon/server-command.ts";
import { readOneOf } from "../flags/values.ts";
import type { Command, CommandContext } from "../program/command.ts";
import type { CommandDefinition, FlagDefs } from "../program/command-definition.ts";
import { CommandError } from "../program/command-error.ts";
import { EXIT_FAILED, EXIT_OK } from "../program/exit-codes.ts";
import { givenFlags, parseFlags } from "../program/flags.ts";
import { outputFlags, printObject, readOutput, type View } from "../program/output-format.ts";
import { UsageError } from "../program/usage-error.ts";
import { type InstalledFile, isFile, planInstall, writeFiles } from "./install-files.ts";

const UNIT_DIRECTORY = "/etc/systemd/system";
/** Where the documents install the executable. */
const DEFAULT_EXECUTABLE = "/usr/local/bin/bunbond";
/** ProtectHome= of the units makes these empty. */
const HIDDEN_DIRECTORIES = ["/home/", "/root/", "/run/user/"];
/** The kernel's module makes a device of this name by itself, and packets vanish in it. */
const FALLBACK_DEVICE = "ip6tnl0";
const FIRST_UNPRIVILEGED_PORT = 1024;
/** Flags of daemons whose values are paths. */
const PATH_FLAGS = ["config", "socket"];
const DEVICE_MAKERS = ["unit", "networkd", "none"] as const;

const installFlags = {
  executable: {
    type: "string",
    valueHint: "PATH",
    example: DEFAULT_EXECUTABLE,
    description: `The executable that the unit starts. If left out: this one, or ${DEFAULT_EXECUTABLE} if --root is given or this is no built executable.`,
  },
  root: {
    type: "string",
    valueHint: "DIR",
    example: "/mnt/image",
    description: "Write below this directory, as for the image of a host.",
  },
  force: {
    type: "boolean",
    description:
      "Replace files that have been changed since 'bunbond install' wrote them, or that it did not write.",
  },
  "dry-run": { type: "boolean", description: "Write nothing. Print the files." },
  now: {
    type: "boolean",
    description:
      "Then enable and start the service, by systemctl; restart it if a file has changed. Without this flag the commands are printed.",
  },
  ...outputFlags,
} as const satisfies FlagDefs;

const makeDeviceFlag = {
  "make-device": {
    type: "string",
    valueHint: DEVICE_MAKERS.join("|"),
    example: "networkd",
    default: "unit",
    description: `How the tunnel device of --tun is made if --install-routes is given. unit: by ${TUNNEL_UNIT}, with iproute2. networkd: by systemd-networkd, 251 or newer. none: by you.`,
  },
} as const satisfies FlagDefs;

const socketUnitFlag = {
  "socket-unit": {
    type: "boolean",
    description:
      "Also write bunbond-server.socket: systemd opens the port of --listen and passes it on. Connections that are made while the server restarts wait, and are not refused.",
  },
} as const satisfies FlagDefs;

const serverInstallDefinition = {
  meta: {
    name: "install server",
    description:
      "Make this host run a server as a service of systemd: write a hardened unit that starts it with the flags that are given here.",
  },
  args: { ...serverDefinition.args, ...socketUnitFlag, ...installFlags },
} satisfies CommandDefinition;

const { "dry-run": _dryRun, json: _json, ...serviceFlags } = clientDefinition.args;

const clientInstallDefinition = {
  meta: {
    name: "install client",
    description:
      "Make this host run a client as a service of systemd: write a hardened unit that starts it with the flags that are given here. With --install-routes also write what makes the tunnel device, settings with which systemd-networkd leaves the routes alone, and the routes' name for iproute2.",
  },
  args: { ...serviceFlags, ...makeDeviceFlag, ...installFlags },
} satisfies CommandDefinition;

export const installCommands: readonly Command[] = [
  {
    definition: serverInstallDefinition,
    topics: ["service"],
    examples: [
      {
        comment: "Print the unit",
        line: "bunbond install server --http '[::1]:4712' --retain 30 --dry-run",
      },
      {
        comment: "Write it for a server with a configuration file, and start that",
        line: "bunbond install server --config /etc/bunbond/server.yaml --now",
      },
    ],
    run: installServer,
  },
  {
    definition: clientInstallDefinition,
    topics: ["service", "kernel"],
    examples: [
      {
        comment: "Print all files",
        line: "bunbond install client --server server-1.example --tun overlay --install-routes 100#100 --dry-run",
      },
      {
        comment: "Write them into the image of a host, with a tunnel device of systemd-networkd",
        line: "bunbond install client --server server-1.example --tun overlay --install-routes 100#100 --make-device networkd --root /mnt/image",
      },
    ],
    run: installClient,
  },
];

async function installServer(context: CommandContext): Promise<number> {
  const { own, daemonArgs } = divide(serverInstallDefinition.args, context.rawArgs);
  const values = parseFlags({ ...installFlags, ...socketUnitFlag }, [], own);
  const flags = readInstallFlags(values);
  const options = await checkedAsOnHost(daemonArgs, flags.root, readServerOptions);
  const hasSocketUnit = values["socket-unit"];
  const { host, port } = options.listen;
  // systemd 252 refuses zones, and none takes a name.
  if (hasSocketUnit && (hasHostName(options.listen) || host.includes("%") || port === 0)) {
    throw new UsageError("BAD_VALUE", "--listen: a socket unit needs an address without a zone, and a port", {
      flag: "--listen",
    });
  }
  const unit = serviceUnit({
    ...unitBase("server", flags, daemonArgs),
    capabilities: bindCapability(options),
    after: [],
    hasSocketUnit,
  });
  const socket = hasSocketUnit ? [socketUnit(formatEndpoint(options.listen), UNIT_DIRECTORY)] : [];
  const units = [...(hasSocketUnit ? ["bunbond-server.socket"] : []), "bunbond-server"];
  return await install(context, flags, { files: [unit, ...socket], units, warnings: [] });
}

async function installClient(context: CommandContext): Promise<number> {
  const { own, daemonArgs } = divide(clientInstallDefinition.args, context.rawArgs);
  const values = parseFlags({ ...installFlags, ...makeDeviceFlag }, [], own);
  const flags = readInstallFlags(values);
  const maker = readOneOf("--make-device", values["make-device"], DEVICE_MAKERS);
  const options = await checkedAsOnHost(daemonArgs, flags.root, readClientOptions);
  const kernel = options.installRoutes.length > 0 ? kernelFiles(options, maker) : [];
  const hasTunnelUnit = kernel.some(({ path }) => path.endsWith(`/${TUNNEL_UNIT}`));
  const unit = serviceUnit({
    ...unitBase("client", flags, daemonArgs),
    capabilities: [...bindCapability(options), ...(kernel.length > 0 ? (["CAP_NET_ADMIN"] as const) : [])],
    after: hasTunnelUnit ? [TUNNEL_UNIT] : [],
    hasSocketUnit: false,
  });
  const units = [...(hasTunnelUnit ? ["bunbond-tunnel"] : []), "bunbond-client"];
  const { warnings } = options;
  return await install(context, flags, { files: [unit, ...kernel], units, warnings });
}

function kernelFiles(
  { tunnelDevice, routeProtocol }: ClientConfig,
  maker: (typeof DEVICE_MAKERS)[number],
): ServiceFile[] {
  if (maker !== "none" && tunnelDevice === FALLBACK_DEVICE) {
    throw new UsageError(
      "BAD_VALUE",
      `--tun: the kernel makes a device ${FALLBACK_DEVICE} by itself, which cannot be used`,
      {
        flag: "--tun",
        hint: "choose another name, as in --tun overlay, or make the device yourself and add --make-device none",
      },
    );
  }
  const device =
    maker === "unit"
      ? [tunnelUnit(tunnelDevice, UNIT_DIRECTORY)]
      : maker === "networkd"
        ? networkdDevice(tunnelDevice)
        : [];
  return [...device, networkdDropIn(), routeProtocolName(routeProtocol)];
}

interface InstallFlags {
  readonly executable: string;
  readonly root: string;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly now: boolean;
  readonly output: string;
  readonly json: boolean;
}

interface InstallFlagValues {
  readonly executable: string | undefined;
  readonly root: string | undefined;
  readonly force: boolean;
  readonly "dry-run": boolean;
  readonly now: boolean;
  readonly output: string;
  readonly json: boolean;
}

function readInstallFlags({
  executable,
  root = "/",
  force,
  "dry-run": dryRun,
  now,
  output,
  json,
}: InstallFlagValues): InstallFlags {
  const isBuilt = Bun.main.startsWith("/$bunfs/");
  const chosen = executable ?? (isBuilt && root === "/" ? process.execPath : DEFAULT_EXECUTABLE);
  if (!isAbsolute(chosen)) throw notAbsolute("--executable", chosen);
  const hidden = HIDDEN_DIRECTORIES.find((directory) => chosen.startsWith(directory));
  if (hidden !== undefined) {
    throw new UsageError("BAD_VALUE", `the unit cannot start ${chosen}: a service does not see ${hidden}`, {
      flag: "--executable",
      hint: `copy it to ${DEFAULT_EXECUTABLE}, and start that`,
    });
  }
  if (now && (dryRun || root !== "/")) {
    throw new UsageError("BAD_VALUE", `--now and ${dryRun ? "--dry-run" : "--root"} exclude each other`, {
      flag: "--now",
      hint: "give one",
    });
  }
  return { executable: chosen, root, force, dryRun, now, output, json };
}

/** Divides the flags into those of this command and those of the daemon, the latter in their long forms and in the order given. */
function divide(defs: FlagDefs, rawArgs: readonly string[]) {
  const given = [...givenFlags(defs, rawArgs)];
  const isOwn = (name: string) => [installFlags, makeDeviceFlag, socketUnitFlag].some((defs) => name in defs);
  const daemonArgs = given
    .filter(([name]) => !isOwn(name))
    .flatMap(([name, value]) => {
      if (typeof value === "boolean") return value ? [`--${name}`] : [];
      if (PATH_FLAGS.includes(name) && value !== "none" && !isAbsolute(`${value}`)) {
        throw notAbsolute(`--${name}`, `${value}`);
      }
      return (typeof value === "string" ? [value] : value).map((each) => `--${name}=${each}`);
    });
  return { own: new Map(given.filter(([name]) => isOwn(name))), daemonArgs };
}

function notAbsolute(flag: string, path: string): UsageError {
  return new UsageError("BAD_VALUE", `${flag}: an absolute path is needed, since the service runs in /`, {
    flag,
    value: { text: path, range: { start: 0, end: path.length } },
  });
}

/**
 * Reads the flags as the daemon will; the configuration file below `root`.
 * @throws UsageError as the daemon
 */
function checkedAsOnHost<Options>(
  daemonArgs: readonly string[],
  root: string,
  read: (rawArgs: readonly string[]) => Promise<Options>,
): Promise<Options> {
  const prefix = "--config=";
  return read(
    daemonArgs.map((arg) =>
      arg.startsWith(prefix) ? `${prefix}${join(root, arg.slice(prefix.length))}` : arg,
    ),
  );
}

function unitBase(
  program: ServiceUnit["program"],
  { executable }: InstallFlags,
  args: readonly string[],
): Omit<ServiceUnit, "capabilities" | "after" | "hasSocketUnit"> {
  return { program, executable, args, conditionPath: null, directory: UNIT_DIRECTORY };
}

function bindCapability(options: Pick<ServerConfig, "http"> & { readonly listen?: Endpoint }) {
  const ports = [options.listen?.port, options.http?.port].filter((port) => port !== undefined && port > 0);
  const isPrivileged = ports.some((port) => port !== undefined && port < FIRST_UNPRIVILEGED_PORT);
  return isPrivileged ? (["CAP_NET_BIND_SERVICE"] as const) : [];
}

interface Service {
  readonly files: readonly ServiceFile[];
  /** The units to start, without ".service", in this order. */
  readonly units: readonly string[];
  readonly warnings: readonly string[];
}

/** The answer of the command. */
interface InstallReport {
  readonly files: readonly InstalledFile[];
  readonly warnings: readonly string[];
  /** The commands to give then. */
  readonly next: readonly string[];
  /** What was done by --now. */
  readonly done: readonly string[];
}

async function install(context: CommandContext, flags: InstallFlags, service: Service): Promise<number> {
  const { executable, root, force, dryRun, now } = flags;
  const output = readOutput(flags);
  const plan = await planInstall(service.files, root);
  if (plan.changed.length > 0 && !force && !dryRun) {
    const message = `nothing is written: ${plan.changed.join(", ")} ${plan.changed.length === 1 ? "was" : "were"} not written by this program, or changed since; compare with --dry-run, or add --force`;
    throw new CommandError(message, { code: "FILE_CHANGED", exitCode: EXIT_FAILED });
  }
  const isThere = await isFile(join(root, executable));
  if (now && !isThere) {
    const message = `nothing is written: there is no ${executable} to start`;
    throw new CommandError(message, { code: "NO_EXECUTABLE", exitCode: EXIT_FAILED });
  }
  if (!dryRun) await writeFiles(plan.files, root);
  const isChanged = plan.files.some(({ action }) => action !== "keep");
  const commands = systemctlCommands(service.units, root, isChanged);
  if (now) for (const command of commands) systemctl(command);
  const lines = commands.map((command) => command.join(" "));
  const report: InstallReport = {
    files: plan.files,
    warnings: [
      ...service.warnings,
      ...(isThere ? [] : [`there is no ${join(root, executable)}: copy the executable there`]),
    ],
    next: now ? [] : lines,
    done: now ? lines : [],
  };
  printObject(context.io, report, reportView(dryRun), output);
  if (output === "table" || output === "wide") {
    context.io.stderr.write(report.warnings.map((warning) => `warning: ${warning}\n`).join(""));
  }
  return EXIT_OK;
}

/** Returns the commands that make the service run. */
function systemctlCommands(units: readonly string[], root: string, isChanged: boolean): string[][] {
  if (root !== "/") return [["systemctl", `--root=${root}`, "enable", ...units]];
  return [
    ["systemctl", "daemon-reload"],
    ["systemctl", "enable", ...units],
    ["systemctl", isChanged ? "restart" : "start", ...units],
  ];
}

/** @throws CommandError if it fails */
function systemctl(command: readonly string[]): void {
  const failed = (reason: string) =>
    new CommandError(`the files are written, but ${command.join(" ")} failed: ${reason}`, {
      code: "SYSTEMCTL_FAILED",
      exitCode: EXIT_FAILED,
    });
  if (Bun.which("systemctl") === null) throw failed("it is not installed");
  const { success, stderr } = Bun.spawnSync([...command], { stdout: "ignore" });
  if (!success) throw failed(stderr.toString().trim().split("\n")[0] ?? "");
}

function reportView(isDryRun: boolean): View<InstallReport> {
  return {
    rows: ({ files }) => files,
    text({ files, next, done }) {
      if (isDryRun) return files.map(({ path, text }) => `# ${path}\n${text}`).join("\n");
      const verbs = { write: "written  ", replace: "replaced ", keep: "unchanged" };
      const lines = files.map(({ path, action }) => `${verbs[action]}  ${path}\n`);
      const list = (title: string, commands: readonly string[]) =>
        commands.length === 0 ? "" : `\n${title}:\n\n${commands.map((line) => `  ${line}\n`).join("")}`;
      return `${lines.join("")}${list("Done", done)}${list("Then", next)}`;
    },
  };
}
