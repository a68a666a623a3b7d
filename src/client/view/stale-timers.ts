/**
 * How long a lost server's routes stay in view.
 *
 * While a server is established, `staleTimeMs` from the loss: it knows better, sooner or later. With none,
 * `staleTimeAloneMs`, by default for ever: that the control plane is out must not become an outage of the
 * tenants' traffic. When a server comes back after a time with none, all clocks start anew.
 *
 * A server can be lost again before it has confirmed all that it had: each loss has a clock of its own, or one
 * that flaps would keep its routes for ever.
 */
import { DEFAULT_STALE_TIME_ALONE_SECONDS, DEFAULT_STALE_TIME_SECONDS } from "../../base/defaults.ts";
import type { ServerNumber } from "./merged-view.ts";

/** For how long a lost server's routes stay: while another server is established, and while none is. */
export interface StaleTimes {
  readonly staleTimeMs: number;
  /** Infinity: for ever. */
  readonly staleTimeAloneMs: number;
}

export const DEFAULT_STALE_TIMES: StaleTimes = {
  staleTimeMs: DEFAULT_STALE_TIME_SECONDS * 1000,
  staleTimeAloneMs: DEFAULT_STALE_TIME_ALONE_SECONDS * 1000,
};

/** What the server had when it was lost at `lostUntilMs` or before is to be dropped, where it is still stale. */
export interface Overdue {
  readonly server: ServerNumber;
  readonly lostUntilMs: number;
}

/** Times are the caller's clock's, in milliseconds. */
export class StaleTimers {
  /** May be changed: also what is lost already goes by the new ones. */
  times: StaleTimes;
  /** When each server was lost, ascending. */
  readonly #losses = new Map<ServerNumber, number[]>();
  /** Since when there has been an established server without a break. */
  #establishedSinceMs: number | null = null;
  /** Since when there has been none; of no meaning while there is one. */
  #noneSinceMs: number;

  constructor(times: StaleTimes, nowMs: number) {
    this.times = times;
    this.#noneSinceMs = nowMs;
  }

  /** A server's connection was lost, and routes became stale with it. */
  lost(server: ServerNumber, nowMs: number): void {
    this.#losses.getOrInsertComputed(server, () => []).push(nowMs);
  }

  /** Nothing of the server is left to be overdue. */
  forget(server: ServerNumber): void {
    this.#losses.delete(server);
  }

  /** True: there is no established server any more. The one that returns counts for its own routes, too. */
  setAnyEstablished(isAny: boolean, nowMs: number): boolean {
    if (isAny) {
      this.#establishedSinceMs ??= nowMs;
      return false;
    }
    if (this.#establishedSinceMs === null) return false;
    this.#establishedSinceMs = null;
    this.#noneSinceMs = nowMs;
    // Their clocks start at the same time from here on, so the last loss stands for all.
    for (const losses of this.#losses.values()) losses.splice(0, losses.length - 1);
    return true;
  }

  /** What is overdue by now. It is not told again. */
  takeOverdue(nowMs: number): Overdue[] {
    const overdue: Overdue[] = [];
    for (const [server, losses] of this.#losses) {
      const lostUntilMs = losses.findLast((lostMs) => this.deadlineMs(lostMs) <= nowMs);
      if (lostUntilMs === undefined) continue;
      overdue.push({ server, lostUntilMs });
      losses.splice(0, losses.lastIndexOf(lostUntilMs) + 1);
      if (losses.length === 0) this.#losses.delete(server);
    }
    return overdue;
  }

  /** When something will be overdue next, as things stand; Infinity: never. */
  get nextDeadlineMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [lostMs = nextMs] of this.#losses.values()) nextMs = Math.min(nextMs, this.deadlineMs(lostMs));
    return nextMs;
  }

  /** No server is established. */
  get isAlone(): boolean {
    return this.#establishedSinceMs === null;
  }

  /** When the patience with a server that is away since `lostMs` ends, as things stand; Infinity: never. */
  deadlineMs(lostMs: number): number {
    if (this.#establishedSinceMs === null) return this.#noneSinceMs + this.times.staleTimeAloneMs;
    return Math.max(lostMs, this.#establishedSinceMs) + this.times.staleTimeMs;
  }
}
