/** What the queries answer, on servers and clients in memory. */

import { describe, expect, test } from "bun:test";
import type {
  ChangeEntry,
  Explanation,
  HistoryPage,
  RoutePage,
  VniList,
} from "../../../src/http/queries/api.ts";
import { clientSource, serverSource } from "../../../src/http/queries/daemon-sources.ts";
import { type EventPosition, eventStream } from "../../../src/http/queries/event-stream.ts";
import type { KernelReader } from "../../../src/http/queries/fib-source.ts";
import type { QuerySource } from "../../../src/http/queries/query-source.ts";
import type { Prefix } from "../../../src/net/ip.ts";
import { routeOfText } from "../../support/models/frame-text.ts";
import { SeededRandom } from "../../support/models/random.ts";
import { ClientRig } from "../../support/network/client-rig.ts";
import { askQuery } from "../../support/network/query-answer.ts";

const ROUTES = [
  "100 10.0.1.0/24 via 2001:db8::1",
  "100 10.0.1.0/24 via 2001:db8::2 type nat ports 1-9",
  "100 10.0.0.0/8 via 2001:db8::1",
  "100 10.0.1.128/25 via 2001:db8::1",
  "100 2001:db8:1::/48 via 2001:db8::1",
  "200 10.0.0.0/8 via 2001:db8::3",
];

/** A server, a client that announces all, and one that subscribes to 100. */
async function setup(options: { readonly kernel?: KernelReader; retainSeconds?: number } = {}) {
  const rig = new ClientRig();
  const server = await rig.startServer(1, { retainSeconds: options.retainSeconds ?? 0 });
  const announcer = rig.client([1]).announce(...ROUTES);
  const reader = rig.client([1]).subscribe(100);
  rig.clock.advance(1000);
  const onServer = serverSource(server, rig.clock);
  const onClient = clientSource(reader.client, rig.clock, options.kernel ?? null);
  return {
    rig,
    announcer,
    reader,
    server: <T>(path: string) => askQuery<T>(rig, onServer, path),
    client: <T>(path: string) => askQuery<T>(rig, onClient, path),
  };
}

const linesOf = ({ routes }: RoutePage) =>
  routes.flatMap(({ vni, destination, nextHops }) =>
    nextHops.map(({ address, type }) => `${vni} ${destination} ${address} ${type}`),
  );

test("VNIs of a server and of a client have the same digest, and say who subscribes", async () => {
  const { server, client } = await setup();
  const [first, second] = (await server<VniList>("/v1/vnis")).vnis;
  expect(first).toMatchObject({ vni: 100, ipv4Routes: 4, ipv6Routes: 1, subscribers: 1 });
  expect(second).toMatchObject({ vni: 200, ipv4Routes: 1, ipv6Routes: 0, subscribers: 0 });
  const ofClient = (await client<VniList>("/v1/vnis")).vnis;
  expect(ofClient).toMatchObject([
    { vni: 100, ipv4Routes: 4, ipv6Routes: 1, subscribed: true, complete: true, digest: first?.digest },
  ]);
});

