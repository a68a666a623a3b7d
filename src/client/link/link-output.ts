/**
 * What one server still has to be told: the difference between what the client wants and what was sent on
 * this connection, worked out when the socket has room.
 *
 * Order: subscriptions, a KEEPALIVE in a write of its own (it shows the server that we are no Go program, and
 * fences UNSUBSCRIBEs), announcements.
 *
 * Care for Go servers, until its id or an End-of-RIB has shown that the server is a BunBond:
 *
 * - A read of theirs must never be full nor end inside a frame. So at most ten writes of up to 1,400 bytes go
 *   out between two KEEPALIVE answers: ten segments are what TCP sends at once on a new connection
 *   (RFC 6928), and an answer means that everything before was read.
 * - An UNSUBSCRIBE takes our announcements of the VNI along: they are sent again a second after it was read,
 *   when it has certainly been carried out. A new SUBSCRIBE waits as long (see subscription-output.ts).
 * - Our own routes come back as echoes (see announcement-output.ts).
 */

import type { Clock, Timer } from "../../base/clock.ts";
import type { Route } from "../../route/route.ts";
import { Barrier } from "../../transport/barrier.ts";
import type { Connection } from "../../transport/connection.ts";
import { type OutputSource, RUN_BYTES } from "../../transport/outbox.ts";
import { PACED_WRITE_BYTES, type Pacing } from "../../transport/pacing.ts";
import type { UpdateFields } from "../../wire/message.ts";
import { AnnouncementOutput } from "./announcement-output.ts";
import type { ClientIntent } from "./client-intent.ts";
import { SUBSCRIPTION_PAUSE_MS, SubscriptionOutput } from "./subscription-output.ts";

const PACED_WRITES = 10;

const NOTHING = new Uint8Array(0);
// Written and sent within one call: one serves all links.
const run = new Uint8Array(RUN_BYTES);
const runView = new DataView(run.buffer);

export class LinkOutput implements OutputSource {
  readonly #connection: () => Connection;
  readonly #clock: Clock;
  readonly #pacing: Pacing;
  readonly #subscriptions: SubscriptionOutput;
  readonly #announcements: AnnouncementOutput;
  readonly #timers = new Set<Timer>();
  /** Callbacks of {@link confirm}. */
  readonly #confirmations = new Barrier<() => void>();
  #isPaced: boolean;
  #writes = 0;
  /** How many writes are known to have been read; and how many will be, once the next answer has come. */
  #writesRead = 0;
  readonly #unreadWrites = new Barrier<number>();
  /** A timer is set for what waits until then; Infinity: none. */
  #wakesAtMs = Number.POSITIVE_INFINITY;

  constructor(intent: ClientIntent, connection: () => Connection, clock: Clock, pacing: Pacing) {
    this.#connection = connection;
    this.#clock = clock;
    this.#pacing = pacing;
    this.#isPaced = pacing !== "never";
    this.#subscriptions = new SubscriptionOutput(intent.vnis, clock);
    this.#announcements = new AnnouncementOutput(intent.announcements);
  }

  /** UPDATEs of the VNI count. */
  isSubscribed(vni: number): boolean {
    return this.#subscriptions.isSubscribed(vni);
  }

  /** When the server is known to have read the SUBSCRIBE of the VNI; Infinity: not yet. */
  subscribeReadMs(vni: number): number {
    return this.#subscriptions.readMs(vni);
  }

  /** Nothing is left to be sent. */
  get idle(): boolean {
    return this.#subscriptions.idle && this.#announcements.idle;
  }

  /** Calls `read` once the server has read everything that is wanted now; never, if the connection ends before. */
  confirm(read: () => void): void {
    this.#confirmations.add(read);
    this.#connection().wake();
  }

  /** The VNI is wanted now, or no longer and its routes have been dropped. */
  vniChanged(vni: number): void {
    this.#subscriptions.changed(vni);
    this.#connection().wake();
  }

  /** The route is announced now, or no longer. */
  announcementChanged(key: string, route: Route): void {
    this.#announcements.changed(key, route);
    this.#connection().wake();
  }

  /** The server is to have none of our announcements any more. */
  withdrawAll(): void {
    this.#announcements.withdrawAll();
    this.#connection().wake();
  }

  /** The received ADD may be one that we have withdrawn, coming back. */
  mayBeEcho(received: UpdateFields): boolean {
    return this.#announcements.mayBeEcho(received);
  }

  /** The server has told its id or sent an End-of-RIB: it is a BunBond, and needs no care. */
  endOfRibSeen(): void {
    if (!this.#isPaced || this.#pacing === "always") return;
    this.#isPaced = false;
    this.#announcements.expectNoEchoes();
    this.#connection().wake();
  }

  keepaliveAnswered(): void {
    const answered = this.#connection().keepalivesAnswered;
    for (const writes of this.#unreadWrites.answered(answered)) this.#writesRead = writes;
    const unsubscribed = this.#subscriptions.keepaliveAnswered(answered);
    if (this.#isPaced && unsubscribed.size > 0) {
      this.#after(SUBSCRIPTION_PAUSE_MS, () => this.#announcements.sendAgain(unsubscribed));
    }
    this.#announcements.keepaliveAnswered(answered);
    for (const read of this.#confirmations.answered(answered)) read();
    this.#connection().wake();
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  nextRun(limitBytes: number): Uint8Array {
    if (this.#subscriptions.needsKeepalive) return this.#sendKeepalive();
    let limit = Math.min(limitBytes, RUN_BYTES);
    if (this.#isPaced) {
      if (this.#writes - this.#writesRead >= PACED_WRITES) {
        return this.#unreadWrites.isEmpty ? this.#sendKeepalive() : NOTHING;
      }
      limit = Math.min(limit, PACED_WRITE_BYTES);
    }
    const end = this.#encodeSubscriptions(limit) || this.#announcements.encode(runView, limit);
    if (end > 0) {
      this.#writes++;
      return run.subarray(0, end);
    }
    const isAsked = this.#confirmations.needsKeepalive && this.idle;
    return this.#announcements.needsKeepalive || isAsked ? this.#sendKeepalive() : NOTHING;
  }

  /** The connection writes it before it asks for the next run. */
  #sendKeepalive(): Uint8Array {
    const number = this.#connection().sendKeepalive();
    if (this.#unreadWrites.isEmpty) this.#unreadWrites.add(this.#writes);
    this.#unreadWrites.sent(number);
    this.#subscriptions.keepaliveSent(number);
    this.#announcements.keepaliveSent(number);
    if (this.idle) this.#confirmations.sent(number);
    return NOTHING;
  }

  #encodeSubscriptions(limit: number): number {
    if (this.#subscriptions.idle) return 0;
    const end = this.#subscriptions.encode(runView, limit, this.#isPaced);
    const { nextDueMs } = this.#subscriptions;
    if (nextDueMs < this.#wakesAtMs) {
      this.#wakesAtMs = nextDueMs;
      this.#after(nextDueMs - this.#clock.nowMs(), () => {
        this.#wakesAtMs = Number.POSITIVE_INFINITY;
      });
    }
    return end;
  }

  /** Does something later, and sees to it that what comes of it is sent. */
  #after(delayMs: number, act: () => void): void {
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer);
      act();
      this.#connection().wake();
    });
    this.#timers.add(timer);
  }
}
