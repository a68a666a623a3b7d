/** The commands that talk to a running daemon: a real socket, and behind it a client and a server in memory. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, renameSync } from "node:fs";
import { join } from "node:path";
import { eventLog } from "../../../src/base/log-event.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { PEERS_VIEW, STATUS_VIEW } from "../../../src/cli/commands/status-text.ts";
import { controlCommands } from "../../../src/cli/commands.ts";
import { formatObject, type Section, type View } from "../../../src/cli/program/output-format.ts";
import { styleFor } from "../../../src/cli/program/style.ts";
import { isPhrase } from "../../../src/cli/program/table.ts";
import { ClientCounters } from "../../../src/client/counters.ts";
import type { ClientStatus, ProgramName, ServerStatus } from "../../../src/http/control/api.ts";
import { clientEndpoints } from "../../../src/http/control/client-endpoints.ts";
import { type ControlServer, openControlSocket } from "../../../src/http/control/control-server.ts";
import { Daemon } from "../../../src/http/control/daemon.ts";
import { serverEndpoints } from "../../../src/http/control/server-endpoints.ts";
import type { HttpRoute } from "../../../src/http/router.ts";
import type { Server } from "../../../src/server/server.ts";
import { ClientRig, type RigClient } from "../../support/network/client-rig.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";
import { runInProcess } from "../in-process.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const R_TEXT = "100#10.0.1.0/24@2001:db8::1";
const OTHER = "100 10.0.9.0/24 via 2001:db8::9";
const VERSION = { version: "1.2.3", commit: "abc1234", bun: "1.4.4" };

let directory: ReturnType<typeof temporaryDirectory>;
let rig: ClientRig;
let server: Server;
let controlled: RigClient;
let watcher: RigClient;
let sockets: ControlServer[];

beforeEach(async () => {
  directory = temporaryDirectory();
  sockets = [];
  rig = new ClientRig();
  server = await rig.startServer(1);
  controlled = rig.client([1]);
  watcher = rig.client([1]).subscribe(100);
  rig.clock.advance(100);
});

afterEach(async () => {
  await Promise.all(sockets.map((socket) => socket.stop()));
  directory[Symbol.dispose]();
});

function pathOf(program: ProgramName): string {
  return join(directory.path, `${program}.sock`);
}

async function open(program: ProgramName, operations: readonly HttpRoute[]): Promise<void> {
  const socket = await openControlSocket({ path: pathOf(program), program, logger: silentLogger });
  socket.serve(operations);
  sockets.push(socket);
}

async function openClient(): Promise<void> {
  const daemon = new Daemon(VERSION, rig.clock);
  await open(
    "client",
    clientEndpoints({
      client: controlled.client,
      daemon,
      counters: new ClientCounters(),
      kernel: null,
      readiness: { isAgreementRequired: false },
      logger: eventLog(silentLogger),
      stop: () => {},
      drainLeftMs: () => 5_000,
    }),
  );
}

async function openServer(): Promise<void> {
  await open("server", serverEndpoints(server, new Daemon(VERSION, rig.clock)));
}

function run(...argv: readonly string[]) {
  return runInProcess(argv, controlCommands([directory.path]));
}

/** A result of the program with everything on one stream. */
const done = (stdout: string) => ({ exitCode: 0, stdout, stderr: "" });
const failed = (exitCode: number, stderr: string, stdout = "") => ({ exitCode, stdout, stderr });

