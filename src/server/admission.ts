/**
 * Who is let in: as many connections as there are descriptors for (transport/descriptor-limit.ts). One more is reset at
 * once, and tries again in 5 to 10 s. Whoever is ESTABLISHED stays; but anybody can open connections and say nothing, so
 *
 * - of those that are half-open (not ESTABLISHED yet) beyond some hundreds, or with no place left, one is reset: of a source network
 *   that has more than its share of them (all that there may be by the number of source networks that have any), or of any if none
 *   has; there the oldest that has not sent its HELLO, which an honest client's system sends with the connection's first
 *   acknowledgement, else the oldest of the others;
 * - each of them is left some time for its handshake, or a crowd that connects again and again would push it out before it is read:
 *   as long as all are younger, nobody is accepted, and whoever comes waits in the kernel's queue. Where that cannot be, there may
 *   be more of them, as long as there are places, and with no place left the new one is reset;
 * - while more than three quarters of the places are taken, a source network (net/source-network.ts) gets no new one beyond its
 *   share: the places by the number of source networks that have any, at least one. What it had before stays.
 */

import type { Clock, Timer } from "../base/clock.ts";
import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import { hostOf, sourceNetwork } from "../net/source-network.ts";
import { connectionLimit } from "../transport/descriptor-limit.ts";
import type { ByteStream, Listener, Network, StreamEvents } from "../transport/network.ts";
import type { RefusalReason, RunningCounters } from "./stats.ts";

const WARN_EVERY_MS = 60_000;
/** Where it is reached, the limit is read again, since prlimit(1) may have raised it. */
const READ_EVERY_MS = 10_000;
/**
 * So long a half-open connection has to get on: until its HELLO is read, and then for the way there and back. Of 512 in places
 * that are always taken again, some 5,000 a second, and 2,000 where all have sent their HELLO: a crowd of some thousands makes others
 * wait for a second or two.
 */
const LEAST_MS = { silent: 100, greeted: 250 } as const;
/** Fewer would make those that come wait for long: they are reset, and try again. */
const LEAST_TO_WAIT_FOR = 64;
/** Half-open connections that are ended for one that comes: two, so that there are fewer of them again after a crowd of young ones. */
const MOST_ENDED = 2;
/** Of those that have sent their HELLO: the part that may be waiting to be read at a time. */
const FEW_SILENT = 0.25;
/** Beyond that part of the places, each source has its share. */
const SCARCE_PART = 0.75;

/** Of a stream that was refused, nobody wants to hear. */
const SILENT: StreamEvents = { received() {}, writable() {}, closed() {} };

export interface AdmissionContext {
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: EventLog;
  readonly counters: RunningCounters;
  readonly maxHalfOpen: number;
}

/** Takes a stream that is let in; `established` is to be called when its peer is. */
export type Accept = (stream: ByteStream, established: () => void) => Accepted;

export interface Accepted extends StreamEvents {
  /** The peer has got as far as a HELLO. */
  readonly receivedHello: boolean;
}

interface HalfOpen {
  readonly stream: ByteStream;
  readonly source: string;
  readonly events: Accepted;
  readonly sinceMs: number;
}

/** Of one source network: those that had not sent their HELLO when they were looked at, and those that had; the oldest first. */
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

  /** Constant work, on average: each is found to have sent its HELLO once. */
  get oldestSilent(): HalfOpen | null {
    for (const [stream, halfOpen] of this.#silent) {
      if (!halfOpen.events.receivedHello) return halfOpen;
      this.#silent.delete(stream);
      this.#greeted.set(stream, halfOpen);
    }
    return null;
  }

  leastNeeded(nowMs: number): HalfOpen | null {
    const silent = this.oldestSilent;
    const [greeted = null] = this.#greeted.values();
    // Where most have sent theirs, those that have not have just come.
    const mostAreSilent = this.#silent.size > this.#greeted.size * FEW_SILENT;
    return mostAreSilent && silent !== null ? silent : firstToGo(silent, greeted, nowMs);
  }
}

/** Until then it is left its time. */
function dueMs({ sinceMs, events }: HalfOpen): number {
  return sinceMs + LEAST_MS[events.receivedHello ? "greeted" : "silent"];
}

/** The silent one, unless that has to be left its time for longer. */
function firstToGo(silent: HalfOpen | null, other: HalfOpen | null, nowMs: number): HalfOpen | null {
  if (silent === null || other === null) return silent ?? other;
  return dueMs(silent) <= Math.max(nowMs, dueMs(other)) ? silent : other;
}

