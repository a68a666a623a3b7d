/** HTTP connections that cost more than they get. */
import { AttackingPeer, type Target } from "../attacking-peer.ts";
import { announce, hop, word } from "../frames.ts";

const DOCUMENT = "GET /routes.json HTTP/1.1\r\nHost: localhost\r\n\r\n";

interface HttpConnection {
  /** What is sent once it is open; and nothing is ever read where `reads` is false. */
  readonly request: string;
  readonly reads: boolean;
  /** It is aborted after this long. */
  readonly lifeMs: number;
}

/** Fills the table that documents are made of; returns what ends it. */
async function fillTable(target: Target, routes: number): Promise<() => void> {
  const peer = (await AttackingPeer.establish(target)).stayAlive();
  for (let i = 0; i < routes; i++) {
    await peer.add(
      announce({ vni: 81, prefix: word(0x50000000 + i), lengthBits: 32, hop: hop(1 + (i % 5)) }),
    );
  }
  await peer.fence();
  return () => peer.leave();
}

/** `count` connections at a time, each opened again when it has ended. */
async function crowd(target: Target, count: number, seconds: number, each: HttpConnection): Promise<void> {
  const untilMs = performance.now() + seconds * 1000;
  const one = async () => {
    while (performance.now() < untilMs) {
      const ended = Promise.withResolvers<void>();
      try {
        const socket = await Bun.connect({
          hostname: target.host,
          port: target.httpPort,
          socket: { data() {}, close: () => ended.resolve(), error: () => ended.resolve() },
        });
        if (!each.reads) socket.pause();
        socket.write(each.request);
        await Promise.race([ended.promise, Bun.sleep(Math.min(each.lifeMs, untilMs - performance.now()))]);
        socket.terminate();
      } catch {
        // It was not let in.
      }
      await Bun.sleep(20);
    }
  };
  await Promise.all(Array.from({ length: count }, one));
}

const NO_END_MS = Number.MAX_SAFE_INTEGER;

export const idle = (target: Target, count: number, seconds: number): Promise<void> =>
  crowd(target, count, seconds, { request: "", reads: true, lifeMs: NO_END_MS });

/** Requests that never end. */
export const unfinished = (target: Target, count: number, seconds: number): Promise<void> =>
  crowd(target, count, seconds, {
    request: "GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
    reads: true,
    lifeMs: NO_END_MS,
  });

/** 40 readers at a time of a table of `routes` routes. */
function documents(each: Omit<HttpConnection, "request">) {
  return async (target: Target, routes: number, seconds: number): Promise<void> => {
    const end = await fillTable(target, routes);
    await crowd(target, 40, seconds, { ...each, request: DOCUMENT });
    end();
  };
}

/** They go after a tenth of a second. */
export const abortedDocuments = documents({ reads: true, lifeMs: 100 });
/** They stay, and never read. */
export const unreadDocuments = documents({ reads: false, lifeMs: NO_END_MS });
