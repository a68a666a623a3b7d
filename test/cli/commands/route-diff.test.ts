/** The comparison of two daemons' routes: see src/cli/commands/route-diff.ts. */
import { describe, expect, test } from "bun:test";
import { type DiffSide, diffSides } from "../../../src/cli/commands/route-diff.ts";
import type { RouteEntry } from "../../../src/http/queries/api.ts";
import { comparePrefix, parsePrefix } from "../../../src/net/prefix.ts";
import { SeededRandom } from "../../support/models/random.ts";

/** Hops by "VNI DESTINATION": a hop with "?" is not used, as one that a client announces itself. */
type Routes = Readonly<Record<string, readonly string[]>>;

interface SideOptions {
  readonly program?: "client" | "server";
  readonly subscribed?: readonly number[];
}

/** A side that has `looks[n]` when it is asked for its VNIs for the n-th time. */
function side(
  name: string,
  looks: readonly Routes[],
  options: SideOptions = {},
): DiffSide & { reads: number } {
  const { program = "server", subscribed = [] } = options;
  let look = -1;
  const routes = () => looks[Math.min(look, looks.length - 1)] ?? {};
  return {
    name,
    reads: 0,
    async vnis() {
      look++;
      const vnis = new Map<number, string[]>(subscribed.map((vni) => [vni, []]));
      for (const [key, hops] of Object.entries(routes())) {
        const used = hops.filter((hop) => !hop.includes("?"));
        vnis
          .getOrInsertComputed(Number(key.split(" ")[0]), () => [])
          .push(...used.map((hop) => `${key} ${hop}`));
      }
      return {
        program,
        vnis: Array.from(vnis, ([vni, all]) => ({
          vni,
          ipv4Routes: 0,
          ipv6Routes: 0,
          digest: all.length === 0 ? "0".repeat(16) : all.sort().join(),
          ...(program === "client" && { subscribed: subscribed.includes(vni) }),
        })),
      };
    },
    async *routes(vni) {
      this.reads++;
      const ofVni = Object.entries(routes()).flatMap(([key, hops]) => {
        const [number, destination = ""] = key.split(" ");
        return Number(number) === vni ? [{ destination, hops }] : [];
      });
      const prefix = (text: string) => parsePrefix(text)?.prefix ?? never(text);
      ofVni.sort((a, b) => comparePrefix(prefix(a.destination), prefix(b.destination)));
      for (const { destination, hops } of ofVni) yield entry(vni, destination, hops);
    },
  };
}

function never(text: string): never {
  throw new Error(text);
}

function entry(vni: number, destination: string, hops: readonly string[]): RouteEntry {
  const nextHops = hops.map((hop) => ({
    address: hop.replace("?", ""),
    type: "STANDARD",
    targetVni: 0,
    natPortFrom: 0,
    natPortTo: 0,
    used: !hop.includes("?"),
    holders: [],
    changes: 0,
  }));
  return { vni, destination, nextHops, kernel: null };
}

async function compare(a: DiffSide, b: DiffSide, limit = 100) {
  const slept: number[] = [];
  const report = await diffSides(a, b, { limit, sleep: async (ms) => void slept.push(ms) });
  const differences = report.differences.map(
    ({ vni, destination, nextHop, has }) => `${has} ${vni} ${destination} ${nextHop}`,
  );
  return { ...report, differences, slept };
}

