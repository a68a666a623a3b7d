/**
 * The announcements on one connection: which were sent, and which are still to be sent, since the last frame of the route
 * differs from what is wanted now. A route that was announced and withdrawn before there was room is not sent at all.
 *
 * A destination that moves from hop to hop, announced at each before it is withdrawn from the one before, always has a hop (see
 * ordered-changes.ts). If all ADDs went before all REMOVEs, the REMOVEs would never be sent while routes move faster than the
 * server reads.
 */

import { OrderedChanges } from "../../route/ordered-changes.ts";
import type { Route } from "../../route/route.ts";
import { fillUpdateFields } from "../../wire/codec.ts";
import { encodeUpdate, MAX_UPDATE_FRAME_BYTES } from "../../wire/encode.ts";
import { UpdateFields } from "../../wire/message.ts";
import { Action } from "../../wire/protocol.ts";
import type { OwnEchoes } from "../view/own-echoes.ts";

// Filled and read within one call, so all links share it.
const fields = new UpdateFields();

export class AnnouncementOutput {
  #wanted: ReadonlyMap<string, Route>;
  /**
   * By key: ADDs of routes that are wanted and whose last frame, if any, was a REMOVE; and REMOVEs of routes that are not wanted
   * and whose last frame was an ADD.
   */
  readonly #pending = new OrderedChanges();
  /** Keys of routes whose last frame was an ADD. */
  readonly #sent = new Set<string>();
  readonly #echoes: OwnEchoes;

  /** @param echoes is informed of withdrawals */
  constructor(wanted: ReadonlyMap<string, Route>, echoes: OwnEchoes) {
    this.#echoes = echoes;
    this.#wanted = wanted;
    for (const [key, route] of wanted) this.#pending.append(key, route, true);
  }

  get idle(): boolean {
    return this.#pending.size === 0;
  }

  changed(key: string, route: Route): void {
    const isWanted = this.#wanted.has(key);
    this.#pending.delete(key);
    if (isWanted === this.#sent.has(key)) return;
    this.#pending.append(key, route, isWanted);
    if (!isWanted) this.#echoes.withdrawn(key);
  }

  /** Withdraws everything from this server, whatever the client announces to others. */
  withdrawAll(): void {
    const before = this.#wanted;
    this.#wanted = new Map();
    for (const [key, route] of before) this.changed(key, route);
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
        this.#echoes.removeWritten(key);
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
}
