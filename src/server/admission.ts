/**
 * Decides which connections are accepted: as many as there are descriptors for (transport/descriptor-limit.ts). One more is reset
 * at once, and tries again in 5 to 10 s. An ESTABLISHED connection stays; but anybody can open connections and send nothing, so
 *
 * - if there are more than some hundreds of half-open connections (not ESTABLISHED yet), or no place is left, one of them is reset.
 *   It belongs to a source network that has more than its share of them (the limit divided by the number of source networks that
 *   have any), or to any if none has more. There it is the oldest that has not sent its HELLO, which an honest client's system
 *   sends with the connection's first acknowledgement; else the oldest of the others;
 * - each half-open connection has some time for its handshake, or a crowd that connects again and again would replace it before it
 *   is read: as long as all are younger than that, none is accepted, and new ones wait in the kernel's queue. If the listener cannot
 *   be paused, there may be more of them as long as there are places, and with no place left the new one is reset;
 * - while more than three quarters of the places are taken, a source network (net/source-network.ts) gets no new one beyond its
 *   share: the places divided by the number of source networks that have any, at least one. What it had before stays.
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
/** At the limit it is read again at most this often, since prlimit(1) may have raised it. */
const READ_EVERY_MS = 10_000;
/**
 * How much time a half-open connection has: until its HELLO is read, and then for the round trip. So 512 places serve some 5,000
 * connections a second, or 2,000 where all have sent their HELLO: a crowd of some thousands makes others wait for a second or two.
 */
const LEAST_MS = { silent: 100, greeted: 250 } as const;
/** With fewer half-open connections new ones would wait for long: then they are reset instead, and try again. */
const LEAST_TO_WAIT_FOR = 64;
/** How many half-open connections are ended for a new one: two, so that their number falls again after a crowd of young ones. */
const MOST_ENDED = 2;
/** The part of connections with a HELLO that may be waiting to be read at a time. */
const FEW_SILENT = 0.25;
/** Once more than this part of the places is taken, each source is limited to its share. */
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

/** Takes a stream that is accepted; `onEstablished` is to be called when its peer is ESTABLISHED. */
export type Accept = (stream: ByteStream, onEstablished: () => void) => Accepted;

export interface Accepted extends StreamEvents {
  /** The peer has sent its HELLO. */
  readonly receivedHello: boolean;
}

interface HalfOpen {
  readonly stream: ByteStream;
  readonly source: string;
  readonly events: Accepted;
  readonly sinceMs: number;
}

/** The half-open connections of one source network: those without a HELLO when they were last checked, and those with one; the oldest first. */
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

  /** The oldest one without a HELLO, or null. Constant work, on average: each is found to have sent its HELLO once. */
  get oldestSilent(): HalfOpen | null {
    for (const [stream, halfOpen] of this.#silent) {
      if (!halfOpen.events.receivedHello) return halfOpen;
      this.#silent.delete(stream);
      this.#greeted.set(stream, halfOpen);
    }
    return null;
  }

  /** The one that is ended first for another, or null if there is none. */
  leastNeeded(nowMs: number): HalfOpen | null {
    const silent = this.oldestSilent;
    const [greeted = null] = this.#greeted.values();
    // If most have sent their HELLO, those without one have only just connected.
    const mostAreSilent = this.#silent.size > this.#greeted.size * FEW_SILENT;
    return mostAreSilent && silent !== null ? silent : firstToGo(silent, greeted, nowMs);
  }
}

/** When a half-open connection has had its time for the handshake. */
function dueMs({ sinceMs, events }: HalfOpen): number {
  return sinceMs + LEAST_MS[events.receivedHello ? "greeted" : "silent"];
}

/** Returns the silent one, unless it has to be given its time for longer than the other. */
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
  /** Streams that have not closed yet; some may belong to connections that have ended and still have bytes to send. */
  #connections = 0;
  /** Number of connections by source network. */
  readonly #bySource = new Map<string, number>();
  /** By source network; the one that has had some for the longest time first. */
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

  /** Sets the listener, which is paused from now on while no half-open connection may be ended for a new one. */
  setListener(listener: Listener): void {
    this.#listener = listener;
  }

  /** Passes a stream to `accept`, if there is room for it, and returns what receives its events. */
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
    // A single source has all places.
    if (sources === 1) return false;
    return taken >= Math.max(1, Math.floor(places / sources));
  }

  /** Returns the connection that is ended first for a new one of this source, or, if `source` is null, of any. */
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

  /** Ends a half-open connection for a new one of this source. Returns false if none has had its time. */
  #endHalfOpenFor(source: string): boolean {
    const halfOpen = this.#leastNeeded(source);
    if (halfOpen === null || dueMs(halfOpen) > this.#context.clock.nowMs()) return false;
    this.#removeHalfOpen(halfOpen.stream, halfOpen.source);
    this.#refuse(halfOpen.stream, "half-open-limit");
    return true;
  }

  /** A further half-open connection can only replace another. */
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
          hint: "see who connects and says nothing (ss -tn); --max-half-open allows more",
        });
        break;
      case "source-share":
        logger.log(LOG.sourceShare, {
          connections,
          refused,
          lastPeer: formatPeer(stream.remote),
          openFilesLimit: this.#descriptorLimit,
          hint: "see who has that many connections (ss -tn), or raise LimitNOFILE= of the unit",
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
