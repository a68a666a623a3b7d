/**
 * What is still to be sent to one server: the difference between what the client wants (DesiredState) and what was sent on this
 * connection. It is worked out when the socket has room.
 *
 * Order: subscriptions, a KEEPALIVE in a write of its own (it shows the server that this client is not Go's, and is the fence
 * for UNSUBSCRIBEs), announcements.
 *
 * Until the server is known to be a BunBond (peer-kind.ts), it is treated as a Go server:
 *
 * - A read of a Go server must never be full nor end inside a frame. So, unless `pacing` says otherwise, at most ten writes of
 *   up to 1,400 bytes are sent between two KEEPALIVE answers (transport/pacing.ts).
 * - An UNSUBSCRIBE takes our announcements of the VNI along: they are sent again a second after it was read, when the server has
 *   certainly carried it out. A new SUBSCRIBE waits as long (see subscription-output.ts).
 * - Our own routes come back as echoes (see own-echoes.ts).
 */

import type { Clock, Timer } from "../../base/clock.ts";
import type { Route } from "../../route/route.ts";
import { Barrier } from "../../transport/barrier.ts";
import type { Connection } from "../../transport/connection.ts";
import { type OutputSource, RUN_BYTES } from "../../transport/outbox.ts";
import { PACED_WRITE_BYTES, type Pacing, UnreadWrites } from "../../transport/pacing.ts";
import type { UpdateFields } from "../../wire/message.ts";
import { type Echo, OwnEchoes } from "../view/own-echoes.ts";
import type { PeerKind } from "../view/peer-kind.ts";
import { AnnouncementOutput } from "./announcement-output.ts";
import type { DesiredState } from "./desired-state.ts";
import { SUBSCRIPTION_PAUSE_MS, SubscriptionOutput } from "./subscription-output.ts";

const NOTHING = new Uint8Array(0);
// Written and sent within one call, so all links share it.
const run = new Uint8Array(RUN_BYTES);
const runView = new DataView(run.buffer);

export class LinkOutput implements OutputSource {
  readonly #connection: () => Connection;
  readonly #clock: Clock;
  readonly #pacing: Pacing;
  readonly #subscriptions: SubscriptionOutput;
  readonly #announcements: AnnouncementOutput;
  readonly #echoes = new OwnEchoes(this);
  readonly #timers = new Set<Timer>();
  /** Callbacks of {@link confirm}. */
  readonly #confirmations = new Barrier<() => void>();
  readonly #onIdle: () => void;
  #peerKind: PeerKind = "unknown";
  readonly #unreadWrites = new UnreadWrites();
  /** When the timer for what waits runs out, or Infinity if none is set. */
  #wakesAtMs = Number.POSITIVE_INFINITY;

  /** @param onIdle is called, perhaps repeatedly, when nothing is left to be sent and the socket has taken everything */
  constructor(
    desired: DesiredState,
    connection: () => Connection,
    clock: Clock,
    pacing: Pacing,
    onIdle: () => void = () => {},
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#pacing = pacing;
    this.#onIdle = onIdle;
    this.#subscriptions = new SubscriptionOutput(desired.vnis, clock);
    this.#announcements = new AnnouncementOutput(desired.announcements, this.#echoes);
  }

  /** What the server is known to be. */
  get peerKind(): PeerKind {
    return this.#peerKind;
  }

