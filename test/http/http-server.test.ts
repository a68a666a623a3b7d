import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { type HttpServer, type HttpServerOptions, startHttpServer } from "../../src/http/http-server.ts";
import { type Endpoint, formatEndpoint } from "../../src/net/endpoint.ts";
import type { Route } from "../../src/route/route.ts";
import type { Clock } from "../../src/session/clock.ts";
import { silentLogger } from "../../src/session/logger.ts";
import { ListenError } from "../../src/transport/stream.ts";
import { SystemClock } from "../../src/transport/system-clock.ts";
import { address, prefix } from "../net/model.ts";

const ROUTE: Route = {
  vni: 100,
  destination: prefix("10.0.1.0/24"),
  nextHop: { address: address("2001:db8::1"), targetVni: 0, type: 0, natPortFrom: 0, natPortTo: 0 },
};
const LOOPBACK: Endpoint = { host: "::1", port: 0 };

type RunningServer = HttpServer & AsyncDisposable & { readonly url: string };

function start(options: Partial<HttpServerOptions> = {}): RunningServer {
  const server = startHttpServer({
    endpoint: LOOPBACK,
    routes: () => [ROUTE],
    version: "0.1.0",
    logger: silentLogger,
    ...options,
  });
  const url = `http://${formatEndpoint(server.endpoint)}`;
  return { ...server, url, [Symbol.asyncDispose]: () => server.stop() };
}

function* manyRoutes(count: number): Generator<Route> {
  const { w0, ...rest } = ROUTE.destination;
  for (let i = 0; i < count; i++) {
    yield { ...ROUTE, vni: 100 + (i % 3), destination: { ...rest, w0: w0 + (i << 8) } };
  }
}

async function tableAt({ url }: RunningServer): Promise<{ vnet: Record<string, Record<string, unknown[]>> }> {
  const response = await fetch(`${url}/routes.json`);
  return JSON.parse(await response.text());
}

/** A connection that has sent the text and does what else the test wants. */
async function rawConnection({ endpoint }: HttpServer, text: string): Promise<Socket> {
  const socket = connect(endpoint.port, endpoint.host);
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.write(text, () => resolve()));
  return socket;
}

async function rawAnswer(server: HttpServer, text: string): Promise<string> {
  const socket = await rawConnection(server, text);
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  return answer;
}

describe("what there is", () => {
  test("/routes.json", async () => {
    await using server = start();
    const response = await fetch(`${server.url}/routes.json?x=1`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      vnet: {
        "100": {
          '{"IPVersion":4,"Prefix":"10.0.1.0/24"}': [
            { TargetAddress: "2001:db8::1", TargetVNI: 0, Type: 0, NATPortRangeFrom: 0, NATPortRangeTo: 0 },
          ],
        },
      },
      metalbondVersion: "0.1.0",
    });
  });

  test("/routes.yaml", async () => {
    await using server = start();
    const response = await fetch(`${server.url}/routes.yaml`);
    expect(response.headers.get("content-type")).toBe("text/yaml");
    expect(await response.text()).toEndWith(
      `vnet:
  100:
    '{"IPVersion":4,"Prefix":"10.0.1.0/24"}':
    - targetaddress: 2001:db8::1
      targetvni: 0
      type: 0
      natportrangefrom: 0
      natportrangeto: 0
metalbondversion: 0.1.0
`,
    );
  });

  test("the table is the present one at each request", async () => {
    let routes = [ROUTE];
    await using server = start({ routes: () => routes });
    const vnis = async () => {
      const { vnet } = await tableAt(server);
      return Object.keys(vnet);
    };
    expect(await vnis()).toEqual(["100"]);
    routes = [];
    expect(await vnis()).toEqual([]);
  });

  test("/healthz and an index", async () => {
    await using server = start();
    const health = await fetch(`${server.url}/healthz`);
    expect(health.status).toBe(200);
    expect(await health.json()).toEqual({ status: "ok" });
    const index = await fetch(server.url);
    expect(await index.json()).toEqual({
      program: "bunbond",
      version: "0.1.0",
      endpoints: ["/healthz", "/routes.json", "/routes.yaml"],
    });
  });

  test.each(["/", "/healthz", "/routes.json", "/routes.yaml"])(
    "HEAD %s is GET without body",
    async (path) => {
      await using server = start();
      const [head, get] = [
        await fetch(server.url + path, { method: "HEAD" }),
        await fetch(server.url + path),
      ];
      expect(head.status).toBe(200);
      for (const name of ["content-type", "cache-control"]) {
        expect(head.headers.get(name)).toBe(get.headers.get(name));
      }
      expect(await head.text()).toBe("");
    },
  );
});

