/**
 * When the view of a subscribed VNI is whole for the first time: from then on, what is not in it is not there, and may
 * be taken out of the kernel.
 *
 * Each server has to tell all of its table once since the subscription:
 *
 * - by its End-of-RIB for the VNI;
 * - one without End-of-RIBs (Go, rustbond) by time: it has read our SUBSCRIBE, was established 15 s ago, which is what its
 *   other clients need to return, has sent no ADD of the VNI for a second, and has answered a KEEPALIVE sent since. A VNI
 *   that is never quiet counts as told when the stale time has passed.
 *
 * One that is away is waited for as long as its routes would be held if it had been lost (stale-timers.ts): the stale time while
 * another server is established, and the time alone, by default for ever, while none is. One that comes and goes without
 * telling its table is waited for no longer than that either. Nobody's word counts for a whole view before one server at
 * least has told all, unless the time alone ends.
 *
 * A whole view stays so until the VNI is unsubscribed, whatever becomes of the servers.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import type { ServerNumber } from "./merged-view.ts";
import type { StaleTimers } from "./stale-timers.ts";

/** After ESTABLISHED, how long a server without End-of-RIBs has for its table to become whole again. */
export const TABLE_SETTLES_MS = 15_000;
/** And for how long nothing of it may have come. */
export const TABLE_QUIET_MS = 1_000;

/** What is asked of a server. Times are the clock's, in milliseconds. */
export interface AwaitedServer {
  readonly number: ServerNumber;
  /** When its connection became established; null: it is away. */
  readonly establishedMs: number | null;
  /** It is known to send End-of-RIBs: only these count. */
  readonly isExact: boolean;
  /** It is another one of the servers under a second name: that one tells all. */
  readonly isRedundant: boolean;
  /** When it is known to have read our SUBSCRIBE; Infinity: not yet. */
  subscribeReadMs(vni: number): number;
  /** All that it had sent by then has come: it has answered a KEEPALIVE that was sent then, or later. */
  readonly probeAnsweredMs: number;
  /** Has it answer one, unless it was asked then or later. A call of {@link Completeness.check} follows the answer. */
  probe(fromMs: number): void;
}

/** A server that has not told all of a VNI since we subscribed to it. */
interface Awaited {
  readonly server: AwaitedServer;
  /** From when its absence counts: a later loss does not start the time anew. */
  readonly awaySinceMs: number;
  lastAddMs: number;
}

/** A VNI whose view is not whole yet. */
interface Incomplete {
  readonly awaited: Map<ServerNumber, Awaited>;
  /** Of the present servers. */
  readonly received: Set<ServerNumber>;
}

