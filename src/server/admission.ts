/**
 * Admission decides which connections are accepted: as many as there are descriptors for
 * (transport/descriptor-limit.ts). Further ones are reset at once, and their clients try again in 5 to 10 s. An
 * ESTABLISHED connection stays. But anybody can open connections and send nothing, so there are three rules:
 *
 * - If there are more than some hundreds of half-open connections (not ESTABLISHED yet), or no place is left, one of
 *   them is reset. It belongs to a source network that has more than its share of them (the limit divided by the number
 *   of source networks that have any), or to any network if none has more. In that network it is the oldest that has
 *   not sent its HELLO, which a correct client sends with the connection's first acknowledgement; or, if all have sent
 *   it, the oldest.
 * - Each half-open connection has some time for its handshake; otherwise many connections that are made again and again
 *   would replace it before it is read. As long as all are younger than that, none is accepted, and new ones wait in
 *   the kernel's queue. If the listener cannot be paused, there may be more of them as long as there are places; with
 *   no place left the new one is reset.
 * - While more than three quarters of the places are taken, a source network (net/source-network.ts) gets no new
 *   connection beyond its share, which is all places divided by the number of source networks that have any, but at
 *   least one. The connections that it has stay.
 */

import type { Clock, Timer } from "../base/clock.ts";
import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import { formatPeer } from "../net/peer-identity.ts";
import { sourceNetwork } from "../net/source-network.ts";
import { connectionLimit } from "../transport/descriptor-limit.ts";
import type { ByteStream, Listener, Network, StreamEvents } from "../transport/network.ts";
import type { RefusalReason, RunningCounters } from "./counters.ts";

const WARN_EVERY_MS = 60_000;
/** When the limit is reached, it is read again at most this often, since prlimit(1) may have raised it. */
const READ_EVERY_MS = 10_000;
/**
 * How much time a half-open connection has until its HELLO is read, and then for the round trip. So 512 places serve
 * some 5,000 connections per second, or 2,000 if all have sent their HELLO: some thousands at once make others wait for
 * a second or two.
 */
const LEAST_MS = { silent: 100, greeted: 250 } as const;
/** With fewer half-open connections than this, new ones would wait too long: they are reset instead, and try again. */
const LEAST_TO_WAIT_FOR = 64;
/**
 * How many half-open connections are ended for a new one: two, so that their number falls again after many young ones.
 */
const MOST_ENDED = 2;
/**
 * If connections without a HELLO are fewer than this part of those with one, they have probably only just connected.
 */
const FEW_SILENT = 0.25;
/** Each source is limited to its share once more than this part of the places is taken. */
const SCARCE_PART = 0.75;

/** Ignores the events of a stream that was refused. */
const SILENT: StreamEvents = { received() {}, writable() {}, closed() {} };

export interface AdmissionContext {
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: EventLog;
  readonly counters: RunningCounters;
  readonly maxHalfOpen: number;
}

/** Takes an accepted stream. It must call `onEstablished` when the peer is ESTABLISHED. */
export type Accept = (stream: ByteStream, onEstablished: () => void) => Accepted;

export interface Accepted extends StreamEvents {
  /** True if the peer has sent its HELLO. */
  readonly receivedHello: boolean;
}

interface HalfOpen {
  readonly stream: ByteStream;
  readonly source: string;
  readonly events: Accepted;
  readonly sinceMs: number;
}

/**
 * The half-open connections of one source network: those that had sent no HELLO when they were last checked, and those
 * that had; each the oldest first.
 */
class HalfOpenOfSource {
  readonly #silent = new Map<ByteStream, HalfOpen>();
  readonly #greeted = new Map<ByteStream, HalfOpen>();

  get count(): number {
    return this.#silent.size + this.#greeted.size;
  }

  add(halfOpen: HalfOpen): void {
    this.#silent.set(halfOpen.stream, halfOpen);
  }

  delete(stream: ByteStream): boolean {
    return this.#silent.delete(stream) || this.#greeted.delete(stream);
  }

  /**
   * The oldest connection without a HELLO, or null. The work is constant on average: each is found to have sent its
   * HELLO once.
   */
  get oldestSilent(): HalfOpen | null {
    for (const [stream, halfOpen] of this.#silent) {
      if (!halfOpen.events.receivedHello) return halfOpen;
      this.#silent.delete(stream);
      this.#greeted.set(stream, halfOpen);
    }
    return null;
  }

  /** Returns the connection that is ended first for another, or null if there is none. */
  leastNeeded(nowMs: number): HalfOpen | null {
    const silent = this.oldestSilent;
    const [greeted = null] = this.#greeted.values();
    // If nearly all have sent their HELLO, those without one have only just connected.
    const mostAreSilent = this.#silent.size > this.#greeted.size * FEW_SILENT;
    return mostAreSilent && silent !== null ? silent : firstToGo(silent, greeted, nowMs);
  }
}

