import type { Clock } from "../../base/clock.ts";
import { SystemClock } from "../../transport/schedule/system-clock.ts";
import { HttpCounters } from "../connections/http-counters.ts";
import type { DaemonFacts } from "./api.ts";

export interface ProgramVersion {
  readonly version: string;
  readonly commit: string;
  readonly bun: string;
}

/** A running daemon as it describes itself. */
export class Daemon {
  readonly #version: ProgramVersion;
  readonly clock: Clock;
  /** Of its control socket and of public HTTP. */
  readonly http: HttpCounters;
  isStopping = false;
  readonly #startedMs: number;
  /** By the wall clock as it was then: said anew from an age, it would differ by a millisecond from one time to the next. */
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

/** When something began that has lasted for so long: by the wall clock as it is now, for people. */
export function timeBefore(forMs: number): string {
  return new Date(Date.now() - forMs).toISOString();
}
