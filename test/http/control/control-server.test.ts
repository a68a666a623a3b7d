import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type Logger, silentLogger } from "../../../src/base/logger.ts";
import { jsonLines } from "../../../src/http/connections/http-answer.ts";
import { readVniList } from "../../../src/http/control/bodies.ts";
import { change, openControlSocket, query } from "../../../src/http/control/control-server.ts";
import { ControlSocketError } from "../../../src/http/control/socket.ts";
import { HttpError } from "../../../src/http/http-error.ts";
import { type HttpRoute, route } from "../../../src/http/router.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";

/** An open socket in a directory of its own. */
async function open({
  path: given,
  operations,
  logger = silentLogger,
}: {
  path?: string;
  operations?: readonly HttpRoute[];
  logger?: Logger;
} = {}) {
  using stack = new DisposableStack();
  const path = given ?? join(stack.use(temporaryDirectory()).path, "control.sock");
  const server = await openControlSocket({ path, program: "client", logger });
  const directory = stack.move();
  if (operations !== undefined) server.serve(operations);
  return {
    server,
    path,
    async [Symbol.asyncDispose]() {
      await server.stop();
      directory.dispose();
    },
  };
}

async function ask(unix: string, path: string, init: RequestInit = {}) {
  const response = await fetch(`http://localhost${path}`, { unix, ...init });
  const body: unknown = await response.json();
  return { status: response.status, body };
}

const post = (body: string): RequestInit => ({ method: "POST", body });

function refused(code: string, message: unknown = expect.any(String)) {
  return expect.objectContaining({ code, message, program: "client" });
}

/** What the error has to be, since the promise must not be kept. */
async function failure(promise: Promise<unknown>): Promise<ControlSocketError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ControlSocketError) return error;
    throw error;
  }
  throw new Error("no failure");
}

/** A socket's file that nobody answers at, as a killed program leaves it. */
function leaveStaleSocket(path: string): void {
  const listener = Bun.listen({ unix: `${path}.bound`, socket: { data() {} } });
  renameSync(`${path}.bound`, path);
  listener.stop(true);
}

const PEERS = { peers: [] };
const CHANGE_FACTS = { state: "running", establishedServers: 1 } as const;
const OPERATIONS = [
  query("/v1/peers", () => PEERS),
  change("/v1/subscribe", readVniList, async (vnis) => ({
    results: vnis.map((vni) => ({ vni, outcome: "subscribed" as const })),
    ...CHANGE_FACTS,
  })),
  change(
    "/v1/peers/reset",
    (body) => body,
    () => {
      throw new HttpError("PEER_NOT_FOUND", "no such peer");
    },
  ),
  query("/v1/status", () => {
    throw new Error("a secret");
  }),
];

