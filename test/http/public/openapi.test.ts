/** /v1/openapi.json, compared with what daemons have and answer. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { OpenApiDocument } from "../../../src/http/public/openapi.ts";
import { SCHEMAS } from "../../../src/http/public/openapi-schemas.ts";
import { schemaFaults } from "../../support/models/json-schema.ts";
import { announceFlag, natRoute, standardRoute } from "../../support/models/text-route.ts";
import {
  type BunbondServer,
  startBunbondClient,
  startBunbondServer,
} from "../../support/process/bunbond-process.ts";
import { httpBase } from "../../support/process/http-routes.ts";
import type { RouteClient } from "../../support/process/route-client.ts";

const HTTP = ["--http", "[::1]:0"];
const ROUTES = [
  standardRoute(100, "10.0.1.0/24", "2001:db8::1"),
  standardRoute(100, "10.0.0.0/8", "2001:db8::2"),
  natRoute(100, "2001:db8:1::/48", "2001:db8::3", 1, 9),
];
/** Values for the parameters in paths. */
const EXAMPLES: Readonly<Record<string, string>> = {
  file: "main.js",
  vni: "100",
  address: "10.0.1.7",
};

const CLIENT_ONLY: readonly string[] = ["/v1/disagreements", "/v1/fib"];

let server: BunbondServer;
let announcer: RouteClient;
let client: RouteClient;
let bases: { readonly server: string; readonly client: string };
let document: OpenApiDocument;

beforeAll(async () => {
  server = await startBunbondServer({ flags: HTTP });
  const common = { servers: [server.address], vnis: [100] };
  announcer = startBunbondClient({ ...common, announce: ROUTES.map(announceFlag) });
  client = startBunbondClient({ ...common, flags: HTTP });
  await client.viewIs(ROUTES);
  bases = { server: await httpBase(server), client: await httpBase(client) };
  document = (await (await fetch(`${bases.server}/v1/openapi.json`)).json()) as OpenApiDocument;
});
afterAll(async () => {
  for (const program of [client, announcer, server]) await program?.[Symbol.asyncDispose]();
});

const PROGRAMS = ["server", "client"] as const;

/** Returns the path with values in place of its parameters. */
function exampleOf(path: string, program: (typeof PROGRAMS)[number]): string {
  const id = program === "server" ? "1" : server.address;
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(EXAMPLES[name] ?? id));
}

/** The paths that the router of a program has, in the form of OpenAPI. */
async function pathsOf(base: string): Promise<string[]> {
  const { paths } = (await (await fetch(`${base}/nothing`)).json()) as { readonly paths: readonly string[] };
  return paths.map((path) => path.replaceAll(/:(\w+)/g, "{$1}")).sort();
}

test("it has the paths of server and client, and no other", async () => {
  const [ofServer, ofClient] = [await pathsOf(bases.server), await pathsOf(bases.client)];
  expect(Object.keys(document.paths).sort()).toEqual([...new Set([...ofServer, ...ofClient])].sort());
  const onlyOfClient = ofClient.filter((path) => !ofServer.includes(path));
  expect(onlyOfClient).toEqual([...CLIENT_ONLY]);
  for (const path of onlyOfClient) expect(document.paths[path]?.get.summary).toStartWith("of a client: ");
  expect(ofServer.filter((path) => !ofClient.includes(path))).toEqual([]);
});

test("only GET and HEAD are answered, everywhere", async () => {
  for (const program of PROGRAMS) {
    for (const path of await pathsOf(bases[program])) {
      const url = bases[program] + exampleOf(path, program);
      for (const method of ["POST", "PUT", "DELETE"]) {
        const refused = await fetch(url, { method });
        expect([path, refused.status, refused.headers.get("allow")]).toEqual([path, 405, "GET, HEAD"]);
        expect(schemaFaults(await refused.json(), SCHEMAS.Error, SCHEMAS)).toEqual([]);
      }
    }
  }
});

test("its parameters are those that the programs read", async () => {
  for (const [path, { get }] of Object.entries(document.paths)) {
    const named = get.parameters.filter((one) => one.in === "query").map(({ name }) => name);
    const inPath = get.parameters.filter((one) => one.in === "path").map(({ name }) => `{${name}}`);
    expect([path, inPath]).toEqual([path, path.match(/\{\w+\}/g) ?? []]);
    const program = CLIENT_ONLY.includes(path) ? "client" : "server";
    const answer = await fetch(`${bases[program]}${exampleOf(path, program)}?nonsense=1`);
    const { code, message } =
      answer.status === 400
        ? ((await answer.json()) as { readonly code: string; readonly message: string })
        : { code: "", message: "" };
    await answer.body?.cancel().catch(() => {});
    const [, list = ""] = /the parameters are (.*)$/.exec(message) ?? [];
    const known = code === "BAD_QUERY" && list !== "" ? list.split(", ") : [];
    expect([path, ...named.toSorted()]).toEqual([path, ...known.toSorted()]);
  }
});

