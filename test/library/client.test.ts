/** The library's client: what is thrown, what is waited for, and what several servers mean for that. */
import { describe, expect, spyOn, test } from "bun:test";
import { BunBondError } from "../../src/base/bunbond-error.ts";
import { type Logger, silentLogger } from "../../src/base/logger.ts";
import type { ClientHandler } from "../../src/client/events.ts";
import { Client } from "../../src/library/client.ts";
import type { ConnectOptions, ServerAddress } from "../../src/library/options.ts";
import { formatEndpoint } from "../../src/net/endpoint.ts";
import { formatRoute } from "../../src/route/announcement-text.ts";
import type { Route } from "../../src/route/route.ts";
import { routeOfText } from "../support/models/frame-text.ts";
import { ClientRig, serverEndpoint } from "../support/network/client-rig.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "200 10.0.2.0/24 via 2001:db8::2 type nat ports 1024-2047";
const SECOND_MS = 1_000;

class LibraryRig extends ClientRig {
  connect(servers: readonly ServerAddress[], options: Partial<ConnectOptions> = {}): Client {
    const { clock, network } = this;
    return Client.connect({ servers, clock, network, random: () => 0, ...options });
  }
}

/** What was thrown, as its code. */
function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof BunBondError) return error.code;
    throw error;
  }
  return "nothing";
}

/** How the promise ended, so far: "pending", "kept", or the error. */
function outcomeOf(promise: Promise<void>): { now: unknown; readonly error: BunBondError } {
  const outcome = {
    now: "pending" as unknown,
    get error(): BunBondError {
      if (outcome.now instanceof BunBondError) return outcome.now;
      throw new Error(`not an error of ours: ${outcome.now}`);
    },
  };
  promise.then(
    () => {
      outcome.now = "kept";
    },
    (error: unknown) => {
      outcome.now = error;
    },
  );
  return outcome;
}

/** Moves time on, and then lets those run who wait for promises. */
async function pass(rig: ClientRig, ms: number): Promise<void> {
  rig.clock.advance(ms);
  await promisesRun();
}

/** Waits one turn of the event loop: no event says that what waits for a promise has run, or that nothing waits. */
function promisesRun(): Promise<void> {
  return Bun.sleep(0);
}