describe("the socket's file", () => {
  test("is for owner and group, whatever the umask, and gone when the daemon has stopped", async () => {
    for (const umask of [0o000, 0o077]) {
      const before = process.umask(umask);
      try {
        await using opened = await open();
        const { mode } = statSync(opened.path);
        expect((mode & 0o7777).toString(8)).toBe("660");
        expect(process.umask()).toBe(umask);
        await opened.server.stop();
        expect(existsSync(opened.path)).toBe(false);
      } finally {
        process.umask(before);
      }
    }
  });

  test("gets its directory made, which others may enter, whatever the umask", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "run", "bunbond", "client.sock");
    const before = process.umask(0o077);
    try {
      await using _opened = await open({ path });
      expect((statSync(join(path, "..")).mode & 0o777).toString(8)).toBe("755");
      expect(process.umask()).toBe(0o077);
    } finally {
      process.umask(before);
    }
  });

  test("is replaced where nobody answers", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "client.sock");
    leaveStaleSocket(path);
    await using _opened = await open({ path, operations: OPERATIONS });
    expect(await ask(path, "/v1/peers")).toEqual({ status: 200, body: PEERS });
  });

  test("is replaced by one of two that start at the same time, and the other is refused", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "client.sock");
    leaveStaleSocket(path);
    const starts = await Promise.allSettled([
      open({ path, operations: OPERATIONS }),
      open({ path, operations: OPERATIONS }),
    ]);
    const opened = starts.flatMap((start) => (start.status === "fulfilled" ? start.value : []));
    const refused = starts.flatMap((start) => (start.status === "rejected" ? start.reason : []));
    expect(refused).toMatchObject([{ code: "IN_USE" }]);
    expect(await ask(path, "/v1/peers")).toEqual({ status: 200, body: PEERS });
    for (const one of opened) await one[Symbol.asyncDispose]();
    expect(readdirSync(directory.path)).toEqual([]);
  });

  test("stays with the daemon that answers there", async () => {
    await using first = await open({ operations: OPERATIONS });
    const { code, message } = await failure(open({ path: first.path }));
    expect(code).toBe("IN_USE");
    expect(message).toBe(
      `another daemon answers at ${first.path}: stop it, or give this one a path of its own by --socket PATH (or none)`,
    );
    expect(await ask(first.path, "/v1/peers")).toEqual({ status: 200, body: PEERS });
  });

  test("stays with the daemon that has it now, when the one it was taken from stops", async () => {
    const first = await open();
    unlinkSync(first.path);
    await using second = await open({
      path: first.path,
      operations: [query("/v1/peers", () => ({ peers: [] }))],
    });
    await first.server.stop();
    expect((await ask(second.path, "/v1/peers")).status).toBe(200);
    await second.server.stop();
    expect(readdirSync(dirname(second.path))).toEqual([]);
    await first[Symbol.asyncDispose]();
  });

  test("is the next daemon's, though one that stops is held up by a request without end", async () => {
    await using first = await open({ operations: OPERATIONS });
    const endless = await Bun.connect({ unix: first.path, socket: { data() {} } });
    endless.write("GET /v1/peers HTTP/1.1\r\n");
    const more = setInterval(() => endless.write("X-More: 1\r\n"), 100);
    const stopped = first.server.stop();
    await using second = await open({ path: first.path, operations: OPERATIONS });
    // The event is its end; the sleep only ends a test that would wait for ever. Its patience ends, and the connection with it; Bun's own would take 12 s, and end the daemon before.
    expect(await Promise.race([stopped, Bun.sleep(8_000).then(() => "held up")])).toBeUndefined();
    clearInterval(more);
    endless.terminate();
    expect(await ask(second.path, "/v1/peers")).toEqual({ status: 200, body: PEERS });
  });

  test("is not made in the place of another file, nor where there can be none", async () => {
    using directory = temporaryDirectory();
    const file = join(directory.path, "file");
    writeFileSync(file, "text");
    expect((await failure(open({ path: file }))).code).toBe("NOT_A_SOCKET");
    expect(readFileSync(file, "utf8")).toBe("text");
    expect((await failure(open({ path: directory.path }))).code).toBe("NOT_A_SOCKET");
    for (const path of [join(file, "client.sock"), join(directory.path, "x".repeat(108))]) {
      const { code, message } = await failure(open({ path }));
      expect(code).toBe("BAD_PATH");
      expect(message).toStartWith(`cannot make the control socket ${path}: `);
    }
  });

  test("is not made without permission", async () => {
    using directory = temporaryDirectory();
    const closed = join(directory.path, "closed");
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    // Root may write there, but not make directories in /sys.
    const path = join(process.getuid?.() === 0 ? "/sys/bunbond" : closed, "client.sock");
    expect((await failure(open({ path }))).code).toBe("NOT_PERMITTED");
  });
});

