/** What a program in JavaScript may give to the library: every call refuses what makes no sense, by one clear error. */
import { describe, expect, test } from "bun:test";
import { BunBondError } from "../../src/base/bunbond-error.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { silentHandler } from "../../src/client/events.ts";
import { Client } from "../../src/library/client.ts";
import { parseAddress } from "../../src/net/address.ts";
import { parseEndpoint } from "../../src/net/endpoint.ts";
import { parsePrefix } from "../../src/net/prefix.ts";
import { parseAnnouncementText } from "../../src/route/announcement-text.ts";
import { makeRoute } from "../../src/route/make-route.ts";
import { Server } from "../../src/server/server.ts";
import { ClientRig } from "../support/network/client-rig.ts";

const ANYTHING: readonly unknown[] = [
  ...[null, Number.NaN, -1, "", "x", 5n, true, Symbol("s"), () => {}],
  ...[[], [null], new Date(0)],
];
const isPlain = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
const NO_OPTIONS = ANYTHING.filter((value) => !isPlain(value));
const NO_HANDLER = ANYTHING.filter((value) => typeof value !== "object" || value === null);
const NO_FUNCTION = ANYTHING.filter((value) => typeof value !== "function");
const NO_ARRAY = ANYTHING.filter((value) => !Array.isArray(value));
const NO_TEXT = ANYTHING.filter((value) => typeof value !== "string");

/** A call, with whatever it is given. */
type Call = (given: unknown) => unknown;

/** As they are written in JavaScript, where nothing is known of what is given. */
function callsOf({ clock, network }: ClientRig) {
  const connect: Call = (given) => Reflect.apply(Client.connect, Client, [given]);
  const client = Client.connect({ servers: ["[::1]:1"], clock, network });
  const of =
    (method: (...given: never[]) => unknown): Call =>
    (given) =>
      Reflect.apply(method, client, [given]);
  return {
    connect,
    start: (given: unknown) => Reflect.apply(Server.start, Server, [given]),
    configure: of(client.configure),
    established: of(client.established),
    confirmed: of(client.confirmed),
    changes: of(client.changes),
    close: of(client.close),
    subscribe: of(client.subscribe),
    unsubscribe: of(client.unsubscribe),
    isComplete: of(client.isComplete),
    receivedRoutes: of(client.receivedRoutes),
    addServer: of(client.addServer),
    removeServer: of(client.removeServer),
    resetServer: of(client.resetServer),
    dropServerRoutes: of(client.dropServerRoutes),
    "connect to": (server: unknown) => connect({ servers: ["[::1]:1", server] }),
    "listen on": (listen: unknown) => Reflect.apply(Server.start, Server, [{ listen, clock, network }]),
    "Server.configure": async (given: unknown) => {
      using server = await Server.start({ listen: "[::1]:1", clock, network });
      Reflect.apply(server.configure, server, [given]);
    },
  };
}

type CallName = keyof ReturnType<typeof callsOf>;

/** What is thrown, or rejected with. */
async function errorOf(call: CallName, given: unknown): Promise<BunBondError> {
  return thrownBy(() => callsOf(new ClientRig())[call](given));
}

async function thrownBy(act: () => unknown): Promise<BunBondError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof BunBondError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("an option that makes no sense", () => {
  const needed: Partial<Record<CallName, object>> = {
    connect: { servers: [] },
    start: { listen: "[::1]:1" },
  };
  const options: readonly (readonly [call: CallName, option: string, values: readonly unknown[]])[] = [
    ["connect", "servers", [undefined, ...NO_ARRAY]],
    ["connect", "keepaliveSeconds", ANYTHING],
    ["connect", "retry", [...ANYTHING, 0, {}, { minMs: 1 }, { minMs: "1", maxMs: 2 }]],
    ["connect", "stale-time", [...ANYTHING, 0, {}, { staleTimeMs: 1, staleTimeAloneMs: null }]],
    ["connect", "pacing", ANYTHING],
    ["connect", "handler", [...NO_HANDLER, { routeAdded: 5 }]],
    ["connect", "logger", [...ANYTHING, { ...silentLogger, warn: null }]],
    ["connect", "clock", ANYTHING],
    ["connect", "network", ANYTHING],
    ["connect", "random", NO_FUNCTION],
    ["connect", "reconnect", [1, undefined]],
    ["connect", "announceWhen", [...ANYTHING, 0, {}]],
    ["connect", "announceWithinMs", ANYTHING],
    ["connect", "defersAnnouncements", [true]],
    ["configure", "servers", [[]]],
    ["established", "servers", [...ANYTHING, "each"]],
    ["established", "timeoutMs", ANYTHING],
    ["established", "timeout", [5]],
    ["confirmed", "servers", [...ANYTHING, "each"]],
    ["confirmed", "timeoutMs", ANYTHING],
    ["confirmed", "timeout", [5]],
    ["changes", "signal", [...ANYTHING, new AbortController()]],
    ["close", "leave", [...ANYTHING, "Keep"]],
    ["close", "withinMs", ANYTHING],
    ["start", "keepaliveSeconds", ANYTHING],
    ["start", "settleSeconds", ANYTHING],
    ["start", "retainSeconds", ANYTHING],
    ["start", "sendHoldSeconds", ANYTHING],
    ["start", "pacing", ANYTHING],
    ["start", "logger", ANYTHING],
    ["start", "clock", ANYTHING],
    ["start", "network", ANYTHING],
    ["start", "port", [4711]],
    ["Server.configure", "settleSeconds", [5]],
  ];
  const rows = options.flatMap(([call, option, values]) =>
    values.map((value) => [call, option, value, { ...needed[call], [option]: value }] as const),
  );
  const wholes = (
    [
      "connect",
      "start",
      "configure",
      "established",
      "confirmed",
      "changes",
      "close",
      "Server.configure",
    ] as const
  ).flatMap((call) => NO_OPTIONS.map((value) => [call, "options", value, value] as const));

  test.each([...rows, ...wholes])("%s: %s %p", async (call, option, value, given) => {
    const error = await errorOf(call, given);
    expect(error).toMatchObject({ name: "BadOptionError", code: "BAD_OPTION", option });
    expect(error).toHaveProperty("value", value);
    expect(error.message).toStartWith(option);
    expect(error.message).not.toContain("\n");
  });

  test.each([
    [5n, "5n"],
    ["5", '"5"'],
    ["a\nb", '"a\\nb"'],
    [null, "null"],
    [() => 5, "a function"],
  ])("is shown so that it is not taken for another one: %p", async (keepaliveSeconds, shown) => {
    const { message } = await errorOf("connect", { servers: [], keepaliveSeconds });
    expect(message).toBe(`keepaliveSeconds ${shown}: must be a whole number from 1`);
  });

  test("that there is not is told those that there are", async () => {
    const { message } = await errorOf("established", { timeout: 5 });
    expect(message).toBe("timeout 5: unknown option; valid options are servers, timeoutMs and signal");
  });
});