describe("waiting for servers", () => {
  test("any: as soon as one is established; all: when the last one is", async () => {
    const rig = new LibraryRig();
    await rig.startServer(1);
    const client = rig.connect(["[::1]:1", "[::1]:2"]);
    expect(client.isEstablished).toBe(false);
    const [any, all] = [outcomeOf(client.established()), outcomeOf(client.established({ servers: "all" }))];
    await pass(rig, SECOND_MS);
    expect([any.now, all.now, client.isEstablished]).toEqual(["kept", "pending", true]);
    await rig.startServer(2);
    await pass(rig, 10 * SECOND_MS);
    expect(all.now).toBe("kept");
    await client.established({ servers: "all", timeoutMs: 0 });
  });

  test("too long: a timeout that says which, in what state and why", async () => {
    const rig = new LibraryRig();
    await rig.startServer(1);
    const client = rig.connect(["[::1]:1", "[::1]:2"]);
    const all = outcomeOf(client.established({ servers: "all", timeoutMs: 2_000 }));
    await pass(rig, 1_999);
    expect(all.now).toBe("pending");
    await pass(rig, 1);
    expect(all.error).toMatchObject({ name: "ConnectionTimeoutError", code: "CONNECTION_TIMEOUT" });
    expect(all.error).toMatchObject({
      timeoutMs: 2_000,
      servers: [{ server: serverEndpoint(2), state: "retry" }],
      cause: { name: "IoError", code: "CONNECT_FAILED" },
    });
    expect(all.error.message).toContain("[::1]:2 (retry, connect-failed (connection refused))");
  });

  test("a signal ends the wait with its reason, and nothing that was asked for", async () => {
    const rig = new LibraryRig();
    const client = rig.connect(["[::1]:1"]);
    client.announce(routeOfText(R));
    const controller = new AbortController();
    const { signal } = controller;
    const waits = [client.established({ signal }), client.confirmed({ signal })].map(outcomeOf);
    await pass(rig, SECOND_MS);
    expect(waits.map(({ now }) => now)).toEqual(["pending", "pending"]);
    const reason = new Error("enough");
    controller.abort(reason);
    await pass(rig, 0);
    waits.push(outcomeOf(client.established({ signal })));
    await pass(rig, 0);
    expect(waits.map(({ now }) => now)).toEqual([reason, reason, reason]);
    expect(client.announcedRoutes()).toHaveLength(1);
    await rig.startServer(1);
    await rig.until(client.confirmed({ signal: new AbortController().signal }));
    await rig.until(client.close());
  });

  test("a peer that speaks something else is the cause", async () => {
    const rig = new LibraryRig();
    await rig.network.listen(serverEndpoint(1), (stream) => {
      stream.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
      return { received() {}, writable() {}, closed() {} };
    });
    const waiting = outcomeOf(rig.connect(["[::1]:1"]).established({ timeoutMs: 1_000 }));
    await pass(rig, SECOND_MS);
    expect(waiting.error.cause).toMatchObject({ name: "ProtocolError", code: "UNSUPPORTED_VERSION" });
  });

  test.each([Number.NaN, -1, 2 ** 31, null, "1000", 1_000n, {}])(
    "%p is no time to wait for",
    async (value) => {
      const client = new LibraryRig().connect(["[::1]:1"]);
      // As a program in JavaScript may.
      const timeoutMs = value as number;
      const waiting = [
        outcomeOf(client.established({ timeoutMs })),
        outcomeOf(client.confirmed({ timeoutMs })),
      ];
      await promisesRun();
      for (const { error } of waiting) {
        expect(error).toMatchObject({ name: "BadOptionError", option: "timeoutMs" });
        expect(error).toHaveProperty("value", value);
      }
    },
  );

  test("without servers there is nothing to wait for", async () => {
    const client = new LibraryRig().connect([]);
    const [established, confirmed] = [outcomeOf(client.established()), outcomeOf(client.confirmed())];
    await promisesRun();
    expect([established.error.code, confirmed.error.code]).toEqual(["NOT_ESTABLISHED", "NOT_ESTABLISHED"]);
  });

  test("a server that is removed is not waited for", async () => {
    const rig = new LibraryRig();
    await rig.startServer(1);
    const client = rig.connect(["[::1]:1", "[::1]:2"]);
    const all = outcomeOf(client.established({ servers: "all" }));
    await pass(rig, SECOND_MS);
    expect([client.removeServer("[::1]:2"), client.removeServer("[::1]:2")]).toEqual([true, false]);
    await promisesRun();
    expect(all.now).toBe("kept");
  });

  test("when the last one is removed there is nothing to wait for any more", async () => {
    const client = new LibraryRig().connect(["[::1]:1"]);
    const waiting = [outcomeOf(client.established()), outcomeOf(client.confirmed())];
    client.removeServer("[::1]:1");
    await promisesRun();
    expect(waiting.map(({ error }) => error.code)).toEqual(["NOT_ESTABLISHED", "NOT_ESTABLISHED"]);
  });

  test("a text that names no server is refused, with its place", () => {
    const rig = new LibraryRig();
    expect(codeOf(() => rig.connect(["::1:x"]))).toBe("BAD_ADDRESS");
    expect(codeOf(() => rig.connect([{ host: "::1", port: 99_999 }]))).toBe("BAD_PORT");
    const client = rig.connect(["HOST.example", { host: "::0:1", port: 2 }]);
    expect(client.servers().map(({ server }) => formatEndpoint(server))).toEqual([
      "host.example:4711",
      "[::1]:2",
    ]);
  });
});

