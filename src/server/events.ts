/** The events of a server: peers are established and leave. */

import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import { runUserCallback } from "../base/user-callback.ts";
import type { CloseReason } from "../session/close-reason.ts";
import type { PeerInfo, PeerListener } from "./peer.ts";

/**
 * Functions of a program that are called for events as they happen. All are optional. If one of them throws, or a
 * promise that it returns rejects, the error is logged and the server goes on.
 */
export interface ServerHandler {
  /** Called when a peer is established: it may announce and subscribe from now on. */
  peerEstablished?(peer: PeerInfo): void;
  /** Called when a peer that was established has left. `peer` is its last state. Its routes may be retained. */
  peerGone?(peer: PeerInfo, reason: CloseReason): void;
}

export const SERVER_EVENTS = ["peerEstablished", "peerGone"] as const satisfies (keyof ServerHandler)[];

/** Calls a program's handler, and logs its errors. */
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
