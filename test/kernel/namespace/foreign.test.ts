/** What others have in a real kernel is never touched, whether it is in our way, in our block or named like ours. */
import { describe, expect, test } from "bun:test";
import { NamespaceInstaller } from "../../support/kernel/namespace-installer.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

const [A, B, C, D] = ["2001:db8::a", "2001:db8::b", "2001:db8::c", "2001:db8::d"];
/** 0x40000000 + 254 × 2^20 */
const FIRST_ID = 1340080128;

describe.skipIf(reason !== null)(`what is foreign${because}`, () => {
  test.concurrent("stays as it is while ours come, change and are cleaned up", async () => {
    await using namespace = await OverlayNamespace.create(
      // Ids in our block, of another protocol and of another shape than ours have; what would be ours with another id.
      `-6 nexthop add id ${FIRST_ID} encap ip6 dst ${A} dev tun proto 99`,
      `nexthop add id ${FIRST_ID + 4} encap ip6 dst ${A} dev tun proto 254`,
      `-6 nexthop add id 6 encap ip6 dst ${A} dev tun proto 254`,
      `-6 nexthop add id ${FIRST_ID + 1} blackhole proto 254`,
      `nexthop add id ${FIRST_ID + 2} group ${FIRST_ID} proto 99`,
      // And a group in our block of our protocol whose member is not ours.
      "nexthop add id 7 via fe80::7 dev tun proto 254",
      `nexthop add id ${FIRST_ID + 3} group 7 proto 254`,
      // Our protocol, but other people's objects, other types, another TOS, or not in a table of ours.
      "route add 10.0.3.0/24 table 100 nhid 7 proto 254",
      `route add 10.0.4.0/24 table 100 metric 9 nhid ${FIRST_ID + 3} proto 254`,
      "route add blackhole 10.0.5.0/24 table 100 proto 254",
      "route add 10.0.1.0/24 tos 0x10 dev tun table 100 proto 254",
      "route add 10.0.7.0/24 dev tun proto 254",
      "route add 2001:db8:5::/48 dev lo table 101 proto 254",
      // Where ours come, with another metric.
      "route add 10.0.1.0/24 dev tun metric 9 table 100 proto 99",
      "route add 2001:db8:7::/48 dev tun metric 9 table 100 proto 99",
      "route add 2001:db8:7::/48 metric 2000 table 100 nhid 7 proto 254",
    );
    const before = namespace.everything();
    const isForeign = (line: string) => before.includes(line);
    await using installer = await NamespaceInstaller.start(namespace);
    const routes = ["10.0.1.0/24", "10.0.2.0/24", "2001:db8:7::/48"].map((to) => `100 ${to} via ${A}`);
    await installer.add(...routes);
    await installer.complete();
    await installer.add(`100 10.0.2.0/24 via ${B}`);
    await installer.quiet();
    expect(namespace.everything().filter(isForeign)).toEqual(before);
    const ours = namespace.everything().filter((line) => !isForeign(line));
    expect(ours.filter((line) => line.startsWith("id "))).toEqual([
      expect.stringContaining(`id ${FIRST_ID + 5} encap ip6 id 0 src :: dst ${A} `),
      expect.stringContaining(`id ${FIRST_ID + 6} encap ip6 id 0 src :: dst ${B} `),
      `id ${FIRST_ID + 7} group ${FIRST_ID + 5}/${FIRST_ID + 6} proto 254`,
    ]);
    expect(ours.map((line) => line.split(" ", 1)[0]).slice(0, 3)).toEqual([
      "10.0.1.0/24",
      "10.0.2.0/24",
      "2001:db8:7::/48",
    ]);
    expect(ours).toHaveLength(6);
    await installer.stop({ cleanup: true });
    expect(namespace.everything()).toEqual(before);
    expect(installer.warnings).toEqual([]);
  });

  test.concurrent.each([
    ["IPv4", "10.0.1.0/24", "", "dev tun proto 99", "dev tun proto 99 metric 0"],
    [
      "IPv4 by a gateway",
      "10.0.1.0/24",
      "",
      "via 192.0.2.9 dev tun onlink proto bgp",
      "dev tun proto bgp metric 0",
    ],
    ["IPv4 that names an object", "10.0.1.0/24", "", "nhid 7 proto 99", "nhid 7 proto 99 metric 0"],
    [
      "IPv4 that drops packets, of our protocol",
      "10.0.1.0/24",
      "blackhole ",
      "proto 254",
      "proto 254 metric 0",
    ],
    ["IPv6", "2001:db8:7::/48", "", "dev tun proto static", "dev tun proto static metric 1024"],
    ["IPv6 that names an object", "2001:db8:7::/48", "", "nhid 7 proto 99", "nhid 7 proto 99 metric 1024"],
    [
      "IPv6 that drops packets, of our protocol",
      "2001:db8:7::/48",
      "blackhole ",
      "proto 254",
      "dev lo proto 254 metric 1024",
    ],
  ])(
    "is in our way: it is named and counted, and ours comes when it goes (%s)",
    async (_, to, type, by, words) => {
      await using namespace = await OverlayNamespace.create(
        "nexthop add id 7 via fe80::7 dev tun proto 99",
        `route add ${type}${to} table 100 ${by}`,
      );
      const before = namespace.everything();
      await using installer = await NamespaceInstaller.start(namespace);
      await using monitor = await namespace.monitor();
      const others = ["10.0.2.0/24", "2001:db8:8::/48"];
      await installer.add(...[to, ...others].map((destination) => `100 ${destination} via ${A}`));
      await installer.complete();
      await installer.quiet();
      const ours = () => namespace.routes().filter((line) => !line.includes(" plain "));
      expect(ours()).toEqual(others.map((destination) => `${destination} by ${A}`));
      const { ipv4, ipv6 } = await installer.table();
      expect([ipv4.collided + ipv6.collided, ipv4.installed, ipv6.installed]).toEqual([1, 1, 1]);
      const [warning] = await installer.logged(
        /^warn an object of another program is in the way; it is not changed .*$/,
      );
      const inTheWay = `${type}${to} ${words}`;
      const show = `ip ${to.includes(":") ? "-6 " : ""}route show table 100 exact ${to}`;
      expect(JSON.parse(warning.slice(warning.indexOf("{")))).toMatchObject({
        code: "EEXIST",
        inTheWay,
        show,
      });
      expect(installer.warnings).toEqual([warning]);
      expect(await installer.faults()).toMatchObject([
        { table: 100, destination: to, code: "EEXIST", message: `File exists: ${inTheWay} (${show})` },
      ]);
      // The command shows what is named.
      const [shown = "", ...rest] = namespace.lines(...show.split(" ").slice(1));
      expect(shown).toStartWith(`${type === "" ? "" : "6 "}${to}`);
      expect(rest).toEqual([]);
      expect(namespace.everything().filter((line) => before.includes(line))).toEqual(before);
      // Whatever is tried at our destination, nothing has changed there.
      expect((await monitor.take()).filter((line) => line.includes(to))).toEqual([]);

      namespace.ip(`route del ${type}${to} table 100 ${by}`);
      await eventually(
        () => namespace.routes().sort(),
        [to, ...others].map((each) => `${each} by ${A}`).sort(),
      );
      expect((await installer.faults()).length).toBe(0);
    },
  );

  test.concurrent("is retried without a notification that it has gone", async () => {
    await using namespace = await OverlayNamespace.create("route add 10.0.1.0/24 dev tun table 100 proto 99");
    await using installer = await NamespaceInstaller.start(namespace, { isMuted: true });
    await installer.add(`100 10.0.1.0/24 via ${A}`);
    await installer.quiet();
    expect(namespace.routes()).toEqual([]);
    namespace.ip("route del 10.0.1.0/24 table 100 proto 99");
    await namespace.routesAre([`10.0.1.0/24 by ${A}`]);
  });

  test.concurrent("stands beside ours with the same metric: it is not hit by our change", async () => {
    await using namespace = await OverlayNamespace.create();
    await using installer = await NamespaceInstaller.start(namespace);
    const destinations = ["10.0.1.0/24", "2001:db8:7::/48"];
    const via = (hop: string) => destinations.map((to) => `100 ${to} via ${hop}`);
    await installer.add(...via(A));
    await installer.quiet();
    namespace.ip(...destinations.map((to) => `route prepend ${to} dev lo table 100 proto 99`));
    const foreign = () => namespace.routes(100, 99);
    const isThere = destinations.map((to) => `${to} plain by`);
    expect([foreign(), namespace.routes()]).toEqual([isThere, destinations.map((to) => `${to} by ${A}`)]);
    // The kernel takes the foreign ones now: that ours are installed is only half of the truth.
    await eventually(async () => {
      const { ipv4, ipv6 } = await installer.table();
      return [ipv4.installed, ipv4.collided, ipv6.installed, ipv6.collided];
    }, [1, 1, 1, 1]);
    await installer.logged(/warn another program has a route with the same metric as one of ours/);
    await installer.add(...via(B));
    // Ours is deleted, since it is not known which of the two a replace would hit. It comes back when there is room.
    await eventually(async () => {
      const { ipv4, ipv6 } = await installer.table();
      return [ipv4.installed, ipv4.collided, ipv6.installed, ipv6.collided];
    }, [0, 1, 0, 1]);
    expect([foreign(), namespace.routes()]).toEqual([isThere, []]);
    namespace.ip(...destinations.map((to) => `route del ${to} dev lo table 100 proto 99`));
    await namespace.routesAre(destinations.map((to) => `${to} by ${A} ${B}`));
  });

  // For IPv6, the kernel takes no second one by the same object.
  test.concurrent("stands beside ours by the same object: it stays when ours goes", async () => {
    await using namespace = await OverlayNamespace.create();
    await using installer = await NamespaceInstaller.start(namespace);
    await installer.add(`100 10.0.1.0/24 via ${A}`);
    await installer.quiet();
    namespace.ip(`route prepend 10.0.1.0/24 table 100 nhid ${FIRST_ID} proto 99`);
    await installer.remove(`100 10.0.1.0/24 via ${A}`);
    await namespace.routesAre([]);
    expect(namespace.routes(100, 99)).toEqual([`10.0.1.0/24 by ${A}`]);
  });

  test.concurrent("goes by objects of ours: they stay, and go once that is gone", async () => {
    await using namespace = await OverlayNamespace.create();
    const empty = namespace.everything();
    await using installer = await NamespaceInstaller.start(namespace, { reconcileIntervalSeconds: 1 });
    const routes = [A, B, C, D].map((hop, n) => `100 10.0.${n}.0/24 via ${hop}`);
    await installer.add(...routes);
    await installer.complete();
    await installer.quiet();
    const [a, b, c] = [FIRST_ID, FIRST_ID + 1, FIRST_ID + 2];
    namespace.ip(
      `route add 10.0.9.0/24 table 9000 nhid ${a} proto 99`,
      `route add 2001:db8:9::/48 table 9000 nhid ${b} proto 99`,
      `nexthop add id 9 group ${c} proto 99`,
      "route add 10.0.10.0/24 table 9000 nhid 9 proto 99",
    );
    await installer.remove(...routes);
    const ids = () => namespace.nexthops().map((line) => Number(line.split(" ")[1]));
    // That of D, which no other route names, is gone.
    await eventually(ids, [9, a, b, c]);
    await installer.logged(/one of our nexthops is kept, because foreign routes or groups use it/);
    expect(namespace.routes()).toEqual([]);
    expect(namespace.routes(9000, 99)).toHaveLength(3);
    namespace.ip(
      "nexthop del id 9",
      "route del 10.0.9.0/24 table 9000",
      "route del 2001:db8:9::/48 table 9000",
    );
    await eventually(() => namespace.everything(), empty);
  });
});
