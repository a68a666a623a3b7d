/** A server on a network in memory, and raw peers that have passed the handshake. */
import type { Logger } from "../../../src/base/logger.ts";
import type { ServerOptions } from "../../../src/server/options.ts";
import { Server } from "../../../src/server/server.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemoryNetwork } from "./memory-network.ts";
import { RawPeer } from "./raw-peer.ts";

const LISTEN = { host: "::", port: 4711 };

export abstract class ServerRig {
  readonly clock = new FakeClock();
  readonly network: MemoryNetwork;
  abstract readonly logger: Logger;

  constructor(capacityBytes = 65_536) {
    this.network = new MemoryNetwork({ clock: this.clock, capacityBytes });
  }

  start(options: Partial<ServerOptions> = {}): Promise<Server> {
    const { clock, network, logger } = this;
    return Server.start({
      listen: LISTEN,
      settleSeconds: 0,
      pacing: "never",
      clock,
      network,
      logger,
      ...options,
    });
  }

  /** Returns an established peer that has sent these frames; what its handshake has brought is dropped. */
  peer(...frames: readonly string[]): RawPeer {
    const peer = new RawPeer(this.clock).connect(this.network, LISTEN);
    for (const frame of ["HELLO 5", "KEEPALIVE"]) this.say(peer, frame);
    peer.takeHeard();
    peer.chunks.length = 0;
    this.say(peer, ...frames);
    return peer;
  }

  say(peer: RawPeer, ...frames: readonly string[]): void {
    peer.send(...frames);
    this.clock.settle();
  }
}
