/** A server with more clients than descriptors: it says so, and goes on for those that are in. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ControlClient } from "../../src/cli/control-client.ts";
import { FROM_SOURCE, startBunbondServer } from "../support/bunbond-process.ts";
import { httpBase } from "../support/http-routes.ts";
import { LONG_KEEPALIVE_SECONDS, TcpPeer } from "../support/tcp-peer.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

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

  const control = new ControlClient({ socketPath, program: null, asJson: false });
  expect(await (await fetch(`${base}/healthz`)).json()).toEqual({ status: "ok" });
  expect(await control.call("/v1/status", null)).toMatchObject({
    establishedPeers: LIMIT / 2,
    counters: { connectionsAccepted: LIMIT / 2, "refusals.descriptor-limit": TOO_MANY - LIMIT / 2 },
  });
  const [first, ...others] = peers;
  first?.end();
  await first?.closedByServer();
  await server.logged(/peer gone/);
  using _late = await TcpPeer.establish(server.address);
  for (const peer of others) await peer.roundTrip();
  for (const peer of peers) peer[Symbol.dispose]();
});
