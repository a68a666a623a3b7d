/**
 * `bunbond ping` between real network namespaces:
 *
 *     here ── 1500 ── router ── 1400 ── there        2001:db8:1::1 … 2001:db8:1::2, 2001:db8:2::1 … 2001:db8:2::2
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PingAnswer } from "../../../src/cli/commands/ping-command.ts";
import { NetworkNamespace, reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";
import {
  FROM_SOURCE,
  startBunbondClient,
  startBunbondServer,
} from "../../support/process/bunbond-process.ts";
import { ChildProcess } from "../../support/process/child-process.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

/** Three hosts in a row. */
class Line implements AsyncDisposable {
  readonly here: OverlayNamespace;
  readonly there: NetworkNamespace;
  readonly #router: NetworkNamespace;

  private constructor(here: OverlayNamespace, router: NetworkNamespace, there: NetworkNamespace) {
    this.here = here;
    this.there = there;
    this.#router = router;
  }

  static async create(): Promise<Line> {
    const here = await OverlayNamespace.create();
    const router = await NetworkNamespace.create([]);
    const there = await NetworkNamespace.create(["link set lo up"]);
    router.ip([
      `link add left type veth peer name here netns ${here.namespace.pid}`,
      `link add right type veth peer name there netns ${there.pid}`,
      "link set left up",
      "link set right up mtu 1400",
      "addr add 2001:db8:1::2/64 dev left nodad",
      "addr add 2001:db8:2::1/64 dev right nodad",
      "addr add 192.0.2.2/25 dev left",
      "addr add 192.0.2.129/25 dev right",
    ]);
    here.ip(
      "link set here up",
      "addr add 2001:db8:1::1/64 dev here nodad",
      "addr add 192.0.2.1/25 dev here",
      "route add default via 192.0.2.2",
      "-6 route add default via 2001:db8:1::2",
    );
    there.ip([
      "link set there up mtu 1400",
      "addr add 2001:db8:2::2/64 dev there nodad",
      "addr add 192.0.2.130/25 dev there",
      "route add default via 192.0.2.129",
      "route add ::/0 via 2001:db8:2::1",
    ]);
    const line = new Line(here, router, there);
    line.inRouter("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    return line;
  }

  inRouter(script: string): void {
    const { success, stderr } = Bun.spawnSync([...this.#router.enter, "sh", "-ec", script]);
    if (!success) throw new Error(`sh: ${stderr}`);
  }

  async ping(...words: readonly string[]) {
    const command = [...this.here.enter, ...FROM_SOURCE, "ping", ...words, "--json"];
    await using program = new ChildProcess({ command, cwd: REPOSITORY, env: { NODE_ENV: undefined } });
    const exitCode = await program.ended;
    const [answer = "{}"] = program.stdoutLines;
    // The answer's shape is what the test is about.
    return { exitCode, answer: JSON.parse(answer) as PingAnswer, error: program.stderrLines.join("\n") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.here[Symbol.asyncDispose]();
    await this.#router[Symbol.asyncDispose]();
    await this.there[Symbol.asyncDispose]();
  }
}

describe.skipIf(reason !== null)(`bunbond ping${because}`, () => {
  test.concurrent.each([
    ["with a privilege", "1 0"],
    ["without one", "0 2147483647"],
  ])("%s, it finds the loss, the round trip and the path MTU that a router says", async (_, groups) => {
    await using line = await Line.create();
    line.here.sh(`echo ${groups} >/proc/sys/net/ipv4/ping_group_range`);
    for (const [address, tenants] of [
      ["2001:db8:2::2", 1360],
      ["192.0.2.130", null],
    ] as const) {
      // The links come up, and neighbours are found.
      await eventually(async () => (await line.ping(address, "--count", "1")).answer.received, 1);
      line.here.sh("ip route flush cache; ip -6 route flush cache");
      const { exitCode, answer } = await line.ping(address, "--count", "2");
      expect({ exitCode, ...answer }).toMatchObject({
        exitCode: 0,
        destination: address,
        by: "underlay",
        received: 2,
        lossPercent: 0,
        error: null,
        pathMtuBytes: 1400,
        blackHole: false,
        tenantMtuBytes: tenants,
        hint: null,
      });
      expect(answer.minMs).toBeGreaterThan(0);
      expect(answer.maxMs ?? 0).toBeGreaterThanOrEqual(answer.avgMs ?? 0);
    }
    // No route there, and nobody at an address of the same link.
    line.inRouter("ip -6 route add unreachable 2001:db8:9::/64");
    const refused = await line.ping("2001:db8:9::1", "--count", "1");
    expect(refused).toMatchObject({ exitCode: 1, answer: { received: 0, pathMtuBytes: null } });
    expect(refused.answer.hint).toContain("firewalls must pass ICMPv6");
    line.here.ip("-6 route del default");
    const without = await line.ping("2001:db8:2::2", "--count", "1");
    expect(without.exitCode).toBe(1);
    expect(without.error).toContain("no route to 2001:db8:2::2: ip route get 2001:db8:2::2");
    const source = await line.ping("2001:db8:1::2", "--source", "2001:db8:7::7");
    expect(source.error).toContain("the source is no address of this host");
  });

  test.concurrent("through the tunnel, it takes the table's route, or says what it needs", async () => {
    await using line = await Line.create();
    const { here } = line;
    await using server = await startBunbondServer({ command: [...here.enter, ...FROM_SOURCE] });
    const command = [...here.enter, ...FROM_SOURCE];
    await using _announcer = startBunbondClient({
      command,
      servers: [server.address],
      announce: ["100#10.0.1.0/24@2001:db8:2::2"],
    });
    using directory = temporaryDirectory();
    const socket = join(directory.path, "client.sock");
    await using _client = startBunbondClient({
      command,
      servers: [server.address],
      socket,
      flags: ["--tun", "tun", "--install-routes", "100#100"],
    });
    await here.routesAre(["10.0.1.0/24 by 2001:db8:2::2"]);
    const words = ["10.0.1.7", "--vni", "100", "--socket", socket, "--count", "1"];
    const other = await line.ping(...words);
    expect(other.exitCode).toBe(1);
    expect(JSON.parse(other.error)).toMatchObject({
      error: "OTHER_TABLE",
      message:
        "this host's own packets to 10.0.1.7 take a route of table 254, and not that of table 100: give the VRF of the table (--interface), or a source with a rule (--source ADDRESS, and ip rule add from ADDRESS lookup 100)",
    });
    here.ip("addr add 10.0.2.9/32 dev lo", "rule add from 10.0.2.9 lookup 100");
    // A way to the tenant: this kernel has no tunnel that takes its ends from the route.
    line.there.ip(["addr add 10.0.1.7/32 dev lo", "route add 10.0.2.9/32 via 192.0.2.129"]);
    line.inRouter("ip route add 10.0.1.7 via 192.0.2.130; ip route add 10.0.2.9 via 192.0.2.1");
    here.ip("route add 10.0.1.7/32 via 192.0.2.2 table 100 proto 99");
    const from = [...words, "--source", "10.0.2.9"];
    await eventually(async () => (await line.ping(...from)).answer.received, 1);
    expect((await line.ping(...from)).answer).toMatchObject({
      by: "tunnel",
      vni: 100,
      table: 100,
      source: "10.0.2.9",
      nextHops: ["2001:db8:2::2"],
      pathMtuBytes: 1400,
      tenantMtuBytes: null,
    });
    // The tenant does not answer.
    here.ip("route del 10.0.1.7/32 table 100 proto 99", "route add blackhole 192.0.2.255 table 100");
    line.there.ip(["addr del 10.0.1.7/32 dev lo"]);
    const lost = await line.ping(...from);
    expect(lost).toMatchObject({ exitCode: 1, answer: { received: 0, lossPercent: 100 } });
    expect(lost.answer.hint).toContain("bunbond ping 2001:db8:2::2 shows whether the hypervisor answers");
    // And what nobody announces.
    const none = await line.ping("10.9.9.9", ...words.slice(1));
    expect(none.exitCode).toBe(3);
    expect(none.error).toContain("no server has a route to 10.9.9.9 in VNI 100");
  });
});
