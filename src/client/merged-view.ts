/**
 * All servers' routes as one table.
 *
 * A route is there while at least one server has it; one event when the first brings it, one when the last
 * drops it. Each server has at most one copy of a route:
 *
 *     live       the server announced it on the connection we have now
 *     stale      the server had it when its connection was lost, and has not yet said whether it still does
 *     doubtful   perhaps nothing but our own announcement, coming back: does not count until that is settled
 *
 * A lost server's copies go from live to stale, and back when it announces them again. What is still stale
 * when it has marked the end of its table was withdrawn in the meantime ("mark and sweep"), so a
 * server's restart withdraws nothing and puts nothing back.
 *
 * A received route equal to one that we announce ourselves is an echo: it is kept here, since another
 * hypervisor may announce the same, but is no part of the view until we withdraw ours. Even then it may be no
 * more than that: some servers send our own routes back on SUBSCRIBE and never withdraw them. Servers that send
 * end marks do not, but until the first mark nobody knows which kind a server is: until then, the copy is doubtful.
 */
import type { Route } from "../route/route.ts";
import { routeKey } from "../route/route-key.ts";
import { destinationOf, fillUpdateFields, nextHopOf } from "../wire/codec.ts";
import { UpdateFields } from "../wire/message.ts";

/** A server within the client, by the order in which servers were given. No number is used again. */
export type ServerNumber = number;

export interface ViewListener {
  added(route: Route): void;
  removed(route: Route): void;
}

/** A number: stale, since the connection was lost at that time (ms). */
type Copy = "live" | "doubtful" | number;

interface Entry extends Route {
  readonly key: string;
  readonly copies: Map<ServerNumber, Copy>;
  /** It is in view: the last event was that it came. */
  isShown: boolean;
}

type VniEntries = Map<string, Entry>;

export class MergedView {
  readonly #vnis = new Map<number, VniEntries>();
  /** Keys of the routes that we announce ourselves. */
  readonly #own = new Map<number, Set<string>>();
  /** How many stale copies there are of each server's. */
  readonly #staleCopies = new Map<ServerNumber, number>();
  readonly #doubtful = new Map<ServerNumber, Set<Entry>>();
  readonly #fields = new UpdateFields();
  #routeCount = 0;

  constructor(private readonly listener: ViewListener) {}

  /** Routes in view: echoes do not count. */
  get routeCount(): number {
    return this.#routeCount;
  }

  /**
   * A server announces a route; `mayBeEcho`: perhaps only the one that we have just withdrawn. True: it confirms a
   * stale copy.
   */
  received(server: ServerNumber, fields: UpdateFields, mayBeEcho = false): boolean {
    const entries = this.#vnis.getOrInsertComputed(fields.vni, () => new Map<string, Entry>());
    const key = routeKey(fields);
    let entry = entries.get(key);
    if (entry === undefined) {
      const destination = destinationOf(fields);
      const nextHop = nextHopOf(fields);
      entry = { vni: fields.vni, destination, nextHop, key, copies: new Map(), isShown: false };
      entries.set(key, entry);
    }
    const before = entry.copies.get(server);
    const isDoubtful = mayBeEcho && (before === undefined || before === "doubtful");
    this.#setCopy(entry, server, isDoubtful ? "doubtful" : "live");
    this.#update(entry);
    return typeof before === "number";
  }

  /**
   * A server withdraws a route. Its word is newer than what lost servers said, so all stale copies go with
   * it.
   */
  withdrawn(server: ServerNumber, fields: UpdateFields): void {
    const entry = this.#vnis.get(fields.vni)?.get(routeKey(fields));
    if (entry === undefined) return;
    for (const [holder, copy] of entry.copies) {
      if (holder === server || typeof copy === "number") this.#setCopy(entry, holder, null);
    }
    this.#update(entry);
  }

  /** The connection to a server is lost: what it had becomes stale. How many copies that were. */
  serverLost(server: ServerNumber, nowMs: number): number {
    const staleBefore = this.staleCopies(server);
    for (const entries of this.#vnis.values()) {
      for (const entry of entries.values()) {
        const copy = entry.copies.get(server);
        if (copy === "live") this.#setCopy(entry, server, nowMs);
        else if (copy === "doubtful") {
          this.#setCopy(entry, server, null);
          this.#update(entry);
        }
      }
    }
    return this.staleCopies(server) - staleBefore;
  }

  staleCopies(server: ServerNumber): number {
    return this.#staleCopies.get(server) ?? 0;
  }

  /** Drops a server's stale copies in one VNI. */
  sweepVni(server: ServerNumber, vni: number): void {
    const entries = this.#vnis.get(vni);
    if (entries !== undefined) this.#sweep(server, entries, Number.POSITIVE_INFINITY);
  }