describe("announce and withdraw", () => {
  beforeEach(openClient);

  test("do so, and say what was done already", async () => {
    expect(await run("announce", R_TEXT)).toEqual(done(`announced: ${R}\n`));
    rig.clock.advance(100);
    expect(watcher.view).toEqual([R]);
    expect(await run("announce", `${R_TEXT},${R_TEXT}#lb`, R_TEXT.replace("@", "#"))).toEqual(
      done(`already announced: ${R}\nannounced: ${R} type lb\n`),
    );
    expect(await run("withdraw", R_TEXT, `${R_TEXT}#lb`)).toEqual(
      done(`withdrawn: ${R}\nwithdrawn: ${R} type lb\n`),
    );
    rig.clock.advance(100);
    expect(watcher.view).toEqual([]);
  });

  test("withdraw what was not announced: exit code 3, and the others are withdrawn", async () => {
    await run("announce", R_TEXT);
    expect(await run("withdraw", `${R_TEXT}#lb`, R_TEXT)).toEqual(
      failed(3, `bunbond withdraw: not announced: ${R} type lb\n`, `withdrawn: ${R}\n`),
    );
    const { exitCode, stdout, stderr } = await run("withdraw", R_TEXT, "--json");
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      results: [{ route: R, outcome: "not-announced" }],
      state: "running",
      establishedServers: 1,
    });
  });

  test("more routes than fit in one request", async () => {
    const routes = Array.from({ length: 2500 }, (_, i) => `100#10.${i >> 8}.${i & 255}.0/24@2001:db8::1`);
    const { exitCode, stdout } = await run("announce", "--json", ...routes);
    expect(exitCode).toBe(0);
    const { results } = JSON.parse(stdout);
    expect(results).toHaveLength(2500);
    expect(results[2499]).toEqual({ route: "100 10.9.195.0/24 via 2001:db8::1", outcome: "announced" });
    expect(controlled.client.announcementCount).toBe(2500);
  });

  test("a wrong route is a wrong command line, and nothing is done", async () => {
    expect(await run("announce", R_TEXT, "100#10.0.1.0/33@::1")).toEqual(
      failed(
        2,
        "bunbond announce: ROUTE: the prefix length must be a number from 0 to 32. Run 'bunbond announce --help'.\n" +
          "  100#10.0.1.0/33@::1\n" +
          "               ^~\n",
      ),
    );
    expect(controlled.client.announcementCount).toBe(0);
  });

  test("a wrong command line is told as JSON, too, where that is asked for", async () => {
    for (const [argv, error] of [
      [["announce", "--json", "100#10.0.1.0/33@::1"], "BAD_VALUE"],
      [["announce", "--json"], "MISSING_ARGUMENT"],
      [["withdraw", R_TEXT, "--jsn", "--json"], "UNKNOWN_FLAG"],
      [["client", "drain", "--undo", "--stay", "--json"], "BAD_VALUE"],
    ] as const) {
      const { exitCode, stdout, stderr } = await run(...argv);
      expect([exitCode, stdout]).toEqual([2, ""]);
      const answer: unknown = JSON.parse(stderr);
      expect(answer).toMatchObject({ error, message: expect.any(String) });
      expect(answer).toHaveProperty("hint");
    }
    expect((await run("announce", "--", "--json")).stderr).toStartWith("bunbond announce: ");
  });

  test("what is hardly meant is said", async () => {
    const { exitCode, stdout, stderr } = await run("announce", "100#10.0.1.7/24@2001:db8::1");
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `announced: ${R}\n` });
    expect(stderr).toStartWith(
      "bunbond announce: ROUTE 100#10.0.1.7/24@2001:db8::1: 10.0.1.7/24 has host bits set",
    );
  });

  test("without a server, and drained: said, too", async () => {
    rig.stopServer(1);
    rig.clock.advance(100);
    expect(await run("client", "drain", "--stay")).toEqual({
      exitCode: 0,
      stdout: "drained: 0 announcements withdrawn\n",
      stderr:
        "bunbond client drain: no server is connected now; the change is sent to each server that connects\n",
    });
    expect(await run("announce", R_TEXT)).toEqual({
      exitCode: 0,
      stdout: `held back while the client is drained: ${R}\n`,
      stderr:
        "bunbond announce: the client is drained; it announces nothing until 'bunbond client drain --undo'\n" +
        "bunbond announce: no server is connected now; the change is sent to each server that connects\n",
    });
  });
});

