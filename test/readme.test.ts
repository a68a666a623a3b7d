/**
 * What the README says holds: its commands exist, its tables are those of the program, its example runs, its outputs
 * are what comes out. A code block of a kind that this file does not know fails.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { parseBenchOptions } from "../src/cli/commands/bench-command.ts";
import { commands } from "../src/cli/commands.ts";
import { ChangePrinter } from "../src/cli/daemon/change-printer.ts";
import { clientCommand, parseClientOptions } from "../src/cli/daemon/client-command.ts";
import { parseServerOptions, serverCommand } from "../src/cli/daemon/server-command.ts";
import type { Command } from "../src/cli/program/command.ts";
import { type FlagDef, shownNames } from "../src/cli/program/command-definition.ts";
import { parseArguments } from "../src/cli/program/flags.ts";
import { LineWriter } from "../src/cli/program/output.ts";
import { HttpCounters } from "../src/http/connections/http-counters.ts";
import { ClientCounters } from "../src/http/control/client-operations.ts";
import { flatCounters } from "../src/http/control/server-operations.ts";
import { OPTION_NAMES } from "../src/kernel/option-names.ts";
import { findTunnel } from "../src/kernel/reconcile/tunnel-device.ts";
import { RunningCounters } from "../src/server/stats.ts";
import { MemorySink, runInProcess } from "./cli/in-process.ts";
import { NetworkNamespace, reasonWithoutNamespaces } from "./support/kernel/network-namespace.ts";
import { OverlayNamespace } from "./support/kernel/overlay-namespace.ts";
import { routeOfText } from "./support/models/frame-text.ts";
import {
  type BunbondServer,
  FROM_SOURCE,
  startBunbondClient,
  startBunbondServer,
} from "./support/process/bunbond-process.ts";
import { ChildProcess } from "./support/process/child-process.ts";
import { httpBase } from "./support/process/http-routes.ts";
import { projectWithLibrary } from "./support/process/library-project.ts";
import { BLOCKS, block, commandLines, README, REPOSITORY, wordsOf } from "./support/process/readme.ts";

/** The lines of a section, up to the next heading. */
function section(heading: string): string[] {
  const lines = README.split("\n");
  const start = lines.findIndex((line) => line.replace(/^#+ /, "") === heading && line.startsWith("#"));
  expect(start).toBeGreaterThanOrEqual(0);
  const length = lines.slice(start + 1).findIndex((line) => line.startsWith("#"));
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length);
}

const tableOf = (heading: string) => section(heading).filter((line) => line.startsWith("|"));

/** Those for a virtual machine's own routes. */
const VM_ROUTE_LINES = commandLines(block("sh", "Routes in the kernel", "table 1100"));

describe("command lines", () => {
  const lines = BLOCKS.filter(({ language }) => language === "sh").flatMap(({ text }) => commandLines(text));

  test.each(lines)("%s", async (line) => {
    const words = wordsOf(line);
    while (/^BUNBOND_\w+=/.test(words[0] ?? ""))
      await expectVariable(words.shift() ?? "", words.at(-1) ?? "");
    expectCommand(words);
  });

  test("all commands that are shown are there", () => {
    expect(lines.length).toBeGreaterThan(15);
  });
});

const PATH = "/usr/local/bin/bunbond";
/** Beside a running one, too, whose file cannot be written to. */
const INSTALLED = /^root@server-1\.example:\/usr\/local\/bin\/(bunbond\.new)?$/;

/** What the commands of an upgrade do is in test/process/rolling-upgrade.test.ts. */
function expectCommand([program = "", first = "", ...rest]: readonly string[]): void {
  if (program === "bunbond" || program === "dist/bunbond") expectBunbond(first, rest);
  else if (program === "scp")
    expect([first, ...rest]).toEqual(["dist/bunbond", expect.stringMatching(INSTALLED)]);
  else if (program === "mv") expect([first, ...rest]).toEqual([`${PATH}.new`, PATH]);
  else if (program === "pkill" || program === "pidwait") expect([first, ...rest]).toEqual(["-x", "bunbond"]);
  else if (program === "ip") expectIp([program, first, ...rest].join(" "));
  else if (program === "bun" && first === "test") {
    expect(rest.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
  } else if (`${program} ${first}` === "bun add") {
    expect(rest).toEqual([`./${manifest.name}-${manifest.version}.tgz`]);
  } else if (program === "npm" || program === "bun") {
    // Packed and added it is below, where the library's example is run.
    if (first === "pack") expect(rest).toEqual([]);
    else if (first === "run") expectScript(rest[0] ?? "");
    else if (first !== "install") expectScript(first);
  } else if (program !== "curl") {
    // curl's are carried out below
    throw new Error(`the README has a command that nothing here checks: ${program}`);
  }
}

/**
 * The tunnel is what a client without one asks for, and the table behind the others is a mapped one. What comes of those for a
 * virtual machine's own route is below.
 */
function expectIp(line: string): void {
  if (VM_ROUTE_LINES.includes(line)) return;
  if (!/ (rule|vrf) /.test(line)) expect(() => findTunnel([], "overlay", OPTION_NAMES)).toThrow(line);
  else
    expect(line).toMatch(
      /^ip (rule add iif (tap7|overlay) lookup 100|link add tenant-200 type vrf table 200)$/,
    );
}

function expectScript(name: string): void {
  expect(Object.keys(manifest.scripts)).toContain(name);
}

function expectBunbond(command: string, args: readonly string[]): void {
  if (command === "server") parseServerOptions(args);
  else if (command === "client" && args[0]?.startsWith("-")) expectClient(args);
  else if (command === "bench") parseBenchOptions(args);
  else if (command === "--version") expect(args).toEqual([]);
  else expectControl([command, ...args]);
}

/** What a configuration file holds is checked where the README shows it. */
function expectClient(args: readonly string[]): void {
  if (args[0] === "--config") expect(args).toEqual(["--config", "client.yaml"]);
  else expect(parseClientOptions(args).warnings).toEqual([]);
}

/** A command whose name is one word or two, before its own words and flags. */
function expectControl(words: readonly string[]): void {
  const line = `${words.join(" ")} `;
  const isNamed = ({ definition }: Command) => line.startsWith(`${definition.meta.name} `);
  const command =
    commands.findLast((each) => isNamed(each) && each.definition.meta.name.includes(" ")) ??
    commands.find(isNamed);
  if (command === undefined) throw new Error(`no command ${words.join(" ")}`);
  const { name } = command.definition.meta;
  parseArguments(command.definition, words.slice(name.split(" ").length));
}

describe("a virtual machine's own route, in a network namespace", () => {
  const reason = reasonWithoutNamespaces();
  const because = reason === null ? "" : ` (skipped: ${reason})`;
  const rules = commandLines(block("sh", "Routes in the kernel", "tenant-200")).filter((line) =>
    line.startsWith("ip rule "),
  );
  const toVm = [
    "route get 10.0.5.7 from 10.0.1.5 iif overlay",
    "route get 10.0.5.7 from 10.0.5.8 iif tap7",
    "-6 route get fd00:5::7 from fd00:1::5 iif overlay",
    "-6 route get fd00:5::7 from fd00:5::8 iif tap7",
  ];
  const toOthers = [
    "route get 192.0.2.9 from 10.0.5.7 iif tap7",
    "-6 route get 2001:db8:f::9 from fd00:5::7 iif tap7",
  ];

  /** The VNI has a default route, and the host a network of its own. */
  function makeNamespace(): Promise<OverlayNamespace> {
    return OverlayNamespace.create(
      "link set tun down",
      "link set tun name overlay",
      "link set overlay up",
      "link add tap7 type veth peer name tap7-peer",
      "link set tap7 up",
      "link set tap7-peer up",
      "link add eth0 type veth peer name eth0-peer",
      "link set eth0 up",
      "link set eth0-peer up",
      "addr add 192.0.2.1/24 dev eth0",
      "addr add 2001:db8:f::1/64 dev eth0 nodad",
      ...rules.flatMap((line) => [line, line.replace("ip ", "ip -6 ")]).map((line) => line.slice(3)),
      "-6 nexthop add id 1 encap ip6 dst 2001:db8::1 dev overlay",
      "route add default table 100 nhid 1",
      "-6 route add default table 100 nhid 1",
    );
  }

  function deviceOf(namespace: OverlayNamespace, question: string): string {
    namespace.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    return / dev (\S+)/.exec(namespace.sh(`ip ${question}`))?.[1] ?? "none";
  }

  test.skipIf(reason !== null)(`in main comes after the VNI's default route${because}`, async () => {
    await using namespace = await makeNamespace();
    for (const line of VM_ROUTE_LINES.filter((one) => one.includes(" route "))) {
      namespace.sh(line.replace(" table 1100", ""));
    }
    expect(rules).toHaveLength(2);
    for (const question of toVm) expect(deviceOf(namespace, question)).toBe("overlay");
  });

  test.skipIf(reason !== null)(`comes first as the README has it${because}`, async () => {
    await using namespace = await makeNamespace();
    for (const line of VM_ROUTE_LINES) namespace.sh(line);
    for (const question of toVm) expect(deviceOf(namespace, question)).toBe("tap7");
    for (const question of toOthers) expect(deviceOf(namespace, question)).toBe("overlay");
    // The filter finds the way back by the rule for the tap, and only by that.
    namespace.sh("sysctl -qw net.ipv4.conf.overlay.rp_filter=1");
    expect(deviceOf(namespace, toVm[0] ?? "")).toBe("tap7");
    namespace.sh("ip rule del iif tap7 lookup 100");
    expect(() => deviceOf(namespace, toVm[0] ?? "")).toThrow("Invalid argument");
    namespace.sh("sysctl -qw net.ipv4.conf.overlay.rp_filter=2");
    expect(() => deviceOf(namespace, toVm[0] ?? "")).toThrow("Invalid argument");
    namespace.sh("sysctl -qw net.ipv4.conf.overlay.rp_filter=0");
    expect(deviceOf(namespace, toVm[0] ?? "")).toBe("tap7");
  });

  test.skipIf(reason !== null)(
    `in main comes first with the other rules, and so do the host's own networks${because}`,
    async () => {
      await using namespace = await makeNamespace();
      for (const line of VM_ROUTE_LINES) {
        const isRoute = line.includes(" route ");
        namespace.sh(
          isRoute
            ? line.replace(" table 1100", "")
            : line.replace("lookup 1100", "lookup main suppress_prefixlength 0"),
        );
      }
      for (const question of toVm) expect(deviceOf(namespace, question)).toBe("tap7");
      for (const question of toOthers) expect(deviceOf(namespace, question)).toBe("eth0");
    },
  );
});

test("the configuration file is a good one", async () => {
  const directory = await mkdtemp(join(tmpdir(), "bunbond-readme-"));
  const file = join(directory, "client.yaml");
  await writeFile(file, block("yaml", "A configuration file"));
  const { exitCode, stdout } = await runInProcess(["check-config", file, "client"], commands);
  await rm(directory, { recursive: true });
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining("2 servers, 2 VNIs, 2 announcements")]);
});

