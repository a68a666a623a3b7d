import type { Clock } from "../../base/clock.ts";
import { SystemClock } from "../../transport/schedule/system-clock.ts";
import { HttpCounters } from "../connections/http-counters.ts";
import type { DaemonFacts } from "./api.ts";

export interface ProgramVersion {
  readonly version: string;
  readonly commit: string;
  readonly bun: string;
}

/** Describes a running daemon. */
export class Daemon {
  readonly #version: ProgramVersion;
  readonly clock: Clock;
  /** Counters of the control socket and of public HTTP. */
  readonly http: HttpCounters;
  isStopping = false;
  readonly #startedMs: number;
  /** Read from the wall clock once: computed from the uptime each time, it would vary by a millisecond. */
  readonly #startedAt = timeBefore(0);

  constructor(version: ProgramVersion, clock: Clock = new SystemClock(), http = new HttpCounters()) {
    this.#version = version;
    this.clock = clock;
    this.http = http;
    this.#startedMs = clock.nowMs();
  }

  facts(isDrained = false): Omit<DaemonFacts, "program"> {
    const { version, commit, bun } = this.#version;
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
}

/** Returns when something began that has lasted for `forMs`, by the present wall clock. */
export function timeBefore(forMs: number): string {
  return new Date(Date.now() - forMs).toISOString();
}
