/**
 * The strict reader on a real socket: what the kernel has is one read, and while that is being handled the socket is
 * not read.
 */
import type { Endpoint } from "../../../src/net/endpoint.ts";
import { frameOfText } from "../models/frame-text.ts";
import { type NumberedView, NumberedViews } from "../models/numbered-routes.ts";
import { breachOfRead, INSTALLING_FRAMES_PER_SECOND } from "./strict-reader.ts";

export interface StrictSync {
  readonly brokenBy: string | null;
  readonly reads: number;
  readonly tookMs: number;
}

/** Connects, subscribes to the view's VNI, and resolves at the End-of-RIB, or when a read has broken the session. */
export async function syncStrictly(server: Endpoint, view: NumberedView): Promise<StrictSync> {
  const views = new NumberedViews(view);
  const { promise, resolve, reject } = Promise.withResolvers<StrictSync>();
  const startMs = performance.now();
  let reads = 0;
  const take = (socket: Bun.Socket, read: Uint8Array) => {
    reads++;
    const brokenBy = breachOfRead(read);
    const frames = brokenBy === null ? views.read(read) : 0;
    if (brokenBy !== null || view.endedAfter >= 0) {
      resolve({ brokenBy, reads, tookMs: performance.now() - startMs });
      socket.terminate();
      return;
    }
    if (reads === 1) socket.write(frameOfText("KEEPALIVE"));
    if (reads === 2) socket.write(frameOfText(`SUBSCRIBE ${view.vni}`));
    socket.pause();
    setTimeout(() => socket.resume(), (1000 * frames) / INSTALLING_FRAMES_PER_SECOND);
  };
  await Bun.connect({
    hostname: server.host,
    port: server.port,
    socket: {
      binaryType: "uint8array",
      open: (socket) => {
        socket.setNoDelay(true);
        socket.write(frameOfText("HELLO 60"));
      },
      data: take,
      close: () => reject(new Error(`the server closed the connection after ${reads} reads`)),
      error: (_, error) => reject(error),
    },
  });
  return promise;
}