  /** Drops a server's stale copies in all VNIs: those lost at that time or before. */
  sweep(server: ServerNumber, lostUntilMs = Number.POSITIVE_INFINITY): void {
    for (const entries of this.#vnis.values()) this.#sweep(server, entries, lostUntilMs);
  }

  /** The server's views have turned out to be exact: its doubtful copies are no echoes. */
  provenExact(server: ServerNumber): void {
    for (const entry of this.#doubtful.get(server) ?? []) {
      this.#setCopy(entry, server, "live");
      this.#update(entry);
    }
  }

  /** The server is none of ours any more: only what others have stays. */
  dropServer(server: ServerNumber): void {
    for (const entries of this.#vnis.values()) {
      for (const entry of entries.values()) {
        if (!entry.copies.has(server)) continue;
        this.#setCopy(entry, server, null);
        this.#update(entry);
      }
    }
  }

  /** The VNI is not subscribed to any more. */
  dropVni(vni: number): void {
    for (const entry of this.#vnis.get(vni)?.values() ?? []) {
      for (const server of entry.copies.keys()) this.#setCopy(entry, server, null);
      this.#update(entry);
    }
  }

  /** We announce a route ourselves from now on. */
  announced(route: Route): void {
    const key = this.#keyOf(route);
    this.#own.getOrInsertComputed(route.vni, () => new Set<string>()).add(key);
    const entry = this.#vnis.get(route.vni)?.get(key);
    if (entry !== undefined) this.#update(entry);
  }

  /**
   * We announce a route no longer. A copy from a server whose views are exact is somebody else's
   * announcement, and comes into view; one from a server that may echo is doubtful, or dropped if it is stale.
   */
  ownWithdrawn(route: Route, isExact: (server: ServerNumber) => boolean): void {
    const key = this.#keyOf(route);
    const own = this.#own.get(route.vni);
    if (!own?.delete(key)) return;
    if (own.size === 0) this.#own.delete(route.vni);
    const entry = this.#vnis.get(route.vni)?.get(key);
    if (entry === undefined) return;
    for (const [server, copy] of entry.copies) {
      if (!isExact(server)) this.#setCopy(entry, server, typeof copy === "number" ? null : "doubtful");
    }
    this.#update(entry);
  }

  /** The routes in view, in no particular order. */
  *routes(): Iterable<Route> {
    for (const entries of this.#vnis.values()) {
      for (const entry of entries.values()) if (entry.isShown) yield entry;
    }
  }

  /** The servers that have the route, those that are lost among them. */
  serversOf(route: Route): ServerNumber[] {
    const entry = this.#vnis.get(route.vni)?.get(this.#keyOf(route));
    const holders = [...(entry?.copies ?? [])].filter(([, copy]) => copy !== "doubtful");
    return holders.map(([server]) => server).sort((a, b) => a - b);
  }

  #sweep(server: ServerNumber, entries: VniEntries, lostUntilMs: number): void {
    if (this.staleCopies(server) === 0) return;
    for (const entry of entries.values()) {
      const copy = entry.copies.get(server);
      if (typeof copy !== "number" || copy > lostUntilMs) continue;
      this.#setCopy(entry, server, null);
      this.#update(entry);
    }
  }

  #setCopy(entry: Entry, server: ServerNumber, copy: Copy | null): void {
    const before = entry.copies.get(server);
    if (typeof before === "number") this.#staleCopies.set(server, this.staleCopies(server) - 1);
    if (typeof copy === "number") this.#staleCopies.set(server, this.staleCopies(server) + 1);
    if (before === "doubtful") this.#doubtful.get(server)?.delete(entry);
    if (copy === "doubtful") this.#doubtful.getOrInsertComputed(server, () => new Set<Entry>()).add(entry);
    if (copy === null) entry.copies.delete(server);
    else entry.copies.set(server, copy);
  }

  /**
   * Tells the listener if the entry's copies put it in view or took it out, and forgets it with its last copy.
   * The listener comes last: it may change anything here, be it the VNI that is just being gone through.
   */
  #update(entry: Entry): void {
    const { vni, key, copies } = entry;
    if (copies.size === 0) {
      const entries = this.#vnis.get(vni);
      entries?.delete(key);
      if (entries?.size === 0) this.#vnis.delete(vni);
    }
    const isShown = isHeld(copies) && !this.#own.get(vni)?.has(key);
    if (isShown === entry.isShown) return;
    entry.isShown = isShown;
    this.#routeCount += isShown ? 1 : -1;
    if (isShown) this.listener.added(entry);
    else this.listener.removed(entry);
  }

  #keyOf(route: Route): string {
    fillUpdateFields(this.#fields, route.vni, route.destination, route.nextHop);
    return routeKey(this.#fields);
  }
}

function isHeld(copies: ReadonlyMap<ServerNumber, Copy>): boolean {
  for (const copy of copies.values()) if (copy !== "doubtful") return true;
  return false;
}
