/**
 * The Adj-RIBs-In: what each server announces. An AdjRibIn is the set of routes that one server announced for one VNI during
 * one connection. Its copies of routes are the origins of one "peer" of the route table, so a thousand routes of a lost
 * server become stale by one assignment, and can be dropped without a look at other servers' routes.
 *
 *                    an echo is possible       it is none (acceptUnverified)
 *     (announced) ──────────────▶ unverified ────────────────────▶ live ── markStale ──▶ stale
 *                                     │                             │                      │
 *                                     └──── the connection is lost, or the routes are ─────┴──▶ removed
 *                                           swept, withdrawn or no longer subscribed to
 *
 * - live: announced on the present connection.
 * - unverified: the same, but perhaps only our own announcements that came back.
 * - stale: announced on a lost connection, and not announced again since; one AdjRibIn per lost connection.
 * - removed: belongs to none of these sets any more, and its copies are being dropped, slice by slice.
 */
import { RouteDigest } from "../../route/digest.ts";
import type { PeerNumber } from "../../route/table/route-table.ts";

/** Numbers the servers of a client in the order in which they were added. No number is used again. */
export type ServerNumber = number;

export interface AdjRibIn {
  readonly number: PeerNumber;
  readonly server: ServerNumber;
  readonly vni: number;
  readonly isUnverified: boolean;
  /** When its connection was lost, or null while that is established: not null means stale. */
  lostMs: number | null;
  isRemoved: boolean;
  /** Number of its routes; there is at most one copy of each. */
  copies: number;
  /** A route was skipped for want of room, so that this is not all that the server has announced. */
  hasLeftOut: boolean;
  /**
   * The digest of its routes, without those that this client announces itself: two servers with the same table have the
   * same.
   */
  readonly digest: RouteDigest;
}

/** All that one server announced for one VNI. */
interface RibsOfVni {
  live: AdjRibIn | null;
  unverified: AdjRibIn | null;
  stale: AdjRibIn[];
}

export class AdjRibsIn {
  readonly #firstNumber: PeerNumber;
  readonly #byNumber: (AdjRibIn | undefined)[] = [];
  readonly #freeNumbers: PeerNumber[] = [];
  readonly #byServer = new Map<ServerNumber, Map<number, RibsOfVni>>();

  /** @param firstNumber the smallest peer number to be used; the caller uses those below */
  constructor(firstNumber: PeerNumber) {
    this.#firstNumber = firstNumber;
  }

  get(number: PeerNumber): AdjRibIn {
    const rib = this.#byNumber[number];
    if (rib === undefined) throw new Error(`no Adj-RIB-In ${number}`);
    return rib;
  }

  live(server: ServerNumber, vni: number): AdjRibIn {
    const ribs = this.#find(server, vni);
    ribs.live ??= this.#make(server, vni, false);
    return ribs.live;
  }

  unverified(server: ServerNumber, vni: number): AdjRibIn {
    const ribs = this.#find(server, vni);
    ribs.unverified ??= this.#make(server, vni, true);
    return ribs.unverified;
  }

  /** Makes an AdjRibIn that belongs to no set of the server, for copies that are to be dropped. */
  detached(server: ServerNumber, vni: number): AdjRibIn {
    return this.#make(server, vni, false);
  }

  /** Returns what the server has announced for the VNI on the present connection; null if it has announced nothing. */
  liveOf(server: ServerNumber, vni: number): AdjRibIn | null {
    return this.#byServer.get(server)?.get(vni)?.live ?? null;
  }

