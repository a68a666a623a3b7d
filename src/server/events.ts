/** What a server tells of its peers. */

import { guardedCall } from "../base/guarded-call.ts";
import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import type { CloseReason } from "../session/close-reason.ts";
import type { PeerInfo, PeerListener } from "./peer.ts";

/**
 * Is told what happens, as it happens. All are optional. What one of them throws, or what a promise that it returns
 * rejects with, is logged, and the server goes on.
 */
export interface ServerHandler {
  /** A peer is established: it may announce and subscribe from now on. */
  peerEstablished?(peer: PeerInfo): void;
  /** A peer that was established is gone, as it was at the end, and why. Its routes may be retained. */
  peerGone?(peer: PeerInfo, reason: CloseReason): void;
}

export const SERVER_EVENTS = ["peerEstablished", "peerGone"] as const satisfies (keyof ServerHandler)[];

/** Passes everything on, and keeps what goes wrong there away from the server. */
export class GuardedServerHandler implements PeerListener {
  readonly #handler: ServerHandler;
  readonly #logger: EventLog;

  constructor(handler: ServerHandler, logger: EventLog) {
    this.#handler = handler;
    this.#logger = logger;
  }

  peerEstablished(peer: PeerInfo): void {
    this.#tell("peerEstablished", () => this.#handler.peerEstablished?.(peer));
  }

  peerGone(peer: PeerInfo, reason: CloseReason): void {
    this.#tell("peerGone", () => this.#handler.peerGone?.(peer, reason));
  }

  #tell(event: keyof ServerHandler, call: () => unknown): void {
    guardedCall(call, (error) => {
      this.#logger.log(LOG.serverHandlerFailed, { event, error });
    });
  }
}
