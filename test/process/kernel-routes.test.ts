/**
 * A client that puts its routes into the kernel, as a real process in a network namespace of its own. The witness is
 * iproute2.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../src/cli/commands/control-client.ts";
import { NetworkNamespace, reasonWithoutNamespaces } from "../support/kernel/network-namespace.ts";
import {
  type BunbondServer,
  FROM_SOURCE,
  startBunbondClient,
  startBunbondServer,
} from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

/** Takes its ends from the route as an ip6tnl does, which is not in every kernel. */
const DEVICE = ["link set lo up", "link add tun type vxlan external dstport 4789", "link set tun up"];

/** setpriv is beside unshare in util-linux. */
const WITHOUT_RIGHTS = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"];

const ANNOUNCED = [
  "100#10.0.1.0/24@2001:db8::1",
  "100#10.0.1.0/24@2001:db8::2",
  "100#2001:db8:7::/48@2001:db8::2",
  "200#10.0.2.0/24@2001:db8::3#nat#1#9",
];
const TABLE_100 = ["10.0.1.0/24 by 2001:db8::1 2001:db8::2", "2001:db8:7::/48 by 2001:db8::2"];

interface ClientStart {
  readonly flags?: readonly string[];
  readonly announce?: readonly string[];
  readonly socket?: string;
}

/** A namespace with a tunnel, a server in it, and another hypervisor's client. */
class Rig implements AsyncDisposable {
  readonly #namespace: NetworkNamespace;
  readonly server: BunbondServer;
  readonly #announcer: ChildProcess;
  private constructor(namespace: NetworkNamespace, server: BunbondServer, announcer: ChildProcess) {
    this.#namespace = namespace;
    this.server = server;
    this.#announcer = announcer;
  }

  static async set(): Promise<Rig> {
    const namespace = await NetworkNamespace.create(DEVICE);
    const command = [...namespace.enter, ...FROM_SOURCE];
    const server = await startBunbondServer({ command });
    const announcer = startBunbondClient({ command, servers: [server.address], announce: ANNOUNCED });
    return new Rig(namespace, server, announcer);
  }