  staleCopies(server: ServerNumber): number {
    let copies = 0;
    for (const { stale } of this.#ribsOfServer(server)) for (const rib of stale) copies += rib.copies;
    return copies;
  }

  /** Number of stale copies of all servers, including removed ones. */
  get allStaleCopies(): number {
    return this.#byServer.keys().reduce((sum, server) => sum + this.staleCopies(server), 0);
  }

  unverifiedOf(server: ServerNumber): AdjRibIn[] {
    return [...this.#ribsOfServer(server)].flatMap(({ unverified }) => unverified ?? []);
  }

  /** Makes the server's live routes stale. Returns how many those are, and the unverified AdjRibIns, which it takes out. */
  markStale(server: ServerNumber, nowMs: number): { copies: number; unverified: AdjRibIn[] } {
    const unverified = this.unverifiedOf(server);
    let copies = 0;
    for (const ribs of this.#ribsOfServer(server)) {
      ribs.unverified = null;
      if (ribs.live === null) continue;
      if (ribs.live.copies === 0) {
        ribs.live.hasLeftOut = false;
        continue;
      }
      ribs.live.lostMs = nowMs;
      copies += ribs.live.copies;
      ribs.stale.push(ribs.live);
      ribs.live = null;
    }
    return { copies, unverified };
  }

  /** Takes out and returns the stale AdjRibIns of connections that were lost at that time or before. */
  takeStale(server: ServerNumber, lostUntilMs: number): AdjRibIn[] {
    return [...this.#ribsOfServer(server)].flatMap((ribs) => takeStale(ribs, lostUntilMs));
  }

  takeStaleOfVni(server: ServerNumber, vni: number): AdjRibIn[] {
    const ribs = this.#byServer.get(server)?.get(vni);
    return ribs === undefined ? [] : takeStale(ribs, Number.POSITIVE_INFINITY);
  }

  takeServer(server: ServerNumber): AdjRibIn[] {
    const taken = [...this.#ribsOfServer(server)].flatMap(allOf);
    this.#byServer.delete(server);
    return taken;
  }

  takeVni(vni: number): AdjRibIn[] {
    return Array.from(this.#byServer.values()).flatMap((byVni) => {
      const ribs = byVni.get(vni);
      byVni.delete(vni);
      return ribs === undefined ? [] : allOf(ribs);
    });
  }

  /** Removes one copy. A stale AdjRibIn without copies is released. */
  removeCopy(rib: AdjRibIn): void {
    rib.copies--;
    if (rib.copies > 0 || rib.lostMs === null || rib.isRemoved) return;
    const ribs = this.#find(rib.server, rib.vni);
    ribs.stale = ribs.stale.filter((other) => other !== rib);
    this.release(rib);
  }

  /** Frees the number of an AdjRibIn that has no copies and belongs to no set. */
  release({ number }: AdjRibIn): void {
    this.#byNumber[number] = undefined;
    this.#freeNumbers.push(number);
  }

  #ribsOfServer(server: ServerNumber): Iterable<RibsOfVni> {
    return this.#byServer.get(server)?.values() ?? [];
  }

  #find(server: ServerNumber, vni: number): RibsOfVni {
    return this.#byServer
      .getOrInsertComputed(server, () => new Map<number, RibsOfVni>())
      .getOrInsertComputed(vni, () => ({ live: null, unverified: null, stale: [] }));
  }

  #make(server: ServerNumber, vni: number, isUnverified: boolean): AdjRibIn {
    const number = this.#freeNumbers.pop() ?? Math.max(this.#firstNumber, this.#byNumber.length);
    const rib = {
      number,
      server,
      vni,
      isUnverified,
      lostMs: null,
      isRemoved: false,
      copies: 0,
      hasLeftOut: false,
      digest: new RouteDigest(),
    };
    this.#byNumber[number] = rib;
    return rib;
  }
}

function takeStale(ribs: RibsOfVni, lostUntilMs: number): AdjRibIn[] {
  const taken = ribs.stale.filter(({ lostMs }) => lostMs !== null && lostMs <= lostUntilMs);
  if (taken.length > 0) ribs.stale = ribs.stale.filter((rib) => !taken.includes(rib));
  return taken;
}

function allOf({ live, unverified, stale }: RibsOfVni): AdjRibIn[] {
  return [live, unverified, ...stale].filter((rib) => rib !== null);
}
