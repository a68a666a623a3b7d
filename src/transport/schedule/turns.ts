/**
 * This file defines a turn of the event loop: what runs, in which order, and for how long (base/turn-budget.ts).
 *
 * One event loop serves all connections, and a KEEPALIVE that waits for 2.5 intervals costs a session. So no turn is to take much
 * longer than 20 ms, whatever peers send, and no connection is to wait for the end of a flood:
 *
 *     the sockets  ──received──▶ ReadSchedule: tiny chunks are read at once (2 ms for all), small ones (3 ms), others while
 *         │                      none waits (8 ms); else the stream is paused, and the rest is read in the class `input`
 *         ▼
 *     setImmediate ──▶ TurnQueue, class by class, each for its time but at least one call:
 *
 *         urgent       Connection: a deadline is judged                      3 ms
 *         output       WriteSchedule ──flush──▶ Outbox ──nextRun──▶ source   little is due 4 ms, then bulk 3 ms
 *         input        ReadSchedule ──read──▶ Connection                     tiny chunks 2 ms, small ones 3 ms, then the others 8 ms
 *         background   slices of long jobs, some milliseconds each           one, or more until the turn is 8 ms old
 *         │
 *         └──▶ if a call is left: setImmediate, after the sockets have had their turn
 *
 * A turn is requested by ReadSchedule when a chunk waits, by WriteSchedule when a connection is woken (by its source, a
 * timer or a socket that is writable again), by Connection when its timer fires, and by long jobs when their slice is
 * over.
 *
 * Each class is served in every turn (turn-queue.ts), so that none starves; time that a class does not need makes the
 * turn shorter. Where connections share, source networks take turns first, then the connections of each
 * (fair-queue.ts). Costs are measured times: the called code itself bounds the time of one call.
 *
 * There is one limitation: an attacker with at least as many source networks as all other peers gets the larger part of
 * the time for connections with much to read or to write. Connections with little are still served, as long as all of
 * them together do not send too much.
 */

import type { Clock } from "../../base/clock.ts";
import { sourceNetwork } from "../../net/source-network.ts";
import { FairSource } from "./fair-queue.ts";
import { ReadSchedule } from "./read-schedule.ts";
import { SystemClock } from "./system-clock.ts";
import { WriteSchedule } from "./write-schedule.ts";

const turnsOf = new WeakMap<object, Turns>();

export class Turns {
  readonly reading: ReadSchedule;
  readonly writing: WriteSchedule;
  readonly #sources = new Map<string, FairSource>();

  /** Returns the turns of a clock: in a process all connections share one. */
  static of(clock: Clock): Turns {
    const time = clock instanceof SystemClock ? SystemClock : clock;
    let turns = turnsOf.get(time);
    if (turns === undefined) {
      turns = new Turns(clock);
      turnsOf.set(time, turns);
    }
    return turns;
  }

  private constructor(clock: Clock) {
    this.reading = new ReadSchedule(clock);
    this.writing = new WriteSchedule(clock);
  }

  /** Adds a connection with the peer at this address to its source network. */
  join(address: string): FairSource {
    const key = sourceNetwork(address);
    let source = this.#sources.get(key);
    if (source === undefined) {
      source = new FairSource(key);
      this.#sources.set(key, source);
    }
    source.connections++;
    return source;
  }

  /** Removes a connection from its source network. */
  leave(source: FairSource): void {
    if (--source.connections === 0) this.#sources.delete(source.key);
  }
}
