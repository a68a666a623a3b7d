/** How a socket ends whose peer was silent: by FIN, and the RST that frees what is held for it comes later. */
import { expect, test } from "bun:test";
import type { ByteStream } from "../../src/transport/network.ts";
import { BunNetwork } from "../../src/transport/tcp-network.ts";

/** A peer that the kernel keeps open although the server has sent its FIN, and what happens to it. */
async function halfClosed(withinMs: number) {
  const received: string[] = [];
  const closed = Promise.withResolvers<string | null>();
  const accepted = Promise.withResolvers<ByteStream>();
  const listener = await new BunNetwork().listen({ host: "127.0.0.1", port: 0 }, (stream) => {
    accepted.resolve(stream);
    return {
      received: (chunk) => received.push(new TextDecoder().decode(chunk)),
      writable: () => {},
      closed: (detail) => closed.resolve(detail),
    };
  });
  const fin = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string>();
  const peer = await Bun.connect({
    hostname: "127.0.0.1",
    port: listener.endpoint.port,
    allowHalfOpen: true,
    socket: {
      data() {},
      end: () => fin.resolve(),
      close: (_, error) => ended.resolve(error === undefined ? "closed" : "reset"),
      error: () => ended.resolve("reset"),
    },
  });
  (await accepted.promise).endWithin(withinMs);
  await fin.promise;
  listener.stop();
  return { peer, received, closed: closed.promise, ended: ended.promise };
}

test("what it sends after the FIN is taken, and it closes in its own time", async () => {
  const { peer, received, closed, ended } = await halfClosed(30_000);
  for (const text of ["one", "two"]) {
    peer.write(text);
    // A socket that had been closed would have answered by a RST, and the second write would fail; that no RST comes has no event.
    await Bun.sleep(50);
  }
  expect(received.join("")).toBe("onetwo");
  peer.end();
  expect(await closed).toBeNull();
  expect(await ended).toBe("closed");
});

test("whoever never closes is reset in the end", async () => {
  const { peer, closed } = await halfClosed(200);
  expect(await closed).toBeNull();
  peer.terminate();
});
