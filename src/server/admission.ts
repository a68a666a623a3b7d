/**
 * Who is let in: as many connections as there are descriptors for (transport/descriptor-limit.ts). One more is reset at
 * once, and tries again in 5 to 10 s. Whoever is ESTABLISHED stays; but anybody can open connections and say nothing, so
 *
 * - of those that are half-open (not ESTABLISHED yet) beyond some hundreds, or with no place left, the oldest is reset: first of those
 *   that have not sent their HELLO, which an honest client's system sends with the connection's first acknowledgement. Each is left the
 *   time of some turns, or a crowd that connects again and again would push it out before it is read: while all are younger
 *   there may be more of them, as long as there are places, and with no place left the new one is reset;
 * - while more than three quarters of the places are taken, a source network (net/source-network.ts) gets no new one beyond its
 *   share: the places by the number of source networks that have any, at least one. What it had before stays.
 */
import { hostOf, sourceNetwork } from "../net/source-network.ts";
import type { Clock } from "../session/clock.ts";
import type { Logger } from "../session/logger.ts";
import { connectionLimit } from "../transport/descriptor-limit.ts";
import type { ByteStream, Network, StreamEvents } from "../transport/stream.ts";
import type { RefusalReason, RunningCounters } from "./stats.ts";

export const DEFAULT_MAX_HALF_OPEN = 512;
const WARN_EVERY_MS = 60_000;
/** Where it is reached, the limit is read again, since prlimit(1) may have raised it. */
const READ_EVERY_MS = 10_000;
/** So long a half-open connection has to get on. */
const HALF_OPEN_LEAST_MS = 25;
/** Half-open connections that are ended for one that comes: two, so that there are fewer of them again after a crowd of young ones. */
const MOST_ENDED = 2;
/** Beyond that part of the places, each source has its share. */
const SCARCE_PART = 0.75;

/** Of a stream that was refused, nobody wants to hear. */
const SILENT: StreamEvents = { received() {}, writable() {}, closed() {} };

export interface AdmissionContext {
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
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
  readonly events: Accepted;
  readonly sinceMs: number;
}

/** A warning a minute of each kind. */
class Refusals {
  sinceWarning = 0;
  warnedMs = Number.NEGATIVE_INFINITY;
}

export class Admission {
  #descriptorLimit: number;
  #readMs: number;
  /** Streams that have not closed: a peer that is gone may still have bytes to take. */
  #connections = 0;
  /** Of each source network that has any. */
  readonly #bySource = new Map<string, number>();
  /** Those that had not sent their HELLO when they were looked at, and those that had; the oldest first. */
  readonly #silent = new Map<ByteStream, HalfOpen>();
  readonly #greeted = new Map<ByteStream, HalfOpen>();
  readonly #refusals: Readonly<Record<RefusalReason, Refusals>> = {
    "descriptor-limit": new Refusals(),
    "half-open-limit": new Refusals(),
    "source-share": new Refusals(),
  };

  constructor(private readonly context: AdmissionContext) {
    this.#descriptorLimit = context.network.descriptorLimit ?? Number.POSITIVE_INFINITY;
    this.#readMs = context.clock.nowMs();
  }

  /** Asks `accept` for who takes the stream's events, if there is room for it. */
  admit(stream: ByteStream, accept: Accept): StreamEvents {
    const source = sourceNetwork(hostOf(stream.remote));
    const hasRoom = this.#hasRoom();
    if (!hasRoom && this.#halfOpenCount === 0) return this.#refuse(stream, "descriptor-limit");
    if (this.#isBeyondShare(source)) return this.#refuse(stream, "source-share");
    if (!hasRoom && !this.#endOldestHalfOpen()) return this.#refuse(stream, "half-open-limit");
    for (let ended = 0; ended < MOST_ENDED && this.#halfOpenCount >= this.context.maxHalfOpen; ended++) {
      if (!this.#endOldestHalfOpen()) break;
    }
    this.#connections++;
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1);
    const events = accept(stream, () => this.#noLongerHalfOpen(stream));
    this.#silent.set(stream, { events, sinceMs: this.context.clock.nowMs() });
    return new AdmittedEvents(events, () => this.#closed(stream, source));
  }

  get #halfOpenCount(): number {
    return this.#silent.size + this.#greeted.size;
  }

  #noLongerHalfOpen(stream: ByteStream): void {
    if (!this.#silent.delete(stream)) this.#greeted.delete(stream);
  }

  #closed(stream: ByteStream, source: string): void {
    this.#noLongerHalfOpen(stream);
    this.#connections--;
    const left = (this.#bySource.get(source) ?? 0) - 1;
    if (left > 0) this.#bySource.set(source, left);
    else this.#bySource.delete(source);
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

  /** Returns false if all are too young. Constant work, on average: each is found to have sent its HELLO once. */
  #endOldestHalfOpen(): boolean {
    for (const [stream, halfOpen] of this.#silent) {
      if (!halfOpen.events.receivedHello) return this.#endHalfOpen(stream, halfOpen);
      this.#silent.delete(stream);
      this.#greeted.set(stream, halfOpen);
    }
    for (const [stream, halfOpen] of this.#greeted) return this.#endHalfOpen(stream, halfOpen);
    return false;
  }

  #endHalfOpen(stream: ByteStream, { sinceMs }: HalfOpen): boolean {
    if (this.context.clock.nowMs() - sinceMs < HALF_OPEN_LEAST_MS) return false;
    this.#noLongerHalfOpen(stream);
    this.#refuse(stream, "half-open-limit");
    return true;
  }

  #hasRoom(): boolean {
    if (this.#connections < connectionLimit(this.#descriptorLimit)) return true;
    const { network, clock } = this.context;
    const nowMs = clock.nowMs();
    if (nowMs - this.#readMs < READ_EVERY_MS) return false;
    this.#readMs = nowMs;
    this.#descriptorLimit = network.descriptorLimit ?? Number.POSITIVE_INFINITY;
    return this.#connections < connectionLimit(this.#descriptorLimit);
  }

  #refuse(stream: ByteStream, reason: RefusalReason): StreamEvents {
    const { clock, logger, counters } = this.context;
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
        logger.warn("connections are refused: the limit of open files is reached", {
          connections,
          openFilesLimit: this.#descriptorLimit,
          refused,
          hint: "raise LimitNOFILE= of the unit or ulimit -n, and restart; without a restart: prlimit --nofile",
        });
        break;
      case "half-open-limit":
        logger.warn("connections without a handshake are reset: there are too many", {
          connections,
          refused,
          halfOpen: this.#halfOpenCount,
          lastPeer: stream.remote,
          hint: "see who connects and says nothing (ss -tn); --max-half-open allows more",
        });
        break;
      case "source-share":
        logger.warn("connections are refused: places are scarce, and their source has its share", {
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
  constructor(
    private readonly events: StreamEvents,
    private readonly closing: () => void,
  ) {}

  received(chunk: Uint8Array): void {
    this.events.received(chunk);
  }

  writable(): void {
    this.events.writable();
  }

  closed(detail: string | null): void {
    this.closing();
    this.events.closed(detail);
  }
}
