/** What the queries answer, on servers and clients in memory. */
import { describe, expect, test } from "bun:test";
import type { Explanation, RoutePage, VniList } from "../../../src/http/queries/api.ts";
import { clientSource, serverSource } from "../../../src/http/queries/daemon-sources.ts";
import { queryEndpoints } from "../../../src/http/queries/endpoints.ts";
import type { ClientSource, QuerySource } from "../../../src/http/queries/query-source.ts";
import { Router } from "../../../src/http/router.ts";
import { ClientRig } from "../../support/network/client-rig.ts";

/** Asks as an HTTP listener does, while time passes. */
async function ask<T>(rig: ClientRig, source: QuerySource, path: string): Promise<T> {
  const failures: unknown[] = [];
  const router = new Router({ routes: queryEndpoints(source), onFailure: (error) => failures.push(error) });
  const url = new URL(path, "http://localhost");
  const answered = router.answer({
    method: "GET",
    path: url.pathname,
    query: url.searchParams,
    host: "localhost",
    text: async () => "",
    signal: new AbortController().signal,
  });
  await rig.until(answered.then(() => {}));
  const answer = await answered;
  if (failures.length > 0) throw failures[0];
  let text = "";
  if (typeof answer.body === "string") text = answer.body;
  else {
    const read = async () => {
      for await (const piece of answer.body) text += piece;
    };
    await rig.until(read());
    const lines = text.trim().split("\n");
    // The answer's shape is what the test is about.
    return (text === "" ? [] : lines.map((line) => JSON.parse(line))) as T;
  }
  return JSON.parse(text);
}

const ROUTES = [
  "100 10.0.1.0/24 via 2001:db8::1",
  "100 10.0.1.0/24 via 2001:db8::2 type nat ports 1-9",
  "100 10.0.0.0/8 via 2001:db8::1",
  "100 10.0.1.128/25 via 2001:db8::1",
  "100 2001:db8:1::/48 via 2001:db8::1",
  "200 10.0.0.0/8 via 2001:db8::3",
];

/** A server, a client that announces all, and one that subscribes to 100. */
async function setup(
  options: { readonly kernelRoute?: ClientSource["kernelRoute"]; retainSeconds?: number } = {},
) {
  const rig = new ClientRig();
  const server = await rig.startServer(1, { retainSeconds: options.retainSeconds ?? 0 });
  const announcer = rig.client([1]).announce(...ROUTES);
  const reader = rig.client([1]).subscribe(100);
  rig.clock.advance(1000);
  const onServer = serverSource(server, rig.clock);
  const onClient = clientSource(reader.client, rig.clock, options.kernelRoute);
  return {
    rig,
    announcer,
    reader,
    server: <T>(path: string) => ask<T>(rig, onServer, path),
    client: <T>(path: string) => ask<T>(rig, onClient, path),
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
    ["/v1/explain/192.0.2.1", "not-announced", "any of 1 subscribed VNI"],
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
    const away = await ask<Explanation>(rig, source, "/v1/explain/10.0.1.7");
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

  test("what the kernel lacks is the verdict, whatever the servers say", async () => {
    const problem = "a foreign route is in the way: ip -6 route show 10.0.1.128/25 table 100";
    const kernelRoute = () => ({ table: 100, state: "refused", problem });
    const { client } = await explained("/v1/explain/10.0.1.200?vni=100", { kernelRoute });
    expect(client).toMatchObject({ verdict: "not-installed", summary: expect.stringContaining(problem) });
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