describe("what there is not", () => {
  test.each(["/nothing", "/routes", "/routes.json/", "/healthz/..%2froutes.json"])(
    "%s is 404 and says what there is",
    async (path) => {
      await using server = start();
      const response = await fetch(server.url + path);
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({
        error: "NOT_FOUND",
        message: `nothing at ${path}; there are /, /healthz, /routes.json, /routes.yaml`,
      });
    },
  );

  test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("%s is 405 with Allow", async (method) => {
    await using server = start();
    const response = await fetch(`${server.url}/routes.json`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD");
    expect(await response.json()).toEqual({
      error: "METHOD_NOT_ALLOWED",
      message: "/routes.json takes GET and HEAD only",
    });
  });

  test("a Host header that makes no URL changes nothing", async () => {
    await using server = start();
    for (const host of ["", "a b:99999", "[", "evil.example/x?"]) {
      const answer = await rawAnswer(
        server,
        `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toStartWith("HTTP/1.1 200");
    }
  });

  test("a table that fails is logged, and its answer breaks off", async () => {
    const errors: string[] = [];
    const logger = { ...silentLogger, error: (message: string) => errors.push(message) };
    function* failing(): Generator<Route> {
      yield ROUTE;
      throw new Error("no table");
    }
    await using server = start({ routes: failing, logger });
    const outcome = await fetch(`${server.url}/routes.json`).then(
      (response) => response.text(),
      () => "broken off",
    );
    expect(outcome).toBe("broken off");
    expect(errors).toEqual(["a route table could not be sent"]);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });
});

describe("a large table and odd clients", () => {
  test("100,000 routes leave the event loop many turns", async () => {
    await using server = start({ routes: () => manyRoutes(100_000) });
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns++;
      if (!isDone) setTimeout(count, 0);
    };
    count();
    const { vnet } = await tableAt(server);
    isDone = true;
    expect(Object.values(vnet).flatMap((destinations) => Object.keys(destinations))).toHaveLength(100_000);
    expect(turns).toBeGreaterThan(20);
  });

  test("a few tables are sent at a time, the rest is answered all the same, and clients that go make room", async () => {
    await using server = start({ routes: () => manyRoutes(100_000) });
    const status = async (path: string) => (await fetch(server.url + path, { method: "HEAD" })).status;
    // Nobody reads from these, and the table is larger than what the sockets hold.
    const request = "GET /routes.json HTTP/1.1\r\nHost: x\r\n\r\n";
    const readers = await Promise.all(Array.from({ length: 4 }, () => rawConnection(server, request)));
    while ((await status("/routes.yaml")) !== 503) await Bun.sleep(1);
    const refused = await fetch(`${server.url}/routes.json`);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toMatchObject({ error: "BUSY" });
    expect(await status("/healthz")).toBe(200);
    for (const reader of readers) reader.resetAndDestroy();
    while ((await status("/routes.yaml")) !== 200) await Bun.sleep(1);
  });

  test("nothing is made ahead of a reader that stands still, and all is there when it reads on", async () => {
    const ROUTES = 100_000;
    const clock = new SystemClock();
    let isGathered = false;
    let slices = 0;
    function* routes(): Generator<Route> {
      yield* manyRoutes(ROUTES);
      isGathered = true;
    }
    const countingClock: Clock = {
      nowMs: () => clock.nowMs(),
      after: (delayMs, run) => clock.after(delayMs, run),
      soon: (run) => {
        if (isGathered) slices++;
        clock.soon(run);
      },
    };
    await using server = start({ routes, clock: countingClock });
    const request = "GET /routes.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const socket = await rawConnection(server, request);
    for (let before = -1; before !== slices || slices === 0; ) {
      before = slices;
      await Bun.sleep(50);
    }
    const slicesAhead = slices;
    let hops = 0;
    for await (const chunk of socket) hops += chunk.toString("latin1").split("Address").length - 1;
    expect(hops).toBeGreaterThan(0.999 * ROUTES);
    expect(slicesAhead).toBeLessThan(slices / 2);
  });

  test("stop ends answers that are under way", async () => {
    const server = start({ routes: () => manyRoutes(100_000) });
    const socket = await rawConnection(server, "GET /routes.json HTTP/1.1\r\nHost: x\r\n\r\n");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await new Promise((resolve) => socket.once("readable", resolve));
    await server.stop();
    socket.resume();
    await closed;
    expect(await fetch(server.url).catch(() => "nobody there")).toBe("nobody there");
  });
});

describe("where it listens", () => {
  const LOOPBACKS = ["127.0.0.1", "::1", "localhost", "::"] as const;

  test.each(LOOPBACKS)("%s", async (host) => {
    await using server = start({ endpoint: { host, port: 0 } });
    expect(server.endpoint.host).toBe(host);
    const reachable = host === "::" ? ["127.0.0.1", "[::1]"] : [host === "::1" ? "[::1]" : host];
    for (const name of reachable) {
      expect((await fetch(`http://${name}:${server.endpoint.port}/healthz`)).status).toBe(200);
    }
  });

  test("a port in use is one clear error", async () => {
    await using server = start();
    const { port } = server.endpoint;
    expect(listenErrorAt({ host: "::1", port })).toMatchObject({
      code: "EADDRINUSE",
      message: `cannot serve HTTP on [::1]:${port}: the port is in use: stop the other program (ss -ltnp shows it) or choose another port`,
    });
  });

  // 192.0.2.0/24 and 2001:db8::/32 are for documentation, and .invalid leads nowhere.
  test.each([
    [{ host: "192.0.2.99", port: 0 }, "EADDRNOTAVAIL", "192.0.2.99:0: not an address of this machine"],
    [{ host: "2001:db8::99", port: 0 }, "EADDRNOTAVAIL", "[2001:db8::99]:0: not an address of this machine"],
    [{ host: "fe80::99", port: 0 }, "EINVAL", "[fe80::99]:0: a link-local address needs the name of its"],
    [{ host: "fe80::99%lo", port: 0 }, "EADDRNOTAVAIL", "[fe80::99%lo]:0: not an address of this machine"],
    [{ host: "name.invalid", port: 0 }, "ENOTFOUND", "name.invalid:0: the name leads to no address"],
  ] as const)("%j is refused", (endpoint, code, text) => {
    const error = listenErrorAt(endpoint);
    expect(error.code).toBe(code);
    expect(error.message).toStartWith(`cannot serve HTTP on ${text}`);
    expect(error.message).not.toContain("\n");
  });
});

function listenErrorAt(endpoint: Endpoint): ListenError {
  try {
    void start({ endpoint }).stop();
  } catch (error) {
    if (error instanceof ListenError) return error;
    throw error;
  }
  throw new Error("it listens");
}
