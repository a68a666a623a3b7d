/**
 * How long the routes of a lost server stay in view.
 *
 * While another server is established, they stay for `staleTimeMs` from the loss: the other server knows the present
 * routes. While none is, they stay for `staleTimeAloneMs`, by default forever: an outage of the control plane must not
 * become an outage of the tenants' traffic. When a server comes back after a time with none, all stale times start
 * anew.
 *
 * A server can be lost again before it has confirmed all routes that it had. Each loss has a stale time of its own, or
 * a server that flaps would keep its routes forever.
 */
import { CLIENT_OPTIONS } from "../../options/client-options.ts";
import type { ServerNumber } from "./merged-view.ts";

/** How long stale routes are kept, with and without another established server. */
export interface StaleTimes {
  readonly staleTimeMs: number;
  /** Infinity means forever. */
  readonly staleTimeAloneMs: number;
}

export const DEFAULT_STALE_TIMES: StaleTimes = {
  staleTimeMs: CLIENT_OPTIONS.staleTimeSeconds.default * 1000,
  staleTimeAloneMs: CLIENT_OPTIONS.staleTimeAloneSeconds.default * 1000,
};

/** A server whose stale routes of losses at `lostUntilMs` or before are to be dropped. */
export interface Overdue {
  readonly server: ServerNumber;
  readonly lostUntilMs: number;
}

/** Computes when stale times end. Times are the caller's clock's, in milliseconds. */
export class StaleTimers {
  /** May be changed, which is effective for earlier losses, too. */
  times: StaleTimes;
  /** When each server was lost, ascending. */
  readonly #losses = new Map<ServerNumber, number[]>();
  /** Since when at least one server has been established without a break, or null if none is. */
  #establishedSinceMs: number | null = null;
  /** Since when none has been established; without meaning while one is. */
  #noneSinceMs: number;

  constructor(times: StaleTimes, nowMs: number) {
    this.times = times;
    this.#noneSinceMs = nowMs;
  }

  /** Records that the connection of a server was lost, and routes became stale. */
  lost(server: ServerNumber, nowMs: number): void {
    this.#losses.getOrInsertComputed(server, () => []).push(nowMs);
  }

  /** Forgets the losses of a server that has no stale routes any more. */
  forget(server: ServerNumber): void {
    this.#losses.delete(server);
  }

  /** Records whether a server is established. Returns true if the last one was lost. A server that returns counts for its own routes, too. */
  setAnyEstablished(isAny: boolean, nowMs: number): boolean {
    if (isAny) {
      this.#establishedSinceMs ??= nowMs;
      return false;
    }
    if (this.#establishedSinceMs === null) return false;
    this.#establishedSinceMs = null;
    this.#noneSinceMs = nowMs;
    // All stale times start anew together, so the last loss stands for all.
    for (const losses of this.#losses.values()) losses.splice(0, losses.length - 1);
    return true;
  }

  /** Removes and returns what is overdue by now. */
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

  /** When the next stale time ends, as things stand; Infinity means never. */
  get nextDeadlineMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [lostMs = nextMs] of this.#losses.values()) nextMs = Math.min(nextMs, this.deadlineMs(lostMs));
    return nextMs;
  }

  /** Returns true if no server is established. */
  get isAlone(): boolean {
    return this.#establishedSinceMs === null;
  }

  /** Returns when the stale time after a loss at `lostMs` ends, as things stand; Infinity means never. */
  deadlineMs(lostMs: number): number {
    if (this.#establishedSinceMs === null) return this.#noneSinceMs + this.times.staleTimeAloneMs;
    return Math.max(lostMs, this.#establishedSinceMs) + this.times.staleTimeMs;
  }
}