describe.each([...PROGRAMS])("of a %s", (program) => {
  test("each answer has its status, its type and its shape", async () => {
    for (const path of await pathsOf(bases[program])) {
      const response = await fetch(bases[program] + exampleOf(path, program));
      const operation = document.paths[path]?.get;
      const described = operation?.responses[response.ok ? `${response.status}` : "default"];
      const [type = ""] = (response.headers.get("content-type") ?? "").split(";");
      const content = described?.content[type];
      expect([path, type, content === undefined]).toEqual([path, type, false]);
      // A client without kernel routes refuses this one.
      const isRefused = path === "/v1/fib";
      expect([path, response.ok]).toEqual([path, !isRefused]);
      if (type !== "application/json") {
        await response.body?.cancel();
        continue;
      }
      const faults = schemaFaults(await response.json(), content?.schema ?? {}, document.components.schemas);
      expect([path, ...faults]).toEqual([path]);
    }
  });

  test("errors have the shape of errors", async () => {
    for (const path of ["/v1/peers/nobody", "/v1/explain/nonsense", "/v1/routes?limit=0", "/nothing"]) {
      const response = await fetch(bases[program] + path);
      expect(response.ok).toBe(false);
      expect(schemaFaults(await response.json(), SCHEMAS.Error, SCHEMAS)).toEqual([]);
    }
  });
});

test("a daemon that is not ready answers as described", async () => {
  await using waiting = await startBunbondServer({ flags: HTTP, settleSeconds: 600 });
  const response = await fetch(`${await httpBase(waiting)}/readyz`);
  const schema = document.paths["/readyz"]?.get.responses["503"]?.content["application/json"]?.schema;
  expect(response.status).toBe(503);
  expect(schemaFaults(await response.json(), schema ?? {}, SCHEMAS)).toEqual([]);
  expect(schema).toBeDefined();
});

test("peers that have left are as described", async () => {
  await using leaving = startBunbondClient({ servers: [server.address], vnis: [100] });
  await leaving.viewIs(ROUTES);
  await leaving.stop();
  const listed = async () => {
    const answer = await fetch(`${bases.server}/v1/peers?gone=true`);
    return (await answer.json()) as { readonly peers: readonly { readonly id: number }[] };
  };
  let gone = await listed();
  while (gone.peers.length === 0) gone = await listed();
  expect(schemaFaults(gone, SCHEMAS.GonePeerList, SCHEMAS)).toEqual([]);
  const one = await (await fetch(`${bases.server}/v1/peers/${gone.peers[0]?.id}`)).json();
  expect(schemaFaults(one, SCHEMAS.PeerDetail, SCHEMAS)).toEqual([]);
});

test("every schema is used, and every one that is used is there", () => {
  const used = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  );
  expect([...new Set(used)].sort()).toEqual(Object.keys(document.components.schemas).sort());
});

describe("the check finds", () => {
  const schema = SCHEMAS.HistoryPage;
  const change = {
    ...{
      number: 1,
      time: "2026-01-01T00:00:00.000Z",
      change: "add",
      vni: 1,
      destination: "::/0",
      nextHop: "::1",
    },
    ...{ reason: "announced", by: { name: "a", id: null }, existence: true },
  };
  const page = { first: 0, next: 1, changes: [change] };

  test("nothing in an answer that is right", () => {
    expect(schemaFaults(page, schema, SCHEMAS)).toEqual([]);
  });

  test.each([
    [{ ...page, first: -1 }, "$.first: -1 is less than 0"],
    [{ ...page, first: 0.5 }, "$.first: 0.5 is no integer"],
    [{ ...page, more: 1 }, "$: more is not in the schema"],
    [{ first: 0, next: 1 }, "$: no changes"],
    [{ ...page, changes: {} }, "$.changes: {} is no array"],
    [
      { ...page, changes: [{ ...change, change: "other" }] },
      '$.changes[0].change: "other" is none of add, remove, up, down',
    ],
    [{ ...page, changes: [{ ...change, time: "now" }] }, '$.changes[0].time: "now" is no time'],
  ])("%j", (value, fault) => {
    expect(schemaFaults(value, schema, SCHEMAS)).toEqual([fault]);
  });
});
