import type { Clock } from "../../base/clock.ts";
import { LoopLag } from "../../base/loop-lag.ts";
import { SystemClock } from "../../transport/schedule/system-clock.ts";
import { HttpCounters } from "../connections/http-counters.ts";
import type { DaemonFacts } from "./api.ts";

export interface ProgramVersion {
  readonly version: string;
  readonly commit: string;
  readonly bun: string;
}

/** By how much the difference of two clocks changes when one was set or suspended; by less they drift. */
const CLOCK_STEP_MS = 1_000;

/** Describes a running daemon. */
export class Daemon {
  readonly version: ProgramVersion;
  readonly clock: Clock;
  readonly lag: LoopLag;
  /** Counters of the control socket and of public HTTP. */
  readonly http: HttpCounters;
  isStopping = false;
  /** Returns false if the configuration could not be read again, so that an older one is in force. */
  isConfigurationCurrent: () => boolean = () => true;
  /** Metrics about single peers are reported (`--metrics-per-peer`). */
  readonly reportsPeers: boolean;
  /** What is to be added to the clock's time for milliseconds since 1970. */
  #wallOffsetMs: number;
  readonly #startedMs: number;
  /** Read from the wall clock once: computed from the uptime each time, it would vary by a millisecond. */
  readonly #startedAt = timeBefore(0);

  constructor(
    version: ProgramVersion,
    clock: Clock = new SystemClock(),
    http = new HttpCounters(),
    reportsPeers = true,
  ) {
    this.version = version;
    this.clock = clock;
    this.http = http;
    this.reportsPeers = reportsPeers;
    this.lag = new LoopLag(clock);
    this.#wallOffsetMs = this.#wallMs() - clock.nowMs();
    this.#startedMs = clock.nowMs();
  }

  facts(isDrained = false): Omit<DaemonFacts, "program"> {
    const { version, commit, bun } = this.version;
    const uptimeMs = this.clock.nowMs() - this.#startedMs;
    return {
      version,
      commit,
      bun,
      pid: process.pid,
      state: this.isStopping ? "stopping" : isDrained ? "drained" : "running",
      startedAt: this.#startedAt,
      uptimeSeconds: Math.floor(uptimeMs / 1000),
    };
  }

  /**
   * Returns the seconds since 1970 of a time of the clock. It is the same for the same time whenever it is asked for, unless one of the
   * two clocks was set or suspended: a metric that varied by a millisecond would look like a change.
   */
  wallSeconds(clockMs: number): number {
    const offsetMs = this.#wallMs() - this.clock.nowMs();
    if (Math.abs(offsetMs - this.#wallOffsetMs) > CLOCK_STEP_MS) this.#wallOffsetMs = offsetMs;
    return Math.round(this.#wallOffsetMs + clockMs) / 1000;
  }

  #wallMs(): number {
    return this.clock.wallMs?.() ?? Date.now();
  }
}

/** Returns when something began that has lasted for `forMs`, by the present wall clock. */
export function timeBefore(forMs: number): string {
  return new Date(Date.now() - forMs).toISOString();
}