test("subscribe and unsubscribe", async () => {
  await openClient();
  watcher.announce(OTHER);
  expect(await run("subscribe", "100", "7,7")).toEqual(done("subscribed: 100\nsubscribed: 7\n"));
  rig.clock.advance(100);
  expect(controlled.view).toEqual([OTHER]);
  expect(await run("subscribe", "100")).toEqual(done("already subscribed: 100\n"));
  expect(await run("unsubscribe", "8", "100")).toEqual(
    failed(3, "bunbond unsubscribe: not subscribed: 8\n", "unsubscribed: 100\n"),
  );
  expect(controlled.view).toEqual([]);
  const { exitCode, stderr } = await run("subscribe", "4294967296");
  expect(exitCode).toBe(2);
  expect(stderr).toStartWith("bunbond subscribe: VNI: a whole number from 0 to 4294967295 is needed");
});

describe("peer reset", () => {
  test("of a server's peer by its id", async () => {
    await openServer();
    expect(await run("peer", "reset", "2")).toEqual(done("reset: 2\n"));
    expect(server.peers().map(({ id }) => id)).toEqual([1]);
    expect(await run("peer", "reset", "2")).toEqual(
      failed(3, "bunbond peer reset: no peer has the id 2; 'bunbond peers' shows them\n"),
    );
  });

  test("of a client's server by its address", async () => {
    await openClient();
    expect(await run("peer", "reset", "[::1]:1", "--json")).toEqual(done(`{"peer":"[::1]:1"}\n`));
    expect(controlled.states).toEqual(["connecting"]);
    expect(await run("peer", "reset", "[::1]:2", "--json")).toEqual(
      failed(3, `{"error":"PEER_NOT_FOUND","message":"no server [::1]:2; 'bunbond status' shows them"}\n`),
    );
  });

  test("takes one", async () => {
    const result = await run("peer", "reset", "1", "2");
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toStartWith(
      `bunbond peer reset: unexpected argument "2"; the command takes one ID.`,
    );
  });
});

test("client drain", async () => {
  await openClient();
  await run("announce", R_TEXT);
  rig.clock.advance(100);
  expect(await run("client", "drain", "--stay")).toEqual(done("drained: 1 announcement withdrawn\n"));
  rig.clock.advance(100);
  expect(watcher.view).toEqual([]);
  expect(await run("client", "drain", "--stay")).toEqual(done("already drained: 1 announcement withdrawn\n"));
  expect(await run("client", "drain", "--undo")).toEqual(done("undone: 1 announcement announced again\n"));
  expect(await run("client", "drain", "--undo")).toEqual(done("not drained: 1 announcement announced\n"));
  rig.clock.advance(100);
  expect(watcher.view).toEqual([R]);
  expect((await run("client", "drain", "--stay", "--undo")).exitCode).toBe(2);
  expect(await run("client", "drain")).toEqual(done("stopping: 1 announcement withdrawn, ends in 5 s\n"));
  rig.clock.advance(100);
  expect(watcher.view).toEqual([]);
});

/** All values in it, names aside, but for lists' and objects' own. */
function leavesOf(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [value];
  return Object.values(value).flatMap(leavesOf);
}

/** How often a text has each word, where a comma or parenthesis is no part of one. */
function wordCounts(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of text.split(/[\s,()]+/)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

const WIDE = { style: styleFor(false, {}), widthCells: undefined, nowMs: 0 };

/** Every value that a table or a pair shows is in the JSON: as a value, as a name, or as "name value". */
function expectCellsInJson<T>(view: View<T>, value: T): void {
  if (!("sections" in view)) throw new Error("there are no cells");
  const parsed: unknown = JSON.parse(JSON.stringify(value));
  const known = new Set(leavesOf(parsed));
  const names = new Set(namesOf(parsed));
  const cells = view.sections(value).flatMap(cellsOf).flat();
  // What is counted rather than shown: how many of the VNIs are in the list.
  const counted = Object.values(parsed ?? {}).flatMap((each) => (Array.isArray(each) ? each.length : []));
  const strange = cells.filter(
    (cell) =>
      !known.has(cell) && !names.has(`${cell}`) && !counted.some((count) => count === cell) && cell !== "",
  );
  expect(strange).toEqual([]);
  expect(cells.length).toBeGreaterThan(5);
}

function cellsOf(section: Section): unknown[] {
  if (!("pairs" in section)) return section.cells.flat();
  return section.pairs.flatMap(({ value }) => (isPhrase(value) ? value.values : [value]));
}

/** All names of an object and what is in it, alone and with their values. */
function namesOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, `${name} ${inner}`, ...namesOf(inner)]);
}

