/** A network that keeps every write of who listens on it, as the socket took it: by the peer's name, in order. */

import type { Clock } from "../../../src/base/clock.ts";
import type { Endpoint } from "../../../src/net/endpoint.ts";
import { formatPeer } from "../../../src/net/peer-identity.ts";
import type {
  ByteStream,
  ConnectEvents,
  Listener,
  Network,
  StreamEvents,
} from "../../../src/transport/network.ts";

export interface Write {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

export class RecordedNetwork implements Network {
  readonly #inner: Network;
  readonly #clock: Clock;
  readonly #writes = new Map<string, Write[]>();

  constructor(inner: Network, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  /** What was written to the peer so far, and what will be. */
  writesTo(peer: string): readonly Write[] {
    return this.#writes.getOrInsertComputed(peer, () => []);
  }

  listen(endpoint: Endpoint, accept: (stream: ByteStream) => StreamEvents): Promise<Listener> {
    return this.#inner.listen(endpoint, (stream) => accept(this.#record(stream)));
  }

  connect(endpoint: Endpoint, events: ConnectEvents): void {
    this.#inner.connect(endpoint, events);
  }

  #record(stream: ByteStream): ByteStream {
    const writes = this.#writes.getOrInsertComputed(formatPeer(stream.remote), () => []);
    return {
      remote: stream.remote,
      local: stream.local,
      write: (bytes) => {
        const taken = stream.write(bytes);
        if (taken > 0) writes.push({ atMs: this.#clock.nowMs(), bytes: bytes.slice(0, taken) });
        return taken;
      },
      pause: () => stream.pause(),
      resume: () => stream.resume(),
      end: () => stream.end(),
      endWithin: (ms) => stream.endWithin(ms),
      abort: () => stream.abort(),
    };
  }
}