/** An environment variable is one that the test file behind it reads. */
async function expectVariable(assignment: string, path: string): Promise<void> {
  expect(await Bun.file(join(REPOSITORY, path)).text()).toContain(assignment.split("=", 1)[0] ?? "");
}

describe("the commands' flags", () => {
  const noWork = async () => 0;
  const code = (text: string) => `\`${text.replaceAll("|", "\\|")}\``;

  function row(name: string, def: FlagDef): string {
    const names = shownNames(name, def).map(code).join(", ");
    const [value, fallback] = def.type === "string" ? [code(def.valueHint), def.default] : ["", undefined];
    const notes =
      def.type === "boolean"
        ? []
        : [
            def.required && "Required.",
            def.repeatable && "Repeat it, or separate by commas.",
            def.aliasBeforeDigits && `\`-${def.aliasBeforeDigits}\` only with a number behind it.`,
          ].filter((note) => typeof note === "string");
    const meaning = [def.description.replaceAll("|", "\\|"), ...notes].join(" ");
    return `| ${names} | ${value} | ${fallback === undefined ? "" : code(fallback)} | ${meaning} |`.replaceAll(
      / {2,}/g,
      "  ",
    );
  }

  test.each<readonly [string, Command]>([
    ["server", serverCommand(noWork)],
    ["client", clientCommand(noWork)],
  ])("of %s are those of --help", async (name, command) => {
    const { args } = command.definition;
    const table = tableOf(`Flags of \`bunbond ${name}\``);
    expect(table.slice(2)).toEqual(Object.entries(args).map(([flag, def]) => row(flag, def)));
    const help = (await runInProcess([name, "--help"], [command])).stdout.replaceAll(/\s+/g, " ");
    for (const [flag, def] of Object.entries(args)) {
      expect(help).toContain(shownNames(flag, def).join(", "));
      expect(help).toContain(def.description);
    }
  });

  test("that the Go program and rustbond have are taken", () => {
    const [, , ...rows] = tableOf("Beside metalbond (Go) and rustbond").slice(0, 7);
    const written = rows.map((line) => line.split("|")[1] ?? "");
    const flags = written.flatMap((cell) =>
      [...cell.matchAll(/`(--?[a-z0-9-]+)/g)].map(([, flag = ""]) => flag),
    );
    expect(flags.length).toBeGreaterThan(12);
    const values: Readonly<Record<string, readonly string[]>> = {
      "--listen": ["[::]:4711"],
      "--listener": ["[::]:4711"],
      "-l": ["[::]:4711"],
      "--http": ["[::]:4712"],
      "--keepalive": ["5"],
      "--verbose": [],
      "--server": ["[::1]:4711"],
      "-s": ["[::1]:4711"],
      "--subscribe": ["100,200"],
      "--vni": ["100"],
      "-v": ["100"],
      "--announce": ["100#10.0.1.0/24#2001:db8::1#NAT#1024#2047"],
      "--install-routes": ["100#100"],
      "--tun": ["overlay"],
      "--ipv4-only": [],
      "--cleanup": [],
      "-a": ["100#10.0.1.0/24@2001:db8::1#nat#1024#2048"],
    };
    for (const flag of flags) {
      const words = [flag, ...(values[flag] ?? ["no value known"])];
      if (/^(-l|--listen.*)$/.test(flag)) parseServerOptions(words);
      else parseClientOptions(/^(-s|--server)$/.test(flag) ? words : ["--server", "::1", ...words]);
    }
    for (const [, announcement = ""] of written.join().matchAll(/`(\d+#[^`]*)`/g)) {
      expect(parseClientOptions(["-s", "::1", "-a", announcement]).announcements).toHaveLength(1);
    }
  });
});

test("npm start is what it is said to be", () => {
  const [bun, main, command, ...args] = wordsOf(manifest.scripts.start);
  expect([bun, main, command]).toEqual(["bun", "src/main.ts", "server"]);
  expect(parseServerOptions(args)).toMatchObject({
    listen: { host: "::", port: 4711 },
    http: { host: "::1", port: 4712 },
  });
  expect(tableOf("Development").join()).toContain(
    "`npm start` | a server on `[::]:4711`, HTTP on `[::1]:4712`",
  );
});

test("the demo shows what the README shows", async () => {
  await using demo = new ChildProcess({
    command: wordsOf(manifest.scripts.demo).map((word) => (word === "bun" ? process.execPath : word)),
    cwd: REPOSITORY,
    env: { NODE_ENV: undefined },
  });
  expect(await demo.ended).toBe(0);
  expect(demoStages(demo.stdoutLines)).toEqual(
    demoStages(block("text", "Five minutes").trimEnd().split("\n")),
  );
});

/** Times differ from run to run, and so does the order of lines between two of the demo's sentences. */
function demoStages(lines: readonly string[]): { sentence: string; changes: string[] }[] {
  const stages: { sentence: string; changes: string[] }[] = [];
  for (const line of lines.filter((line) => line !== "")) {
    const [, sentence] = /^\d+\.\d\d s {2}(.*)$/.exec(line) ?? [];
    if (sentence !== undefined) stages.push({ sentence, changes: [] });
    else stages.at(-1)?.changes.push(line);
  }
  for (const { changes } of stages) changes.sort();
  return stages;
}

describe("a client's output", () => {
  const heading = "What a client prints";

  async function printed(format: "text" | "json", print: (printer: ChangePrinter) => void): Promise<string> {
    const sink = new MemorySink();
    const out = new LineWriter(sink);
    print(new ChangePrinter(out, format));
    await out.end();
    return sink.text;
  }

  test("as text", async () => {
    const text = block("text", heading);
    expect(
      await printed("text", (printer) => {
        for (const line of text.trimEnd().split("\n")) {
          printer.changed(routeOfText(line.slice(2)), line.startsWith("+"));
        }
      }),
    ).toBe(text);
  });

  test("as JSON", async () => {
    const lines = block("json", heading).trimEnd().split("\n");
    for (const line of lines) {
      // Trusted to be what it says: it is compared with what is really printed.
      const event = JSON.parse(line) as JsonEvent;
      const output = await printed("json", (printer) => {
        if (event.event === "server") printer.server(event.server, event.state, event.reason ?? null);
        else printer.changed(routeOfText(routeText(event)), event.event === "add");
      });
      expect(output.replace(/"time":"[^"]*"/, `"time":"${event.time}"`)).toBe(`${line}\n`);
    }
    expect(lines).toHaveLength(4);
  });
});

type JsonEvent = { readonly time: string } & (
  | { readonly event: "server"; readonly server: string; readonly state: string; readonly reason?: string }
  | {
      readonly event: "add" | "remove";
      readonly vni: number;
      readonly destination: string;
      readonly nextHop: {
        readonly address: string;
        readonly type: string;
        readonly natPortFrom: number;
        readonly natPortTo: number;
      };
    }
);

/** In the words of frame-text.ts. */
function routeText({ vni, destination, nextHop }: Extract<JsonEvent, { vni: number }>): string {
  const { address, type, natPortFrom, natPortTo } = nextHop;
  const nat = type === "NAT" ? ` type nat ports ${natPortFrom}-${natPortTo}` : "";
  return `${vni} ${destination} via ${address}${nat}`;
}

describe("HTTP", () => {
  let server: BunbondServer;
  let base: string;
  beforeAll(async () => {
    server = await startBunbondServer({ flags: ["--http", "[::1]:0"] });
    base = await httpBase(server);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("has the paths of the table, and no other", async () => {
    const shown = tableOf("HTTP")
      .slice(2)
      .map((row) => /`(\/[^`]*)`/.exec(row)?.[1] ?? row);
    const index = (await (await fetch(base)).json()) as { readonly endpoints: readonly string[] };
    expect(shown.sort()).toEqual(["/", ...index.endpoints].sort());
    for (const path of shown) expect((await fetch(base + path)).status).toBe(200);
    const health = tableOf("HTTP").find((row) => row.includes("/healthz")) ?? "";
    expect(health).toContain(`\`${await (await fetch(`${base}/healthz`)).text()}\``);
  });

  const noCurl = Bun.which("curl") === null;
  const lines = commandLines(block("sh", "Running it for real", "curl"));
  test.skipIf(noCurl).each(lines)(`%s${noCurl ? " (skipped: curl is not installed)" : ""}`, async (line) => {
    await using shell = new ChildProcess({
      command: ["bash", "-c", line.replace("http://[::1]:4712", base)],
    });
    expect(await shell.ended).toBe(0);
    JSON.parse(shell.stdoutLines.join("\n"));
  });
});

test("the exit codes are those of --help", async () => {
  const shown = tableOf("Exit codes")
    .slice(2)
    .map((row) => [...row.matchAll(/`(\d)` \| ([^:|]*)/g)].map(([, code, text]) => `${code} ${text}`.trim()));
  const { stdout } = await runInProcess(["--help"], []);
  const [, rows = ""] = /^Exit codes:\n([\s\S]*)$/m.exec(stdout) ?? [];
  expect(shown.flat()).toEqual(
    rows
      .trimEnd()
      .split("\n")
      .map((line) => line.trim().replace(/ +/, " ")),
  );
});

describe("when something is wrong", () => {
  /** The names in backquotes of a table's column. */
  const names = (heading: string, column: number) =>
    tableOf(heading)
      .slice(2)
      .flatMap((row) => [...(row.split("|")[column] ?? "").matchAll(/`([^`]+)`/g)])
      .map(([, name = ""]) => name);

  test("every reason for a connection's end is explained", async () => {
    const source = await Bun.file(join(REPOSITORY, "src/session/close-reason.ts")).text();
    const [, union = ""] = /export type CloseReason =([\s\S]*?);\n\n/.exec(source) ?? [];
    const reasons = [...union.matchAll(/"([a-z-]+)"/g)].map(([, reason = ""]) => reason);
    expect(reasons.length).toBeGreaterThan(10);
    expect(names("Why a connection ended", 1).sort()).toEqual(reasons.sort());
  });

  test("every warning and error of the daemons is explained, at its level, and none that there is not", async () => {
    const shown = tableOf("What the log says")
      .slice(2)
      .map((row) => row.split("|"))
      .map(([, levels = "", message = ""]) => ({ levels, message: /`(.*)`/.exec(message)?.[1] ?? message }));
    const sources = Array.from(new Bun.Glob("src/**/*.ts").scanSync(REPOSITORY))
      // The library's own, and what the load generator says.
      .filter((path) => !/src\/(library\/|client\/events\.ts|server\/events\.ts|cli\/bench\/)/.test(path));
    const logged = new Map<string, string>();
    for (const path of sources) {
      const text = await Bun.file(join(REPOSITORY, path)).text();
      const calls = text.matchAll(/\blog(?:ger)?(?:\.(warn|error)|\[level\])\(\s*"([^"]+)"/g);
      for (const [, level = "warn", message = ""] of calls) logged.set(message, level);
      // Only once for each hop or table, as a warning.
      for (const [, message = ""] of text.matchAll(/#once\([^,]+,\s*"([^"]+)"/g)) logged.set(message, "warn");
    }
    expect(shown.map(({ message }) => message).sort()).toEqual([...logged.keys()].sort());
    for (const { levels, message } of shown) expect(levels).toContain(`\`${logged.get(message)}\``);
  });

  test("every counter is explained", () => {
    const server = new RunningCounters();
    server.refused("descriptor-limit");
    server.closed({ reason: "protocol-error", code: "UNKNOWN_TYPE" });
    server.skippedUpdate("BAD_NAT_PORTS");
    server.skippedSubscribe("TOO_MANY_SUBSCRIPTIONS");
    const client = new ClientCounters();
    client.serverState(null, null, { reason: "stopped" });
    const counted = [...Object.keys(flatCounters(server)), ...Object.keys(client.flat())];
    const http = new HttpCounters();
    http.refused("no-room");
    counted.push(...Object.keys(http.flat()));
    const ofKernel = ["kernelReadings", "kernelDone.", "kernelFailed.", "kernelDrift."];
    const plain = counted.map((name) => name.replace(/\..*/, "."));
    expect(names("What is counted", 1).sort()).toEqual([...new Set([...plain, ...ofKernel])].sort());
  });
});

/** Uses something of every kind that the library has. */
const STRICT_PROGRAM = `
  import { BunBondError, Client, KernelRoutes, makeRoute, Server, type ViewEvent } from "bunbond";
  const server = await Server.start({
    listen: "[::1]:0",
    handler: { peerGone: ({ id }, { reason }) => console.error(id, reason) },
  });
  const client = Client.connect({ servers: [server.endpoint], handler: { routeAdded: ({ vni }) => console.error(vni) } });
  await client.established({ timeoutMs: 1_000, signal: AbortSignal.timeout(1_000) });
  const route = makeRoute({ vni: 100, destination: "10.0.1.0/24", nextHop: "2001:db8::1" });
  client.announce(route);
  const events: ViewEvent[] = [];
  for await (const event of client.changes({ vnis: [100] })) {
    events.push(event);
    if (event.type === "complete") break;
  }
  const kernel = await KernelRoutes.open({ mappings: [{ vni: 100, table: 100 }], device: "overlay" });
  const tables: number[] = kernel.status().tables.map(({ table }) => table);
  console.error(tables, BunBondError.name, server.stats().counters.closes);
  await client.close();
  server.stop();
`;

describe("the library's example, in a project of its own", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await projectWithLibrary();
    await writeFile(join(directory, "example.ts"), block("ts", "As a library"));
    await writeFile(join(directory, "kernel-example.ts"), block("ts", "Kernel routes from a program"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test("prints what it is said to print", async () => {
    await using example = new ChildProcess({ command: [process.execPath, "example.ts"], cwd: directory });
    expect(await example.ended).toBe(0);
    expect(example.stderrLines).toEqual([]);
    expect(example.stdoutLines).toEqual(block("text", "As a library").trimEnd().split("\n"));
  });

  const reason = reasonWithoutNamespaces();
  test.skipIf(reason !== null)(
    `installs routes, in a network namespace${reason === null ? "" : ` (skipped: ${reason})`}`,
    async () => {
      await using namespace = await NetworkNamespace.create([
        "link set lo up",
        // Takes its ends from the route as an ip6tnl does, which is not in every kernel.
        "link add overlay type vxlan external dstport 4789",
        "link set overlay up",
      ]);
      const command = [...namespace.enter, ...FROM_SOURCE];
      await using server = await startBunbondServer({ command });
      const servers = [server.address];
      await using _other = startBunbondClient({
        command,
        servers,
        announce: ["100#10.0.1.0/24@2001:db8::1"],
      });
      await using witness = startBunbondClient({ command, servers, vnis: [100] });
      await witness.until("the announcement", () =>
        witness.stdoutLines.find((line) => line.includes('"event":"add"')),
      );
      await using example = new ChildProcess({
        command: [...namespace.enter, process.execPath, "kernel-example.ts", server.address],
        cwd: directory,
      });
      expect(await example.ended).toBe(0);
      expect(example.stdoutLines).toContain("100 1");
    },
  );

  // What a user's own settings may be: nothing of ours is to be checked by them but declarations.
  test.each([
    ["Bun's types", { types: ["bun"], lib: ["ES2022"] }],
    ["a browser's", { types: [], lib: ["ES2022", "DOM"] }],
  ])("has declarations for strict users of nodenext and ES2022 with %s", async (_, environment) => {
    const options = {
      target: "ES2022",
      module: "nodenext",
      moduleResolution: "nodenext",
      noEmit: true,
      strict: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noPropertyAccessFromIndexSignature: true,
      noImplicitOverride: true,
      noUnusedLocals: true,
      noUnusedParameters: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      isolatedModules: true,
      ...environment,
    };
    const config = { compilerOptions: options, files: ["strict.ts"] };
    await writeFile(join(directory, "tsconfig.strict.json"), JSON.stringify(config));
    await writeFile(join(directory, "strict.ts"), STRICT_PROGRAM);
    await using compiler = new ChildProcess({
      command: [process.execPath, join(REPOSITORY, "node_modules/.bin/tsc"), "-p", "tsconfig.strict.json"],
      cwd: directory,
    });
    expect([await compiler.ended, compiler.stdoutLines]).toEqual([0, []]);
  });

  test("has the right types", async () => {
    await using check = new ChildProcess({
      command: [process.execPath, "check", "--no-script"],
      cwd: directory,
    });
    const exitCode = await check.ended;
    expect([exitCode, check.stdoutLines]).toEqual([0, []]);
    expect(check.stderrLines.join()).toMatch(/No type errors in \d+ files/);
  });
});

test("every path that is named is there", () => {
  const named = [...README.matchAll(/`((?:src|test|\.ci)\/[\w./-]*|LICENSE)`/g)].map(([, path = ""]) => path);
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
});

test("every kind of code block is checked", () => {
  const kinds = BLOCKS.map(({ language, heading }) => `${language} in ${heading}`);
  const drawings = ["text in How it fits together", "text in The protocol"];
  const checked = [
    "text in Five minutes",
    "text in What a client prints",
    "json in What a client prints",
    "yaml in A configuration file",
    "ts in As a library",
    "text in As a library",
    "ts in Kernel routes from a program",
  ];
  const known = new Set([...drawings, ...checked]);
  expect(kinds.filter((kind) => !kind.startsWith("sh ") && !known.has(kind))).toEqual([]);
});