/** The text has every value of the JSON, and as often. */
function expectSameFacts(text: string, json: unknown): void {
  const inText = wordCounts(text);
  const shown = (leaf: unknown) =>
    leaf === null ? "-" : typeof leaf === "boolean" ? (leaf ? "yes" : "no") : leaf;
  const inJson = wordCounts(leavesOf(json).map(shown).join(" "));
  const missing = [...inJson].filter(([word, count]) => (inText.get(word) ?? 0) < count);
  expect(missing).toEqual([]);
}

describe("text and JSON say the same", () => {
  beforeEach(async () => {
    await openClient();
    await openServer();
    watcher.announce(OTHER, "300 ::/0 via 2001:db8::9 type lb");
    controlled.announce(R).subscribe(100, 7);
    rig.clock.advance(7_000);
  });

  test.each([
    ["status", "client", 5],
    ["status", "server", 5],
    ["peers", "server", 2],
  ] as const)("%s of a %s", async (command, program, leastLines) => {
    const json = await run(command, "--socket", pathOf(program), "--json");
    const text = await run(command, "--socket", pathOf(program), "-o", "wide");
    expect([json.exitCode, json.stderr, text.exitCode, text.stderr]).toEqual([0, "", 0, ""]);
    expect(text.stdout.split("\n").length).toBeGreaterThan(leastLines);
    // Times are by the wall clock, which goes on between the two.
    const coarse = (output: string) => output.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME");
    expectSameFacts(coarse(text.stdout), JSON.parse(coarse(json.stdout)));
    if (command === "peers") expectCellsInJson(PEERS_VIEW, JSON.parse(json.stdout));
    else expectCellsInJson(STATUS_VIEW, JSON.parse(json.stdout));
  });

  test("with every kind of value that a client's status can have", () => {
    const status: ClientStatus = {
      program: "client",
      ...VERSION,
      pid: 4321,
      state: "drained",
      startedAt: "2026-01-02T03:04:05.678Z",
      uptimeSeconds: 77,
      routes: 11,
      announcements: 22,
      removedServersRoutes: 1212,
      disagreements: [
        {
          vni: 3131,
          routes: 3232,
          atLeast: true,
          servers: [
            { server: "one.example:4711", lacks: 3333 },
            { server: "two.example:4711", lacks: 3434 },
          ],
        },
      ],
      servers: [
        {
          server: "one.example:4711",
          state: "retry",
          since: "2026-01-02T03:04:06.000Z",
          awaySince: "2026-01-02T03:03:06.000Z",
          lastReason: "connect-failed (no route)",
          sessions: 33,
          staleRoutes: 44,
        },
      ],
      vnis: [{ vni: 55, subscribed: false, routes: 66, announcements: 88 }],
      kernel: {
        device: "overlay",
        deviceState: "up",
        deviceProblems: [],
        routeProtocol: 254,
        dryRun: false,
        ecmp: "resilient",
        ecmpProblem: null,
        nexthops: 222,
        groups: 333,
        resilientGroups: 332,
        drift: 444,
        lastReconcile: "2026-01-02T03:04:07.000Z",
        tables: [
          {
            table: 1000,
            family: "ipv4",
            vnis: [55, 56],
            settled: true,
            wanted: 555,
            installed: 666,
            pending: 777,
            collided: 888,
            failed: 999,
            shadowed: 1111,
            skipped: { localHop: 2222, nat: 3333 },
          },
          {
            table: 1000,
            family: "ipv6",
            vnis: [],
            settled: false,
            wanted: 4444,
            installed: 5555,
            pending: 6666,
            collided: 7777,
            failed: 8888,
            shadowed: 9999,
            skipped: {},
          },
        ],
        faults: [
          {
            table: 1000,
            destination: "10.0.1.0/24",
            code: "EEXIST",
            message: "File exists",
            attempts: 12,
          },
        ],
      },
      counters: { "routeUpdates.added": 99, "peerCloses.keepalive-timeout": 111 },
    };
    const text = formatObject(status, STATUS_VIEW, "wide", WIDE);
    expectSameFacts(text, status);
    expectCellsInJson(STATUS_VIEW, status);
    expect(text).toBe(`\
program                  client 1.2.3 (commit abc1234, bun 1.4.4), pid 4321
state                    drained
started                  2026-01-02T03:04:05.678Z
uptime                   77 s
routes                   11
held of removed servers  1212
announcements            22

SERVER            STATE  SINCE                     AWAY SINCE                SESSIONS  STALE  LAST REASON
one.example:4711  retry  2026-01-02T03:04:06.000Z  2026-01-02T03:03:06.000Z        33     44  connect-failed (no route)

SERVERS DISAGREE ABOUT VNI  ROUTES  OR MORE  SERVER            LACKS
                      3131    3232  yes      one.example:4711   3333
                      3131    3232  yes      two.example:4711   3434

VNI  SUBSCRIBED  ROUTES  ANNOUNCEMENTS
 55  no              66             88

kernel routes   by overlay, which is up
dry run         no
route protocol  254
nexthops        222
groups          333, 332 resilient
ECMP            resilient
drift           444
last reconcile  2026-01-02T03:04:07.000Z

TABLE  FAMILY  VNIS    SETTLED  WANTED  INSTALLED  PENDING  COLLIDED  FAILED  SHADOWED  SKIPPED
 1000  ipv4    55, 56  yes         555        666      777       888     999      1111  localHop 2222, nat 3333
 1000  ipv6    -       no         4444       5555     6666      7777    8888      9999  -

TABLE  NOT RIGHT    ATTEMPTS  CODE    MESSAGE
 1000  10.0.1.0/24        12  EEXIST  File exists

COUNTER                       VALUE
routeUpdates.added               99
peerCloses.keepalive-timeout    111
`);
  });

  test("and a server's", () => {
    const status: ServerStatus = {
      program: "server",
      ...VERSION,
      pid: 4321,
      state: "stopping",
      startedAt: "2026-01-02T03:04:05.678Z",
      uptimeSeconds: 77,
      listen: "[::]:4711",
      settled: false,
      peers: 22,
      establishedPeers: 11,
      routes: 33,
      retainedAnnouncements: 44,
      vniCount: 1002,
      vnis: [{ vni: 55, routes: 66, subscribers: 88, digest: "00112233aabbccdd" }],
      counters: { connectionsAccepted: 99 },
    };
    expectCellsInJson(STATUS_VIEW, status);
    expect(formatObject(status, STATUS_VIEW, "wide", WIDE)).toBe(`\
program    server 1.2.3 (commit abc1234, bun 1.4.4), pid 4321
state      stopping
started    2026-01-02T03:04:05.678Z
uptime     77 s
listening  [::]:4711
settled    no
peers      22, 11 established
routes     33
retained   44 announcements of lost peers
VNIs       1002, of which 1 are shown

VNI  ROUTES  SUBSCRIBERS  DIGEST
 55      66           88  00112233aabbccdd

COUNTER              VALUE
connectionsAccepted     99
`);
  });
});

