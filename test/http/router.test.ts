import { describe, expect, test } from "bun:test";
import { type HttpAnswer, json, jsonLines, text } from "../../src/http/connections/http-answer.ts";
import { BodyTooLargeError, type HttpRequest } from "../../src/http/connections/http-listener.ts";
import { HttpError } from "../../src/http/http-error.ts";
import { wholeNumberParameter } from "../../src/http/query.ts";
import { queryRoute, Router, type RouterOptions, route } from "../../src/http/router.ts";

const ROUTES = [
  route("GET", "/", () => text(200, "hello")),
  route("GET", "/v1/peers/:id", ({ parameters: { id } }) => json(200, { id })),
  route("DELETE", "/v1/peers/:id", ({ parameters: { id } }) => json(200, { deleted: id })),
  route("GET", "/v1/peers/first", () => json(200, "the first")),
  route("GET", "/v1/vnis/:vni/routes/:prefix", ({ parameters: { vni, prefix } }) =>
    json(200, { vni, prefix }),
  ),
  queryRoute(
    "GET",
    "/v1/routes",
    { vni: wholeNumberParameter(0, 10, null), limit: wholeNumberParameter(1, 100, 50) },
    ({ query: { vni, limit } }) => json(200, { vni, limit }),
  ),
  route("POST", "/v1/echo", async (request) => json(200, await request.json())),
  route("GET", "/v1/full", () => {
    throw new HttpError("TABLE_FULL", "the table is full", { limit: 3 });
  }),
  route("GET", "/v1/broken", async () => {
    throw new Error("a secret");
  }),
  route("GET", "/v1/lines", () => jsonLines(values([1, { two: 2 }]))),
];

async function* values(all: readonly unknown[]) {
  yield* all;
}

/** Asks a router for "METHOD /path?query". */
async function ask(
  line: string,
  { body = "", options = {} }: { body?: string | Error; options?: Partial<RouterOptions> } = {},
) {
  const failures: unknown[] = [];
  const router = new Router({ routes: ROUTES, onFailure: (error) => failures.push(error), ...options });
  const [method = "", url = ""] = line.split(" ");
  const [path = "", query = ""] = url.split("?");
  const request: HttpRequest = {
    method,
    path,
    query: new URLSearchParams(query),
    host: null,
    text: async () => {
      if (body instanceof Error) throw body;
      return body;
    },
    signal: new AbortController().signal,
  };
  const answer = await router.answer(request);
  return { answer, failures, outcome: [answer.status, bodyOf(answer)] };
}

function bodyOf({ headers, body }: HttpAnswer): unknown {
  if (typeof body !== "string") return "pieces";
  return headers["Content-Type"]?.startsWith("application/json") ? JSON.parse(body) : body;
}

describe("answered", () => {
  const ANSWERED: [line: string, answer: unknown][] = [
    ["GET /", "hello"],
    ["GET /?x=1", "hello"],
    ["HEAD /", "hello"],
    ["GET /v1/peers/7", { id: "7" }],
    ["DELETE /v1/peers/7", { deleted: "7" }],
    ["GET /v1/peers/first", "the first"],
    ["GET /v1/peers/a%2Fb%20c", { id: "a/b c" }],
    ["GET /v1/vnis/100/routes/10.0.0.0%2F8", { vni: "100", prefix: "10.0.0.0/8" }],
    ["GET /v1/routes", { vni: null, limit: 50 }],
    ["GET /v1/routes?vni=0&limit=100", { vni: 0, limit: 100 }],
    ["GET /v1/lines", "pieces"],
  ];
  test.each(ANSWERED)("%s", async (line, expected) => {
    expect((await ask(line)).outcome).toEqual([200, expected]);
  });

  test("a body of JSON", async () => {
    expect((await ask("POST /v1/echo", { body: `{"a":[1]}` })).outcome).toEqual([200, { a: [1] }]);
  });

  test("a stream: a line for each value", async () => {
    const { body } = (await ask("GET /v1/lines")).answer;
    if (typeof body === "string") throw new Error("a text");
    expect(await Array.fromAsync(body)).toEqual(["1\n", '{"two":2}\n']);
  });
});

