/**
 * Other programs change the device, nexthops and routes in a loop while the installer changes hundreds of routes. When they
 * have ended, the kernel has what is wanted within seconds, the status says so, and what is foreign is as it was. There is no
 * scan on an interval.
 */
import { describe, expect, test } from "bun:test";
import { NamespaceInstaller } from "../../support/kernel/namespace-installer.ts";
import { reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { eventually, MAKE_TUNNEL, OverlayNamespace } from "../../support/kernel/overlay-namespace.ts";

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

const COUNT = 300;
const ROUNDS = 8;
const [A, B, C] = ["2001:db8::a", "2001:db8::b", "2001:db8::c"];
const FIRST_ID = 0x40000000 + 254 * 2 ** 20;
const SETUP = [
  "-6 nexthop add id 7 via fe80::7 dev tun2 proto 99",
  "nexthop add id 8 group 7 proto 99",
  "route add 192.0.2.0/24 table 100 nhid 7 proto 99",
  "-6 route add 2001:db8:99::/48 table 100 nhid 8 proto 99",
  "route add 198.51.100.0/24 dev tun2 table 90 proto 99",
];
/** By a device of their own, which nothing happens to. */
const MAKE_OTHER = ["link add tun2 type vxlan external dstport 4790", "link set tun2 up"];
const MAKE = MAKE_TUNNEL.map((line) => `ip ${line}`).join("; ");
const DISABLE_IPV6 = "/proc/sys/net/ipv6/conf/$W/disable_ipv6";

/** With the hops of its group in a route, `ip` asks for a deletion that the kernel refuses. */
const MODE = "/proc/sys/net/ipv4/nexthop_compat_mode";
const FLUSH = `echo 0 >${MODE}; ip route flush table 100 proto 254; ip -6 route flush table 100 proto 254; echo 1 >${MODE}`;

interface Storm {
  readonly what: string;
  /**
   * Carried out again and again; `$i` is the number of the round, from 0 on. What fails in it does not matter. It prints the
   * beginnings of lines of `ip` that are to be there at the end.
   */
  readonly round: string;
  /** Called after the last round, for what only the test can restore. */
  readonly end?: string;
}

const STORMS: readonly Storm[] = [
  {
    what: "ids in our block are taken, changed and freed",
    round: `for k in 3 4 5 6 7 8 9; do id=$((${FIRST_ID} + k + i)); ip nexthop add id $id via 192.0.2.1 dev tun2 onlink proto 99; ip nexthop replace id $id blackhole proto 99; ip nexthop del id $id; done`,
  },
  {
    what: "ids of ours are deleted",
    round: `for k in 0 1 2 3 4 5; do ip nexthop del id $((${FIRST_ID} + i * 3 + k)); done`,
  },
  {
    what: "objects of ours are replaced by foreign ones, which stay",
    round: `id=$((${FIRST_ID} + i)); ip -6 nexthop replace id $id via fe80::9 dev tun2 proto 99 && echo id $id via fe80::9`,
  },
  {
    what: "ids of ours are blackholes, and no longer",
    round: `for k in 0 1 2 3; do id=$((${FIRST_ID} + i + k)); ip -6 nexthop replace id $id blackhole proto 254; sleep 0.02; ip nexthop del id $id; done`,
  },
  {
    what: "nexthops for bridges, of our protocol, come and go in our block",
    round: `for k in 3 5 7 9; do id=$((${FIRST_ID} + i + k)); ip nexthop add id $id via 192.0.2.1 fdb proto 254; ip nexthop add id $((id + 1)) group $id fdb proto 254; ip nexthop del id $id; ip nexthop del id $((id + 1)); done`,
  },
  {
    what: "the table is flushed",
    round: FLUSH,
  },
  {
    what: "groups are flushed",
    round: "ip nexthop list proto 254 groups | while read _ id _; do ip nexthop del id $id; done",
  },
  { what: "the device goes down and up", round: "ip link set tun down; ip link set tun up" },
  {
    what: "the device is renamed and named back",
    round: "ip link set tun name tun9; sleep 0.02; ip link set tun9 name tun",
  },
  {
    what: "the device is made anew",
    round: `ip link del tun; ${MAKE}`,
  },
  {
    what: "another device gets the name, while the old one is there still",
    round:
      "ip link set tun name old; ip link add tun type vxlan external dstport $((5000 + i)); ip link set tun up; sleep 0.05; ip link del old",
  },
  {
    what: "another device has the name for a while, and both are up",
    round:
      "ip link set tun name old; ip link add tun type vxlan external dstport 5001; ip link set tun up; sleep 0.05; ip link del tun; ip link set old name tun",
  },
  {
    what: "another kind of device has the name for a while",
    round: `ip link del tun; ip link add tun type veth peer name tunp; ip link set tunp up; ip link set tun up; sleep 0.1; ip link del tun; ${MAKE}`,
  },
  {
    what: "the device is in another network namespace for a while",
    round:
      "unshare -n sleep 3 & P=$!; sleep 0.1; ip link set tun netns $P; nsenter --net=/proc/$P/ns/net ip link set tun netns $$; ip link set tun up; kill $P",
    end: "ip link set tun up",
  },
  {
    what: "IPv6 is switched off and on at the device",
    round: `W=tun; echo 1 >${DISABLE_IPV6}; echo 0 >${DISABLE_IPV6}`,
  },
  {
    what: "IPv6 is switched off and on everywhere",
    round: `W=all; echo 1 >${DISABLE_IPV6}; echo 0 >${DISABLE_IPV6}; ip -6 nexthop replace id 7 via fe80::7 dev tun2 proto 99; ip nexthop replace id 8 group 7 proto 99; ip route replace 192.0.2.0/24 table 100 nhid 7 proto 99; ip -6 route replace 2001:db8:99::/48 table 100 nhid 8 proto 99`,
  },
  { what: "caches are flushed", round: "ip -6 route flush cache; ip route flush cache" },
  {
    what: "foreign routes of another metric stand at our destinations",
    round:
      "ip route add 10.0.0.$i/32 dev tun2 table 100 metric 77 proto 99 && echo 10.0.0.$i dev tun2 table 100 proto 99; ip -6 route add 2001:db8:7:0:0:$i::/128 dev tun2 table 100 metric 7 proto 99",
  },
  {
    what: "foreign routes take our places and leave them",
    round:
      "for k in 1 2 3 4 5; do ip route replace blackhole 10.0.0.$((i + k))/32 table 100 proto 99; done; for k in 1 2 3 4 5; do ip route del blackhole 10.0.0.$((i + k))/32 table 100 proto 99; done",
  },
  {
    what: "routes of ours are replaced by ones of our protocol that name no object",
    round: "for k in 1 2 3 4 5; do ip route replace 10.0.0.$((i + k))/32 dev tun2 table 100 proto 254; done",
  },
];

describe.skipIf(reason !== null)(`a storm in a real kernel${because}`, () => {
  test.concurrent.each(STORMS.map(({ what, ...storm }) => [what, storm] as const))(
    "%s",
    async (_, { round, end = "" }) => {
      await using namespace = await OverlayNamespace.create(...MAKE_OTHER, ...SETUP);
      const foreign = () => namespace.everything().filter((line) => / proto 99\b/.test(line));
      const before = foreign();
      await using installer = await NamespaceInstaller.start(namespace);
      for (const hop of [A, B]) await installer.addMany(COUNT, hop);
      await installer.complete();
      await installer.quiet();

      const script = `i=0; while [ $i -lt ${ROUNDS} ]; do { ${round}\n} 2>/dev/null; sleep 0.05; i=$((i + 1)); done; ${end}`;
      const storm = Bun.spawn([...namespace.enter, "sh", "-c", script], { stderr: "inherit" });
      for (let isOver = false; !isOver; ) {
        await installer.addMany(COUNT, C);
        await installer.removeMany(COUNT, A);
        // The installer is to meet the storm at any moment; none of them is an event.
        await Bun.sleep(20);
        await installer.addMany(COUNT, A);
        await installer.removeMany(COUNT, C);
        isOver = await Promise.race([storm.exited.then(() => true), Bun.sleep(20).then(() => false)]);
      }

      await eventually(() => tally(namespace.routes()), { [`by ${A} ${B}`]: COUNT });
      await eventually(
        async () => {
          const { ipv4, ipv6 } = await installer.table();
          return [ipv4, ipv6].map(({ installed, pending, failed, collided }) => {
            return { installed, pending, failed, collided };
          });
        },
        Array.from({ length: 2 }, () => ({ installed: COUNT / 2, pending: 0, failed: 0, collided: 0 })),
      );
      const after = foreign();
      expect(before.filter((line) => !after.includes(line))).toEqual([]);
      const stays = (await new Response(storm.stdout).text()).split("\n").filter((line) => line !== "");
      expect(stays.filter((line) => !after.some((other) => other.startsWith(line)))).toEqual([]);
      expect(await installer.faults()).toEqual([]);
    },
    120_000,
  );

  test("more notifications than there is room for, among them those of our own routes' end", async () => {
    await using namespace = await OverlayNamespace.create(...MAKE_OTHER, ...SETUP);
    await using installer = await NamespaceInstaller.start(namespace);
    for (const hop of [A, B]) await installer.addMany(COUNT, hop);
    await installer.complete();
    await installer.quiet();
    installer.pause(true);
    const lines = Array.from({ length: 120_000 }, (_, n) => {
      return `route add 172.${16 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}/32 dev tun2 table 90 proto 99`;
    });
    namespace.namespace.ip(lines);
    // No more is logged of these.
    namespace.sh(`${FLUSH}; ip nexthop flush proto 254`);
    installer.pause(false);
    await eventually(() => tally(namespace.routes()), { [`by ${A} ${B}`]: COUNT });
    // While what was lost is being found out, more goes on.
    namespace.sh(`for i in 1 2 3 4 5; do ${FLUSH}; sleep 0.05; done`);
    await eventually(() => tally(namespace.routes()), { [`by ${A} ${B}`]: COUNT });
    expect((await installer.table()).ipv4).toMatchObject({
      installed: COUNT / 2,
      pending: 0,
      collided: 0,
      failed: 0,
    });
  }, 120_000);
});

/** How many routes go by which hops. */
function tally(routes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of routes) {
    const by = line.slice(line.indexOf(" ") + 1);
    counts[by] = (counts[by] ?? 0) + 1;
  }
  return counts;
}