describe("routes", () => {
  const CASES: readonly (readonly [path: string, lines: readonly string[]])[] = [
    [
      "/v1/routes",
      [
        "100 10.0.0.0/8 2001:db8::1 STANDARD",
        "100 10.0.1.0/24 2001:db8::1 STANDARD",
        "100 10.0.1.0/24 2001:db8::2 NAT",
        "100 10.0.1.128/25 2001:db8::1 STANDARD",
        "100 2001:db8:1::/48 2001:db8::1 STANDARD",
        "200 10.0.0.0/8 2001:db8::3 STANDARD",
      ],
    ],
    ["/v1/vnis/200/routes", ["200 10.0.0.0/8 2001:db8::3 STANDARD"]],
    ["/v1/vnis/300/routes", []],
    // An address is looked up; a prefix is itself.
    ["/v1/vnis/100/routes?prefix=10.0.1.200", ["100 10.0.1.128/25 2001:db8::1 STANDARD"]],
    ["/v1/vnis/100/routes?prefix=10.0.0.0/8", ["100 10.0.0.0/8 2001:db8::1 STANDARD"]],
    ["/v1/vnis/100/routes?prefix=10.0.0.0/9", []],
    [
      "/v1/vnis/100/routes?prefix=10.0.1.0/24&match=longer",
      [
        "100 10.0.1.0/24 2001:db8::1 STANDARD",
        "100 10.0.1.0/24 2001:db8::2 NAT",
        "100 10.0.1.128/25 2001:db8::1 STANDARD",
      ],
    ],
    [
      "/v1/vnis/100/routes?prefix=10.0.1.200&match=shorter&type=STANDARD",
      [
        "100 10.0.1.128/25 2001:db8::1 STANDARD",
        "100 10.0.1.0/24 2001:db8::1 STANDARD",
        "100 10.0.0.0/8 2001:db8::1 STANDARD",
      ],
    ],
    ["/v1/routes?nextHop=2001:db8::3", ["200 10.0.0.0/8 2001:db8::3 STANDARD"]],
    ["/v1/routes?type=nat", ["100 10.0.1.0/24 2001:db8::2 NAT"]],
    ["/v1/routes?stale=true", []],
    ["/v1/routes?from=nobody", []],
    ["/v1/routes?text=DB8::3", ["200 10.0.0.0/8 2001:db8::3 STANDARD"]],
    ["/v1/vnis/100/routes?text=1.128/2", ["100 10.0.1.128/25 2001:db8::1 STANDARD"]],
    ["/v1/routes?text=nowhere", []],
    ["/v1/routes?from=1&vni=200", ["200 10.0.0.0/8 2001:db8::3 STANDARD"]],
  ];
  for (const [path, lines] of CASES) {
    test(path, async () => {
      const { server } = await setup();
      expect(linesOf(await server<RoutePage>(path)).sort()).toEqual(lines.toSorted());
    });
  }

  test("page by page, and as a stream, it is the same list", async () => {
    const { server } = await setup();
    const whole = await server<RoutePage>("/v1/routes");
    expect(whole.next).toBeNull();
    const pages: RoutePage["routes"][number][] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const asked: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: RoutePage = await server<RoutePage>(`/v1/routes?limit=1${asked}`);
      expect(page.routes.length).toBeLessThanOrEqual(1);
      pages.push(...page.routes);
      cursor = page.next;
    }
    const keys = (routes: RoutePage["routes"]) =>
      routes.map(({ vni, destination }) => `${vni} ${destination}`);
    expect(keys(pages)).toEqual(keys(whole.routes));
    const streamed = await server<RoutePage["routes"]>("/v1/routes?format=jsonl");
    expect(keys(streamed)).toEqual(keys(whole.routes));
  });

  test("each next hop has its announcers, since when, and its number of changes", async () => {
    const { rig, announcer, server, client } = await setup();
    announcer.withdraw(ROUTES[0] ?? "");
    rig.clock.advance(5000);
    announcer.announce(ROUTES[0] ?? "");
    rig.clock.advance(60_000);
    const [entry] = (await server<RoutePage>("/v1/vnis/100/routes?prefix=10.0.1.0/24")).routes;
    const [hop] = entry?.nextHops.filter(({ type }) => type === "STANDARD") ?? [];
    expect(hop).toMatchObject({ used: true, changes: 3, holders: [{ id: 1, state: "live" }] });
    const ageMs = Date.now() - Date.parse(hop?.holders[0]?.since ?? "");
    expect(ageMs).toBeGreaterThan(59_000);
    expect(ageMs).toBeLessThan(65_000);
    const [onClient] = (await client<RoutePage>("/v1/vnis/100/routes?prefix=10.0.1.0/24")).routes;
    expect(onClient?.nextHops.map(({ holders }) => holders[0])).toMatchObject([
      { name: "[::1]:1", id: null, state: "live" },
      { name: "[::1]:1", id: null, state: "live" },
    ]);
  });

  test("a lost peer's routes are retained, and found as stale ones", async () => {
    const { rig, server } = await setup({ retainSeconds: 100 });
    rig.cutConnections(1);
    rig.clock.advance(100);
    const { routes } = await server<RoutePage>("/v1/routes?stale");
    expect(routes.length).toBe(5);
    expect(routes[0]?.nextHops[0]?.holders[0]?.state).toBe("retained");
  });
});

