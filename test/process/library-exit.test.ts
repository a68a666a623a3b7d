/** A program that uses the library ends by itself once its clients are closed, whatever they were about. */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { formatEndpoint } from "../../src/net/endpoint.ts";
import { frameOfText } from "../support/models/frame-text.ts";
import { ChildProcess } from "../support/process/child-process.ts";

const LIBRARY = fileURLToPath(new URL("../../src/index.ts", import.meta.url));

/** Its arguments: a server that says nothing, one that reads no more, and one that refuses. */
const PROGRAM = `
  import { Client, makeRoute, Server, silentLogger } from ${JSON.stringify(LIBRARY)};
  const [mute, stalled, refusing] = process.argv.slice(-3);
  const server = await Server.start({ listen: "[::1]:0" });
  const connect = (...servers) => Client.connect({ servers, logger: silentLogger });
  const clients = {
    established: connect(server.endpoint),
    handshake: connect(mute),
    stalled: connect(stalled),
    retry: connect(refusing),
    connecting: connect("host.invalid"),
  };
  for (let n = 0; n < 2_000; n++) {
    const destination = "10.0." + (n >> 8) + "." + (n & 255) + "/32";
    for (const client of Object.values(clients)) client.announce(makeRoute({ vni: 1, destination, nextHop: "2001:db8::1" }));
  }
  await Promise.all([clients.established.confirmed(), clients.stalled.established()]);
  while (clients.handshake.servers()[0].state !== "handshake" || clients.retry.servers()[0].state !== "retry")
    // A client has no event for these states: it has them before it ever connects.
    await Bun.sleep(1);
  const ends = [];
  for (const client of Object.values(clients)) {
    client.established({ servers: "all", timeoutMs: 1e9 }).catch((error) => ends.push(error.code));
    client.confirmed({ servers: "all", timeoutMs: 1e9 }).catch((error) => ends.push(error.code));
    client.changes().next().then(({ done }) => ends.push(done));
  }
  await Promise.all(Object.values(clients).map((client) => client.close({ withinMs: 100 })));
  server.stop();
  console.log([...new Set(ends)].sort().join(" "));
`;

test("a process ends when its clients are closed and its server is stopped", async () => {
  using mute = Bun.listen({ hostname: "::1", port: 0, socket: { data() {} } });
  using stalled = Bun.listen({
    hostname: "::1",
    port: 0,
    socket: {
      open(socket) {
        for (const frame of ["HELLO 600 server", "KEEPALIVE"]) socket.write(frameOfText(frame));
        socket.pause();
      },
      data() {},
    },
  });
  const refusing = Bun.listen({ hostname: "::1", port: 0, socket: { data() {} } });
  const addresses = [mute, stalled, refusing].map(({ port }) => formatEndpoint({ host: "::1", port }));
  refusing.stop(true);
  await using program = new ChildProcess({ command: [process.execPath, "-e", PROGRAM, ...addresses] });
  expect([await program.ended, program.stderrLines, program.stdoutLines]).toEqual([0, [], ["CLOSED true"]]);
});