describe("settings", () => {
  const cases: readonly (readonly [option: string, settings: Partial<ConnectOptions>])[] = [
    ...[0, -1, 0.5, Number.NaN, 2 ** 32].map(
      (keepaliveSeconds) => ["keepaliveSeconds", { keepaliveSeconds }] as const,
    ),
    ["retry", { retry: { minMs: 2, maxMs: 1 } }],
    ["retry", { retry: { minMs: -1, maxMs: 1 } }],
    ["retry", { retry: { minMs: 1, maxMs: Number.POSITIVE_INFINITY } }],
    ["staleTimes", { staleTimes: { staleTimeMs: Number.NaN, staleTimeAloneMs: 1 } }],
    ["staleTimes", { staleTimes: { staleTimeMs: 1, staleTimeAloneMs: -1 } }],
  ];

  test.each(cases)("%s that cannot be are refused: %p", (option, settings) => {
    const rig = new LibraryRig();
    const bad = expect.objectContaining({ code: "BAD_OPTION", option });
    expect(() => rig.connect(["[::1]:1"], settings)).toThrow(bad);
    const client = rig.connect(["[::1]:1"]);
    expect(() => client.configure(settings)).toThrow(bad);
  });

  test("that can be are taken, for ever among them", () => {
    const settings = {
      keepaliveSeconds: 1,
      retry: { minMs: 0, maxMs: 0 },
      staleTimes: { staleTimeMs: Number.POSITIVE_INFINITY, staleTimeAloneMs: 0 },
    };
    new LibraryRig().connect(["[::1]:1"], settings).configure(settings);
  });
});

describe("what is asked for", () => {
  test("twice, or not at all, is an error with what it is about", () => {
    const client = new LibraryRig().connect(["[::1]:1"]);
    const route = routeOfText(R);
    client.subscribe(100);
    expect(() => client.subscribe(100)).toThrow(
      expect.objectContaining({ code: "ALREADY_SUBSCRIBED", vni: 100 }),
    );
    expect(() => client.unsubscribe(7)).toThrow(expect.objectContaining({ code: "NOT_SUBSCRIBED", vni: 7 }));
    client.announce(route);
    expect(() => client.announce(routeOfText(R))).toThrow(
      expect.objectContaining({ code: "ROUTE_ALREADY_ANNOUNCED", route }),
    );
    expect(() => client.withdraw(routeOfText(Q))).toThrow(
      expect.objectContaining({ code: "ROUTE_NOT_FOUND", route: routeOfText(Q) }),
    );
    client.unsubscribe(100);
    client.withdraw(route);
    expect([client.subscriptions(), client.announcedRoutes()]).toEqual([[], []]);
  });

  test("and makes no route, or no VNI, is refused before anything happens", () => {
    const client = new LibraryRig().connect(["[::1]:1"]);
    const route = routeOfText(R);
    expect(codeOf(() => client.subscribe(-1))).toBe("BAD_VNI");
    const odd = { ...route, destination: { ...route.destination, lengthBits: 33 } };
    for (const act of [() => client.announce(odd), () => client.withdraw(odd)])
      expect(codeOf(act)).toBe("BAD_DESTINATION");
    expect([client.subscriptions(), client.announcedRoutes()]).toEqual([[], []]);
  });

  // A program in JavaScript can give anything.
  test.each<[given: unknown]>([[null], [undefined], [7], ["100#10.0.1.0/24@2001:db8::1"], [Symbol("route")]])(
    "%p is no route, as the error says",
    (given) => {
      const client = new LibraryRig().connect(["[::1]:1"]);
      for (const act of [client.announce, client.withdraw, client.serversOf]) {
        expect(() => act.call(client, given as Route)).toThrow(
          expect.objectContaining({ name: "BadRouteError", code: "BAD_ROUTE", value: given }),
        );
      }
      expect(client.announcedRoutes()).toEqual([]);
    },
  );

  test("an object without a VNI is no route either", () => {
    const client = new LibraryRig().connect(["[::1]:1"]);
    const bad = expect.objectContaining({ name: "BadRouteError", code: "BAD_VNI", value: undefined });
    expect(() => client.announce({} as Route)).toThrow(bad);
    expect(() => client.withdraw(Object.create(null))).toThrow(bad);
  });

  test.each<[given: unknown]>([
    [null],
    [undefined],
    ["x"],
    ["100"],
    [Symbol("vni")],
    [{}],
    [Object.create(null)],
  ])("%p is no VNI, as the error says", (given) => {
    const client = new LibraryRig().connect(["[::1]:1"]);
    expect(() => client.subscribe(given as number)).toThrow(
      expect.objectContaining({ name: "BadRouteError", code: "BAD_VNI", value: given }),
    );
    expect(client.subscriptions()).toEqual([]);
  });

  test("while no server is there is remembered, and told to each that comes", async () => {
    const rig = new LibraryRig();
    const client = rig.connect(["[::1]:1", "[::1]:2"]);
    client.announce(routeOfText(R));
    client.subscribe(200);
    const [one, two] = [await rig.startServer(1), await rig.startServer(2)];
    rig.client([2]).announce(Q);
    await pass(rig, 10 * SECOND_MS);
    for (const server of [one, two]) expect(Array.from(server.routes(), formatRoute)).toContain(R);
    expect(client.receivedRoutes().map(formatRoute)).toEqual([Q]);
  });

  test("of what the caller changes later nothing comes in", () => {
    const client = new LibraryRig().connect([]);
    const destination = { ...routeOfText(R).destination };
    client.announce({ ...routeOfText(R), destination });
    destination.lengthBits = 8;
    expect(client.announcedRoutes()).toEqual([routeOfText(R)]);
    const [given] = client.announcedRoutes();
    Object.assign(given?.destination ?? {}, { lengthBits: 8 });
    expect(client.announcedRoutes()).toEqual([routeOfText(R)]);
  });
});

