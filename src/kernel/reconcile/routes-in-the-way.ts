/**
 * Finds the routes that keep ours out of the kernel. EEXIST does not say what exists, and the kernel can be asked for the
 * route that a packet would take, but not for the one to exactly a prefix: so the table is dumped.
 *
 *     EEXIST ──▶ waits for the search ──▶ the table is dumped, in slices ──▶ the log, and the row's fault
 *
 * One search serves all routes that have failed by then, and the next one waits a while: the table may have a million
 * routes. The log names what was there then; it also has the command that shows what is there now.
 */

import type { Clock, Timer } from "../../base/clock.ts";
import { samePrefix } from "../../net/prefix.ts";
import type { Fib } from "../fib/fib.ts";
import { observedOf } from "../fib/ownership.ts";
import { OBSERVED } from "../fib/rows.ts";
import { formatFoundRoute } from "../format-route.ts";
import { type FoundRoute, type Kernel, KernelError, type Operation } from "../kernel.ts";
import type { StepFailure } from "../objects/operation-batch.ts";

/** The time from the end of a search to the start of the next. */
const SEARCH_PAUSE_MS = 10_000;
/** How many failures one search serves; further ones are logged without what is in the way. */
const MAX_NAMED = 1_000;

type AddRoute = Extract<Operation, { type: "add-route" }>;

interface Collision {
  readonly failure: StepFailure;
  readonly operation: AddRoute;
}

export interface InTheWayListener {
  /** Called for each failure. `route`: what is in the way, as text; null if there was no search, or it has gone meanwhile. */
  named(failure: StepFailure, route: string | null): void;
  /** Called when a route of ours is in the way, which the model does not have. */
  oursFound(): void;
}

export class RoutesInTheWay {
  readonly #fib: Fib;
  readonly #kernel: Kernel;
  readonly #clock: Clock;
  readonly #listener: InTheWayListener;
  /** Collisions that wait for the search, by row. */
  #waiting = new Map<number, Collision>();
  #timer: Timer | null = null;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #isSearching = false;
  #isStopped = false;

  constructor(fib: Fib, kernel: Kernel, clock: Clock, listener: InTheWayListener) {
    this.#fib = fib;
    this.#kernel = kernel;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Searches for the route that is where the row's was to be added. */
  search(row: number, failure: StepFailure): void {
    const { operation } = failure;
    if (operation.type !== "add-route") return;
    if (this.#waiting.size >= MAX_NAMED && !this.#waiting.has(row)) {
      this.#listener.named(failure, null);
      return;
    }
    this.#waiting.set(row, { failure, operation });
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#isSearching || this.#timer !== null || this.#isStopped || this.#waiting.size === 0) return;
    const delayMs = Math.max(0, this.#notBeforeMs - this.#clock.nowMs());
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = null;
      this.#isSearching = true;
      void this.#find().finally(() => {
        this.#isSearching = false;
        this.#notBeforeMs = this.#clock.nowMs() + SEARCH_PAUSE_MS;
        this.#schedule();
      });
    });
  }

  async #find(): Promise<void> {
    const collisions = this.#waiting;
    this.#waiting = new Map();
    const found = new Map<number, FoundRoute>();
    const linkNames = new Map<number, string>();
    try {
      for (const { index, name } of await this.#kernel.links()) linkNames.set(index, name);
      for (const [table, family] of placesOf(collisions.values())) {
        await this.#kernel.eachRouteIn(table, family, (route) => {
          const row = this.#fib.rowOf(route);
          const operation = collisions.get(row)?.operation;
          // The row may be another destination's by now.
          if (operation === undefined || !samePrefix(operation.destination, route.destination)) return;
          if (!found.has(row)) found.set(row, route);
        });
      }
    } catch (error) {
      // A route that the kernel does not send is not named.
      if (!(error instanceof KernelError)) throw error;
    }
    if (this.#isStopped) return;
    for (const [row, { failure }] of collisions) this.#report(row, failure, found.get(row), linkNames);
  }

  #report(
    row: number,
    failure: StepFailure,
    route: FoundRoute | undefined,
    linkNames: ReadonlyMap<number, string>,
  ): void {
    const { rows, retries } = this.#fib;
    const text = route === undefined ? null : formatFoundRoute(route, linkNames);
    const isOurs = route !== undefined && observedOf(this.#fib.verdictOf(route), route) !== 0;
    if (!isOurs) {
      if (text !== null) retries.setInTheWay(row, text);
      this.#listener.named(failure, text);
    } else if (rows.get(row, OBSERVED) === 0) this.#listener.oursFound();
  }
}

/** Each table and family once. */
function placesOf(collisions: Iterable<Collision>): (readonly [table: number, family: 4 | 6])[] {
  const places = new Map<string, readonly [number, 4 | 6]>();
  for (const { operation } of collisions) {
    const { table, destination } = operation;
    places.set(`${table} ${destination.family}`, [table, destination.family]);
  }
  return [...places.values()];
}
