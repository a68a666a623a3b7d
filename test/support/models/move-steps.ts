/** What can happen in a network under moves (network-under-moves.ts): moves of destinations, and faults. */
import fc from "fast-check";

export const MOVERS = [0, 1] as const;
export const DESTINATIONS: readonly string[] = ["10.0.1.0/24", "fd00:1::/64"];
/** Where each watcher is a client. */
export const WATCHERS: readonly (readonly number[])[] = [[1, 2], [1], [2]];

/** Who announces a destination, and one of its hops. */
export interface Place {
  readonly mover: number;
  readonly hop: number;
}

export type MoveStep =
  /** One behind the other, in one turn. Old places are withdrawn so much later at the soonest. */
  | readonly ["move", destination: number, to: readonly Place[], laterMs: number]
  /** One of its connections: it breaks, or nothing is read from it for a while. */
  | readonly ["cut mover", which: number]
  | readonly ["stall mover" | "stall watcher", which: number, forMs: number]
  | readonly ["end server", port: number, how: "stop" | "end" | "reset", awayMs: number]
  /** The process stands still. */
  | readonly ["pause server" | "pause watcher", which: number, forMs: number]
  | readonly ["cut watcher" | "cut at watcher" | "cut at server" | "cut in silence", which: number]
  | readonly ["restart watcher" | "subscribe anew", watcher: number]
  | readonly ["reset server", watcher: number]
  /** One way, each time a random part of it. */
  | readonly ["delay", upToMs: number]
  /** Time passes, and nobody runs. */
  | readonly ["suspend", ms: number]
  | readonly ["wait", ms: number];

const place: fc.Arbitrary<Place> = fc.record({
  mover: fc.constantFrom(...MOVERS),
  hop: fc.constantFrom(1, 2, 3),
});
const destination = fc.nat(DESTINATIONS.length - 1);
const port = fc.constantFrom(1, 2);
const which = fc.nat(7);
const watcher = fc.nat(WATCHERS.length - 1);
const laterMs = fc.constantFrom(0, 0, 1, 100, 3_000);

export const arbitraryMoveStep: fc.Arbitrary<MoveStep> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.tuple(
      fc.constant("move"),
      destination,
      fc.array(place, { minLength: 1, maxLength: 1 }),
      laterMs,
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constant("move"),
      destination,
      fc.array(place, { minLength: 2, maxLength: 6 }),
      laterMs,
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant("cut mover"), which) },
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constantFrom("stall mover", "stall watcher"),
      which,
      fc.integer({ min: 1, max: 6_000 }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constant("end server"),
      port,
      fc.constantFrom("stop", "end", "reset"),
      fc.integer({ min: 1, max: 30_000 }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom("pause server", "pause watcher"),
      which,
      fc.integer({ min: 1, max: 30_000 }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constantFrom("cut watcher", "cut at watcher", "cut at server", "cut in silence"),
      which,
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom("restart watcher", "subscribe anew", "reset server"), watcher),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant("delay"), fc.constantFrom(0, 20, 400)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("suspend"), fc.constantFrom(2_000, 30_000)) },
  { weight: 6, arbitrary: fc.tuple(fc.constant("wait"), fc.integer({ min: 1, max: 800 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("wait"), fc.integer({ min: 1_000, max: 20_000 })) },
);