describe("explain", () => {
  const explained = async (path: string, ...changes: Parameters<typeof setup>) => {
    const { server, client } = await setup(...changes);
    return { server: await server<Explanation>(path), client: await client<Explanation>(path) };
  };

  test("the longest match goes before those that contain it", async () => {
    const { server, client } = await explained("/v1/explain/10.0.1.200?vni=100");
    for (const one of [server, client]) {
      expect(one.verdict).toBe("works");
      expect(one.matches).toMatchObject([
        { vni: 100, destination: "10.0.1.128/25", covering: ["10.0.1.0/24", "10.0.0.0/8"] },
      ]);
    }
    expect(server.matches[0]?.recipients).toEqual([
      { nextHop: "2001:db8::1", subscribers: 1, sent: 1, notSent: [] },
    ]);
  });

  test("over all VNIs, and with a source only those that have it, too", async () => {
    const { server } = await explained("/v1/explain/10.9.9.9");
    expect(server.matches.map(({ vni, destination }) => `${vni} ${destination}`)).toEqual([
      "100 10.0.0.0/8",
      "200 10.0.0.0/8",
    ]);
    const both = await explained("/v1/explain/2001:db8:1::7?source=2001:db8:1::9");
    expect(both.server.matches).toMatchObject([{ vni: 100, sourceDestination: "2001:db8:1::/48" }]);
    expect((await explained("/v1/explain/2001:db8:1::7?source=2001:db8:2::9")).server.verdict).toBe(
      "not-announced",
    );
  });

  const NOTHING: readonly (readonly [path: string, verdict: string, words: string])[] = [
    ["/v1/explain/192.0.2.1?vni=100", "not-announced", "no server has a route to 192.0.2.1 in VNI 100"],
    ["/v1/explain/192.0.2.1", "not-announced", "the VNIs that this client subscribes to (100)"],
    ["/v1/explain/10.0.1.7?vni=200", "not-subscribed", "bunbond subscribe 200"],
  ];
  for (const [path, verdict, words] of NOTHING) {
    test(`${verdict} on a client: ${path}`, async () => {
      const { client } = await explained(path);
      expect(client.verdict).toBe(verdict as Explanation["verdict"]);
      expect(client.summary).toContain(words);
    });
  }

  test("without a server, or before its End-of-RIB, nothing is known yet", async () => {
    const rig = new ClientRig();
    const reader = rig.client([1]).subscribe(100);
    const source = clientSource(reader.client, rig.clock);
    const away = await askQuery<Explanation>(rig, source, "/v1/explain/10.0.1.7");
    expect(away).toMatchObject({
      verdict: "incomplete",
      summary: expect.stringContaining("none of 1 server is connected"),
    });
  });

  test("stale once the server is lost", async () => {
    const { rig, client } = await setup();
    rig.killServer(1);
    rig.clock.advance(1000);
    expect((await client<Explanation>("/v1/explain/10.0.1.7?vni=100")).verdict).toBe("stale");
  });

  test("own where the client announces it itself", async () => {
    const { rig, reader, client } = await setup();
    reader.announce("100 10.7.0.0/16 via 2001:db8::9");
    rig.clock.advance(100);
    expect((await client<Explanation>("/v1/explain/10.7.0.1?vni=100")).verdict).toBe("own");
  });
});

describe("history", () => {
  const linesOfPage = ({ changes }: HistoryPage) =>
    changes.map(({ change, vni, destination, nextHop, reason, by }) =>
      [change, vni, destination, nextHop, reason, by.id].filter((one) => one !== null).join(" "),
    );

  test("of a server: who announced and withdrew what, and why it went", async () => {
    const { rig, announcer, server } = await setup();
    announcer.withdraw(ROUTES[5] ?? "");
    rig.clock.advance(100);
    await announcer.client.stop(0, "keep");
    rig.clock.advance(1000);
    const page = await server<HistoryPage>("/v1/history?vni=200");
    expect(linesOfPage(page)).toEqual([
      "add 200 10.0.0.0/8 2001:db8::3 announced 1",
      "remove 200 10.0.0.0/8 2001:db8::3 withdrawn 1",
    ]);
    expect(linesOfPage(await server<HistoryPage>("/v1/history?prefix=10.0.1.0/24&about=routes"))).toEqual(
      [
        "add 100 10.0.1.0/24 2001:db8::1 announced 1",
        "add 100 10.0.1.0/24 2001:db8::2 type nat ports 1-9 announced 1",
        "add 100 10.0.1.128/25 2001:db8::1 announced 1",
        "remove 100 10.0.1.128/25 2001:db8::1 peer-lost 1",
        "remove 100 10.0.1.0/24 2001:db8::2 type nat ports 1-9 peer-lost 1",
        "remove 100 10.0.1.0/24 2001:db8::1 peer-lost 1",
      ].filter((line) => !line.includes("VNI")),
    );
    // Of an address: the changes of what contains it.
    const ofAddress = await server<HistoryPage>("/v1/history?prefix=10.0.1.200&about=routes&limit=2");
    expect(ofAddress.changes.every(({ destination }) => destination !== "2001:db8:1::/48")).toBe(true);
    expect(ofAddress.changes).toHaveLength(2);
    expect(linesOfPage(await server<HistoryPage>("/v1/history?about=peers"))).toEqual([
      "up established 1",
      "up established 2",
      "down ended 1",
    ]);
  });

  test("of a client: what came into its view and left it, by which server", async () => {
    const { rig, reader, client } = await setup();
    reader.client.unsubscribe(100);
    rig.clock.advance(100);
    const { changes } = await client<HistoryPage>("/v1/history?about=routes&prefix=2001:db8:1::/48");
    expect(changes.map(({ change, reason, by }) => `${change} ${reason} ${by.name}`)).toEqual([
      "add announced [::1]:1",
      "remove unsubscribed [::1]:1",
    ]);
  });

  test("the last ones, or those after a number or a time, page by page", async () => {
    const { rig, announcer, server } = await setup();
    rig.clock.advance(600_000);
    announcer.withdraw(ROUTES[0] ?? "");
    rig.clock.advance(100);
    const all = await server<HistoryPage>("/v1/history");
    const numbers = all.changes.map(({ number }) => number);
    expect(numbers).toEqual(Array.from({ length: all.next }, (_, i) => i));
    const last = await server<HistoryPage>("/v1/history?limit=2");
    expect(last.changes.map(({ number }) => number)).toEqual(numbers.slice(-2));
    const after = await server<HistoryPage>("/v1/history?after=2&limit=3");
    expect(after.changes.map(({ number }) => number)).toEqual([3, 4, 5]);
    const since = await server<HistoryPage>("/v1/history?since=5m");
    expect(linesOfPage(since)).toEqual(["remove 100 10.0.1.0/24 2001:db8::1 withdrawn 1"]);
  });
});

