/**
 * The announcements on one connection: which were sent, and which are still to be sent, since the last frame of the route
 * differs from what is wanted now. A route that was announced and withdrawn before there was room is not sent at all.
 *
 * A destination that moves from hop to hop, announced at each before it is withdrawn from the one before, always has a hop (see
 * ordered-changes.ts). If all ADDs went before all REMOVEs, the REMOVEs would never be sent while routes move faster than the
 * server reads.
 *
 * Servers that echo (Go, rustbond) send our own announcements back on SUBSCRIBE and never withdraw such an echo. An echo can be
 * under way while we withdraw the route, and would be taken for another client's announcement. So after a withdrawal every ADD of
 * the route may be an echo, until the KEEPALIVE after its REMOVE is answered.
 */

import { OrderedChanges } from "../../route/ordered-changes.ts";
import type { Route } from "../../route/route.ts";
import { Barrier } from "../../transport/barrier.ts";
import { fillUpdateFields } from "../../wire/codec.ts";
import { encodeUpdate, MAX_UPDATE_FRAME_BYTES } from "../../wire/encode.ts";
import { UpdateFields } from "../../wire/message.ts";
import { Action } from "../../wire/protocol.ts";
import type { PeerKind } from "../view/peer-kind.ts";
import { receivedKey } from "./desired-state.ts";

// Filled and read within one call, so all links share it.
const fields = new UpdateFields();

/** A REMOVE that was written; a later one of the same route is another object. */
interface Removal {
  readonly key: string;
}

export class AnnouncementOutput {
  #wanted: ReadonlyMap<string, Route>;
  /**
   * By key: ADDs of routes that are wanted and whose last frame, if any, was a REMOVE; and REMOVEs of routes that are not wanted
   * and whose last frame was an ADD.
   */
  readonly #pending = new OrderedChanges();
  /** Keys of routes whose last frame was an ADD. */
  readonly #sent = new Set<string>();
  /** By key: withdrawn routes whose echoes may be under way, with the REMOVE that ends this; null until that is written. */
  readonly #echoing = new Map<string, Removal | null>();
  readonly #server: { readonly peerKind: PeerKind };
  readonly #unreadRemovals = new Barrier<Removal>();

  /** @param server its kind decides whether echoes are expected */
  constructor(wanted: ReadonlyMap<string, Route>, server: { readonly peerKind: PeerKind }) {
    this.#server = server;
    this.#wanted = wanted;
    for (const [key, route] of wanted) this.#pending.append(key, route, true);
  }

  get idle(): boolean {
    return this.#pending.size === 0;
  }

  /** Returns true if REMOVEs were written after the last KEEPALIVE. */
  get needsKeepalive(): boolean {
    return this.#unreadRemovals.needsKeepalive;
  }

  changed(key: string, route: Route): void {
    const isWanted = this.#wanted.has(key);
    this.#pending.delete(key);
    if (isWanted === this.#sent.has(key)) return;
    this.#pending.append(key, route, isWanted);
    if (!isWanted && this.#server.peerKind === "unknown") this.#echoing.set(key, null);
  }

  /** Withdraws everything from this server, whatever the client announces to others. */
  withdrawAll(): void {
    const before = this.#wanted;
    this.#wanted = new Map();
    for (const [key, route] of before) this.changed(key, route);
  }

  /** Returns true if the received ADD may be the echo of a route that we have withdrawn. */
  mayBeEcho(received: UpdateFields): boolean {
    return this.#echoing.size > 0 && this.#echoing.has(receivedKey(received));
  }

  /** Writes what fits below the offset `limit`, and returns the offset after it. */
  encode(view: DataView, limit: number): number {
    let end = 0;
    for (const [key, { route, isAdded }] of this.#pending.entries()) {
      if (end + MAX_UPDATE_FRAME_BYTES > limit) return end;
      this.#pending.delete(key);
      if (isAdded) this.#sent.add(key);
      else {
        this.#sent.delete(key);
        if (this.#echoing.has(key)) this.#expectEchoUntilRead({ key });
      }
      fillUpdateFields(fields, route.vni, route.destination, route.nextHop);
      end = encodeUpdate(view, end, fields, isAdded ? Action.ADD : Action.REMOVE);
    }
    return end;
  }

  /** Sends the announcements of these VNIs again, which the server has dropped. */
  sendAgain(vnis: ReadonlySet<number>): void {
    for (const [key, route] of this.#wanted) {
      if (vnis.has(route.vni) && this.#sent.delete(key)) this.#pending.append(key, route, true);
    }
  }

  #expectEchoUntilRead(removal: Removal): void {
    this.#echoing.set(removal.key, removal);
    this.#unreadRemovals.add(removal);
  }

  /** Records that KEEPALIVE number `keepalive` goes out now, after everything that was written before. */
  keepaliveSent(keepalive: number): void {
    this.#unreadRemovals.sent(keepalive);
  }

  keepaliveAnswered(keepalivesAnswered: number): void {
    for (const removal of this.#unreadRemovals.answered(keepalivesAnswered)) {
      // If the route was withdrawn once more meanwhile, the last REMOVE counts.
      if (this.#echoing.get(removal.key) === removal) this.#echoing.delete(removal.key);
    }
  }

  /** Ends the expectation of echoes: the server has turned out to send none. */
  forgetEchoes(): void {
    this.#echoing.clear();
    this.#unreadRemovals.clear();
  }
}
