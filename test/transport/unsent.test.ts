/** What waits in the kernel for a peer that reads nothing is little: real sockets. */
import { expect, test } from "bun:test";
import type { ByteStream } from "../../src/transport/network.ts";
import { BunNetwork } from "../../src/transport/tcp-network.ts";

const CHUNK = new Uint8Array(65_536);
const ROUNDS = 40;
const ROUND_MS = 25;

test("a peer that reads nothing is not written megabytes", async () => {
  const accepted = Promise.withResolvers<ByteStream>();
  const listener = await new BunNetwork().listen({ host: "127.0.0.1", port: 0 }, (stream) => {
    accepted.resolve(stream);
    return { received() {}, writable() {}, closed() {} };
  });
  const reader = await Bun.connect({
    hostname: "127.0.0.1",
    port: listener.endpoint.port ?? 0,
    socket: { data() {} },
  });
  reader.pause();
  const stream = await accepted.promise;
  let written = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (let taken = CHUNK.length; taken === CHUNK.length; written += taken) taken = stream.write(CHUNK);
    // The kernel has no event for what it moves from one socket's buffer into the other's.
    await Bun.sleep(ROUND_MS);
  }
  reader.terminate();
  stream.abort();
  listener.stop();
  expect(written).toBeLessThan(1 << 20);
});