  /** The size of writes is a setting; everything else depends on what the server is. */
  get #isPaced(): boolean {
    return this.#pacing === "always" || (this.#pacing === "auto" && this.#mayBeGo);
  }

  get #mayBeGo(): boolean {
    return this.#peerKind === "unknown";
  }

  /** Returns true if UPDATEs of the VNI count. */
  isSubscribed(vni: number): boolean {
    return this.#subscriptions.isSubscribed(vni);
  }

  /** Returns when the SUBSCRIBE of the VNI was known to have been read; Infinity if that is not known yet. */
  subscribeReadMs(vni: number): number {
    return this.#subscriptions.readMs(vni);
  }

  /** Returns true if nothing is left to be sent. */
  get idle(): boolean {
    return this.#subscriptions.idle && this.#announcements.idle;
  }

  /** Calls `read` after the server has read everything that is wanted now; never, if the connection ends before. */
  confirm(read: () => void): void {
    this.#confirmations.add(read);
    this.#connection().wake();
  }

  /** Records that the VNI was subscribed to, or no longer is and its routes have been dropped. */
  vniChanged(vni: number): void {
    this.#subscriptions.changed(vni);
    this.#connection().wake();
  }

  /** Records that the route was added to the announcements, or removed from them. */
  announcementChanged(key: string, route: Route): void {
    this.#announcements.changed(key, route);
    this.#connection().wake();
  }

  /** Withdraws all our announcements from this server. */
  withdrawAll(): void {
    this.#announcements.withdrawAll();
    this.#connection().wake();
  }

  /** Returns when the received ADD may be an echo of our own announcement. */
  echoKindOf(received: UpdateFields): Echo {
    return this.#echoes.kindOf(received);
  }

  /** Records that the server has sent its id or an End-of-RIB: from now on it is treated as a BunBond. */
  identifyAsBunBond(): void {
    if (this.#peerKind === "bunbond") return;
    this.#peerKind = "bunbond";
    this.#echoes.clear();
    this.#connection().wake();
  }

  keepaliveAnswered(): void {
    const answered = this.#connection().keepalivesAnswered;
    this.#unreadWrites.keepaliveAnswered(answered);
    const unsubscribed = this.#subscriptions.keepaliveAnswered(answered);
    if (this.#mayBeGo && unsubscribed.size > 0) {
      this.#after(SUBSCRIPTION_PAUSE_MS, () => this.#announcements.sendAgain(unsubscribed));
    }
    this.#echoes.keepaliveAnswered(answered);
    for (const read of this.#confirmations.answered(answered)) read();
    this.#connection().wake();
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  nextRun(limitBytes: number): Uint8Array {
    const next = this.#nextRun(limitBytes);
    // The connection asks only after the socket has taken everything before.
    if (next.length === 0 && this.idle) this.#onIdle();
    return next;
  }

  /** A client has one connection for each server: none waits for many others. */
  get onlyBulkIsDue(): boolean {
    return true;
  }

  #nextRun(limitBytes: number): Uint8Array {
    if (this.#subscriptions.needsKeepalive) return this.#sendKeepalive();
    let limit = Math.min(limitBytes, RUN_BYTES);
    if (this.#isPaced) {
      if (this.#unreadWrites.isFull) {
        return this.#unreadWrites.awaitsAnswer ? NOTHING : this.#sendKeepalive();
      }
      limit = Math.min(limit, PACED_WRITE_BYTES);
    }
    const end = this.#encodeSubscriptions(limit) || this.#announcements.encode(runView, limit);
    if (end > 0) {
      this.#unreadWrites.onWrote();
      const frames = run.subarray(0, end);
      this.#connection().traffic.countSentFrames(frames);
      return frames;
    }
    const isAsked = this.#confirmations.needsKeepalive && this.idle;
    return this.#echoes.needsKeepalive || isAsked ? this.#sendKeepalive() : NOTHING;
  }

  /** The connection writes it before it asks for the next run. */
  #sendKeepalive(): Uint8Array {
    const number = this.#connection().sendKeepalive();
    this.#unreadWrites.keepaliveSent(number);
    this.#subscriptions.keepaliveSent(number);
    this.#echoes.keepaliveSent(number);
    if (this.idle) this.#confirmations.sent(number);
    return NOTHING;
  }

  #encodeSubscriptions(limit: number): number {
    if (this.#subscriptions.idle) return 0;
    const end = this.#subscriptions.encode(runView, limit, this.#mayBeGo);
    const { nextDueMs } = this.#subscriptions;
    if (nextDueMs < this.#wakesAtMs) {
      this.#wakesAtMs = nextDueMs;
      this.#after(nextDueMs - this.#clock.nowMs(), () => {
        this.#wakesAtMs = Number.POSITIVE_INFINITY;
      });
    }
    return end;
  }

  /** Calls `act` later, then wakes the connection to send what results from it. */
  #after(delayMs: number, act: () => void): void {
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer);
      act();
      this.#connection().wake();
    });
    this.#timers.add(timer);
  }
}