describe("confirmed", () => {
  /** Two servers, of which the second is away. */
  async function halfThere() {
    const rig = new LibraryRig();
    const warnings: unknown[] = [];
    const note = () => {};
    const warn: Logger["warn"] = (...line) => warnings.push(line);
    const server = await rig.startServer(1);
    const logger = { debug: note, info: note, error: note, warn };
    const client = rig.connect(["[::1]:1", "[::1]:2"], { logger });
    await pass(rig, SECOND_MS);
    warnings.length = 0;
    return { rig, client, server, warnings };
  }

  test("one server has read it: kept, and a warning of the one that is away", async () => {
    const { rig, client, server, warnings } = await halfThere();
    client.announce(routeOfText(R));
    client.subscribe(200);
    const outcome = outcomeOf(client.confirmed());
    expect(server.stats().routes).toBe(0);
    await pass(rig, 100);
    expect([outcome.now, server.stats().routes]).toEqual(["kept", 1]);
    expect(server.peers()[0]?.subscriptions).toEqual([200]);
    expect(warnings).toEqual([
      ["a server is unreachable; it gets the changes when it is back", { server: "[::1]:2", state: "retry" }],
    ]);
  });

  test("any: those that are there as well are waited for, but not long", async () => {
    const { rig, client, warnings } = await halfThere();
    await rig.startServer(2);
    await pass(rig, 10 * SECOND_MS);
    rig.setStalled(2, true);
    client.announce(routeOfText(R));
    const outcome = outcomeOf(client.confirmed());
    await pass(rig, 999);
    expect([outcome.now, rig.server(1).stats().routes]).toEqual(["pending", 1]);
    rig.setStalled(2, false);
    await pass(rig, 0);
    expect([outcome.now, rig.server(2).stats().routes, warnings]).toEqual(["kept", 1, []]);

    rig.setStalled(2, true);
    client.withdraw(routeOfText(R));
    const [patient, hasty] = [outcomeOf(client.confirmed()), outcomeOf(client.confirmed({ timeoutMs: 100 }))];
    await pass(rig, 0);
    await pass(rig, 100);
    expect([patient.now, hasty.now]).toEqual(["pending", "kept"]);
    await pass(rig, 900);
    expect(patient.now).toBe("kept");
    const warning = [
      "a server has not read the changes that another one has read",
      { server: "[::1]:2", state: "established" },
    ];
    expect(warnings).toEqual([warning, warning]);
  });

  test("all: kept when the last one has read it, also one that comes later", async () => {
    const { rig, client, warnings } = await halfThere();
    client.announce(routeOfText(R));
    const outcome = outcomeOf(client.confirmed({ servers: "all" }));
    await pass(rig, SECOND_MS);
    expect(outcome.now).toBe("pending");
    const second = await rig.startServer(2);
    await pass(rig, 10 * SECOND_MS);
    expect([outcome.now, second.stats().routes]).toEqual(["kept", 1]);
    expect(warnings.filter((line) => `${line}`.includes("gets the changes when"))).toEqual([]);
  });

  test("not before it has been read: a server that does not answer is a timeout", async () => {
    const { rig, client } = await halfThere();
    rig.setStalled(1, true);
    client.announce(routeOfText(R));
    const outcome = outcomeOf(client.confirmed({ timeoutMs: 3_000 }));
    await pass(rig, 2_999);
    expect(outcome.now).toBe("pending");
    await pass(rig, 1);
    expect(outcome.error).toMatchObject({ name: "TimeoutError", code: "TIMEOUT", timeoutMs: 3_000 });
    expect(client.announcedRoutes()).toEqual([routeOfText(R)]);
  });

  test("why a server was away is no reason why it does not answer now", async () => {
    const { rig, client } = await halfThere();
    rig.cutConnections(1);
    await pass(rig, 10 * SECOND_MS);
    rig.setStalled(1, true);
    client.removeServer("[::1]:2");
    const outcome = outcomeOf(client.confirmed({ timeoutMs: 1_000 }));
    await pass(rig, SECOND_MS);
    expect(outcome.error.message).toBe("no answer within 1000 ms from [::1]:1 (established)");
    expect([outcome.error.code, outcome.error.cause]).toEqual(["TIMEOUT", undefined]);
  });

  test("read on the next connection, when the first one breaks before", async () => {
    const { rig, client } = await halfThere();
    rig.setStalled(1, true);
    client.announce(routeOfText(R));
    const outcome = outcomeOf(client.confirmed());
    await pass(rig, SECOND_MS);
    rig.cutConnections(1);
    await pass(rig, 10 * SECOND_MS);
    expect([outcome.now, rig.server(1).stats().routes]).toEqual(["kept", 1]);
  });

  test("with no server there: not established, and nothing is forgotten", async () => {
    const { rig, client } = await halfThere();
    rig.killServer(1);
    await pass(rig, 1);
    client.announce(routeOfText(R));
    const [now, later] = [
      outcomeOf(client.confirmed({ timeoutMs: 0 })),
      outcomeOf(client.confirmed({ timeoutMs: 2_000 })),
    ];
    await pass(rig, 0);
    expect(now.error).toMatchObject({ name: "NotEstablishedError", code: "NOT_ESTABLISHED" });
    expect(now.error).toMatchObject({ cause: { code: "CONNECTION_LOST" }, servers: [{}, {}] });
    await pass(rig, 2_000);
    expect(later.error.code).toBe("NOT_ESTABLISHED");
    const server = await rig.startServer(1);
    await pass(rig, 10 * SECOND_MS);
    expect(server.stats().routes).toBe(1);
  });
});

