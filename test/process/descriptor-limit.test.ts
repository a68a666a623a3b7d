/** A server with more clients than descriptors: it says so, and goes on for those that are in. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ControlClient } from "../../src/cli/commands/control-client.ts";
import { LONG_KEEPALIVE_SECONDS, TcpPeer } from "../support/network/tcp-peer.ts";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { httpBase } from "../support/process/http-routes.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

/** Of which half are for connections. */
const LIMIT = 40;
const TOO_MANY = 60;

test("those that are too many are refused; HTTP, the control socket and the others go on", async () => {
  using directory = temporaryDirectory();
  const socketPath = join(directory.path, "server.sock");
  await using server = await startBunbondServer({
    command: ["sh", "-c", `ulimit -n ${LIMIT} && exec "$0" "$@"`, ...FROM_SOURCE],
    keepaliveSeconds: LONG_KEEPALIVE_SECONDS,
    socket: socketPath,
    flags: ["--http", "[::1]:0"],
  });
  const base = await httpBase(server);

  // One after the other: of connections whose handshake is not complete, some would make room for others.
  const peers: TcpPeer[] = [];
  while (peers.length < LIMIT / 2) peers.push(await TcpPeer.establish(server.address));
  // One that is neither taken nor refused would wait in the kernel's backlog, and this for it.
  const attempts = await Promise.allSettled(
    Array.from({ length: TOO_MANY - LIMIT / 2 }, () => TcpPeer.establish(server.address)),
  );
  expect(attempts.filter(({ status }) => status === "fulfilled")).toEqual([]);
  await server.logged(/ warn .*connections are refused.* connections=20 openFilesLimit=40 .*LimitNOFILE=/);

  const control = new ControlClient({ socketPath, program: null });
  expect(await (await fetch(`${base}/healthz`)).json()).toEqual({ status: "ok" });
  expect(await control.call("/v1/status", null)).toMatchObject({
    establishedPeers: LIMIT / 2,
    counters: { connectionsAccepted: LIMIT / 2, "connectionsRefused.descriptor-limit": TOO_MANY - LIMIT / 2 },
  });
  const [first, ...others] = peers;
  first?.end();
  await first?.closedByServer();
  await server.logged(/peer disconnected/);
  using _late = await TcpPeer.establish(server.address);
  for (const peer of others) await peer.roundTrip();
  for (const peer of peers) peer[Symbol.dispose]();
});

const IDLE_HTTP = 300;

test("idle HTTP connections keep a client with few descriptors from nothing", async () => {
  const server = await startBunbondServer();
  await using client = startBunbondClient({
    command: ["sh", "-c", `ulimit -n 64 && exec "$0" "$@"`, ...FROM_SOURCE],
    servers: [server.address],
    flags: ["--http", "127.0.0.1:0"],
  });
  const port = Number(new URL(await httpBase(client)).port);
  await client.logged(/server established/);
  let isOver = false;
  const idle = Array.from({ length: IDLE_HTTP }, async () => {
    while (!isOver) {
      const closed = Promise.withResolvers<void>();
      await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: { data() {}, close: () => closed.resolve(), error: () => closed.resolve() },
      }).catch(() => closed.resolve());
      // A connection that was accepted has no event to wait for; a while later another one is tried.
      await Promise.race([closed.promise, Bun.sleep(100)]);
      await Bun.sleep(20);
    }
  });
  await client.logged(/ warn .*HTTP connections are closed: there are too many .*connections=4/);
  await server[Symbol.asyncDispose]();
  await client.logged(/server unreachable, retrying/);
  await using again = await startBunbondServer({ listen: server.address });
  await again.logged(/peer established/);
  isOver = true;
  await Promise.all(idle);
  expect(client.stderrLines.join("\n")).not.toContain("EMFILE");
});

test("a connection that fails for want of a descriptor says so", async () => {
  const script = `
    import { openSync } from "node:fs";
    import { BunNetwork } from "${join(import.meta.dir, "../../src/transport/tcp-network.ts")}";
    try { for (;;) openSync("/dev/null", "r"); } catch {}
    new BunNetwork().connect({ host: "127.0.0.1", port: 9 }, {
      connected: () => null,
      failed: (reason) => { console.log(reason); process.exit(); },
    });`;
  const child = Bun.spawn(["sh", "-c", `ulimit -n 40 && exec "$0" -e "$1"`, process.execPath, script]);
  expect(await child.stdout.text()).toMatch(/^EMFILE: .*LimitNOFILE=/);
});
