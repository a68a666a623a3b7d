/** What a piece of work does to its process: time, CPU time, memory, and how long it keeps the event loop from others. */
import { readFileSync } from "node:fs";

const TICK_MS = 1;

export interface LoopFigures {
  readonly ms: number;
  /** Of all threads. */
  readonly cpuMs: number;
  /** The longest time that a timer of 1 ms was late. */
  readonly stallMs: number;
  /** The most processor time of the event loop's thread between two timers: what others do to the machine is not in it. */
  readonly busyMs: number;
  /** Resident memory at the end. */
  readonly rssBytes: number;
}

/** Looks each millisecond from its making until `stop`. */
export class LoopWatch {
  readonly #startMs = performance.now();
  readonly #startCpu = process.cpuUsage();
  #tickMs = this.#startMs;
  #runMs = threadRunMs();
  #stallMs = 0;
  #busyMs = 0;
  readonly #timer = setInterval(() => this.#tick(), TICK_MS);

  #tick(): void {
    const nowMs = performance.now();
    const runMs = threadRunMs();
    this.#stallMs = Math.max(this.#stallMs, nowMs - this.#tickMs - TICK_MS);
    this.#busyMs = Math.max(this.#busyMs, runMs - this.#runMs);
    this.#tickMs = nowMs;
    this.#runMs = runMs;
  }

  stop(): LoopFigures {
    this.#tick();
    clearInterval(this.#timer);
    const { user, system } = process.cpuUsage(this.#startCpu);
    return {
      ms: performance.now() - this.#startMs,
      cpuMs: (user + system) / 1000,
      stallMs: this.#stallMs,
      busyMs: this.#busyMs,
      rssBytes: process.memoryUsage.rss(),
    };
  }
}

/** Processor time of the event loop's thread (Linux, Documentation/scheduler/sched-stats.rst: nanoseconds first). */
function threadRunMs(): number {
  return Number.parseInt(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8"), 10) / 1e6;
}