describe("the event stream", () => {
  interface StreamEvent {
    readonly id: string | null;
    readonly name: string;
    readonly data: Partial<Omit<ChangeEntry, "number">>;
  }

  /** Reads events as they come. */
  class StreamReader {
    readonly events: StreamEvent[] = [];
    readonly #abort = new AbortController();
    readonly #rig: ClientRig;
    readonly #done: Promise<void>;

    constructor(
      rig: ClientRig,
      source: QuerySource,
      after: EventPosition | null,
      vni: number | null,
      hasSnapshot = true,
      prefix: Prefix | null = null,
    ) {
      this.#rig = rig;
      const filter = { vni, prefix, about: null };
      const { signal } = this.#abort;
      const stream = eventStream({ source, epoch: "e1", filter, resumeAfter: after, hasSnapshot, signal });
      this.#done = (async () => {
        for await (const piece of stream) {
          for (const block of piece.split("\n\n")) {
            const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? null;
            const name = field("event");
            if (name !== null)
              this.events.push({ id: field("id"), name, data: JSON.parse(field("data") ?? "") });
          }
        }
      })();
    }

    /** Lets the stream go on for a while. */
    async settle(): Promise<void> {
      await this.#rig.until(
        (async () => {
          for (let i = 0; i < 200; i++) await Promise.resolve();
        })(),
      );
    }

    async stop(): Promise<void> {
      this.#abort.abort();
      await this.#rig.until(this.#done);
    }

    get names(): string[] {
      return this.events.map(({ name, data }) => `${name} ${data.destination ?? ""}`.trim());
    }
  }

  async function streamSetup() {
    const rig = new ClientRig();
    const server = await rig.startServer(1);
    const announcer = rig.client([1]).announce(...ROUTES);
    rig.clock.advance(1000);
    return { rig, announcer, source: serverSource(server, rig.clock) };
  }

  test("begins with the state, and goes on with changes", async () => {
    const { rig, announcer, source } = await streamSetup();
    const reader = new StreamReader(rig, source, null, 100);
    await reader.settle();
    const state = ["route 10.0.0.0/8", "route 10.0.1.0/24", "route 10.0.1.128/25", "route 2001:db8:1::/48"];
    expect(reader.names).toEqual(["begin", ...state, "end"]);
    announcer.withdraw(ROUTES[4] ?? "", ROUTES[5] ?? "");
    rig.clock.advance(10);
    await reader.settle();
    expect(reader.names.slice(6)).toEqual(["change 2001:db8:1::/48"]);
    await reader.stop();
  });

  test("has no routes for a reader that reads them page by page", async () => {
    const { rig, announcer, source } = await streamSetup();
    const reader = new StreamReader(rig, source, null, 100, false);
    await reader.settle();
    announcer.withdraw(ROUTES[4] ?? "");
    rig.clock.advance(10);
    await reader.settle();
    expect(reader.names).toEqual(["begin", "end", "change 2001:db8:1::/48"]);
    await reader.stop();
  });

  test("resumes after a number without a gap, and begins anew for another daemon or when too much is forgotten", async () => {
    const { rig, announcer, source } = await streamSetup();
    const before = source.history.next;
    announcer.withdraw(ROUTES[4] ?? "");
    rig.clock.advance(10);
    announcer.announce(ROUTES[4] ?? "");
    rig.clock.advance(10);
    const resumed = new StreamReader(rig, source, { epoch: "e1", number: before - 1 }, null);
    await resumed.settle();
    expect(resumed.events.map(({ id }) => id)).toEqual([`e1-${before}`, `e1-${before + 1}`]);
    await resumed.stop();
    for (const after of [
      { epoch: "e0", number: before - 1 },
      { epoch: "e1", number: before + 1000 },
    ]) {
      const anew = new StreamReader(rig, source, after, null);
      await anew.settle();
      expect(anew.names[0]).toBe("begin");
      await anew.stop();
    }
  });

  test("of an address, the state and the changes have what contains it", async () => {
    const { rig, announcer, source } = await streamSetup();
    const { destination } = routeOfText("100 10.0.1.200/32 via 2001:db8::1");
    const reader = new StreamReader(rig, source, null, 100, true, destination);
    await reader.settle();
    expect(reader.names.slice(1, -1).sort()).toEqual([
      "route 10.0.0.0/8",
      "route 10.0.1.0/24",
      "route 10.0.1.128/25",
    ]);
    announcer.withdraw(ROUTES[3] ?? "", ROUTES[4] ?? "");
    rig.clock.advance(10);
    await reader.settle();
    expect(reader.names.slice(5)).toEqual(["change 10.0.1.128/25"]);
    await reader.stop();
  });

  test("a reader that applies it has the daemon's state, whatever happens during the snapshot", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const { rig, announcer, source } = await streamSetup();
      const reader = new StreamReader(rig, source, null, null);
      const known = Array.from(
        { length: 300 },
        (_, i) => `100 10.${i >> 4}.${i & 15}.0/24 via 2001:db8::${1 + (i % 3)}`,
      );
      for (let step = 0; step < 40; step++) {
        const route = random.pick(known);
        if (random.chance(0.6)) announcer.announce(route);
        else announcer.withdraw(route);
        rig.clock.advance(1);
        if (random.chance(0.3)) await reader.settle();
      }
      rig.clock.advance(100);
      await reader.settle();
      await reader.stop();
      const held = new Set<string>();
      for (const { name, data } of reader.events) {
        if (name === "begin") held.clear();
        if (name === "route") {
          const { vni, destination, nextHops } = data as unknown as RoutePage["routes"][number];
          for (const { address, type } of nextHops) held.add(`${vni} ${destination} ${address} ${type}`);
        }
        if (name !== "change" || data.vni === null) continue;
        const [address = "", , type] = `${data.nextHop}`.split(" ");
        const key = `${data.vni} ${data.destination} ${address} ${type === undefined ? "STANDARD" : "NAT"}`;
        if (data.change === "add") held.add(key);
        else held.delete(key);
      }
      const now = linesOf(await askQuery<RoutePage>(rig, source, "/v1/routes"));
      expect([seed, ...held].sort()).toEqual([seed, ...now].sort());
    }
  });
});

describe("what is wrong in a request is named", () => {
  const BAD: readonly (readonly [path: string, words: string])[] = [
    ["/v1/vnis/x/routes", "the VNI"],
    ["/v1/vnis/4294967296/routes", "the VNI"],
    ["/v1/routes?prefix=10.0.0", "prefix must be an address or a prefix"],
    ["/v1/routes?match=near", "match must be one of"],
    ["/v1/routes?limit=0", "limit"],
    ["/v1/routes?limit=1001", "limit"],
    ["/v1/routes?cursor=7", "cursor"],
    ["/v1/routes?colour=red", "colour"],
    ["/v1/history?since=yesterday", "since must be a duration"],
    ["/v1/history?about=colours", "about must be routes or peers"],
    ["/v1/explain/nowhere", "address must be"],
    ["/v1/explain/10.0.0.1?source=::1", "same family"],
  ];
  for (const [path, words] of BAD) {
    test(path, async () => {
      const { server } = await setup();
      const answer = await server<{ code: string; message: string }>(path);
      expect(answer.code).toBe("BAD_QUERY");
      expect(answer.message).toContain(words);
    });
  }
});
