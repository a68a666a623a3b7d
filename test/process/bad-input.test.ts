/**
 * Bad input at a server process, on a real socket: a peer whose bytes cannot be trusted loses its connection and its
 * routes, a bad UPDATE costs itself alone, and a peer that watches sees nothing else of either.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type ClosingCode, SKIP_CODES } from "../../src/wire/protocol-error.ts";
import { refusedVectors } from "../support/models/wire-vectors.ts";
import { LONG_KEEPALIVE_SECONDS, TcpPeer } from "../support/network/tcp-peer.ts";
import { type BunbondServer, startBunbondServer } from "../support/process/bunbond-process.ts";

const ROUTE = "100 10.0.1.0/24 via 2001:db8::1";
const MARKER = "100 192.0.2.255/32 via 2001:db8::255";
const SKIPPED = refusedVectors.filter(({ code }) => SKIP_CODES.some((skipCode) => skipCode === code));
/** A frame that is not complete is waited for, and what is too long begins the next one. */
const CLOSING = refusedVectors.filter(
  (vector) => !SKIPPED.includes(vector) && vector.code !== "FRAME_LENGTH_MISMATCH",
);

let server: BunbondServer;
let watcher: TcpPeer;

beforeAll(async () => {
  server = await startBunbondServer({ keepaliveSeconds: LONG_KEEPALIVE_SECONDS });
  watcher = (await TcpPeer.subscribe(server.address, 100)).peer;
});

afterAll(async () => {
  watcher[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

/**
 * Where the log of the present test begins. The kernel gives ports out again, and with them the names of peers that are
 * gone: a test looks at nothing older, and leaves no peer behind whose last line may still come.
 */
let logStart = 0;
beforeEach(() => {
  logStart = server.stderrLines.length;
});

function logOf(peer: TcpPeer, from = logStart): string[] {
  return server.stderrLines.slice(from).filter((line) => line.includes(` peer=${peer.name} `));
}

/** Waits for the server's one line on the peer's end. */
function logOfEnd(peer: TcpPeer, from = logStart): Promise<string> {
  return server.until(`the end of ${peer.name} in the log`, () =>
    logOf(peer, from).find((line) => /peer disconnected|refused or lost/.test(line)),
  );
}

/** What the server logs while `run` does its work; that a peer is seen to come next shows that it is complete. */
async function logDuring(run: () => Promise<void>): Promise<string[]> {
  await run();
  using next = await TcpPeer.establish(server.address);
  const end = await server.until("the next peer in the log", () => {
    const at = server.stderrLines.findLastIndex((line) => line.includes(` established peer=${next.name} `));
    return at < logStart ? undefined : at;
  });
  next.end();
  await logOfEnd(next, end);
  return server.stderrLines.slice(logStart, end);
}

/** The peer announces a route, then misbehaves: the route is seen to come and to go, and why is in the log. */
async function expectToClose(bytes: Uint8Array, code: string): Promise<void> {
  using peer = await TcpPeer.establish(server.address);
  peer.send(`ADD ${ROUTE}`);
  expect(await watcher.heardUntil(`ADD ${ROUTE}`)).toEqual([]);
  peer.sendBytes(bytes);
  expect(await peer.closedByServer()).toEqual([]);
  expect(await watcher.heardUntil(`REMOVE ${ROUTE}`)).toEqual([]);
  const line = await logOfEnd(peer);
  expect(line).toContain(`protocol-error ${code}`);
  expect(line).toContain(" routes=1");
}

describe("closes the connection of an established peer, whose routes go", () => {
  test.each(CLOSING.map(({ name, frame, code }) => [code, name, frame] as const))(
    "%s: %s",
    async (code, _, frame) => {
      await expectToClose(frame, code);
    },
  );

  test("what came in front of the bad frame, in the same write, is carried out", async () => {
    using peer = await TcpPeer.establish(server.address);
    peer.send(`ADD ${ROUTE}`, `ADD ${MARKER}`);
    expect(await watcher.heardUntil(`ADD ${MARKER}`)).toEqual([`ADD ${ROUTE}`]);
    peer.send(`REMOVE ${ROUTE}`, "HEX 01000006", `REMOVE ${MARKER}`);
    await peer.closedByServer();
    expect(await logOfEnd(peer)).toContain(" routes=1");
    expect(await watcher.heardUntil(`REMOVE ${MARKER}`)).toEqual([`REMOVE ${ROUTE}`]);
  });
});

describe("closes the connection in the handshake", () => {
  test.each<readonly [ClosingCode, readonly string[]]>([
    ["OUT_OF_STATE", ["KEEPALIVE"]],
    ["OUT_OF_STATE", ["SUBSCRIBE 100"]],
    ["OUT_OF_STATE", [`ADD ${ROUTE}`]],
    ["OUT_OF_STATE", ["HELLO 5", "UNSUBSCRIBE 100"]],
    ["OUT_OF_STATE", ["HELLO 5", `ADD ${ROUTE}`]],
    ["KEEPALIVE_INTERVAL_ZERO", ["HELLO 0"]],
    ["UNSUPPORTED_VERSION", ["HEX 02000201 0805"]],
    ["PAYLOAD_TOO_LONG", ["HEX 0104a501"]],
    ["UNKNOWN_TYPE", ["HEX 01000006"]],
    ["MALFORMED_MESSAGE", ["HEX 01000101 08"]],
  ])("%s: %j", async (code, frames) => {
    using peer = await TcpPeer.connect(server.address);
    peer.send(...frames);
    await peer.closedByServer();
    expect(await logOfEnd(peer)).toContain(`protocol-error ${code}`);
  });

  test("an HTTP request gets one clear line in the log, and no answer", async () => {
    const lines = await logDuring(async () => {
      using peer = await TcpPeer.connect(server.address);
      peer.sendBytes(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost:4711\r\n\r\n"));
      expect(await peer.closedByServer()).toEqual([]);
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      / warn {2}connection refused .*protocol-error UNSUPPORTED_VERSION \(the peer uses .*another protocol than MetalBond/,
    );
  });

  test("a connection that comes and goes leaves nothing in the log", async () => {
    const lines = await logDuring(async () => {
      using peer = await TcpPeer.connect(server.address);
      peer.end();
      await peer.closedByServer();
    });
    expect(lines).toEqual([]);
  });
});

describe("skips an UPDATE, and the session and all routes stay", () => {
  test.each(SKIP_CODES)("%s", async (code) => {
    const vectors = SKIPPED.filter((vector) => vector.code === code);
    expect(vectors).not.toBeEmpty();
    using peer = await TcpPeer.establish(server.address);
    peer.send(`ADD ${ROUTE}`);
    for (const { frame } of vectors) peer.sendBytes(frame);
    for (const { frame } of vectors) peer.sendBytes(frame);
    peer.send(`ADD ${MARKER}`);
    expect(await watcher.heardUntil(`ADD ${MARKER}`)).toEqual([`ADD ${ROUTE}`]);
    peer.end();
    await watcher.heardAll(`REMOVE ${MARKER}`, `REMOVE ${ROUTE}`);

    await logOfEnd(peer);
    expect(logOf(peer)).toEqual([
      expect.stringContaining(" info  peer established"),
      expect.stringMatching(new RegExp(` warn {2}update skipped.* code=${code}$`)),
      expect.stringContaining("reason=closed-by-peer routes=2"),
    ]);
  });
});

test("the watcher was left alone in all of this", async () => {
  await watcher.roundTrip();
  const logged = server.stderrLines.filter((line) => line.includes(` peer=${watcher.name} `));
  expect(logged).toEqual([expect.stringContaining("peer established")]);
});
