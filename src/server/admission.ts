/**
 * Who is let in: as many connections as there are descriptors for (transport/descriptor-limit.ts). One more is reset at
 * once, and tries again in 5 to 10 s; those that are in stay.
 */
import type { Clock } from "../session/clock.ts";
import type { Logger } from "../session/logger.ts";
import { connectionLimit } from "../transport/descriptor-limit.ts";
import type { ByteStream, Network, StreamEvents } from "../transport/stream.ts";
import type { RunningCounters } from "./stats.ts";

const WARN_EVERY_MS = 60_000;
/** Where it is reached, the limit is read again, since prlimit(1) may have raised it. */
const READ_EVERY_MS = 10_000;

/** Of a stream that was refused, nobody wants to hear. */
const SILENT: StreamEvents = { received() {}, writable() {}, closed() {} };

export interface AdmissionContext {
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: RunningCounters;
}

export class Admission {
  #descriptorLimit: number;
  #readMs: number;
  /** Streams that have not closed: a peer that is gone may still have bytes to take. */
  #connections = 0;
  #refusedSinceWarning = 0;
  #warnedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly context: AdmissionContext) {
    this.#descriptorLimit = context.network.descriptorLimit ?? Number.POSITIVE_INFINITY;
    this.#readMs = context.clock.nowMs();
  }

  /** Asks `accept` for who takes the stream's events, if there is room for it. */
  admit(stream: ByteStream, accept: (stream: ByteStream) => StreamEvents): StreamEvents {
    if (!this.#hasRoom()) {
      this.#refuse(stream);
      return SILENT;
    }
    this.#connections++;
    return new AdmittedEvents(accept(stream), () => {
      this.#connections--;
    });
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

  #refuse(stream: ByteStream): void {
    const { clock, logger, counters } = this.context;
    stream.abort();
    counters.refused("descriptor-limit");
    this.#refusedSinceWarning++;
    const nowMs = clock.nowMs();
    if (nowMs - this.#warnedMs < WARN_EVERY_MS) return;
    logger.warn("connections are refused: the limit of open files is reached", {
      connections: this.#connections,
      openFilesLimit: this.#descriptorLimit,
      refused: this.#refusedSinceWarning,
      hint: "raise LimitNOFILE= of the unit or ulimit -n, and restart; without a restart: prlimit --nofile",
    });
    this.#warnedMs = nowMs;
    this.#refusedSinceWarning = 0;
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
