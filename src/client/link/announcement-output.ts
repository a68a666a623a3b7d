/**
 * What one server has been told of our announcements, and what it still has to be told: routes whose last frame
 * differs from what is wanted now. One that was announced and withdrawn before there was room is not sent at all.
 *
 * A destination that moves from hop to hop, announced at each before it is withdrawn from the one before, is never without
 * a hop (see ordered-changes.ts). Were all ADDs to go before all REMOVEs, those would never come while routes move faster
 * than the server reads.
 *
 * Servers that echo (Go, rustbond) send our own announcements back on SUBSCRIBE and never withdraw such an
 * echo. One can be under way while we withdraw the route, and would be taken for somebody else's: so a route counts
 * as "perhaps an echo" until a KEEPALIVE behind its REMOVE is answered.
 */

import { OrderedChanges } from "../../route/ordered-changes.ts";
import type { Route } from "../../route/route.ts";
import { Barrier } from "../../transport/barrier.ts";
import { fillUpdateFields } from "../../wire/codec.ts";
import { encodeUpdate, MAX_UPDATE_FRAME_BYTES } from "../../wire/encode.ts";
import { UpdateFields } from "../../wire/message.ts";
import { Action } from "../../wire/protocol.ts";
import { receivedKey } from "./client-intent.ts";

// Filled and read within one call: one serves all links.
const fields = new UpdateFields();

/** A REMOVE that was written; a later one of the same route is another object. */
interface Removal {
  readonly key: string;
}

export class AnnouncementOutput {
  #wanted: ReadonlyMap<string, Route>;
  /**
   * By key: routes that are wanted and whose last frame, if any, was a REMOVE; and those that are not, and whose last
   * frame was an ADD.
   */
  readonly #pending = new OrderedChanges();
  /** Keys of routes whose last frame was an ADD. */
  readonly #sent = new Set<string>();
  /** By key: withdrawn routes whose echoes may be under way, with the REMOVE that ends this; null until that is written. */
  readonly #echoing = new Map<string, Removal | null>();
  #mayEcho = true;
  readonly #unreadRemovals = new Barrier<Removal>();

  constructor(wanted: ReadonlyMap<string, Route>) {
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
    if (!isWanted && this.#mayEcho) this.#echoing.set(key, null);
  }

  /** Whatever else is wanted, this server is to have none of it any more. */
  withdrawAll(): void {
    const before = this.#wanted;
    this.#wanted = new Map();
    for (const [key, route] of before) this.changed(key, route);
  }

  /** The received ADD may be one that we have withdrawn, coming back. */
  mayBeEcho(received: UpdateFields): boolean {
    return this.#echoing.size > 0 && this.#echoing.has(receivedKey(received));
  }

  /** Writes what fits in up to `limit`, and returns the offset behind it. */
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

  /** The server has forgotten our announcements of these VNIs: they are sent again. */
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

  /** The server does not echo after all. */
  expectNoEchoes(): void {
    this.#mayEcho = false;
    this.#echoing.clear();
    this.#unreadRemovals.clear();
  }
}