/** A warning a minute of each kind. */
class Refusals {
  sinceWarning = 0;
  warnedMs = Number.NEGATIVE_INFINITY;
}

export class Admission {
  readonly #context: AdmissionContext;
  #descriptorLimit: number;
  #readMs: number;
  /** Streams that have not closed: a peer that is gone may still have bytes to take. */
  #connections = 0;
  /** Of each source network that has any. */
  readonly #bySource = new Map<string, number>();
  /** Of each source network that has any: the one that has had some for the longest time first. */
  readonly #halfOpen = new Map<string, HalfOpenOfSource>();
  #halfOpenCount = 0;
  #listener: Listener | null = null;
  /** Until when nobody is accepted; null: it listens. */
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

  /** From now on the listener is paused while none of those that are half-open is to make room. */
  listens(listener: Listener): void {
    this.#listener = listener;
  }

  /** Asks `accept` for who takes the stream's events, if there is room for it. */
  admit(stream: ByteStream, accept: Accept): StreamEvents {
    const source = sourceNetwork(hostOf(stream.remote));
    const hasRoom = this.#hasRoom();
    if (!hasRoom && this.#halfOpenCount === 0) return this.#refuse(stream, "descriptor-limit");
    if (this.#isBeyondShare(source)) return this.#refuse(stream, "source-share");
    if (!hasRoom && !this.#endHalfOpenFor(source)) return this.#refuse(stream, "half-open-limit");
    for (let ended = 0; ended < MOST_ENDED && this.#halfOpenCount >= this.#context.maxHalfOpen; ended++) {
      if (!this.#endHalfOpenFor(source)) break;
    }
    this.#connections++;
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1);
    const events = accept(stream, () => this.#noLongerHalfOpen(stream, source));
    this.#addHalfOpen({ stream, source, events, sinceMs: this.#context.clock.nowMs() });
    this.#pauseWhileAllAreYoung();
    return new AdmittedEvents(events, () => this.#closed(stream, source));
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

  #noLongerHalfOpen(stream: ByteStream, source: string): void {
    const ofSource = this.#halfOpen.get(source);
    if (ofSource?.delete(stream)) this.#halfOpenCount--;
    if (ofSource?.count === 0) this.#halfOpen.delete(source);
    if (this.#pause !== null && !this.#isFull) this.#resume();
  }

  #closed(stream: ByteStream, source: string): void {
    this.#connections--;
    const left = (this.#bySource.get(source) ?? 0) - 1;
    if (left > 0) this.#bySource.set(source, left);
    else this.#bySource.delete(source);
    this.#noLongerHalfOpen(stream, source);
  }

  #isBeyondShare(source: string): boolean {
    const places = connectionLimit(this.#descriptorLimit);
    if (this.#connections <= places * SCARCE_PART) return false;
    const taken = this.#bySource.get(source) ?? 0;
    const sources = this.#bySource.size + (taken === 0 ? 1 : 0);
    // Nobody is kept out by the only one there is.
    if (sources === 1) return false;
    return taken >= Math.max(1, Math.floor(places / sources));
  }

  /** Which one is to make room for the next of that source; null: for anybody's. */
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

  /** Returns false if there is none that has had its time. */
  #endHalfOpenFor(source: string): boolean {
    const halfOpen = this.#leastNeeded(source);
    if (halfOpen === null || dueMs(halfOpen) > this.#context.clock.nowMs()) return false;
    this.#noLongerHalfOpen(halfOpen.stream, halfOpen.source);
    this.#refuse(halfOpen.stream, "half-open-limit");
    return true;
  }

  /** Another half-open connection takes the place of one. */
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
    counters.refused(reason);
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
          lastPeer: stream.remote,
          hint: "see who connects and says nothing (ss -tn); --max-half-open allows more",
        });
        break;
      case "source-share":
        logger.log(LOG.sourceShare, {
          connections,
          refused,
          lastPeer: stream.remote,
          openFilesLimit: this.#descriptorLimit,
          hint: "see who has that many connections (ss -tn), or raise LimitNOFILE= of the unit",
        });
    }
    return SILENT;
  }
}

/** Passes a stream's events on, and tells when it has closed. */
class AdmittedEvents implements StreamEvents {
  readonly #events: StreamEvents;
  readonly #closing: () => void;
  constructor(events: StreamEvents, closing: () => void) {
    this.#events = events;
    this.#closing = closing;
  }

  received(chunk: Uint8Array): void {
    this.#events.received(chunk);
  }

  writable(): void {
    this.#events.writable();
  }

  closed(detail: string | null): void {
    this.#closing();
    this.#events.closed(detail);
  }
}
