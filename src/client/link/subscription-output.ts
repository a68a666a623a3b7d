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
 * A Go server may carry out a SUBSCRIBE and an UNSUBSCRIBE that it reads together in either order, and a
 * SUBSCRIBE of a VNI that it thinks subscribed locks it up for everybody. So with `care` whichever comes second waits
 * until the KEEPALIVE behind the first one is answered, which says that it was read, and a second more.
 */
import type { Clock } from "../../base/clock.ts";
import { Barrier } from "../../transport/barrier.ts";
import { encodeSubscription, MAX_CONTROL_FRAME_BYTES } from "../../wire/encode.ts";
import { MessageType } from "../../wire/protocol.ts";

/** With care, from the answer to the KEEPALIVE behind a SUBSCRIBE or UNSUBSCRIBE until what may follow it. */
export const SUBSCRIPTION_PAUSE_MS = 1_000;

/** A SUBSCRIBE or UNSUBSCRIBE that was written. */
interface Written {
  readonly vni: number;
  readonly isUnsubscribe: boolean;
  /** When it was known to have been read; Infinity until then. */
  answeredMs: number;
}

export class SubscriptionOutput {
  readonly #wanted: ReadonlySet<number>;
  readonly #clock: Clock;
  readonly #subscribed = new Map<number, Written>();
  readonly #dropped = new Map<number, Written>();
  readonly #ending = new Map<number, Written>();
  /** VNIs of which the server may have to be told something. */
  readonly #pending: Set<number>;
  readonly #unread = new Barrier<Written>();
  /** When something that waits for its second to pass can be sent; Infinity: nothing does. */
  nextDueMs = Number.POSITIVE_INFINITY;

  constructor(wanted: ReadonlySet<number>, clock: Clock) {
    this.#wanted = wanted;
    this.#clock = clock;
    this.#pending = new Set(wanted);
  }

  /** UPDATEs of the VNI count: the server was told SUBSCRIBE last, and we have not dropped its routes since. */
  isSubscribed(vni: number): boolean {
    return this.#subscribed.has(vni);
  }

  /** When the SUBSCRIBE of the VNI is known to have been read; Infinity: not yet. */
  readMs(vni: number): number {
    return this.#subscribed.get(vni)?.answeredMs ?? Number.POSITIVE_INFINITY;
  }

  /** What was written last has no KEEPALIVE behind it yet. */
  get needsKeepalive(): boolean {
    return this.#unread.needsKeepalive;
  }

  /** The server has been told everything. */
  get idle(): boolean {
    return this.#pending.size === 0 && !this.needsKeepalive;
  }

  changed(vni: number): void {
    const subscribe = this.#subscribed.get(vni);
    if (!this.#wanted.has(vni) && subscribe !== undefined) {
      this.#subscribed.delete(vni);
      this.#dropped.set(vni, subscribe);
    }
    this.#pending.add(vni);
  }

  /** Writes what may be sent now, up to `limit`, and returns the offset behind it. */
  encode(view: DataView, limit: number, care: boolean): number {
    this.nextDueMs = Number.POSITIVE_INFINITY;
    let end = 0;
    for (const vni of this.#pending) {
      if (end + MAX_CONTROL_FRAME_BYTES > limit) break;
      const isWanted = this.#wanted.has(vni);
      const dropped = this.#dropped.get(vni);
      if (dropped !== undefined) {
        if (care && this.#mustWait(dropped, care)) continue;
        this.#dropped.delete(vni);
        this.#ending.set(vni, this.#written(vni, true));
        end = encodeSubscription(view, end, MessageType.UNSUBSCRIBE, vni);
      } else if (isWanted && !this.#subscribed.has(vni)) {
        const ending = this.#ending.get(vni);
        if (ending !== undefined && this.#mustWait(ending, care)) continue;
        this.#ending.delete(vni);
        this.#subscribed.set(vni, this.#written(vni, false));
        end = encodeSubscription(view, end, MessageType.SUBSCRIBE, vni);
      }
      // An UNSUBSCRIBE leaves a VNI that is wanted again here, for its SUBSCRIBE.
      if (!isWanted || this.#subscribed.has(vni)) this.#pending.delete(vni);
    }
    return end;
  }

  /** KEEPALIVE number `keepalive` goes out now, behind all that was written before. */
  keepaliveSent(keepalive: number): void {
    this.#unread.sent(keepalive);
  }

  /** Returns the VNIs whose UNSUBSCRIBE has been read now. */
  keepaliveAnswered(keepalivesAnswered: number): Set<number> {
    const nowMs = this.#clock.nowMs();
    const answered = this.#unread.answered(keepalivesAnswered);
    for (const written of answered) written.answeredMs = nowMs;
    for (const [vni, { answeredMs }] of this.#ending) {
      if (nowMs >= answeredMs + SUBSCRIPTION_PAUSE_MS) this.#ending.delete(vni);
    }
    return new Set(answered.filter(({ isUnsubscribe }) => isUnsubscribe).map(({ vni }) => vni));
  }

  #written(vni: number, isUnsubscribe: boolean): Written {
    const written = { vni, isUnsubscribe, answeredMs: Number.POSITIVE_INFINITY };
    this.#unread.add(written);
    return written;
  }

  #mustWait({ answeredMs }: Written, care: boolean): boolean {
    const dueMs = answeredMs + (care ? SUBSCRIPTION_PAUSE_MS : 0);
    if (this.#clock.nowMs() >= dueMs) return false;
    this.nextDueMs = Math.min(this.nextDueMs, dueMs);
    return true;
  }
}
