/**
 * The subscriptions on one connection: which were sent, and which are still to be sent.
 *
 *              SUBSCRIBE            no longer wanted         UNSUBSCRIBE        answered
 *     (none) ────────────▶ subscribed ──────────▶ dropped ────────────▶ ending ──────────▶ (none)
 *
 * - dropped: our copies of the server's routes are gone, and only a new SUBSCRIBE brings them back. So an UNSUBSCRIBE is
 *   sent even if the VNI is wanted again before there was room for it.
 * - ending: UPDATEs of the VNI may be under way until the KEEPALIVE after the UNSUBSCRIBE is answered. A new SUBSCRIBE waits for
 *   that, or an ADD under way would be attributed to the new subscription and stay forever.
 *
 * A Go server may carry out a SUBSCRIBE and an UNSUBSCRIBE that it reads together in either order, and a SUBSCRIBE of a VNI that
 * it considers subscribed locks it up for all its clients. So at a server that may be a Go server the second of the two waits until the
 * KEEPALIVE after the first one is answered, which means that it was read, and a second more.
 */
import type { Clock } from "../../base/clock.ts";
import { Barrier } from "../../transport/barrier.ts";
import { encodeSubscription, MAX_CONTROL_FRAME_BYTES } from "../../wire/encode.ts";
import { MessageType } from "../../wire/protocol.ts";

/** The pause at a Go server between the answer to the KEEPALIVE after a SUBSCRIBE or UNSUBSCRIBE and what may follow it. */
export const SUBSCRIPTION_PAUSE_MS = 1_000;

/** A SUBSCRIBE or UNSUBSCRIBE that was written. */
interface Written {
  readonly vni: number;
  readonly isUnsubscribe: boolean;
  /** When it was known to have been read, or Infinity until then. */
  answeredMs: number;
}

export class SubscriptionOutput {
  readonly #wanted: ReadonlySet<number>;
  readonly #clock: Clock;
  readonly #subscribed = new Map<number, Written>();
  readonly #dropped = new Map<number, Written>();
  readonly #ending = new Map<number, Written>();
  /** VNIs of which something may have to be sent. */
  readonly #pending: Set<number>;
  readonly #unread = new Barrier<Written>();
  /** When the first of those that wait for their second can be sent, or Infinity if none waits. */
  nextDueMs = Number.POSITIVE_INFINITY;

  constructor(wanted: ReadonlySet<number>, clock: Clock) {
    this.#wanted = wanted;
    this.#clock = clock;
    this.#pending = new Set(wanted);
  }

  /** Returns true if UPDATEs of the VNI count: SUBSCRIBE was sent last, and we have not dropped the routes since. */
  isSubscribed(vni: number): boolean {
    return this.#subscribed.has(vni);
  }

  /** Returns when the SUBSCRIBE of the VNI was known to have been read; Infinity if that is not known yet. */
  readMs(vni: number): number {
    return this.#subscribed.get(vni)?.answeredMs ?? Number.POSITIVE_INFINITY;
  }

  /** Returns true if something was written after the last KEEPALIVE. */
  get needsKeepalive(): boolean {
    return this.#unread.needsKeepalive;
  }

  /** Returns true if nothing is left to be sent. */
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

  /** Writes what may be sent now and fits below the offset `limit`, and returns the offset after it. */
  encode(view: DataView, limit: number, mayBeGo: boolean): number {
    this.nextDueMs = Number.POSITIVE_INFINITY;
    let end = 0;
    for (const vni of this.#pending) {
      if (end + MAX_CONTROL_FRAME_BYTES > limit) break;
      const isWanted = this.#wanted.has(vni);
      const dropped = this.#dropped.get(vni);
      if (dropped !== undefined) {
        if (mayBeGo && this.#mustWait(dropped, mayBeGo)) continue;
        this.#dropped.delete(vni);
        this.#ending.set(vni, this.#written(vni, true));
        end = encodeSubscription(view, end, MessageType.UNSUBSCRIBE, vni);
      } else if (isWanted && !this.#subscribed.has(vni)) {
        const ending = this.#ending.get(vni);
        if (ending !== undefined && this.#mustWait(ending, mayBeGo)) continue;
        this.#ending.delete(vni);
        this.#subscribed.set(vni, this.#written(vni, false));
        end = encodeSubscription(view, end, MessageType.SUBSCRIBE, vni);
      }
      // After an UNSUBSCRIBE a VNI that is wanted again stays pending, for its SUBSCRIBE.
      if (!isWanted || this.#subscribed.has(vni)) this.#pending.delete(vni);
    }
    return end;
  }

  /** Records that KEEPALIVE number `keepalive` goes out now, after everything that was written before. */
  keepaliveSent(keepalive: number): void {
    this.#unread.sent(keepalive);
  }

  /** Returns the VNIs whose UNSUBSCRIBE has been read, now that this many KEEPALIVEs are answered. */
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

  #mustWait({ answeredMs }: Written, mayBeGo: boolean): boolean {
    const dueMs = answeredMs + (mayBeGo ? SUBSCRIPTION_PAUSE_MS : 0);
    if (this.#clock.nowMs() >= dueMs) return false;
    this.nextDueMs = Math.min(this.nextDueMs, dueMs);
    return true;
  }
}