describe("the view", () => {
  async function withRoutes() {
    const rig = new LibraryRig();
    await rig.startServer(1);
    await rig.startServer(2);
    rig.client([1]).announce(R);
    rig.client([1, 2]).announce(Q);
    const client = rig.connect(["[::1]:1", "[::1]:2"]);
    client.subscribe(100);
    client.subscribe(200);
    await pass(rig, SECOND_MS);
    return { rig, client };
  }

  test("by VNI, counted, with the servers of each route", async () => {
    const { client } = await withRoutes();
    expect(client.receivedRoutes().map(formatRoute).sort()).toEqual([R, Q]);
    expect([client.receivedRoutes(100).map(formatRoute), client.routeCount]).toEqual([[R], 2]);
    expect(client.receivedRoutes(300)).toEqual([]);
    expect(client.serversOf(routeOfText(R))).toEqual([serverEndpoint(1)]);
    expect(client.serversOf(routeOfText(Q))).toEqual([serverEndpoint(1), serverEndpoint(2)]);
    expect([client.isComplete(100), client.isComplete(300)]).toEqual([true, false]);
  });

  test("holds routes and nothing beside them", async () => {
    const { client } = await withRoutes();
    for (const route of client.receivedRoutes())
      expect(Object.keys(route).sort()).toEqual(["destination", "nextHop", "vni"]);
  });

  test("a lost server's routes can be dropped before their time", async () => {
    const { rig, client } = await withRoutes();
    rig.killServer(1);
    await pass(rig, SECOND_MS);
    expect(client.routeCount).toBe(2);
    expect(client.dropServerRoutes("[::1]:1").map(formatRoute)).toEqual([R]);
    expect(client.receivedRoutes().map(formatRoute)).toEqual([Q]);
    expect(client.dropServerRoutes("[::1]:9")).toEqual([]);
  });

  test("an established server whose routes are dropped tells them anew", async () => {
    const { rig, client } = await withRoutes();
    expect(client.dropServerRoutes("[::1]:1").map(formatRoute)).toEqual([R]);
    await pass(rig, SECOND_MS);
    expect(client.receivedRoutes().map(formatRoute).sort()).toEqual([R, Q]);
  });

  test("dropped routes are those that no other server has, however many", async () => {
    const rig = new LibraryRig();
    await rig.startServer(1);
    await rig.startServer(2);
    const lines = Array.from({ length: 1_200 }, (_, n) => `100 10.0.${n >> 8}.${n & 255}/32 via 2001:db8::1`);
    const [only, both] = [rig.client([1]), rig.client([1, 2])];
    for (const [n, line] of lines.entries()) (n < 1_100 ? only : both).announce(line);
    const client = rig.connect(["[::1]:1", "[::1]:2"]);
    client.subscribe(100);
    await pass(rig, SECOND_MS);
    rig.killServer(1);
    await pass(rig, SECOND_MS);
    expect(client.dropServerRoutes("[::1]:1").map(formatRoute).sort()).toEqual(lines.slice(0, 1_100).sort());
    await pass(rig, SECOND_MS);
    expect(client.routeCount).toBe(100);
  });

  test("is told to handler and iterators alike, also when the handler fails", async () => {
    const rig = new LibraryRig();
    await rig.startServer(1);
    const told: string[] = [];
    const client = rig.connect(["[::1]:1"], {
      logger: silentLogger,
      handler: {
        routeAdded: (route) => {
          told.push(`added ${formatRoute(route)}`);
          throw new Error("the handler's own business");
        },
        complete: (vni) => told.push(`complete ${vni}`),
      },
    });
    client.subscribe(100);
    const read: string[] = [];
    const reading = (async () => {
      for await (const event of client.changes()) {
        read.push(
          event.type === "complete" ? `complete ${event.vni}` : `${event.type} ${formatRoute(event.route)}`,
        );
      }
      read.push("end");
    })();
    const other = rig.client([1]).announce(R);
    await pass(rig, SECOND_MS);
    expect(told.sort()).toEqual([`added ${R}`, "complete 100"]);
    other.withdraw(R);
    await pass(rig, SECOND_MS);
    await rig.until(client.close());
    await reading;
    expect(read.toSorted()).toEqual([`added ${R}`, "complete 100", "end", `removed ${R}`]);
    expect(read.at(-1)).toBe("end");
  });

  test("what is in view when the client closes is still told, at the reader's pace", async () => {
    const rig = new LibraryRig();
    await rig.startServer(1);
    const client = rig.connect(["[::1]:1"]);
    client.subscribe(100);
    const other = rig.client([1]);
    for (let n = 0; n < 600; n++) other.announce(`100 10.0.${n >> 8}.${n & 255}/32 via 2001:db8::1`);
    await pass(rig, 2 * SECOND_MS);
    const changes = client.changes();
    await changes.next();
    await rig.until(client.close());
    await pass(rig, 60 * SECOND_MS);
    let routes = 1;
    for await (const { type } of changes) if (type === "added") routes++;
    expect(routes).toBe(600);
  });

  test("only those of wanted VNIs, which have to be VNIs", async () => {
    const rig = new LibraryRig();
    await rig.startServer(1);
    const client = rig.connect(["[::1]:1"]);
    for (const vni of [100, 200]) client.subscribe(vni);
    rig.client([1]).announce(R).announce("200 10.0.1.0/24 via 2001:db8::1");
    await pass(rig, 2 * SECOND_MS);
    const read: string[] = [];
    const changes = client.changes({ vnis: [200] });
    for (let i = 0; i < 2; i++) {
      const { value } = await changes.next();
      read.push(value?.type === "complete" ? `complete ${value.vni}` : `${value?.type}`);
    }
    expect(read).toEqual(["added", "complete 200"]);
    expect(() => client.changes({ vnis: [-1] })).toThrow("VNI -1");
    expect(() => client.changes({ vnis: 100 as unknown as number[] })).toThrow("must be an array");
    await changes.return?.();
    await rig.until(client.close());
  });
});