describe("answers", () => {
  test("say to wait until the daemon has started", async () => {
    await using opened = await open();
    const waiting = { status: 503, body: refused("STARTING") };
    expect(await ask(opened.path, "/v1/peers")).toEqual(waiting);
    opened.server.serve(OPERATIONS);
    expect(await ask(opened.path, "/v1/peers")).toEqual({ status: 200, body: PEERS });
  });

  test("are of the operation, given what its body says", async () => {
    await using opened = await open({ operations: OPERATIONS });
    expect(await ask(opened.path, "/v1/subscribe", post(`{"vnis":[7,8]}`))).toEqual({
      status: 200,
      body: {
        results: [
          { vni: 7, outcome: "subscribed" },
          { vni: 8, outcome: "subscribed" },
        ],
        ...CHANGE_FACTS,
      },
    });
  });

  const REFUSED: [string, RequestInit, number, string, string][] = [
    ["/v1/fib", {}, 404, "NOT_FOUND", "there is nothing at /v1/fib; the paths are /v1/peers, /v1/subscribe"],
    ["/", {}, 404, "NOT_FOUND", ""],
    ["/v1/peers", post("{}"), 405, "METHOD_NOT_ALLOWED", "/v1/peers takes GET and HEAD, not POST"],
    ["/v1/subscribe", {}, 405, "METHOD_NOT_ALLOWED", "/v1/subscribe takes POST, not GET"],
    ["/v1/subscribe", post(""), 400, "BAD_JSON", "the body is not JSON"],
    ["/v1/subscribe", post("{vnis:[7]}"), 400, "BAD_JSON", "the body is not JSON"],
    ["/v1/subscribe", post("[7]"), 400, "BAD_BODY", "the body must be an object with vnis"],
    ["/v1/subscribe", post(" ".repeat(1_048_577)), 413, "TOO_LARGE", "the body has more than 1048576"],
    ["/v1/peers/reset", post("{}"), 404, "PEER_NOT_FOUND", "no such peer"],
    [
      "/v1/status",
      {},
      500,
      "INTERNAL_ERROR",
      "the request failed inside the program; its log has the reason",
    ],
  ];

  test.each(
    REFUSED.map(([path, init, status, error, message]) => [error, message, path, status, init] as const),
  )("are errors as JSON: %s %s", async (error, message, path, status, init) => {
    await using opened = await open({ operations: OPERATIONS });
    const answer = await ask(opened.path, path, init);
    expect(answer).toEqual({ status, body: refused(error, expect.stringContaining(message)) });
  });

  test("tell the log, not the asker, what failed inside", async () => {
    const errors: unknown[] = [];
    const logger = { ...silentLogger, error: (...entry: unknown[]) => errors.push(entry) };
    await using opened = await open({ operations: OPERATIONS, logger });
    await ask(opened.path, "/v1/status");
    expect(errors).toEqual([["a control request failed", { error: "Error: a secret" }]]);
  });

  test("that breaks off in the middle is nobody's fault here", async () => {
    const errors: unknown[] = [];
    const logger = { ...silentLogger, error: (...entry: unknown[]) => errors.push(entry) };
    await using opened = await open({ operations: OPERATIONS, logger });
    const socket = await Bun.connect({ unix: opened.path, socket: { data() {} } });
    socket.write("POST /v1/subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{");
    await ask(opened.path, "/v1/peers");
    socket.terminate();
    await opened.server.stop();
    expect(errors).toEqual([]);
  });

  test("go out even if they are about the daemon's end", async () => {
    const stopped = Promise.withResolvers<void>();
    await using opened = await open({
      operations: [
        query("/v1/peers", () => {
          stopped.resolve();
          return PEERS;
        }),
      ],
    });
    const ended = stopped.promise.then(() => opened.server.stop());
    expect(await ask(opened.path, "/v1/peers")).toEqual({ status: 200, body: PEERS });
    await ended;
    expect(existsSync(opened.path)).toBe(false);
  });
});

describe("a stream of JSON lines", () => {
  /** Values that come one at a time, when the test says so. */
  function ticks() {
    const waiting: (() => void)[] = [];
    const ended = Promise.withResolvers<void>();
    const tick = route("GET", "/v1/ticks/:from", ({ parameters, signal }) =>
      jsonLines(
        (async function* () {
          try {
            for (let n = Number(parameters.from); !signal.aborted; n++) {
              yield { n };
              await new Promise<void>((resolve) => {
                waiting.push(resolve);
                signal.addEventListener("abort", () => resolve());
              });
            }
          } finally {
            ended.resolve();
          }
        })(),
      ),
    );
    return { tick, next: () => waiting.splice(0).map((resolve) => resolve()), ended: ended.promise };
  }

  test("sends each value when it comes, and ends when its reader goes", async () => {
    const { tick, next, ended } = ticks();
    await using opened = await open();
    opened.server.serve([tick]);
    const reader = new AbortController();
    const response = await fetch("http://localhost/v1/ticks/7", {
      unix: opened.path,
      signal: reader.signal,
    });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson;charset=utf-8");
    const lines = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect(await lines?.read()).toEqual({ done: false, value: '{"n":7}\n' });
    next();
    expect(await lines?.read()).toEqual({ done: false, value: '{"n":8}\n' });
    reader.abort();
    await ended;
  });

  test("ends with the daemon", async () => {
    const { tick, ended } = ticks();
    await using opened = await open();
    opened.server.serve([tick]);
    const response = await fetch("http://localhost/v1/ticks/1", { unix: opened.path });
    const outcome = response.text().catch(() => "broken off");
    await opened.server.stop();
    await ended;
    expect(await outcome).not.toContain('{"n":2}');
  });
});
