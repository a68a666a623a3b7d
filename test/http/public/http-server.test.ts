import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { silentLogger } from "../../../src/base/logger.ts";
import { HttpCounters } from "../../../src/http/connections/http-counters.ts";
import {
  type HttpServer,
  type HttpServerOptions,
  startHttpServer,
} from "../../../src/http/public/http-server.ts";
import { type Endpoint, formatEndpoint } from "../../../src/net/endpoint.ts";
import type { Route } from "../../../src/route/route.ts";
import { type RouteSource, TableSource } from "../../../src/route/table/route-source.ts";
import { RouteTable } from "../../../src/route/table/route-table.ts";
import { ListenError } from "../../../src/transport/network.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { address, prefix } from "../../net/model.ts";
import { sourceOf } from "../../support/models/source-of.ts";

const ROUTE: Route = {
  vni: 100,
  destination: prefix("10.0.1.0/24"),
  nextHop: { address: address("2001:db8::1"), targetVni: 0, type: 0, natPortFrom: 0, natPortTo: 0 },
};
const LOOPBACK: Endpoint = { host: "::1", port: 0 };

type RunningServer = HttpServer & AsyncDisposable & { readonly url: string };

async function start(options: Partial<HttpServerOptions> = {}): Promise<RunningServer> {
  const server = startHttpServer({
    endpoint: LOOPBACK,
    routes: sourceOf([ROUTE]),
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

/** 25 MB as JSON: more than sockets hold. */
const MANY = sourceOf(manyRoutes(100_000));

async function tableAt({ url }: RunningServer): Promise<{ vnet: Record<string, Record<string, unknown[]>> }> {
  const response = await fetch(`${url}/routes.json`);
  return JSON.parse(await response.text());
}

/** A connection that has sent the text and does what else the test wants. */
async function rawConnection({ endpoint }: HttpServer, text: string): Promise<Socket> {
  const socket = connect(endpoint.port, endpoint.host);
  socket.on("error", () => {});
  await new Promise<void>((resolve) => {
    if (text === "") socket.once("connect", resolve);
    else socket.write(text, () => resolve());
  });
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
    await using server = await start();
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
    await using server = await start();
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
    const table = new RouteTable();
    const fields = new UpdateFields();
    fillUpdateFields(fields, ROUTE.vni, ROUTE.destination, ROUTE.nextHop);
    table.add(0, fields);
    await using server = await start({ routes: new TableSource(table, () => true) });
    const vnis = async () => {
      const { vnet } = await tableAt(server);
      return Object.keys(vnet);
    };
    expect(await vnis()).toEqual(["100"]);
    table.remove(0, fields);
    table.free(table.row);
    expect(await vnis()).toEqual([]);
  });

  test("/healthz and an index", async () => {
    await using server = await start();
    const health = await fetch(`${server.url}/healthz`);
    expect(health.status).toBe(200);
    expect(await health.json()).toEqual({ status: "ok" });
    const index = await fetch(server.url);
    expect(await index.json()).toEqual({
      program: "bunbond",
      version: "0.1.0",
      endpoints: ["/healthz", "/routes.json", "/routes.yaml", "/v1/openapi.json"],
    });
  });

  test.each(["/", "/healthz", "/routes.json", "/routes.yaml", "/page/main.js"])(
    "HEAD %s is GET without body",
    async (path) => {
      await using server = await start();
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

describe("the page", () => {
  const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

  test.each([
    [BROWSER, "text/html;charset=utf-8"],
    ["application/json, text/html;q=0.5", "application/json;charset=utf-8"],
    ["text/html;q=0", "application/json;charset=utf-8"],
    ["*/*", "application/json;charset=utf-8"],
  ])("/ for %s is %s", async (accept, type) => {
    await using server = await start();
    for (const method of ["GET", "HEAD"]) {
      const response = await fetch(server.url, { method, headers: { accept } });
      expect([response.status, response.headers.get("content-type")]).toEqual([200, type]);
      expect(response.headers.get("vary")).toBe("Accept");
    }
  });

  test("consists of files that only the daemon may serve, and that a browser keeps", async () => {
    await using server = await start();
    const page = await (await fetch(server.url, { headers: { accept: BROWSER } })).text();
    const links = [...page.matchAll(/(?:src|href)="([^#"]+)"/g)].map(([, link = ""]) => link);
    expect(links.toSorted()).toEqual(["page/icon.svg", "page/main.js", "page/style.css"]);
    for (const link of links) {
      const first = await fetch(`${server.url}/${link}`);
      expect(first.status).toBe(200);
      expect(first.headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
      expect(first.headers.get("cache-control")).toBe("no-cache");
      const etag = first.headers.get("etag") ?? "";
      for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
        const again = await fetch(`${server.url}/${link}`, { headers: { "if-none-match": tag } });
        expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
        expect(again.headers.get("content-length")).toBeNull();
      }
      const changed = await fetch(`${server.url}/${link}`, { headers: { "if-none-match": '"other"' } });
      expect(changed.status).toBe(200);
    }
    for (const path of ["/page/nothing", "/page/", "/page/..%2Fpackage.json"]) {
      expect((await fetch(server.url + path)).status).toBe(404);
    }
  });
});

describe("what there is not", () => {
  test.each(["/nothing", "/routes", "/routes.json/", "/healthz/..%2froutes.json"])(
    "%s is 404 and says what there is",
    async (path) => {
      await using server = await start();
      const response = await fetch(server.url + path);
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({
        code: "NOT_FOUND",
        message: `there is nothing at ${path}; the paths are /, /healthz, /routes.json, /routes.yaml, /v1/openapi.json, /page/:file`,
        paths: ["/", "/healthz", "/routes.json", "/routes.yaml", "/v1/openapi.json", "/page/:file"],
      });
    },
  );

  test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("%s is 405 with Allow", async (method) => {
    await using server = await start();
    const response = await fetch(`${server.url}/routes.json`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD");
    expect(await response.json()).toEqual({
      code: "METHOD_NOT_ALLOWED",
      message: `/routes.json takes GET and HEAD, not ${method}`,
      allow: ["GET", "HEAD"],
    });
  });

  test.each([
    "",
    "a b:99999",
    "[",
    "evil.example",
    "evil.example/x?",
    "127.0.0.1.evil.example",
    "::1",
    "1.2.3.4:x",
  ])("the host %j is not asked here", async (host) => {
    await using server = await start();
    const answer = await rawAnswer(
      server,
      `GET /routes.json HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toStartWith("HTTP/1.1 421");
    expect(answer).toContain('"code":"MISDIRECTED_REQUEST"');
    expect(answer).not.toContain("vnet");
  });

  test.each([
    "127.0.0.1",
    "192.0.2.1:80",
    "[::1]",
    "[2001:db8::1]:4712",
    "[fe80::1%25eth0]:4712",
    "localhost",
    "LOCALHOST:4712",
    "localhost.",
    "routes.example",
    "Proxy.Example:8080",
  ])("the host %s is", async (host) => {
    await using server = await start({ hostNames: ["routes.example", "proxy.example."] });
    const request = `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    expect(await rawAnswer(server, request)).toStartWith("HTTP/1.1 200");
  });

  test("the host of a whole URL counts, and not the header beside it; two headers do not", async () => {
    await using server = await start();
    const outcome = async (lines: string) =>
      (await rawAnswer(server, `${lines}\r\nConnection: close\r\n\r\n`)).slice(9, 12);
    expect(await outcome("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost")).toBe("421");
    expect(await outcome("GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example")).toBe("200");
    expect(await outcome("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example")).toBe("421");
    // No browser sends it, and health checks of load balancers do.
    expect(await outcome("GET /healthz HTTP/1.0")).toBe("200");
  });

  test("a table that fails is logged, and its answer breaks off", async () => {
    const errors: string[] = [];
    const logger = { ...silentLogger, error: (message: string) => errors.push(message) };
    const one = sourceOf([ROUTE]);
    const failing: RouteSource = {
      vnis: () => one.vnis(),
      destinations: (family) => one.destinations(family),
      nextHops: () => {
        throw new Error("no table");
      },
    };
    await using server = await start({ routes: failing, logger });
    const outcome = await fetch(`${server.url}/routes.json`)
      .then((response) => response.text())
      .catch(() => "broken off");
    expect(outcome).toBe("broken off");
    expect(errors).toEqual(["an HTTP response could not be produced"]);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });
});

describe("a large table and odd clients", () => {
  test("100,000 routes leave the event loop many turns", async () => {
    await using server = await start({ routes: MANY });
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

  const DOCUMENT = "GET /routes.json HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n";

  test("readers that stand still cost nothing more than their sockets hold, and all is there when one reads on", async () => {
    let asked = 0;
    const counted: RouteSource = {
      vnis: () => MANY.vnis(),
      destinations: (family) => MANY.destinations(family),
      nextHops: (vni, destination) => {
        asked++;
        return MANY.nextHops(vni, destination);
      },
    };
    await using server = await start({ routes: counted });
    const reader = await rawConnection(server, DOCUMENT);
    for (let before = -1; before !== asked || asked === 0; ) {
      before = asked;
      // No event says that the server waits: it asks for no more routes.
      await Bun.sleep(100);
    }
    expect(asked).toBeLessThan(60_000);
    const others = await Promise.all(Array.from({ length: 6 }, () => rawConnection(server, DOCUMENT)));
    const { vnet } = await tableAt(server);
    expect(Object.values(vnet).flatMap((destinations) => Object.keys(destinations))).toHaveLength(100_000);
    let hops = 0;
    for await (const chunk of reader) hops += chunk.toString("latin1").split("TargetAddress").length - 1;
    expect(hops).toBeGreaterThan(0.999 * 100_000);
    for (const other of others) other.resetAndDestroy();
  });

  test("the walk over the table ends when its reader goes", async () => {
    let lastAskedMs = 0;
    const watched: RouteSource = {
      vnis: () => MANY.vnis(),
      destinations: (family) => MANY.destinations(family),
      nextHops: (vni, destination) => {
        lastAskedMs = performance.now();
        return MANY.nextHops(vni, destination);
      },
    };
    await using server = await start({ routes: watched });
    for (let i = 0; i < 20; i++) {
      const reader = await rawConnection(server, DOCUMENT);
      await new Promise((resolve) => reader.once("readable", resolve));
      reader.resetAndDestroy();
    }
    // No event says that a walk has ended: nothing is asked for any more.
    await Bun.sleep(500);
    // A whole document takes some tenth of a second; 20 of them, one after the other, would be at work still.
    const restedMs = performance.now() - lastAskedMs;
    expect(restedMs).toBeGreaterThan(100);
  });

  test("connections that are too many take the place of idle ones, or are closed; both are counted", async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) };
    const counters = new HttpCounters();
    await using server = await start({ maxConnections: () => 3, counters, logger });
    const closed: number[] = [];
    const idle: Socket[] = [];
    for (let i = 0; i < 8; i++) {
      const socket = await rawConnection(server, i % 2 === 0 ? "G" : "GET /healthz HTTP/1.1\r\n");
      socket.once("close", () => closed.push(i));
      socket.resume();
      idle.push(socket);
      // For the next one to come later.
      expect((await fetch(`${server.url}/healthz`, { headers: { Connection: "close" } })).status).toBe(200);
    }
    // Five events, of any of the sockets.
    while (closed.length < 5) await Bun.sleep(1);
    expect(closed.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(counters.refusals.get("no-room")).toBeGreaterThanOrEqual(5);
    expect(new Set(warnings)).toEqual(new Set(["HTTP connections are closed: there are too many"]));
    for (const socket of idle) socket.destroy();
  });

  test.each([
    ["without a request", [""]],
    ["after a request", ["GET /healthz HTTP/1.1\r\nHost: [::1]\r\n\r\n"]],
    ["with half a request", ["GET /healthz HTTP/1.1\r\nHost: [::1]\r\n"]],
    ["with a header now and then", ["GET /healthz HTTP/1.1\r\nHost: [::1]\r\n", "X-A: 1\r\n"]],
    ["with a body that never ends", ["POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 999\r\n\r\n", "x"]],
  ])("a connection %s ends", async (_, [first = "", more = ""]) => {
    await using server = await start({ idleMs: 400 });
    const socket = await rawConnection(server, first);
    socket.resume();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const trickle = setInterval(() => more !== "" && socket.write(more), 50);
    await closed;
    clearInterval(trickle);
  });

  test("stop ends answers that are under way", async () => {
    const server = await start({ routes: MANY });
    const socket = await rawConnection(server, DOCUMENT);
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
    await using server = await start({ endpoint: { host, port: 0 } });
    expect(server.endpoint.host).toBe(host);
    const reachable = host === "::" ? ["127.0.0.1", "[::1]"] : [host === "::1" ? "[::1]" : host];
    for (const name of reachable) {
      expect((await fetch(`http://${name}:${server.endpoint.port}/healthz`)).status).toBe(200);
    }
  });

  test("a port in use is one clear error", async () => {
    await using server = await start();
    const { port } = server.endpoint;
    expect(await listenErrorAt({ host: "::1", port })).toMatchObject({
      code: "EADDRINUSE",
      message: `cannot serve HTTP on [::1]:${port}: the port is in use: stop the other program (ss -ltnp shows it) or choose another port`,
    });
  });

  // 192.0.2.0/24 and 2001:db8::/32 are for documentation, and .invalid leads nowhere.
  test.each([
    [
      { host: "192.0.2.99", port: 0 },
      "EADDRNOTAVAIL",
      "192.0.2.99:0: this machine does not have the address",
    ],
    [
      { host: "2001:db8::99", port: 0 },
      "EADDRNOTAVAIL",
      "[2001:db8::99]:0: this machine does not have the address",
    ],
    [{ host: "fe80::99", port: 0 }, "EINVAL", "[fe80::99]:0: a link-local address needs the name of its"],
    [
      { host: "fe80::99%lo", port: 0 },
      "EADDRNOTAVAIL",
      "[fe80::99%lo]:0: this machine does not have the address",
    ],
    [{ host: "name.invalid", port: 0 }, "ENOTFOUND", "name.invalid:0: the name is not that of an address"],
  ] as const)("%j is refused", async (endpoint, code, text) => {
    const error = await listenErrorAt(endpoint);
    expect(error.code).toBe(code);
    expect(error.message).toStartWith(`cannot serve HTTP on ${text}`);
    expect(error.message).not.toContain("\n");
  });
});

async function listenErrorAt(endpoint: Endpoint): Promise<ListenError> {
  try {
    await (await start({ endpoint })).stop();
  } catch (error) {
    if (error instanceof ListenError) return error;
    throw error;
  }
  throw new Error("it listens");
}
