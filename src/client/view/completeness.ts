/**
 * Decides when the view of a subscribed VNI is complete for the first time. From then on, a route that is not in the view does not
 * exist, and may be removed from the kernel.
 *
 * Each server has to send its whole table once after the subscription:
 *
 * - A BunBond marks its end by an End-of-RIB for the VNI.
 * - The table of a server without End-of-RIBs (Go, rustbond) is complete after it has read our SUBSCRIBE, has been established for
 *   15 s, which is what its other clients need to return, has sent no ADD of the VNI for a second, and has answered a KEEPALIVE
 *   that was sent since. A VNI that is never quiet counts as complete when the stale time has passed.
 *
 * A server that is away is waited for as long as its routes would be kept if it had been lost (stale-timers.ts): for
 * the stale time while another server is established, and for the stale time alone, by default forever, while none is.
 * A server that comes and goes without sending its table is not waited for longer than that either. No view is complete
 * before at least one server has sent its table, unless the stale time alone ends.
 *
 * A complete view stays so until the VNI is unsubscribed, whatever happens to the servers.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import type { ServerNumber } from "./merged-view.ts";
import type { PeerKind } from "./peer-kind.ts";
import type { StaleTimers } from "./stale-timers.ts";

/** How long after ESTABLISHED the table of a server without End-of-RIBs is given to become complete again. */
export const TABLE_SETTLES_MS = 15_000;
/** How long such a server must have sent no ADD. */
export const TABLE_QUIET_MS = 1_000;

/** What the decision needs to know of a server. Times are the clock's, in milliseconds. */
export interface AwaitedServer {
  readonly number: ServerNumber;
  /** When its connection became established, or null while it is away. */
  readonly establishedMs: number | null;
  /** A BunBond sends End-of-RIBs, and only these count. */
  readonly peerKind: PeerKind;
  /** It is another one of the servers under a second name, and the table comes from that one. */
  readonly isRedundant: boolean;
  /** Returns when it was known to have read our SUBSCRIBE; Infinity if that is not known yet. */
  subscribeReadMs(vni: number): number;
  /** When the last KEEPALIVE was sent that it has answered for {@link probe}: all that it had sent by then has come. */
  readonly probeAnsweredMs: number;
  /** Sends a KEEPALIVE, unless one was sent at `fromMs` or later. A call of {@link Completeness.check} follows the answer. */
  probe(fromMs: number): void;
}

/** A server that has not sent its whole table of a VNI since we subscribed to it. */
interface AwaitedTable {
  readonly server: AwaitedServer;
  /** When its absence began; a later loss does not start the time anew. */
  readonly awaySinceMs: number;
  lastAddMs: number;
}

/** A VNI whose view is not complete yet. */
interface Incomplete {
  readonly awaited: Map<ServerNumber, AwaitedTable>;
  /** The present servers that have sent their tables. */
  readonly received: Set<ServerNumber>;
}

export class Completeness {
  readonly #clock: Clock;
  readonly #staleTimers: Pick<StaleTimers, "isAlone" | "deadlineMs" | "times">;
  /** Called last, since it may change anything here. */
  readonly #complete: (vni: number) => void;
  /** All servers, and since when they are away (without meaning while they are established). */
  readonly #servers = new Map<ServerNumber, { readonly server: AwaitedServer; awaySinceMs: number }>();
  /** The VNIs; null for one whose view is complete. */
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

  /** Returns true if the view of the VNI has been complete at some time since it was subscribed. */
  isComplete(vni: number): boolean {
    return this.#vnis.get(vni) === null;
  }

  subscribed(vni: number): void {
    const nowMs = this.#clock.nowMs();
    const awaited = new Map<ServerNumber, AwaitedTable>();
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

  /** Forgets a server; the table that it sent does not count any more. */
  serverRemoved(number: ServerNumber): void {
    this.#servers.delete(number);
    for (const incomplete of this.#vnis.values()) {
      incomplete?.awaited.delete(number);
      incomplete?.received.delete(number);
    }
    this.check();
  }

  /** Records that an established server is away from now on. A call of {@link check} follows. */
  serverLost(number: ServerNumber): void {
    const known = this.#servers.get(number);
    if (known !== undefined) known.awaySinceMs = this.#clock.nowMs();
  }

  /** Records that the server sent an ADD of the VNI. */
  added(number: ServerNumber, vni: number): void {
    const awaited = this.#vnis.get(vni)?.awaited.get(number);
    if (awaited !== undefined) awaited.lastAddMs = this.#clock.nowMs();
  }

  /** Records that the server has sent its whole table of the VNI. */
  tableReceived(number: ServerNumber, vni: number): void {
    const incomplete = this.#vnis.get(vni);
    if (incomplete === undefined || incomplete === null || !incomplete.awaited.delete(number)) return;
    incomplete.received.add(number);
    this.#checkVni(vni, incomplete);
  }

  /** Decides anew, after a change of a server's state or of the stale times, or when the timer runs out. */
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

  /** Returns when the VNI will be complete, as things stand: now or before if it is; Infinity if that takes another event. */
  #dueMs(vni: number, { awaited, received }: Incomplete): number {
    const staleTimers = this.#staleTimers;
    const nowMs = this.#clock.nowMs();
    let nextCompleteMs = Number.POSITIVE_INFINITY;
    let viewCompleteMs = Number.NEGATIVE_INFINITY;
    for (const each of awaited.values()) {
      if (each.server.isRedundant) continue;
      const isAway = each.server.establishedMs === null;
      let completeMs = isAway ? staleTimers.deadlineMs(each.awaySinceMs) : this.#completeByTimeMs(vni, each);
      // It has been probed: its answer, or its loss, is an event.
      if (!isAway && completeMs <= nowMs && each.server.probeAnsweredMs < completeMs)
        completeMs = Number.POSITIVE_INFINITY;
      viewCompleteMs = Math.max(viewCompleteMs, completeMs);
      if (!isAway) nextCompleteMs = Math.min(nextCompleteMs, completeMs);
    }
    if (received.size > 0) return viewCompleteMs;
    // At least one table has to come; with no server there, until the stale time alone ends.
    return staleTimers.isAlone ? staleTimers.deadlineMs(Number.NEGATIVE_INFINITY) : nextCompleteMs;
  }

  /** Returns when the table of an established server without End-of-RIBs will be complete, if no more ADDs come. */
  #completeByTimeMs(vni: number, { server, lastAddMs }: AwaitedTable): number {
    if (server.establishedMs === null || server.peerKind === "bunbond") return Number.POSITIVE_INFINITY;
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
