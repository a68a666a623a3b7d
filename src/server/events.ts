/** The events of a server: peers that come and go. */

import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import { runUserCallback } from "../base/user-callback.ts";
import type { CloseReason } from "../session/close-reason.ts";
import type { PeerInfo, PeerListener } from "./peer.ts";

/**
 * Functions of a program that are called for events as they happen. All are optional. What one of them throws, or what a
 * promise that it returns rejects with, is logged, and the server goes on.
 */
export interface ServerHandler {
  /** Called when a peer is established: it may announce and subscribe from now on. */
  peerEstablished?(peer: PeerInfo): void;
  /** Called when a peer that was established has left; `peer` is as it was at the end. Its routes may be retained. */
  peerGone?(peer: PeerInfo, reason: CloseReason): void;
}

export const SERVER_EVENTS = ["peerEstablished", "peerGone"] as const satisfies (keyof ServerHandler)[];

/** Calls a program's handler, and logs what goes wrong there. */
export class GuardedServerHandler implements PeerListener {
  readonly #handler: ServerHandler;
  readonly #logger: EventLog;

  constructor(handler: ServerHandler, logger: EventLog) {
    this.#handler = handler;
    this.#logger = logger;
  }

  peerEstablished(peer: PeerInfo): void {
    this.#call("peerEstablished", () => this.#handler.peerEstablished?.(peer));
  }

  peerGone(peer: PeerInfo, reason: CloseReason): void {
    this.#call("peerGone", () => this.#handler.peerGone?.(peer, reason));
  }

  #call(event: keyof ServerHandler, call: () => unknown): void {
    runUserCallback(call, (error) => {
      this.#logger.log(LOG.serverHandlerFailed, { event, error });
    });
  }
}