describe("the handler", () => {
  test("is told of nothing before connect has given the client back", async () => {
    const rig = new LibraryRig();
    const states: string[] = [];
    const client: Client = rig.connect(["[::1]:1"], {
      // Before that, there would be no `client`.
      handler: { serverState: (_server, state) => states.push(`${state} ${client.isEstablished}`) },
    });
    expect([states, client.servers()[0]?.state]).toEqual([[], "connecting"]);
    await pass(rig, 0);
    expect(states[0]).toBe("connecting false");
  });

  test("that fails is heard of, where the program has given no logger", async () => {
    const rig = new LibraryRig();
    const console = spyOn(globalThis.console, "error").mockImplementation(() => {});
    rig.connect(["[::1]:1"], {
      handler: {
        serverState() {
          throw new Error("no such thing");
        },
      },
    });
    await pass(rig, 0);
    expect(console.mock.calls[0]).toEqual([
      "the handler failed; the client continues",
      { event: "serverState", error: expect.stringContaining("no such thing") },
    ]);
    console.mockRestore();
  });

  test("may be several, and more at run time; the routes of each print themselves", async () => {
    const rig = new LibraryRig();
    await rig.startServer(1);
    const notes: string[] = [];
    const noted = (name: string) => ({ announced: (route: Route) => notes.push(`${name} ${route}`) });
    const client = rig.connect(["[::1]:1"], { handler: [noted("a"), noted("b")] });
    const remove = client.addHandler(noted("c"));
    client.announce(routeOfText(R));
    remove();
    client.announce(routeOfText(Q));
    expect(notes).toEqual(
      ["a", "b", "c"].map((name) => `${name} ${R}`).concat(["a", "b"].map((name) => `${name} ${Q}`)),
    );
    const none: unknown = null;
    expect(() => client.addHandler(none as ClientHandler)).toThrow(
      expect.objectContaining({ code: "BAD_OPTION", option: "handler" }),
    );
    await rig.until(client.close());
    expect(() => client.addHandler(noted("d"))).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });

  test("may close the client from inside", async () => {
    const rig = new LibraryRig();
    const server = await rig.startServer(1);
    const client: Client = rig.connect(["[::1]:1"], {
      handler: { serverState: (_server, state) => state === "established" && client.close() },
    });
    client.announce(routeOfText(R));
    await pass(rig, SECOND_MS);
    await rig.until(client.close());
    await pass(rig, SECOND_MS);
    expect([server.stats().peers, server.stats().routes]).toEqual([0, 0]);
    server.stop();
    expect(rig.clock.pendingTimers).toBe(0);
  });

  test("may close the client from inside each of its calls, also of that close", async () => {
    const rig = new LibraryRig();
    await rig.startServer(1);
    rig.client([1]).announce(Q);
    const handler = new Proxy({}, { get: (_, event) => (event === "then" ? undefined : close) });
    const ends: unknown[] = [];
    const client: Client = rig.connect(["[::1]:1", "[::1]:2"], { handler });
    function close(): void {
      const outcome = outcomeOf(client.close());
      ends.push(outcome);
      expect(codeOf(() => client.subscribe(1))).toBe("CLOSED");
    }
    client.announce(routeOfText(R));
    await pass(rig, SECOND_MS);
    await rig.until(client.close());
    await pass(rig, SECOND_MS);
    expect(ends.length).toBeGreaterThan(1);
    expect(ends).toEqual(ends.map(() => expect.objectContaining({ now: "kept" })));
    expect(client.servers().map(({ state }) => state)).toEqual(["stopped", "stopped"]);
  });

  test("may end a subscription from inside: its routes are told of in pairs", async () => {
    const rig = new LibraryRig();
    await rig.startServer(1);
    const other = rig.client([1]);
    for (let n = 0; n < 100; n++) other.announce(`100 10.0.0.${n}/32 via 2001:db8::1`);
    const told = { added: 0, removed: 0 };
    const client: Client = rig.connect(["[::1]:1"], {
      handler: {
        routeAdded: () => {
          if (++told.added === 50) client.unsubscribe(100);
        },
        routeRemoved: () => {
          told.removed++;
        },
      },
    });
    client.subscribe(100);
    await pass(rig, 10 * SECOND_MS);
    expect([told, client.routeCount]).toEqual([{ added: 50, removed: 50 }, 0]);
  });
});