export class Completeness {
  readonly #clock: Clock;
  readonly #staleTimers: Pick<StaleTimers, "isAlone" | "deadlineMs" | "times">;
  /** Is called last: it may change anything here. */
  readonly #complete: (vni: number) => void;
  /** All servers, and since when they are away; of no meaning for one that is established. */
  readonly #servers = new Map<ServerNumber, { readonly server: AwaitedServer; awaySinceMs: number }>();
  /** By VNI; null: its view is whole. */
  readonly #vnis = new Map<number, Incomplete | null>();
  #timer: Timer | null = null;
  #wakesAtMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(
    clock: Clock,
    staleTimers: Pick<StaleTimers, "isAlone" | "deadlineMs" | "times">,
    complete: (vni: number) => void,
  ) {
    this.#clock = clock;
    this.#staleTimers = staleTimers;
    this.#complete = complete;
  }

  /** The view of the VNI has been whole since it was subscribed. */
  isComplete(vni: number): boolean {
    return this.#vnis.get(vni) === null;
  }

  subscribed(vni: number): void {
    const nowMs = this.#clock.nowMs();
    const awaited = new Map<ServerNumber, Awaited>();
    for (const [number, { server, awaySinceMs }] of this.#servers) {
      const isAway = server.establishedMs === null;
      awaited.set(number, {
        server,
        awaySinceMs: isAway ? awaySinceMs : nowMs,
        lastAddMs: Number.NEGATIVE_INFINITY,
      });
    }
    const incomplete = { awaited, received: new Set<ServerNumber>() };
    this.#vnis.set(vni, incomplete);
    this.#wakeAt(this.#dueMs(vni, incomplete));
  }

  unsubscribed(vni: number): void {
    this.#vnis.delete(vni);
  }

  serverAdded(server: AwaitedServer): void {
    const awaySinceMs = this.#clock.nowMs();
    this.#servers.set(server.number, { server, awaySinceMs });
    for (const incomplete of this.#vnis.values()) {
      incomplete?.awaited.set(server.number, { server, awaySinceMs, lastAddMs: Number.NEGATIVE_INFINITY });
    }
    this.check();
  }

  /** With its routes its word goes. */
  serverRemoved(number: ServerNumber): void {
    this.#servers.delete(number);
    for (const incomplete of this.#vnis.values()) {
      incomplete?.awaited.delete(number);
      incomplete?.received.delete(number);
    }
    this.check();
  }

  /** An established server is away from now on. A call of {@link check} follows. */
  serverLost(number: ServerNumber): void {
    const known = this.#servers.get(number);
    if (known !== undefined) known.awaySinceMs = this.#clock.nowMs();
  }

  /** The server sent an ADD of the VNI. */
  added(number: ServerNumber, vni: number): void {
    const awaited = this.#vnis.get(vni)?.awaited.get(number);
    if (awaited !== undefined) awaited.lastAddMs = this.#clock.nowMs();
  }

  /** The server has told all that it has of the VNI. */
  tableReceived(number: ServerNumber, vni: number): void {
    const incomplete = this.#vnis.get(vni);
    if (incomplete === undefined || incomplete === null || !incomplete.awaited.delete(number)) return;
    incomplete.received.add(number);
    this.#checkVni(vni, incomplete);
  }

  /** A server's state has changed, or the stale times, or one of the times that were waited for has come. */
  check(): void {
    for (const [vni, incomplete] of this.#vnis) if (incomplete !== null) this.#checkVni(vni, incomplete);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #checkVni(vni: number, incomplete: Incomplete): void {
    if (this.#isStopped) return;
    const nowMs = this.#clock.nowMs();
    for (const [number, awaited] of incomplete.awaited) {
      const completeMs = this.#completeByTimeMs(vni, awaited);
      if (completeMs > nowMs) continue;
      if (awaited.server.probeAnsweredMs < completeMs) {
        awaited.server.probe(completeMs);
        continue;
      }
      incomplete.awaited.delete(number);
      incomplete.received.add(number);
    }
    const dueMs = this.#dueMs(vni, incomplete);
    if (dueMs > nowMs) this.#wakeAt(dueMs);
    else {
      this.#vnis.set(vni, null);
      this.#complete(vni);
    }
  }

  /** When to look at the VNI again, as things stand: now or before if it is whole; Infinity: not without an event. */
  #dueMs(vni: number, { awaited, received }: Incomplete): number {
    const staleTimers = this.#staleTimers;
    const nowMs = this.#clock.nowMs();
    let nextCompleteMs = Number.POSITIVE_INFINITY;
    let wholeMs = Number.NEGATIVE_INFINITY;
    for (const each of awaited.values()) {
      if (each.server.isRedundant) continue;
      const isAway = each.server.establishedMs === null;
      let completeMs = isAway ? staleTimers.deadlineMs(each.awaySinceMs) : this.#completeByTimeMs(vni, each);
      // It is asked: its answer, or its loss, is an event.
      if (!isAway && completeMs <= nowMs && each.server.probeAnsweredMs < completeMs)
        completeMs = Number.POSITIVE_INFINITY;
      wholeMs = Math.max(wholeMs, completeMs);
      if (!isAway) nextCompleteMs = Math.min(nextCompleteMs, completeMs);
    }
    if (received.size > 0) return wholeMs;
    // Somebody has to tell first; with nobody there, until the time alone ends.
    return staleTimers.isAlone ? staleTimers.deadlineMs(Number.NEGATIVE_INFINITY) : nextCompleteMs;
  }

  /** When an established server without End-of-RIBs will have told all of the VNI, if nothing more comes of it. */
  #completeByTimeMs(vni: number, { server, lastAddMs }: Awaited): number {
    if (server.establishedMs === null || server.isExact) return Number.POSITIVE_INFINITY;
    const readMs = server.subscribeReadMs(vni);
    const quietMs = Math.max(readMs, lastAddMs) + TABLE_QUIET_MS;
    const patienceMs = Math.max(
      readMs + TABLE_QUIET_MS,
      server.establishedMs + this.#staleTimers.times.staleTimeMs,
    );
    return Math.max(server.establishedMs + TABLE_SETTLES_MS, Math.min(quietMs, patienceMs));
  }

  #wakeAt(atMs: number): void {
    if (this.#isStopped || atMs >= this.#wakesAtMs) return;
    this.#timer?.cancel();
    this.#wakesAtMs = atMs;
    this.#timer = this.#clock.after(atMs - this.#clock.nowMs(), () => {
      this.#wakesAtMs = Number.POSITIVE_INFINITY;
      this.check();
    });
  }
}
