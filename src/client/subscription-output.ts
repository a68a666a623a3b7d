/**
 * What one server has been told of our subscriptions, and what it still has to be told.
 *
 *              SUBSCRIBE            no longer wanted         UNSUBSCRIBE        answered
 *     (none) ────────────▶ subscribed ──────────▶ dropped ────────────▶ ending ──────────▶ (none)
 *
 * - dropped: our copies of its routes are gone, and only a new SUBSCRIBE brings them back. So the server has to
 *   be told even if the VNI is wanted again before there was room for an UNSUBSCRIBE.
 * - ending: UPDATEs of the VNI may be under way until the KEEPALIVE behind the UNSUBSCRIBE is answered. A new
 *   SUBSCRIBE waits for that, or an ADD under way would be taken for one of the new subscription and
 *   stay for ever.
 *
 * A Go server may take a SUBSCRIBE and an UNSUBSCRIBE that it reads together in either order, and a SUBSCRIBE
 * of a VNI that it thinks subscribed locks it up for everybody. So with `care` a second passes between
 * the two, whichever comes first.
 */
import type { Clock } from "../session/clock.ts";
import { encodeSubscription, MAX_CONTROL_FRAME_BYTES } from "../wire/encode.ts";
import { MessageType } from "../wire/protocol.ts";

/** Between SUBSCRIBE and UNSUBSCRIBE of one VNI on a connection that needs care. */
export const SUBSCRIPTION_PAUSE_MS = 1_000;

interface Ending {
  /** When UNSUBSCRIBE was written, ms. */
  readonly sinceMs: number;
  /** The number of the KEEPALIVE behind it; Infinity until that is sent. */
  fence: number;
}

export class SubscriptionOutput {
  /** VNI → when SUBSCRIBE was written, ms. */
  readonly #subscribed = new Map<number, number>();
  /** VNI → when SUBSCRIBE was written, ms. */
  readonly #dropped = new Map<number, number>();
  readonly #ending = new Map<number, Ending>();
  /** VNIs of which the server may have to be told something. */
  readonly #pending: Set<number>;
  /** The KEEPALIVE behind the last SUBSCRIBE; Infinity until that is sent. */
  #lastFence = Number.POSITIVE_INFINITY;
  #keepalivesAnswered = 0;
  /** What was written last has no KEEPALIVE behind it yet. */
  needsKeepalive = false;
  /** When something that has to wait for the sake of a Go server can be sent; Infinity: nothing waits. */
  nextDueMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly wanted: ReadonlySet<number>,
    private readonly clock: Clock,
  ) {
    this.#pending = new Set(wanted);
  }

  /** UPDATEs of the VNI count: the server was told SUBSCRIBE last, and we have not dropped its routes since. */
  isSubscribed(vni: number): boolean {
    return this.#subscribed.has(vni);
  }

  /** The server has been told everything. */
  get idle(): boolean {
    return this.#pending.size === 0 && !this.needsKeepalive;
  }

  /** The server has read every SUBSCRIBE that it is due. */
  get allRead(): boolean {
    return this.idle && this.#keepalivesAnswered >= this.#lastFence;
  }

  changed(vni: number): void {
    const sinceMs = this.#subscribed.get(vni);
    if (!this.wanted.has(vni) && sinceMs !== undefined) {
      this.#subscribed.delete(vni);
      this.#dropped.set(vni, sinceMs);
    }
    this.#pending.add(vni);
  }

  /**
   * Writes what may be sent now, up to `limit`, and returns the offset behind it. VNIs of UNSUBSCRIBEs are put
   * into `unsubscribed`.
   */
  encode(view: DataView, limit: number, care: boolean, unsubscribed: Set<number>): number {
    const nowMs = this.clock.nowMs();
    const pauseMs = care ? SUBSCRIPTION_PAUSE_MS : 0;
    this.nextDueMs = Number.POSITIVE_INFINITY;
    let end = 0;
    for (const vni of this.#pending) {
      if (end + MAX_CONTROL_FRAME_BYTES > limit) break;
      const isWanted = this.wanted.has(vni);
      const droppedMs = this.#dropped.get(vni);
      const dueMs = (droppedMs ?? this.#ending.get(vni)?.sinceMs ?? Number.NEGATIVE_INFINITY) + pauseMs;
      if (droppedMs !== undefined) {
        if (this.#isTooSoon(nowMs, dueMs)) continue;
        this.#dropped.delete(vni);
        this.#ending.set(vni, { sinceMs: nowMs, fence: Number.POSITIVE_INFINITY });
        unsubscribed.add(vni);
        end = encodeSubscription(view, end, MessageType.UNSUBSCRIBE, vni);
      } else if (isWanted && !this.#subscribed.has(vni)) {
        const fence = this.#ending.get(vni)?.fence ?? 0;
        if (this.#isTooSoon(nowMs, dueMs) || this.#keepalivesAnswered < fence) continue;
        this.#ending.delete(vni);
        this.#subscribed.set(vni, nowMs);
        this.#lastFence = Number.POSITIVE_INFINITY;
        end = encodeSubscription(view, end, MessageType.SUBSCRIBE, vni);
      }
      // An UNSUBSCRIBE leaves a VNI that is wanted again here, for its SUBSCRIBE.
      if (!isWanted || this.#subscribed.has(vni)) this.#pending.delete(vni);
    }
    if (end > 0) this.needsKeepalive = true;
    return end;
  }

  /** KEEPALIVE number `keepalive` goes out now, behind all that was written before. */
  keepaliveSent(keepalive: number): void {
    this.needsKeepalive = false;
    this.#lastFence = Math.min(this.#lastFence, keepalive);
    for (const ending of this.#ending.values()) ending.fence = Math.min(ending.fence, keepalive);
  }

  keepaliveAnswered(keepalivesAnswered: number): void {
    this.#keepalivesAnswered = keepalivesAnswered;
    const overMs = this.clock.nowMs() - SUBSCRIPTION_PAUSE_MS;
    for (const [vni, { sinceMs, fence }] of this.#ending) {
      if (keepalivesAnswered >= fence && sinceMs <= overMs) this.#ending.delete(vni);
    }
  }

  #isTooSoon(nowMs: number, dueMs: number): boolean {
    if (nowMs >= dueMs) return false;
    this.nextDueMs = Math.min(this.nextDueMs, dueMs);
    return true;
  }
}
