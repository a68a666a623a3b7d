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
import { fillUpdateFields } from "../../wire/codec.ts";
import { encodeUpdate, MAX_UPDATE_FRAME_BYTES } from "../../wire/encode.ts";
import { UpdateFields } from "../../wire/message.ts";
import { Action } from "../../wire/protocol.ts";
import { receivedKey } from "./wanted.ts";

// Filled and read within one call: one serves all links.
const fields = new UpdateFields();

export class AnnouncementOutput {
  #wanted: ReadonlyMap<string, Route>;
  /**
   * By key: routes that are wanted and whose last frame, if any, was a REMOVE; and those that are not, and whose last
   * frame was an ADD.
   */
  readonly #pending = new OrderedChanges();
  /** Keys of routes whose last frame was an ADD. */
  readonly #sent = new Set<string>();
  /** Withdrawn routes → the KEEPALIVE whose answer ends the time of echoes; Infinity until that is sent. */
  readonly #echoing = new Map<string, number>();
  #mayEcho = true;
  /** Of these, those whose REMOVE was written behind the last KEEPALIVE. */
  #removed: string[] = [];
  /** The KEEPALIVEs sent since, with the keys that their answers settle, in order. */
  readonly #fences: { readonly fence: number; readonly keys: readonly string[] }[] = [];

  constructor(wanted: ReadonlyMap<string, Route>) {
    this.#wanted = wanted;
    for (const [key, route] of wanted) this.#pending.append(key, route, true);
  }

  get idle(): boolean {
    return this.#pending.size === 0;
  }

  /** There are REMOVEs without a KEEPALIVE behind them. */
  get needsKeepalive(): boolean {
    return this.#removed.length > 0;
  }

  changed(key: string, route: Route): void {
    const isWanted = this.#wanted.has(key);
    this.#pending.delete(key);
    if (isWanted === this.#sent.has(key)) return;
    this.#pending.append(key, route, isWanted);
    if (!isWanted && this.#mayEcho) this.#echoing.set(key, Number.POSITIVE_INFINITY);
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
        if (this.#echoing.has(key)) this.#removed.push(key);
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

  /** KEEPALIVE number `keepalive` goes out now, behind all that was written before. */
  keepaliveSent(keepalive: number): void {
    if (this.#removed.length === 0) return;
    for (const key of this.#removed) {
      // Where the last frame is an ADD again, another REMOVE will come.
      if (!this.#sent.has(key)) this.#echoing.set(key, keepalive);
    }
    this.#fences.push({ fence: keepalive, keys: this.#removed });
    this.#removed = [];
  }

  keepaliveAnswered(keepalivesAnswered: number): void {
    for (;;) {
      const [first] = this.#fences;
      if (first === undefined || first.fence > keepalivesAnswered) return;
      this.#fences.shift();
      for (const key of first.keys) if (this.#echoing.get(key) === first.fence) this.#echoing.delete(key);
    }
  }

  /** The server does not echo after all. */
  expectNoEchoes(): void {
    this.#mayEcho = false;
    this.#echoing.clear();
    this.#removed = [];
    this.#fences.length = 0;
  }
}