test.each([5, null, undefined, { routeAdded: 5 }])("a list of handlers with %p in it", async (value) => {
  const error = await errorOf("connect", { servers: [], handler: [silentHandler, value] });
  expect(error).toMatchObject({ name: "BadOptionError", code: "BAD_OPTION", option: "handler" });
  expect(error).toHaveProperty("value", value);
});

test.each([
  ["connect", { hold: {} }, "staleTimes"],
  ["connect", { gentle: "auto" }, "pacing"],
] as const)("%s with an option's former name, %j: the new name is %s", async (call, options, newName) => {
  const { message } = await errorOf(call, { servers: [], ...options });
  expect(message).toEndWith(`: it is called ${newName} now`);
});

describe("what is no server's address", () => {
  const calls: readonly CallName[] = [
    ...(["connect to", "listen on", "addServer", "removeServer", "resetServer", "dropServerRoutes"] as const),
  ];
  const values = [...NO_TEXT, undefined, { host: "::1" }, { host: 1, port: 1 }];

  test.each(calls.flatMap((call) => values.map((value) => [call, value] as const)))(
    "%s %p",
    async (call, value) => {
      const error = await errorOf(call, value);
      expect(error).toMatchObject({ name: "BadEndpointError", code: "BAD_ENDPOINT", start: 0 });
      expect(error.message).not.toContain("\n");
    },
  );

  test("nor is a hole in an array", async () => {
    expect((await errorOf("connect", { servers: new Array(1) })).code).toBe("BAD_ENDPOINT");
  });
});

describe("what is no VNI", () => {
  const calls = ["subscribe", "unsubscribe", "isComplete", "receivedRoutes"] as const;
  test.each(calls.flatMap((call) => ANYTHING.map((value) => [call, value] as const)))(
    "%s %p",
    async (call, value) => {
      const error = await errorOf(call, value);
      expect(error).toMatchObject({ name: "BadRouteError", code: "BAD_VNI" });
      expect(error.message).not.toContain("\n");
    },
  );
});

describe("what is no text", () => {
  test.each([...NO_TEXT, undefined])("%p", async (value) => {
    const read = (parse: (text: string) => unknown) => Reflect.apply(parse, null, [value]);
    expect([read(parseAddress), read(parsePrefix)]).toEqual([null, null]);
    expect(read(parseEndpoint)).toMatchObject({ code: "MISSING_HOST", start: 0, end: 0 });
    const error = await thrownBy(() => read(parseAnnouncementText));
    expect(error).toMatchObject({ name: "AnnouncementError", code: "BAD_VNI", start: 0, end: 0 });
  });
});

test("null is not the type that is left out", async () => {
  const parts = { vni: 100, destination: "10.0.1.0/24", nextHop: "2001:db8::1", type: null };
  expect((await thrownBy(() => Reflect.apply(makeRoute, null, [parts]))).code).toBe("BAD_TYPE");
});

test("a client that was to be closed in a way there is not stays open", async () => {
  const rig = new ClientRig();
  const { close, subscribe } = callsOf(rig);
  await thrownBy(() => close({ onStop: "behind" }));
  subscribe(100);
  await rig.until(Promise.resolve(close(undefined)).then(() => {}));
  expect((await thrownBy(() => subscribe(200))).code).toBe("CLOSED");
});