  client({ flags = ["--install-routes", "100#100"], ...rest }: ClientStart = {}) {
    return startBunbondClient({
      command: [...this.#namespace.enter, ...FROM_SOURCE],
      servers: [this.server.address],
      flags: ["--tun", "tun", ...flags],
      ...rest,
    });
  }

  /** BunBond inside. */
  bunbond(...args: readonly string[]): ChildProcess {
    return this.#start([], args);
  }

  bunbondWithoutRights(...args: readonly string[]): ChildProcess {
    return this.#start(WITHOUT_RIGHTS, args);
  }

  #start(prefix: readonly string[], args: readonly string[]): ChildProcess {
    return new ChildProcess({
      command: [...this.#namespace.enter, ...prefix, ...FROM_SOURCE, ...args],
      cwd: REPOSITORY,
      env: { NODE_ENV: undefined },
    });
  }

  sh(script: string): string {
    const { stdout, stderr, success } = Bun.spawnSync([...this.#namespace.enter, "sh", "-ec", script]);
    if (!success) throw new Error(`sh: ${stderr}`);
    return stdout.toString();
  }

  /** "10.0.1.0/24 by 2001:db8::1 2001:db8::2" for each route of the protocol in the table. */
  routes(table = 100, protocol = 254): string[] {
    const text = this.sh(
      ["-4", "-6"]
        // A table in which nothing was ever is an error to ip.
        .map((family) => `ip ${family} route show table ${table} proto ${protocol} 2>/dev/null || true`)
        .join("\n"),
    );
    // A group's hops stand on lines of their own, indented.
    return text
      .replaceAll(/\n\s+/g, " ")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const hops = [...line.matchAll(/ dst (\S+)/g)].map(([, hop]) => hop);
        return `${line.split(" ", 1)} by ${hops.join(" ")}`;
      });
  }

  nexthops(): string[] {
    return this.sh("ip nexthop").split("\n").filter(Boolean);
  }

  async routesAre(expected: readonly string[], table = 100, protocol = 254): Promise<void> {
    await eventually(() => this.routes(table, protocol), expected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of [this.#announcer, this.server, this.#namespace]) await part[Symbol.asyncDispose]();
  }
}

/** Lets it run to its end. */
async function outcome(program: ChildProcess) {
  await using _ended = program;
  const exitCode = await program.ended;
  return { exitCode, stdout: program.stdoutLines, stderr: program.stderrLines };
}

/** The kernel tells no test that it has changed: looks until it is as expected, or half a minute is over. */
async function eventually<T>(probe: () => T, expected: T): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  while (!Bun.deepEquals(probe(), expected) && performance.now() < deadlineMs) await Bun.sleep(20);
  expect(probe()).toEqual(expected);
}

describe.skipIf(reason !== null)(`--install-routes${because}`, () => {
  test("announces only when the ways back are in the kernel", async () => {
    const routes = 10_240;
    using directory = temporaryDirectory();
    const announce = Array.from({ length: routes }, (_, n) => `300#10.${n >> 8}.${n & 255}.0/24@2001:db8::1`);
    const config = join(directory.path, "many.yaml");
    await Bun.write(config, Bun.YAML.stringify({ announce }));
    await using rig = await Rig.set();
    await using many = rig.client({ flags: ["--config", config] });
    await using watcher = rig.client({ flags: ["--vni", "300"] });
    await watcher.logged(/server established/);
    // A line per route, and behind them one for the announcement.
    const last = () => watcher.stdoutLines.at(-1) ?? "";
    await watcher.until(
      "all routes",
      () => last().includes(`"10.${(routes - 1) >> 8}.255.0/24"`) || undefined,
    );
    await using joining = rig.client({
      flags: ["--install-routes", "300#300"],
      announce: ["300#192.0.2.1/32@2001:db8::9"],
    });
    await watcher.until("its announcement", () => last().includes('"192.0.2.1/32"') || undefined);
    expect(rig.sh("ip -4 route show table 300 | wc -l").trim()).toBe(`${routes}`);
    await Promise.all([joining.stop(), many.stop()]);
  });

  test("subscribes, installs; SIGTERM leaves the routes, the next start adopts them, --cleanup removes them", async () => {
    await using rig = await Rig.set();
    await using first = rig.client();
    await rig.routesAre(TABLE_100);
    expect(await first.stop()).toBe(0);
    await first.logged(/routes stay in the kernel; 'bunbond cleanup' removes them routes=2$/);
    expect(rig.routes()).toEqual(TABLE_100);
    const before = rig.nexthops();
    await using second = rig.client({ flags: ["--install-routes", "100#100", "--cleanup"] });
    await second.logged(/kernel scanned routes=2 objects=2 groups=1/);
    await second.established();
    expect(rig.nexthops()).toEqual(before);
    expect(await second.stop()).toBe(0);
    expect([rig.routes(), rig.nexthops()]).toEqual([[], []]);
    await second.logged(/kernel routes removed routes=2 nexthops=3/);
  });

  test("a destination that it announces itself is not installed until it is drained, and the routes stay meanwhile", async () => {
    await using rig = await Rig.set();
    const flags = ["--install-routes", "100#100", "--drain", "600", "--cleanup"];
    await using client = rig.client({ flags, announce: ["100#10.0.1.0/24@2001:db8::9"] });
    await rig.routesAre(TABLE_100.slice(1));
    client.signal("SIGTERM");
    await client.logged(/ draining /);
    await rig.routesAre(TABLE_100);
    // The second one ends it, and nothing is cleaned up.
    client.signal("SIGTERM");
    await client.ended;
    expect(rig.routes()).toEqual(TABLE_100);
  });

  test("nor at its end, by a signal or by command, where nobody waits for the network to turn away", async () => {
    await using rig = await Rig.set();
    using directory = temporaryDirectory();
    const socket = join(directory.path, "client.sock");
    const start = {
      flags: ["--install-routes", "100#100", "--verbose"],
      announce: ["100#10.0.1.0/24@2001:db8::9"],
      socket,
    };
    const ends: ((client: ChildProcess) => unknown)[] = [
      (client) => client.signal("SIGTERM"),
      () =>
        new ControlClient({ socketPath: socket, program: "client" }).call("/v1/drain", {
          action: "stop",
        }),
    ];
    for (const end of ends) {
      await using client = rig.client(start);
      await client.logged(/ announcing afterMs=\d+ isReady=true/);
      // The server may have heard of them only now.
      await rig.routesAre(TABLE_100.slice(1));
      await end(client);
      expect(await client.ended).toBe(0);
      expect(rig.routes()).toEqual(TABLE_100.slice(1));
    }
  });

  test("a predecessor's routes are taken over, and go when nobody has them; others stay", async () => {
    await using rig = await Rig.set();
    const hop = "nexthop encap ip6 dst 2001:db8::f dev tun";
    rig.sh(
      [
        // As Go's client makes them, and rustbond's.
        `ip route add 10.0.1.0/24 table 100 proto 254 ${hop} ${hop.replace("::f", "::e")}`,
        "ip route add 10.0.99.0/24 table 100 proto 254 dev tun",
        "ip -6 route add 2001:db8:7::/48 table 100 proto 254 via fe80::1 dev tun",
        "ip route add 10.0.99.0/24 table 100 proto 200 metric 9 dev tun",
      ].join("\n"),
    );
    await using client = rig.client();
    await rig.routesAre(TABLE_100);
    expect(rig.routes(100, 200)).toEqual(["10.0.99.0/24 by "]);
    expect(client.stderrLines.filter((line) => / (warn|error) /.test(line))).toEqual([]);
  });

  test("several tables, and what is left out", async () => {
    await using rig = await Rig.set();
    const flags = ["--install-routes", "100#100,200#4294967295", "--install-nat", "skip", "--ipv4-only"];
    await using client = rig.client({ flags: [...flags, "--route-protocol", "99"] });
    await rig.routesAre(TABLE_100.slice(0, 1), 100, 99);
    await client.event((event) => event.event === "add" && event.vni === 200, "the NAT route");
    await rig.routesAre([], 4294967295, 99);
  });

  test("tables are changed by SIGHUP, and so is --cleanup; what needs a restart is named", async () => {
    await using rig = await Rig.set();
    using directory = temporaryDirectory();
    const path = join(directory.path, "client.yaml");
    const common = { server: rig.server.address, "stale-time-alone": 5 };
    const write = (settings: object) => Bun.write(path, Bun.YAML.stringify({ ...common, ...settings }));
    await write({ "install-routes": "100#100" });
    await using client = rig.client({ flags: ["--config", path] });
    await rig.routesAre(TABLE_100);
    await write({
      "install-routes": ["100#101", "200#200"],
      cleanup: true,
      "reconcile-interval": 7,
      ecmp: "resilient",
    });
    client.signal("SIGHUP");
    await client.logged(/configuration reloaded install-routes=1 cleanup=1 subscribe=1/);
    await client.logged(/take effect at the next start settings=ecmp,reconcile-interval/);
    await rig.routesAre(TABLE_100, 101);
    await rig.routesAre([]);
    await rig.routesAre(["10.0.2.0/24 by 2001:db8::3"], 200);
    expect(await client.stop()).toBe(0);
    expect([...rig.routes(101), ...rig.routes(200), ...rig.nexthops()]).toEqual([]);
  });

  test("status shows it", async () => {
    await using rig = await Rig.set();
    using directory = temporaryDirectory();
    const socketPath = join(directory.path, "client.sock");
    rig.sh("sysctl -qw net.ipv4.fib_multipath_hash_policy=0");
    const flags = ["--install-routes", "100#100", "--ecmp", "resilient"];
    await using client = rig.client({ socket: socketPath, flags });
    await rig.routesAre(TABLE_100);
    await client.logged(/ warn .* sysctl -w net\.ipv4\.fib_multipath_hash_policy=1"$/);
    const control = new ControlClient({ socketPath, program: "client" });
    const ofTable = { table: 100, vnis: [100], wanted: 1, installed: 1, failed: 0 };
    expect(await control.call("/v1/status", null)).toMatchObject({
      kernel: {
        device: "tun",
        deviceState: "up",
        routeProtocol: 254,
        ecmp: "resilient",
        groups: 1,
        resilientGroups: 1,
        tables: [
          { ...ofTable, family: "ipv4" },
          { ...ofTable, family: "ipv6" },
        ],
      },
      counters: { "fibOperations.add-route.done": 2 },
    });
    const { stdout } = await outcome(rig.bunbond("status", "--socket", socketPath));
    expect(stdout).toContainEqual(expect.stringMatching(/^kernel routes +by tun, which is up$/));
    expect(stdout).toContainEqual(expect.stringMatching(/^ECMP +resilient$/));
    expect(stdout).toContainEqual(expect.stringMatching(/^NOT RIGHT +.*fib_multipath_hash_policy=1$/));
  });
});

describe.skipIf(reason !== null)(`--dry-run${because}`, () => {
  test.each(["plain", "resilient"])(
    "changes nothing, and prints what a shell can carry out: %s groups",
    async (ecmp) => {
      await using rig = await Rig.set();
      await using client = rig.bunbond(
        ...["client", "--server", rig.server.address, "--socket", "none"],
        ...["--install-routes", "100#100", "--tun", "tun", "--dry-run", "--cleanup"],
        ...["--ecmp", ecmp],
      );
      const isWhole = () =>
        client.stdoutLines.filter((line) => / route (add|change) /.test(line)).length >= 2;
      await client.until("the plan", () => isWhole() || undefined);
      expect(await client.stop()).toBe(0);
      expect([rig.routes(), rig.nexthops()]).toEqual([[], []]);
      // Nothing was there to clean up.
      expect(client.stdoutLines.filter((line) => !line.startsWith("ip "))).toEqual([]);
      rig.sh(client.stdoutLines.join("\n"));
      expect(rig.routes()).toEqual(TABLE_100);
      const groups = rig.nexthops().filter((line) => line.includes(" group "));
      const type = "type resilient buckets 256 idle_timer 10 unbalanced_timer 0";
      expect(groups.map((line) => line.includes(type))).toEqual([ecmp === "resilient"]);
    },
  );

  test("as JSON, beside a client at work and without rights", async () => {
    await using rig = await Rig.set();
    await using _client = rig.client();
    await rig.routesAre(TABLE_100);
    await using other = rig.bunbondWithoutRights(
      ...["client", "--server", rig.server.address, "--socket", "none", "--json", "--dry-run"],
      ...["--install-routes", "200#200", "--tun", "tun"],
    );
    const added = await other.until("a route", () =>
      other.stdoutLines.find((line) => line.includes("route add")),
    );
    expect(JSON.parse(added)).toEqual({
      event: "kernel",
      time: expect.any(String),
      command: expect.stringMatching(/^ip route add 10\.0\.2\.0\/24 table 200 nhid \d+ proto 254$/),
    });
    expect(other.stdoutLines.filter((line) => line.includes('"event":"add"'))).toEqual([]);
    expect(rig.routes(200)).toEqual([]);
  });
});

describe.skipIf(reason !== null)(`what is missing is told in one line${because}`, () => {
  test("no device, no right, another client", async () => {
    await using rig = await Rig.set();
    const flags = [
      "client",
      "--server",
      rig.server.address,
      "--install-routes",
      "100#100",
      "--socket",
      "none",
    ];
    const failed = (line: string) => ({ exitCode: 1, stdout: [], stderr: [expect.stringContaining(line)] });
    expect(await outcome(rig.bunbond(...flags, "--tun", "tun9"))).toEqual(
      failed("bunbond client: there is no device tun9: ip link add tun9 type ip6tnl mode any external && "),
    );
    expect(await outcome(rig.bunbondWithoutRights(...flags, "--tun", "tun"))).toEqual(
      failed("bunbond client: this process may not change routes: run it as root, or give it CAP_NET_ADMIN"),
    );
    expect(await outcome(rig.bunbondWithoutRights("cleanup"))).toEqual(
      failed("bunbond cleanup: this process may not change routes: "),
    );
    await using client = rig.client();
    await rig.routesAre(TABLE_100);
    expect(await outcome(rig.bunbond(...flags, "--tun", "tun"))).toEqual(
      failed(
        "bunbond client: another client installs routes of protocol 254 in this network namespace: stop it, or set --route-protocol to another number",
      ),
    );
    await using other = rig.client({ flags: ["--install-routes", "100#102", "--route-protocol", "200"] });
    await rig.routesAre(TABLE_100, 102, 200);
    expect(await other.stop()).toBe(0);
    expect(client.stderrLines.filter((line) => / (warn|error) /.test(line))).toEqual([]);
  });
});

describe.skipIf(reason !== null)(`bunbond cleanup${because}`, () => {
  test("removes what a killed client has left, and nothing else", async () => {
    await using rig = await Rig.set();
    await using client = rig.client();
    await rig.routesAre(TABLE_100);
    const foreign = [
      "ip -6 nexthop add id 7 encap ip6 dst 2001:db8::7 dev tun protocol 200",
      "ip route add 10.0.1.0/24 metric 5 table 100 nhid 7 proto 200",
      "ip route add 10.0.8.0/24 table 100 dev tun proto 254",
    ];
    rig.sh(foreign.join("\n"));
    expect(await outcome(rig.bunbond("cleanup"))).toEqual({
      exitCode: 1,
      stdout: [],
      stderr: [
        "bunbond cleanup: a client that runs in this network namespace installs routes of protocol 254: stop it first; with --cleanup it removes them itself",
      ],
    });
    expect(
      (await outcome(rig.bunbond("cleanup", "--json"))).stderr.map((line) => JSON.parse(line).error),
    ).toEqual(["PROTOCOL_IN_USE"]);
    await client.kill();

    const dry = await outcome(rig.bunbond("cleanup", "--dry-run"));
    expect(dry).toMatchObject({ exitCode: 0, stderr: [] });
    expect(dry.stdout.map((line) => line.replace(/\d{6,}/, "ID")).sort()).toEqual([
      "# would remove 2 routes, 3 nexthops",
      "ip -6 route del 2001:db8:7::/48 table 100 metric 1024 nhid ID proto 254",
      "ip nexthop del id ID",
      "ip nexthop del id ID",
      "ip nexthop del id ID",
      "ip route del 10.0.1.0/24 table 100 nhid ID proto 254",
    ]);
    expect(rig.routes()).toHaveLength(3);

    const removed = { exitCode: 0, stdout: ["removed: 2 routes, 3 nexthops"], stderr: [] };
    expect(await outcome(rig.bunbond("cleanup"))).toEqual(removed);
    expect(await outcome(rig.bunbond("cleanup"))).toEqual({ ...removed, stdout: ["nothing to remove"] });
    expect(rig.nexthops()).toEqual([expect.stringMatching(/^id 7 /)]);
    expect([...rig.routes(), ...rig.routes(100, 200)]).toEqual([
      "10.0.8.0/24 by ",
      "10.0.1.0/24 by 2001:db8::7",
    ]);

    // A predecessor's, by its table.
    const { stdout } = await outcome(rig.bunbond("cleanup", "--table", "101,100", "--json"));
    expect(stdout.map((line): unknown => JSON.parse(line))).toEqual([
      { routeProtocol: 254, dryRun: false, routes: 1, nexthops: 0, kept: 0, failures: [], commands: [] },
    ]);
    expect([rig.routes(), rig.routes(100, 200)]).toEqual([[], ["10.0.1.0/24 by 2001:db8::7"]]);
  });

  test("keeps an object that a foreign route goes by, and says so", async () => {
    await using rig = await Rig.set();
    await using client = rig.client();
    await rig.routesAre(TABLE_100);
    const [id = ""] = /nhid \d+/.exec(rig.sh("ip -6 route show table 100")) ?? [];
    rig.sh(`ip route add 10.0.8.0/24 table 7 ${id} proto 200`);
    await client.kill();
    expect(await outcome(rig.bunbond("cleanup"))).toEqual({
      exitCode: 1,
      stdout: ["removed: 2 routes, 2 nexthops"],
      stderr: ["bunbond cleanup: 1 nexthop kept: routes or groups of other programs use them"],
    });
    expect(rig.routes(7, 200)).toEqual(["10.0.8.0/24 by 2001:db8::2"]);
  });
});