describe("which daemon", () => {
  test("none answers: exit code 4", async () => {
    const client = pathOf("client");
    const serverPath = pathOf("server");
    expect(await run("announce", R_TEXT)).toEqual(
      failed(4, `bunbond announce: no client answers at ${client}; name another socket by --socket\n`),
    );
    expect(await run("peers", "--json")).toEqual(
      failed(
        4,
        `{"error":"DAEMON_AWAY","message":"no server answers at ${serverPath}; name another socket by --socket"}\n`,
      ),
    );
    expect(await run("status")).toEqual(
      failed(
        4,
        `bunbond status: no daemon answers at ${client} or ${serverPath}; name another socket by --socket\n`,
      ),
    );
    expect(await run("status", "--socket", "/nowhere")).toEqual(
      failed(4, "bunbond status: no daemon answers at /nowhere; name another socket by --socket\n"),
    );
  });

  test("status shows all, each with its socket", async () => {
    await openServer();
    expect(JSON.parse((await run("status", "--json")).stdout)).toMatchObject({ program: "server" });
    await openClient();
    const [client, serverPath] = [pathOf("client"), pathOf("server")];
    const { exitCode, stdout } = await run("status");
    expect(exitCode).toBe(0);
    expect(stdout).toStartWith(`${client}:\nprogram `);
    expect(stdout).toContain(`\n\n${serverPath}:\nprogram `);
    const lines = (await run("status", "--json")).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { program: "client" },
      { program: "server" },
    ]);
    for (const named of [client, "client", "client.sock"]) {
      const { stdout: one } = await run("status", "--json", "--socket", named);
      expect(JSON.parse(one)).toMatchObject({ program: "client" });
    }
  });

  test("of several of a kind, the one that --socket names", async () => {
    await openClient();
    const second = join(directory.path, "client-12.sock");
    const socket = await openControlSocket({ path: second, program: "client", logger: silentLogger });
    sockets.push(socket);
    expect(await run("subscribe", "7")).toEqual(
      failed(
        1,
        "bunbond subscribe: 2 clients run here; select one by --socket client or --socket client-12\n",
      ),
    );
    expect(await run("subscribe", "7", "--socket", "client")).toEqual(done("subscribed: 7\n"));
    expect(await run("subscribe", "7", "--socket", "client-12")).toMatchObject({ exitCode: 4 });
    const { exitCode, stdout, stderr } = await run("status");
    expect({ exitCode, stderr }).toEqual({
      exitCode: 4,
      stderr: "bunbond status: the client is still starting\n",
    });
    expect(stdout).toStartWith(`${pathOf("client")}:\n`);
  });

  test("one that was killed counts for nothing", async () => {
    await openClient();
    const listener = Bun.listen({ unix: `${directory.path}/bound`, socket: { data() {} } });
    renameSync(`${directory.path}/bound`, join(directory.path, "client-99.sock"));
    listener.stop(true);
    expect(await run("subscribe", "7")).toEqual(done("subscribed: 7\n"));
  });

  test("the wrong one is told from one that is away", async () => {
    await openServer();
    const path = pathOf("server");
    expect(await run("subscribe", "7", "--socket", path)).toEqual(
      failed(1, `bunbond subscribe: ${path} belongs to a server, and this command is for a client\n`),
    );
  });

  test("one that is still starting", async () => {
    const path = pathOf("client");
    sockets.push(await openControlSocket({ path, program: "client", logger: silentLogger }));
    expect(await run("subscribe", "7")).toEqual(
      failed(4, "bunbond subscribe: the client is still starting\n"),
    );
  });

  test("something else that answers", async () => {
    const path = pathOf("client");
    const other = Bun.serve({ unix: path, fetch: () => new Response("hello", { status: 418 }) });
    expect(await run("subscribe", "7")).toEqual(
      failed(1, "bunbond subscribe: this is no BunBond daemon: its answer has status 418 and is not JSON\n"),
    );
    await other.stop(true);
  });

  test("one whose socket is not for us", async () => {
    await openClient();
    chmodSync(pathOf("client"), 0o000);
    expect(await asNobody(() => run("subscribe", "7"))).toEqual(
      failed(
        1,
        `bunbond subscribe: no permission to use ${pathOf("client")}: only its owner and group have it\n`,
      ),
    );
  });
});

/** Root may open anything: it becomes nobody for a while. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

test("examples are command lines that the program takes", async () => {
  await openClient();
  await openServer();
  for (const { line } of controlCommands().flatMap(({ examples }) => examples)) {
    // These end with a signal: test/process/watch.test.ts.
    if (/^bunbond (watch|top)/.test(line)) continue;
    const [program, ...argv] = line.split(" ").map((word) => word.replace(/^'(.*)'$/, "$1"));
    expect(program).toBe("bunbond");
    const { exitCode } = await run(...argv);
    // Some of what they name is not there.
    expect({ line, isUsageError: exitCode === 2 }).toEqual({ line, isUsageError: false });
  }
});
