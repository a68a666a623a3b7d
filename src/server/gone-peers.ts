/**
 * Peers that have left, for an hour: who was here, until when, and why it left. Their number is bounded, so that peers which come and
 * go all the time cost little; then the oldest are forgotten first.
 */
import { type CloseReason, describeCloseReason } from "../session/close-reason.ts";
import type { PeerInfo } from "./peer.ts";

/** How long a peer that has left is remembered. */
export const GONE_PEERS_KEPT_MS = 3_600_000;
/** How many are remembered. */
export const MAX_GONE_PEERS = 1_000;

export interface GonePeer {
  /** Its last state. */
  readonly info: PeerInfo;
  readonly reason: string;
  /** When it left, by the server's clock. */
  readonly goneMs: number;
}

export class GonePeers {
  /** By id, the one that left first at the front. */
  readonly #peers = new Map<number, GonePeer>();

  add(info: PeerInfo, reason: CloseReason, nowMs: number): void {
    this.#peers.set(info.id, { info, reason: describeCloseReason(reason), goneMs: nowMs });
    this.#forget(nowMs);
  }

  /** Lists those that are remembered, the one that left last at the end. */
  list(nowMs: number): GonePeer[] {
    this.#forget(nowMs);
    return [...this.#peers.values()];
  }

  #forget(nowMs: number): void {
    for (const [id, { goneMs }] of this.#peers) {
      if (this.#peers.size <= MAX_GONE_PEERS && nowMs - goneMs < GONE_PEERS_KEPT_MS) return;
      this.#peers.delete(id);
    }
  }
}