/** Returns when the time of a half-open connection for its handshake is over. */
function dueMs({ sinceMs, events }: HalfOpen): number {
  return sinceMs + LEAST_MS[events.receivedHello ? "greeted" : "silent"];
}

/** Returns the silent connection, unless its time is over later than the other's. */
function firstToGo(silent: HalfOpen | null, other: HalfOpen | null, nowMs: number): HalfOpen | null {
  if (silent === null || other === null) return silent ?? other;
  return dueMs(silent) <= Math.max(nowMs, dueMs(other)) ? silent : other;
}

/** Counts refusals of one reason, with one warning a minute. */
class Refusals {
  sinceWarning = 0;
  warnedMs = Number.NEGATIVE_INFINITY;
}

export class Admission {
  readonly #context: AdmissionContext;
  #descriptorLimit: number;
  #readMs: number;
  /**
   * How many streams have not closed yet. Some may belong to connections that have ended and still have bytes to send.
   */
  #connections = 0;
  /** The number of connections by source network. */
  readonly #bySource = new Map<string, number>();
  /** Half-open connections by source network. The network that has had some for the longest time is first. */
  readonly #halfOpen = new Map<string, HalfOpenOfSource>();
  #halfOpenCount = 0;
  #listener: Listener | null = null;
  /** Ends the pause of the listener; null while it is not paused. */
  #pause: Timer | null = null;
  readonly #refusals: Readonly<Record<RefusalReason, Refusals>> = {
    "descriptor-limit": new Refusals(),
    "half-open-limit": new Refusals(),
    "source-share": new Refusals(),
  };

  constructor(context: AdmissionContext) {
    this.#context = context;
    this.#descriptorLimit = context.network.descriptorLimit ?? Number.POSITIVE_INFINITY;
    this.#readMs = context.clock.nowMs();
  }

  /** Sets the listener. From now on it is paused while no half-open connection may be ended for a new one. */
  setListener(listener: Listener): void {
    this.#listener = listener;
  }

  /** Passes a stream to `accept`, if there is room for it, and returns the receiver of its events. */
  admit(stream: ByteStream, accept: Accept): StreamEvents {
    const source = sourceNetwork(stream.remote.address);
    const hasRoom = this.#hasRoom();
    if (!hasRoom && this.#halfOpenCount === 0) return this.#refuse(stream, "descriptor-limit");
    if (this.#isBeyondShare(source)) return this.#refuse(stream, "source-share");
    if (!hasRoom && !this.#endHalfOpenFor(source)) return this.#refuse(stream, "half-open-limit");
    for (let ended = 0; ended < MOST_ENDED && this.#halfOpenCount >= this.#context.maxHalfOpen; ended++) {
      if (!this.#endHalfOpenFor(source)) break;
    }
    this.#connections++;
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1);
    const events = accept(stream, () => this.#removeHalfOpen(stream, source));
    this.#addHalfOpen({ stream, source, events, sinceMs: this.#context.clock.nowMs() });
    this.#pauseWhileAllAreYoung();
    return new AdmittedEvents(events, () => this.#onClosed(stream, source));
  }

  #addHalfOpen(halfOpen: HalfOpen): void {
    let ofSource = this.#halfOpen.get(halfOpen.source);
    if (ofSource === undefined) {
      ofSource = new HalfOpenOfSource();
      this.#halfOpen.set(halfOpen.source, ofSource);
    }
    ofSource.add(halfOpen);
    this.#halfOpenCount++;
  }

  #removeHalfOpen(stream: ByteStream, source: string): void {
    const ofSource = this.#halfOpen.get(source);
    if (ofSource?.delete(stream)) this.#halfOpenCount--;
    if (ofSource?.count === 0) this.#halfOpen.delete(source);
    if (this.#pause !== null && !this.#isFull) this.#resume();
  }

  #onClosed(stream: ByteStream, source: string): void {
    this.#connections--;
    const left = (this.#bySource.get(source) ?? 0) - 1;
    if (left > 0) this.#bySource.set(source, left);
    else this.#bySource.delete(source);
    this.#removeHalfOpen(stream, source);
  }

  #isBeyondShare(source: string): boolean {
    const places = connectionLimit(this.#descriptorLimit);
    if (this.#connections <= places * SCARCE_PART) return false;
    const taken = this.#bySource.get(source) ?? 0;
    const sources = this.#bySource.size + (taken === 0 ? 1 : 0);
    // A single source may use all places.
    if (sources === 1) return false;
    return taken >= Math.max(1, Math.floor(places / sources));
  }

  /** Returns the connection that is ended first for a new one of this source, or of any source if `source` is null. */
  #leastNeeded(source: string | null): HalfOpen | null {
    const nowMs = this.#context.clock.nowMs();
    const share = Math.floor(this.#context.maxHalfOpen / this.#halfOpen.size);
    const own = source === null ? undefined : this.#halfOpen.get(source);
    if (own !== undefined && own.count > share) return own.leastNeeded(nowMs);
    let silent: HalfOpen | null = null;
    let first: HalfOpen | null = null;
    for (const ofSource of this.#halfOpen.values()) {
      if (ofSource.count > share) return ofSource.leastNeeded(nowMs);
      silent ??= ofSource.oldestSilent;
      first ??= ofSource.leastNeeded(nowMs);
    }
    return firstToGo(silent, first, nowMs);
  }

  /** Ends a half-open connection for a new one of this source. Returns false if no connection's time is over. */
  #endHalfOpenFor(source: string): boolean {
    const halfOpen = this.#leastNeeded(source);
    if (halfOpen === null || dueMs(halfOpen) > this.#context.clock.nowMs()) return false;
    this.#removeHalfOpen(halfOpen.stream, halfOpen.source);
    this.#refuse(halfOpen.stream, "half-open-limit");
    return true;
  }

  /** True if a further half-open connection can only replace another. */
  get #isFull(): boolean {
    return this.#halfOpenCount >= this.#context.maxHalfOpen || !this.#hasRoom();
  }

  #pauseWhileAllAreYoung(): void {
    if (this.#listener?.pause === undefined || this.#pause !== null) return;
    if (this.#halfOpenCount < LEAST_TO_WAIT_FOR || !this.#isFull) return;
    const halfOpen = this.#leastNeeded(null);
    if (halfOpen === null) return;
    const youngForMs = dueMs(halfOpen) - this.#context.clock.nowMs();
    if (youngForMs <= 0) return;
    this.#listener.pause();
    this.#pause = this.#context.clock.after(youngForMs, () => this.#resume());
  }

  #resume(): void {
    this.#pause?.cancel();
    this.#pause = null;
    this.#listener?.resume?.();
  }

  #hasRoom(): boolean {
    if (this.#connections < connectionLimit(this.#descriptorLimit)) return true;
    const { network, clock } = this.#context;
    const nowMs = clock.nowMs();
    if (nowMs - this.#readMs < READ_EVERY_MS) return false;
    this.#readMs = nowMs;
    this.#descriptorLimit = network.descriptorLimit ?? Number.POSITIVE_INFINITY;
    return this.#connections < connectionLimit(this.#descriptorLimit);
  }

  #refuse(stream: ByteStream, reason: RefusalReason): StreamEvents {
    const { clock, logger, counters } = this.#context;
    stream.abort();
    counters.countRefusal(reason);
    const refusals = this.#refusals[reason];
    refusals.sinceWarning++;
    const nowMs = clock.nowMs();
    if (nowMs - refusals.warnedMs < WARN_EVERY_MS) return SILENT;
    const connections = this.#connections;
    const refused = refusals.sinceWarning;
    refusals.warnedMs = nowMs;
    refusals.sinceWarning = 0;
    switch (reason) {
      case "descriptor-limit":
        logger.log(LOG.descriptorLimit, {
          connections,
          openFilesLimit: this.#descriptorLimit,
          refused,
          hint: "raise LimitNOFILE= of the unit or ulimit -n, and restart; without a restart: prlimit --nofile",
        });
        break;
      case "half-open-limit":
        logger.log(LOG.halfOpenLimit, {
          connections,
          refused,
          halfOpen: this.#halfOpenCount,
          lastPeer: formatPeer(stream.remote),
          hint: "find out where silent connections come from (ss -tn); --max-half-open allows more",
        });
        break;
      case "source-share":
        logger.log(LOG.sourceShare, {
          connections,
          refused,
          lastPeer: formatPeer(stream.remote),
          openFilesLimit: this.#descriptorLimit,
          hint: "find out which address has that many connections (ss -tn), or raise LimitNOFILE= of the unit",
        });
    }
    return SILENT;
  }
}

/** Passes a stream's events on, and calls `onClosing` when it has closed. */
class AdmittedEvents implements StreamEvents {
  readonly #events: StreamEvents;
  readonly #onClosing: () => void;
  constructor(events: StreamEvents, onClosing: () => void) {
    this.#events = events;
    this.#onClosing = onClosing;
  }

  received(chunk: Uint8Array): void {
    this.#events.received(chunk);
  }

  writable(): void {
    this.#events.writable();
  }

  closed(detail: string | null): void {
    this.#onClosing();
    this.#events.closed(detail);
  }
}
