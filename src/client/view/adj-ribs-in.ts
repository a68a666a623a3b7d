/**
 * Who told what: a server's word on one VNI, during one connection, is a telling. Its copies of routes are the origins
 * of one "peer" of the route table, so a lost server's thousand routes become stale by one number, and what it had can
 * be dropped without looking at anybody else's.
 *
 *     a server in a VNI:   live      what it tells on the connection we have now
 *                          doubtful  the same, but perhaps nothing but our own announcements
 *                          stale     what it told on lost connections, one telling each, and has not told again
 *
 * One that leaves is none of these any more; its copies are being dropped.
 */
import type { PeerNumber } from "../../route/table/route-table.ts";

/** A server within the client, by the order in which servers were given. No number is used again. */
export type ServerNumber = number;

export interface Telling {
  readonly number: PeerNumber;
  readonly server: ServerNumber;
  readonly vni: number;
  readonly isDoubtful: boolean;
  /** When its connection was lost; null: we have it now. */
  lostMs: number | null;
  isLeaving: boolean;
  /** Routes that it has, at most one copy of each. */
  copies: number;
}

interface Told {
  live: Telling | null;
  doubtful: Telling | null;
  stale: Telling[];
}

export class Tellings {
  readonly #firstNumber: PeerNumber;
  readonly #byNumber: (Telling | undefined)[] = [];
  readonly #freeNumbers: PeerNumber[] = [];
  readonly #told = new Map<ServerNumber, Map<number, Told>>();

  /** @param firstNumber those below are the caller's */
  constructor(firstNumber: PeerNumber) {
    this.#firstNumber = firstNumber;
  }

  of(number: PeerNumber): Telling {
    const telling = this.#byNumber[number];
    if (telling === undefined) throw new Error(`no telling ${number}`);
    return telling;
  }

  live(server: ServerNumber, vni: number): Telling {
    const told = this.#find(server, vni);
    told.live ??= this.#make(server, vni, false);
    return told.live;
  }

  doubtful(server: ServerNumber, vni: number): Telling {
    const told = this.#find(server, vni);
    told.doubtful ??= this.#make(server, vni, true);
    return told.doubtful;
  }

  /** For copies that are to be dropped: it is none of the server's any more. */
  apart(server: ServerNumber, vni: number): Telling {
    return this.#make(server, vni, false);
  }

  staleCopies(server: ServerNumber): number {
    let copies = 0;
    for (const { stale } of this.#toldOf(server)) for (const telling of stale) copies += telling.copies;
    return copies;
  }

  /** Of all servers there ever were. */
  get allStaleCopies(): number {
    return this.#told.keys().reduce((sum, server) => sum + this.staleCopies(server), 0);
  }

  doubtfulOf(server: ServerNumber): Telling[] {
    return [...this.#toldOf(server)].flatMap(({ doubtful }) => doubtful ?? []);
  }

  /** What the server told is stale from now on. Returns how many copies that are, and takes the doubtful out. */
  lose(server: ServerNumber, nowMs: number): { copies: number; doubtful: Telling[] } {
    const doubtful = this.doubtfulOf(server);
    let copies = 0;
    for (const told of this.#toldOf(server)) {
      told.doubtful = null;
      if (told.live === null || told.live.copies === 0) continue;
      told.live.lostMs = nowMs;
      copies += told.live.copies;
      told.stale.push(told.live);
      told.live = null;
    }
    return { copies, doubtful };
  }

  /** Takes out those that the server told on connections lost then or before. */
  takeStale(server: ServerNumber, lostUntilMs: number): Telling[] {
    return [...this.#toldOf(server)].flatMap((told) => takeStale(told, lostUntilMs));
  }

  takeStaleOfVni(server: ServerNumber, vni: number): Telling[] {
    const told = this.#told.get(server)?.get(vni);
    return told === undefined ? [] : takeStale(told, Number.POSITIVE_INFINITY);
  }

  takeServer(server: ServerNumber): Telling[] {
    const taken = [...this.#toldOf(server)].flatMap(allOf);
    this.#told.delete(server);
    return taken;
  }

  takeVni(vni: number): Telling[] {
    return Array.from(this.#told.values()).flatMap((byVni) => {
      const told = byVni.get(vni);
      byVni.delete(vni);
      return told === undefined ? [] : allOf(told);
    });
  }

  /** It has a copy less. A stale one that has none is forgotten. */
  lessened(telling: Telling): void {
    telling.copies--;
    if (telling.copies > 0 || telling.lostMs === null || telling.isLeaving) return;
    const told = this.#find(telling.server, telling.vni);
    told.stale = told.stale.filter((other) => other !== telling);
    this.release(telling);
  }

  /** It has no copies, and is none of its server's: its number may be used again. */
  release({ number }: Telling): void {
    this.#byNumber[number] = undefined;
    this.#freeNumbers.push(number);
  }

  #toldOf(server: ServerNumber): Iterable<Told> {
    return this.#told.get(server)?.values() ?? [];
  }

  #find(server: ServerNumber, vni: number): Told {
    return this.#told
      .getOrInsertComputed(server, () => new Map<number, Told>())
      .getOrInsertComputed(vni, () => ({ live: null, doubtful: null, stale: [] }));
  }

  #make(server: ServerNumber, vni: number, isDoubtful: boolean): Telling {
    const number = this.#freeNumbers.pop() ?? Math.max(this.#firstNumber, this.#byNumber.length);
    const telling = { number, server, vni, isDoubtful, lostMs: null, isLeaving: false, copies: 0 };
    this.#byNumber[number] = telling;
    return telling;
  }
}

function takeStale(told: Told, lostUntilMs: number): Telling[] {
  const taken = told.stale.filter(({ lostMs }) => lostMs !== null && lostMs <= lostUntilMs);
  if (taken.length > 0) told.stale = told.stale.filter((telling) => !taken.includes(telling));
  return taken;
}

function allOf({ live, doubtful, stale }: Told): Telling[] {
  return [live, doubtful, ...stale].filter((telling) => telling !== null);
}
