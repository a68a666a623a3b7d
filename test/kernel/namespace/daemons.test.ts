/**
 * Clients as real processes that die, come back and share a namespace, with a real server. What they do to the
 * kernel is seen by iproute2, above all `ip monitor`: what is adopted causes no message.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ControlClient } from "../../../src/cli/commands/control-client.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";
import { standardRoute } from "../../support/models/text-route.ts";
import {
  type BunbondServer,
  FROM_SOURCE,
  startBunbondClient,
  startBunbondServer,
} from "../../support/process/bunbond-process.ts";
import { ChildProcess } from "../../support/process/child-process.ts";
import type { RouteClient } from "../../support/process/route-client.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

const [A, B, C] = ["2001:db8::a", "2001:db8::b", "2001:db8::c"];

/** A namespace with a server in it. */
class Rig implements AsyncDisposable {
  readonly namespace: OverlayNamespace;
  readonly server: BunbondServer;
  readonly #programs = new AsyncDisposableStack();

  private constructor(namespace: OverlayNamespace, server: BunbondServer) {
    this.namespace = namespace;
    this.server = server;
    this.#programs.use(namespace);
    this.#programs.use(server);
  }

  static async set(...ipLines: readonly string[]): Promise<Rig> {
    const namespace = await OverlayNamespace.create(...ipLines);
    return new Rig(namespace, await startBunbondServer({ command: [...namespace.enter, ...FROM_SOURCE] }));
  }

  /** Other hypervisors, until they are stopped. */
  announcer(...announce: readonly string[]): RouteClient {
    return this.#client({ announce });
  }

  /** One that installs. */
  client(flags: readonly string[], socket = "none", within: readonly string[] = []): RouteClient {
    return this.#client({ flags: ["--tun", "tun", ...flags], socket }, within);
  }

  /** Waits until the server has these routes of VNI 100, "10.0.1.0/24 2001:db8::a". */
  async serverHas(...routes: readonly string[]): Promise<void> {
    await using observer = this.#client({ vnis: [100] });
    await observer.viewIs(
      routes.map((route) => {
        const [destination = "", hop = ""] = route.split(" ");
        return standardRoute(100, destination, hop);
      }),
    );
  }

  /** What `bunbond cleanup` prints; it must succeed. */
  async cleanup(...flags: readonly string[]): Promise<string[]> {
    const command = [...this.namespace.enter, ...FROM_SOURCE, "cleanup", ...flags];
    await using program = new ChildProcess({ command, cwd: REPOSITORY, env: { NODE_ENV: undefined } });
    expect([await program.ended, program.stderrLines]).toEqual([0, []]);
    return program.stdoutLines;
  }

  /** `within`: words before the command, as those that enter another namespace, too. */
  #client(
    options: Omit<Parameters<typeof startBunbondClient>[0], "servers" | "command">,
    within: readonly string[] = [],
  ): RouteClient {
    const command = [...this.namespace.enter, ...within, ...FROM_SOURCE];
    return this.#programs.use(startBunbondClient({ ...options, command, servers: [this.server.address] }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#programs.disposeAsync();
  }
}