describe("refused", () => {
  const REFUSED: [line: string, status: number, code: string, message: string][] = [
    ["GET /v1", 404, "NOT_FOUND", "there is nothing at /v1; the paths are /, /v1/peers/first, /v1/routes, "],
    ["GET /v1/peers", 404, "NOT_FOUND", ""],
    ["GET /v1/peers/", 404, "NOT_FOUND", ""],
    ["GET /v1/peers/7/", 404, "NOT_FOUND", ""],
    ["GET /v1/peers/%zz", 404, "NOT_FOUND", ""],
    ["GET //v1/peers/7", 404, "NOT_FOUND", ""],
    ["GET /v1/peers/:id/x", 404, "NOT_FOUND", ""],
    ["POST /", 405, "METHOD_NOT_ALLOWED", "/ takes GET and HEAD, not POST"],
    ["PUT /v1/peers/7", 405, "METHOD_NOT_ALLOWED", "/v1/peers/7 takes GET and HEAD and DELETE, not PUT"],
    ["GET /v1/echo", 405, "METHOD_NOT_ALLOWED", "/v1/echo takes POST, not GET"],
    ["HEAD /v1/echo", 405, "METHOD_NOT_ALLOWED", "/v1/echo takes POST, not HEAD"],
    ["GET /v1/routes?limit=0", 400, "BAD_QUERY", "limit must be a whole number from 1 to 100"],
    ["GET /v1/routes?vni=", 400, "BAD_QUERY", "vni must be a whole number from 0 to 10"],
    ["GET /v1/routes?vni=1e0", 400, "BAD_QUERY", "vni must be a whole number from 0 to 10"],
    ["GET /v1/routes?vni=1&vni=1", 400, "BAD_QUERY", "vni is given more than once"],
    ["GET /v1/routes?VNI=1", 400, "BAD_QUERY", `unknown parameter "VNI"; the parameters are vni, limit`],
    ["GET /v1/full", 507, "TABLE_FULL", "the table is full"],
    [
      "GET /v1/broken",
      500,
      "INTERNAL_ERROR",
      "the request failed inside the program; its log has the reason",
    ],
  ];
  test.each(REFUSED)("%s: %i", async (line, status, code, message) => {
    const { outcome } = await ask(line, { options: { errorData: { program: "client" } } });
    const body = { code, message: expect.stringContaining(message), program: "client" };
    expect(outcome).toEqual([status, expect.objectContaining(body)]);
  });

  test("with the methods that there are, as header and in the body", async () => {
    const { answer } = await ask("PUT /v1/peers/7");
    expect(answer.headers).toMatchObject({ Allow: "GET, HEAD, DELETE" });
    expect(bodyOf(answer)).toMatchObject({ allow: ["GET", "HEAD", "DELETE"] });
  });

  test("with the fields of the error itself", async () => {
    expect(bodyOf((await ask("GET /v1/full")).answer)).toEqual({
      code: "TABLE_FULL",
      message: "the table is full",
      limit: 3,
    });
  });

  const UNREADABLE: Record<string, [body: string | Error, status: number, code: string]> = {
    "nothing is there": ["", 400, "BAD_JSON"],
    "it is not JSON": ["{", 400, "BAD_JSON"],
    "it ends early": [new Error("reset"), 400, "BAD_JSON"],
    "it is too large": [new BodyTooLargeError("more than 3 bytes"), 413, "TOO_LARGE"],
  };
  test.each(Object.keys(UNREADABLE))("a body that cannot be read: %s", async (name) => {
    const [body = "", status, code] = UNREADABLE[name] ?? [];
    const { outcome } = await ask("POST /v1/echo", { body });
    expect(outcome).toEqual([status, expect.objectContaining({ code })]);
  });

  test("by the guard, whatever the path is", async () => {
    const guard = () => {
      throw new HttpError("STARTING", "not yet");
    };
    for (const line of ["GET /", "GET /nothing", "PUT /"]) {
      const { outcome } = await ask(line, { options: { guard } });
      expect(outcome).toEqual([503, { code: "STARTING", message: "not yet" }]);
    }
  });

  test("a failure is reported to the program and not to the reader", async () => {
    const { failures, answer } = await ask("GET /v1/broken");
    expect(failures).toEqual([new Error("a secret")]);
    expect(answer.body).not.toContain("secret");
  });
});

test("two routes for the same method and path are a mistake in the program", () => {
  const twice = [route("GET", "/x", () => text(200, "a")), route("GET", "/x", () => text(200, "b"))];
  expect(() => new Router({ routes: twice, onFailure: () => {} })).toThrow("two routes for GET /x");
});