describe("closing", () => {
  test("withdraws, ends all that waits, and after it every call says so", async () => {
    const rig = new LibraryRig();
    const server = await rig.startServer(1);
    const client = rig.connect(["[::1]:1", "[::1]:2"]);
    client.announce(routeOfText(R));
    await pass(rig, SECOND_MS);
    const waiting = [
      outcomeOf(client.established({ servers: "all" })),
      outcomeOf(client.confirmed({ servers: "all" })),
    ];
    expect(server.stats().routes).toBe(1);
    const closed = Promise.all([client.close(), client.close()]).then(() => {});
    await promisesRun();
    expect(waiting.map(({ error }) => error.code)).toEqual(["CLOSED", "CLOSED"]);
    await rig.until(closed);
    await pass(rig, SECOND_MS);
    expect([server.stats().routes, server.stats().peers]).toEqual([0, 0]);
    const calls = [
      () => client.announce(routeOfText(Q)),
      () => client.withdraw(routeOfText(R)),
      () => client.subscribe(1),
      () => client.unsubscribe(1),
      () => client.drain(),
      () => client.undrain(),
      () => client.configure({}),
      () => client.addServer("[::1]:3"),
      () => client.removeServer("[::1]:1"),
      () => client.resetServer("[::1]:1"),
      () => client.dropServerRoutes("[::1]:1"),
    ];
    expect(calls.map(codeOf)).toEqual(calls.map(() => "CLOSED"));
    const late = outcomeOf(client.established());
    await promisesRun();
    expect(late.error.code).toBe("CLOSED");
    expect(client.announcedRoutes().map(formatRoute)).toEqual([R]);
  });

  test("with 'keep' its routes stay at a server that retains them", async () => {
    const rig = new LibraryRig();
    const server = await rig.startServer(1, { retainSeconds: 30 });
    const client = rig.connect(["[::1]:1"]);
    client.announce(routeOfText(R));
    await pass(rig, SECOND_MS);
    await rig.until(client.close({ onStop: "keep" }));
    await pass(rig, SECOND_MS);
    expect(server.stats()).toMatchObject({ routes: 1, peers: 0 });
  });

  test("leaves no timer, also of what was waited for", async () => {
    const rig = new LibraryRig();
    const client = rig.connect(["[::1]:1"]);
    const waiting = outcomeOf(client.established({ timeoutMs: 60_000 }));
    await rig.until(client.close());
    rig.clock.settle();
    expect([waiting.error.code, rig.clock.pendingTimers]).toEqual(["CLOSED", 0]);
  });
});
