/**
 * A server's echoes of our own announcements. Go and rustbond servers send a subscriber its own routes on SUBSCRIBE, as if they were
 * another client's, and never withdraw them (wire/README.md, §6.6); a BunBond sends none. An ADD of a server that is not
 * known to be a BunBond (peer-kind.ts):
 *
 *     we announce the route                              may be an echo of it               Echo.OF_OWN
 *     we have withdrawn it, and the server may have      may be an echo that was            Echo.PERHAPS
 *     sent the ADD before it read our REMOVE             under way meanwhile
 *     else                                               is another client's announcement   Echo.OF_OWN
 *
 * The view, which knows what we announce, makes a copy that may be an echo unverified, unless the server has the route anyway
 * (merged-view.ts). How long an echo may be under way, for each route:
 *
 *     withdraw ──▶ REMOVE not written ── removeWritten ──▶ not read ── answer to the KEEPALIVE after it ──▶ over
 *                            ▲                                │
 *                            └──── announced and withdrawn ───┘
 */
import { receivedRouteKey } from "../../route/route-key.ts";
import { Barrier } from "../../transport/barrier.ts";
import type { UpdateFields } from "../../wire/message.ts";
import type { PeerKind } from "./peer-kind.ts";

/** Says when a received ADD may be our own announcement that comes back. */
export const Echo = {
  /** Never: the server sends no echoes. */
  NEVER: 0,
  /** If we announce the route at present. */
  OF_OWN: 1,
  /** Perhaps: we have only just withdrawn the route. */
  PERHAPS: 2,
} as const;
export type Echo = (typeof Echo)[keyof typeof Echo];

/** A REMOVE that was written; a later one of the same route is another object. */
interface Removal {
  readonly key: string;
}

/** The echoes of one connection. */
export class OwnEchoes {
  readonly #server: { readonly peerKind: PeerKind };
  /**
   * Withdrawn routes whose echoes may be under way, by key, with the REMOVE that ends this; null until that is written.
   */
  readonly #underWay = new Map<string, Removal | null>();
  readonly #unread = new Barrier<Removal>();

  /** @param server its kind decides whether echoes are expected */
  constructor(server: { readonly peerKind: PeerKind }) {
    this.#server = server;
  }

  /** Returns when the received ADD may be an echo. */
  kindOf(received: UpdateFields): Echo {
    if (this.#server.peerKind === "bunbond") return Echo.NEVER;
    return this.#underWay.size > 0 && this.#underWay.has(receivedRouteKey(received))
      ? Echo.PERHAPS
      : Echo.OF_OWN;
  }

  /** Returns true if REMOVEs were written after the last KEEPALIVE. */
  get needsKeepalive(): boolean {
    return this.#unread.needsKeepalive;
  }

  /** Records that we no longer announce a route that the server has from us. */
  withdrawn(key: string): void {
    if (this.#server.peerKind === "unknown") this.#underWay.set(key, null);
  }

  /** Records that the REMOVE of a route was written. */
  removeWritten(key: string): void {
    if (!this.#underWay.has(key)) return;
    const removal = { key };
    this.#underWay.set(key, removal);
    this.#unread.add(removal);
  }

  /** Records that KEEPALIVE number `keepalive` goes out now, after everything that was written before. */
  keepaliveSent(keepalive: number): void {
    this.#unread.sent(keepalive);
  }

  /** Records that the server has answered this many KEEPALIVEs. */
  keepaliveAnswered(keepalivesAnswered: number): void {
    for (const removal of this.#unread.answered(keepalivesAnswered)) {
      // If the route was withdrawn once more meanwhile, the last REMOVE counts.
      if (this.#underWay.get(removal.key) === removal) this.#underWay.delete(removal.key);
    }
  }

  /** Forgets all echoes: the server has turned out to send none. */
  clear(): void {
    this.#underWay.clear();
    this.#unread.clear();
  }
}
