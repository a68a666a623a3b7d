/** HTTP connections that cost more than they get. */
import { AttackingPeer, type Target } from "../attacking-peer.ts";
import { announce, hop, word } from "../frames.ts";

const DOCUMENT = "GET /routes.json HTTP/1.1\r\nHost: localhost\r\n\r\n";

interface HttpConnection {
  /** What is sent once it is open. */
  readonly request: string;
  readonly reads: "all" | "nothing" | "a chunk a second";
  /** It is aborted after this long. */
  readonly lifeMs: number;
}

/** Fills the table that documents are made of; it stays as long as this process lives. */
async function fillTable(target: Target, routes: number): Promise<void> {
  const peer = (await AttackingPeer.establish(target)).stayAlive();
  for (let i = 0; i < routes; i++) {
    await peer.add(
      announce({ vni: 81, prefix: word(0x50000000 + i), lengthBits: 32, hop: hop(1 + (i % 5)) }),
    );
  }
  await peer.fence();
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
          socket: {
            data(from) {
              if (each.reads !== "a chunk a second") return;
              from.pause();
              setTimeout(() => from.resume(), 1_000);
            },
            close: () => ended.resolve(),
            error: () => ended.resolve(),
          },
        });
        if (each.reads === "nothing") socket.pause();
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
  crowd(target, count, seconds, { request: "", reads: "all", lifeMs: NO_END_MS });

/** Requests that never end. */
export const unfinished = (target: Target, count: number, seconds: number): Promise<void> =>
  crowd(target, count, seconds, {
    request: "GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
    reads: "all",
    lifeMs: NO_END_MS,
  });

/** Of so many readers, how many routes they read. */
const routesFor = (readers: number): number => Math.min(1_000_000, readers * 10_000);

export const prepareDocuments = (target: Target, readers: number): Promise<void> =>
  fillTable(target, routesFor(readers));

function documents(each: Omit<HttpConnection, "request">) {
  return (target: Target, readers: number, seconds: number): Promise<void> =>
    crowd(target, readers, seconds, { ...each, request: DOCUMENT });
}

/** They go after a tenth of a second. */
export const abortedDocuments = documents({ reads: "all", lifeMs: 100 });
/** They stay, and never read. */
export const unreadDocuments = documents({ reads: "nothing", lifeMs: NO_END_MS });
export const slowDocuments = documents({ reads: "a chunk a second", lifeMs: NO_END_MS });
