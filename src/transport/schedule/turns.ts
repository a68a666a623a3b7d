/**
 * What a turn of the event loop may cost in all, and how it is shared.
 *
 * One event loop serves everybody, and a KEEPALIVE that waits for 2.5 intervals costs a session, so no turn is to take much
 * longer than 20 ms, whatever anybody sends, and nobody is to be behind a flood:
 *
 *     the sockets       what they deliver is read at once where it is small (3 ms for all), or while nobody waits (8 ms); else
 *                       its stream is paused (read-schedule.ts)
 *     urgent            deadlines: 3 ms
 *     output            updates for those that are nearly up to date, 4 ms, then for those that are behind, 3 ms
 *                       (write-schedule.ts)
 *     input             the rest of what was delivered: small chunks, 3 ms, then the others, 8 ms for all of this turn
 *     background        slices of long jobs, of some milliseconds each: one, or more until the turn is 8 ms old
 *
 * Each is done in every turn (turn-queue.ts), so that none starves, and what one leaves over makes the turn shorter. Where
 * connections share, source networks take turns first, then the connections of each (fair-queue.ts). Costs are measured
 * times: what one call of each may take is bounded by who is called.
 *
 * What this cannot do: who has as many source networks as there are honest peers, or more, gets the larger part of the time for
 * those with much to say. Those with little are served all the same, as long as all the little together is no flood.
 */

import type { Clock } from "../../base/clock.ts";
import { hostOf, sourceNetwork } from "../../net/source-network.ts";
import { FairSource } from "./fair-queue.ts";
import { ReadSchedule } from "./read-schedule.ts";
import { SystemClock } from "./system-clock.ts";
import { WriteSchedule } from "./write-schedule.ts";

const turnsOf = new WeakMap<object, Turns>();

export class Turns {
  readonly reading: ReadSchedule;
  readonly writing: WriteSchedule;
  readonly #sources = new Map<string, FairSource>();

  /** One for all that has the same time: in a process, for all its connections. */
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

  /** A connection with this peer begins. */
  join(remote: string): FairSource {
    const key = sourceNetwork(hostOf(remote));
    let source = this.#sources.get(key);
    if (source === undefined) {
      source = new FairSource(key);
      this.#sources.set(key, source);
    }
    source.connections++;
    return source;
  }

  /** A connection ends. */
  leave(source: FairSource): void {
    if (--source.connections === 0) this.#sources.delete(source.key);
  }
}