describe.skipIf(reason !== null)(`clients and a real kernel${because}`, () => {
  test.concurrent("what a killed client has left is adopted: not one operation", async () => {
    await using rig = await Rig.set();
    const { namespace } = rig;
    const announced = [`10.0.1.0/24@${A}`, `10.0.1.0/24@${B}`, `10.0.2.0/24@${A}`];
    const announced6 = [`2001:db8:1::/48@${A}`, `2001:db8:1::/48@${B}`, `2001:db8:2::/48@${B}`];
    rig.announcer(...[...announced, ...announced6].map((route) => `100#${route}`));
    const routes = [
      `10.0.1.0/24 by ${A} ${B}`,
      `10.0.2.0/24 by ${A}`,
      `2001:db8:1::/48 by ${A} ${B}`,
      `2001:db8:2::/48 by ${B}`,
    ];
    const first = rig.client(["--install-routes", "100#100"]);
    await eventually(() => [...namespace.routes(), namespace.nexthops().length], [...routes, 3]);
    const before = namespace.everything();
    await using monitor = await namespace.monitor();
    await first.kill();

    using directory = temporaryDirectory();
    const socketPath = join(directory.path, "client.sock");
    const second = rig.client(["--install-routes", "100#100"], socketPath);
    await second.logged(/kernel scanned routes=4 objects=2 groups=1/);
    await second.established();
    const control = new ControlClient({ socketPath, program: "client" });
    const kernel = async () => {
      const status = await control.call("/v1/status", null);
      return status.program === "client" ? { ...status.kernel, counters: status.counters } : null;
    };
    await eventually(async () => (await kernel())?.tables?.map(({ settled }) => settled), [true, true]);

    // One more comes and goes, and with it its object: by then, whatever else is to be done would be done.
    const late = rig.announcer("100#10.0.9.0/24@2001:db8::9");
    await eventually(() => namespace.routes().length, 5);
    expect(await late.stop()).toBe(0);
    await eventually(() => namespace.everything(), before);
    const isLate = (line: string) => line.includes("10.0.9.0/24") || line.includes(" dst 2001:db8::9 ");
    const lines = await monitor.take();
    expect(lines.filter((line) => !isLate(line))).toEqual([]);
    expect(lines.filter(isLate)).toHaveLength(4);
    expect((await kernel())?.counters).toMatchObject({
      "fibOperations.add-nexthop.done": 1,
      "fibOperations.add-route.done": 1,
      "fibOperations.delete-route.done": 1,
      "fibOperations.delete-nexthop.done": 1,
    });
    expect(Object.keys((await kernel())?.counters ?? {})).not.toContain("fibOperations.replace-route.done");
  });

  test.concurrent("what has changed while none ran is made right: what is gone goes after the End-of-RIBs", async () => {
    await using rig = await Rig.set();
    const { namespace, server } = rig;
    const leaving = rig.announcer(
      ...["10.0.1.0/24", "10.0.2.0/24", "10.0.4.0/24"].map((to) => `100#${to}@${A}`),
      ...["2001:db8:1::/48", "2001:db8:2::/48", "2001:db8:4::/48"].map((to) => `100#${to}@${A}`),
    );
    rig.announcer(...["10.0.1.0/24", "2001:db8:1::/48"].map((to) => `100#${to}@${B}`));
    const first = rig.client(["--install-routes", "100#100"]);
    const before = [
      `10.0.1.0/24 by ${A} ${B}`,
      `10.0.2.0/24 by ${A}`,
      `10.0.4.0/24 by ${A}`,
      `2001:db8:1::/48 by ${A} ${B}`,
      `2001:db8:2::/48 by ${A}`,
      `2001:db8:4::/48 by ${A}`,
    ];
    await namespace.routesAre(before);
    await first.kill();
    expect(await leaving.stop()).toBe(0);
    const come = ["10.0.2.0/24", "10.0.3.0/24", "2001:db8:2::/48", "2001:db8:3::/48"];
    rig.announcer(...come.map((to) => `100#${to}@${C}`));
    await rig.serverHas(`10.0.1.0/24 ${B}`, `2001:db8:1::/48 ${B}`, ...come.map((to) => `${to} ${C}`));

    await using monitor = await namespace.monitor();
    // It takes connections, and says nothing.
    server.signal("SIGSTOP");
    const second = rig.client(["--install-routes", "100#100"]);
    await second.logged(/kernel scanned routes=6 objects=2 groups=1/);
    // No event says that nothing happens: longer than it waits for anything before it cleans up.
    await Bun.sleep(1_200);
    expect(await monitor.take()).toEqual([]);
    server.signal("SIGCONT");
    const routes = [
      `10.0.1.0/24 by ${B}`,
      `10.0.2.0/24 by ${C}`,
      `10.0.3.0/24 by ${C}`,
      `2001:db8:1::/48 by ${B}`,
      `2001:db8:2::/48 by ${C}`,
      `2001:db8:3::/48 by ${C}`,
    ];
    await eventually(() => [...namespace.routes(), namespace.nexthops().length], [...routes, 2]);
    const lines = await monitor.take();
    const deleted = lines.filter((line) => /^Deleted .* table 100 /.test(line));
    // What only moved was never away.
    expect(deleted.map((line) => line.split(" ")[1])).toEqual(["10.0.4.0/24", "2001:db8:4::/48"]);
    // And what has come did not wait for what had to go.
    const last = lines.findLastIndex((line) => come.some((to) => line.startsWith(`${to} `)));
    expect(last).toBeLessThan(lines.indexOf(deleted[0] ?? ""));
  });

  test.concurrent("in the host's own table nothing covers the server that is given by address", async () => {
    await using rig = await Rig.set();
    const { namespace } = rig;
    rig.announcer(...["::/16", "fd00::/16", "10.0.1.0/24"].map((to) => `100#${to}@${A}`));
    const client = rig.client(["--install-routes", "100#0", "--allow-main-table"]);
    await client.logged(
      /a destination is not installed in the host's own table.* destination=::\/16 address=::1$/,
    );
    await namespace.routesAre([`10.0.1.0/24 by ${A}`, `fd00::/16 by ${A}`], 254);
  });

  test.concurrent("nor one that is given by name, at any of its addresses", async () => {
    await using rig = await Rig.set();
    const { namespace } = rig;
    rig.announcer(...["198.51.100.0/24", "203.0.113.0/24", "10.0.1.0/24"].map((to) => `100#${to}@${A}`));
    using directory = temporaryDirectory();
    const hosts = join(directory.path, "hosts");
    await Bun.write(hosts, "198.51.100.1 routes.example\n203.0.113.1 routes.example\n");
    const flags = ["--install-routes", "100#0", "--allow-main-table", "--server", "routes.example:9"];
    const withHosts = [
      "unshare",
      "--mount",
      "sh",
      "-c",
      `mount --bind ${hosts} /etc/hosts && exec "$@"`,
      "sh",
    ];
    const client = rig.client(flags, "none", withHosts);
    for (const network of ["198.51.100", "203.0.113"]) {
      await client.logged(
        new RegExp(
          `a destination is not installed in the host's own table.* destination=${network}\\.0/24 address=${network}\\.1$`,
        ),
      );
    }
    await namespace.routesAre([`10.0.1.0/24 by ${A}`], 254);
  });

  test.concurrent("explain, fib and its --drift name the foreign route in the way", async () => {
    const inTheWay = "2001:db8:2::/48 dev lo table 100 proto 99";
    await using rig = await Rig.set(`route add ${inTheWay}`);
    const { namespace } = rig;
    rig.announcer(...["10.0.1.0/24", "10.0.2.0/24", "2001:db8:2::/48"].map((to) => `100#${to}@${A}`));
    using directory = temporaryDirectory();
    const socket = join(directory.path, "client.sock");
    rig.client(["--install-routes", "100#100"], socket);
    await namespace.routesAre([`10.0.1.0/24 by ${A}`, `10.0.2.0/24 by ${A}`]);
    const ask = async (...words: readonly string[]) => {
      const command = [...FROM_SOURCE, ...words, "--socket", socket, "--json"];
      await using program = new ChildProcess({ command, cwd: REPOSITORY, env: { NODE_ENV: undefined } });
      const exitCode = await program.ended;
      return { exitCode, answer: JSON.parse(program.stdoutLines.join("")) };
    };
    const show = "ip -6 route show table 100 exact 2001:db8:2::/48";
    const words = new RegExp(
      `is not installed: a route of another program is in its place: .*2001:db8:2::/48 dev lo proto 99 metric 1024 \\(${show}\\)$`,
    );
    // The search for what is in the way takes a moment.
    await eventually(async () => words.test((await ask("explain", "2001:db8:2::7")).answer.summary), true);
    const explained = await ask("explain", "2001:db8:2::7");
    expect(explained.answer).toMatchObject({
      verdict: "not-installed",
      matches: [{ kernel: { table: 100 } }],
    });
    expect(namespace.sh(show)).toContain("2001:db8:2::/48 dev lo");
    expect((await ask("explain", "10.0.1.7")).answer.verdict).toBe("works");
    const refused = await ask("fib", "--state", "refused");
    expect(refused).toMatchObject({
      exitCode: 0,
      answer: [{ destination: "2001:db8:2::/48", desired: [A] }],
    });
    expect(await ask("fib", "--drift")).toMatchObject({
      exitCode: 1,
      answer: { count: 1, compared: 3, complete: true, entries: [{ state: "missing", observed: null }] },
    });
    namespace.ip("-6 route del 2001:db8:2::/48 dev lo table 100 proto 99");
    await eventually(async () => (await ask("fib", "--drift")).exitCode, 0);
  });

  test.concurrent("a dry run beside it says what it would do, and --cleanup adds nothing to that", async () => {
    await using rig = await Rig.set();
    const { namespace } = rig;
    rig.announcer(`100#10.0.1.0/24@${A}`);
    const first = rig.client(["--install-routes", "100#100"]);
    await namespace.routesAre([`10.0.1.0/24 by ${A}`]);
    const before = namespace.everything();
    await using monitor = await namespace.monitor();
    using directory = temporaryDirectory();
    const socketPath = join(directory.path, "client.sock");
    const dry = rig.client(["--install-routes", "100#100", "--dry-run", "--cleanup"], socketPath);
    await dry.logged(/--cleanup has no effect with --dry-run/);
    // From here on it answers.
    await dry.logged(/ started program=client /);
    const control = new ControlClient({ socketPath, program: "client" });
    await eventually(async () => {
      const status = await control.call("/v1/status", null);
      return status.program === "client" ? status.kernel?.tables.map(({ settled }) => settled) : null;
    }, [true, true]);
    expect(await dry.stop()).toBe(0);
    const planned = dry.stdoutLines.filter((line) => line.includes('"event":"kernel"'));
    expect([planned, await monitor.take()]).toEqual([[], []]);
    expect(dry.stderrLines.join("\n")).not.toMatch(/kernel routes removed| error /);
    expect(namespace.everything()).toEqual(before);
    expect(await first.stop()).toBe(0);
  });

  test.concurrent("two with two protocols share a namespace and a table, and are cleaned up apart", async () => {
    const foreign = [
      // In the blocks of both.
      "nexthop add id 1340080128 via fe80::1 dev tun proto 99",
      "nexthop add id 1283457024 via fe80::1 dev tun proto 99",
      "route add 10.0.7.0/24 table 100 nhid 1340080128 proto 99",
      "route add 2001:db8:f::/48 table 200 dev tun proto 99",
      "route add 10.0.8.0/24 table 200 dev tun proto 254",
    ];
    await using rig = await Rig.set(...foreign);
    const { namespace } = rig;
    const empty = namespace.everything();
    rig.announcer(
      ...[`10.0.1.0/24@${A}`, `10.0.1.0/24@${B}`, `2001:db8:1::/48@${A}`].map((route) => `100#${route}`),
      ...[`10.0.1.0/24@${C}`, `10.0.3.0/24@${C}`].map((route) => `300#${route}`),
    );
    const routes = [`10.0.1.0/24 by ${A} ${B}`, `2001:db8:1::/48 by ${A}`];
    const one = rig.client(["--install-routes", "100#100", "--cleanup"]);
    await eventually(() => [...namespace.routes(), namespace.nexthops().length], [...routes, 5]);
    const withOne = namespace.everything();
    await using monitor = await namespace.monitor();

    const other = ["--install-routes", "100#200,300#100", "--route-protocol", "200"];
    const two = rig.client(other);
    await namespace.routesAre(routes, 200, 200);
    await namespace.routesAre([`10.0.3.0/24 by ${C}`], 100, 200);
    await two.logged(
      /an object of another program is in the way; it is not changed.* route add 10\.0\.1\.0\/24 table 100 /,
    );
    expect(namespace.routes()).toEqual(routes);
    await two.kill();
    // In its name, where it would not have put one.
    const [, id] = namespace.nexthopOf("10.0.3.0/24", 100, 200).split(" ");
    namespace.ip(`route add 2001:db8:9::/48 metric 9 table 7 nhid ${id} proto 200`);
    expect(await rig.cleanup("--route-protocol", "200")).toEqual(["removed: 4 routes, 4 nexthops"]);
    expect(namespace.everything()).toEqual(withOne);
    const ofOne = (await monitor.take()).filter((line) => !/ proto 200( |$)/.test(line));
    expect(ofOne).toEqual([]);

    // Once more, and then the first one goes: the second has its destination in the table they share.
    const twoAgain = rig.client([...other, "--cleanup"]);
    await namespace.routesAre([`10.0.3.0/24 by ${C}`], 100, 200);
    expect(await one.stop()).toBe(0);
    await namespace.routesAre([`10.0.1.0/24 by ${C}`, `10.0.3.0/24 by ${C}`], 100, 200);
    await namespace.routesAre(routes, 200, 200);
    expect(namespace.routes()).toEqual([]);
    expect(await twoAgain.stop()).toBe(0);
    expect(namespace.everything()).toEqual(empty);
  });
});