describe("two daemons", () => {
  test("with equal routes are not read", async () => {
    const routes = { "1 10.0.0.0/8": ["a"] };
    const [a, b] = [side("A", [routes]), side("B", [routes])];
    expect(await compare(a, b)).toMatchObject({ equal: true, compared: 1, count: 0, slept: [] });
    expect(a.reads + b.reads).toBe(0);
  });

  test("are looked at again: what is equal then is no difference", async () => {
    const a = side("A", [
      { "1 10.0.0.0/8": ["a"], "1 10.0.0.0/9": ["a"] },
      { "1 10.0.0.0/8": ["a", "late"] },
    ]);
    const b = side("B", [{ "1 10.0.0.0/9": ["b"] }, {}]);
    expect(await compare(a, b)).toMatchObject({ count: 1, differences: ["A 1 10.0.0.0/8 a"], slept: [1000] });
  });

  test("of which one has no routes at all", async () => {
    expect(await compare(side("A", [{}]), side("B", [{ "1 ::/0": ["x", "y"] }]), 1)).toMatchObject({
      equal: false,
      count: 2,
      differences: ["B 1 ::/0 x"],
    });
  });
});

test("a client is compared in the VNIs that it subscribes to, without its own announcements", async () => {
  const client = side("C", [{ "1 10.0.0.0/8": ["own?", "a"], "3 10.0.0.0/8": ["own?"] }], {
    program: "client",
    subscribed: [1, 2],
  });
  const server = side("S", [
    { "1 10.0.0.0/8": ["own", "a"], "2 10.0.0.0/8": ["b"], "3 10.0.0.0/8": ["c"], "4 10.0.0.0/8": ["d"] },
  ]);
  expect(await compare(client, server)).toMatchObject({ compared: 2, differences: ["S 2 10.0.0.0/8 b"] });
});

test("a client that subscribes to nothing differs in nothing", async () => {
  const client = side("C", [{}], { program: "client" });
  expect(await compare(client, side("S", [{ "1 10.0.0.0/8": ["a"] }]))).toMatchObject({
    equal: true,
    compared: 0,
  });
});

test("next hops that differ in anything but the address are different, and named as everywhere", async () => {
  const a = side("A", [{ "1 10.0.0.0/8": ["a"] }]);
  const b = side("B", [{ "1 10.0.0.0/8": ["b"] }]);
  const nat = { ...entry(1, "10.0.0.0/8", ["a"]) };
  const [hop] = nat.nextHops;
  if (hop === undefined) throw new Error("no next hop");
  b.routes = async function* () {
    yield { ...nat, nextHops: [{ ...hop, type: "NAT", natPortFrom: 1024, natPortTo: 2047, targetVni: 9 }] };
  };
  expect((await compare(a, b)).differences).toEqual([
    "A 1 10.0.0.0/8 a",
    "B 1 10.0.0.0/8 a type nat ports 1024-2047 target-vni 9",
  ]);
});

test("random routes: the difference of two sets", async () => {
  const seed = Number(process.env["BUNBOND_SEED"] ?? Date.now() % 100_000);
  const random = new SeededRandom(seed);
  const destinations = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/9",
    "2.0.0.0/8",
    "::/0",
    "fd00::/64",
    "fd00:1::/64",
  ];
  for (let run = 0; run < 200; run++) {
    const sets = ["A", "B"].map(() => {
      const set = new Set<string>();
      for (let i = random.below(20); i > 0; i--) {
        set.add(
          `${1 + random.below(2)} ${destinations[random.below(destinations.length)]} h${random.below(3)}`,
        );
      }
      return set;
    });
    const [a = new Set<string>(), b = new Set<string>()] = sets;
    const routesOf = (set: ReadonlySet<string>): Routes =>
      Object.fromEntries(
        Map.groupBy(set, (route) => route.replace(/ \w+$/, ""))
          .entries()
          .map(([key, all]) => [key, all.map((route) => route.split(" ")[2] ?? "")]),
      );
    const { differences, count } = await compare(side("A", [routesOf(a)]), side("B", [routesOf(b)]));
    const expected = [
      ...Array.from(a.difference(b), (route) => `A ${route}`),
      ...Array.from(b.difference(a), (route) => `B ${route}`),
    ].sort();
    if (!Bun.deepEquals(differences.toSorted(), expected)) console.error(`BUNBOND_SEED=${seed}`);
    expect(differences.toSorted()).toEqual(expected);
    expect(count).toBe(expected.length);
  }
});
