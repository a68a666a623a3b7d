/**
 * Destinations that move from hop to hop, each announced before the one before is withdrawn, have a hop in everybody's
 * view at every moment, after every single frame, however far behind a subscriber is: what it is not told of any more
 * must not turn the order of the rest round.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_UPDATE_FRAME_BYTES } from "../../src/wire/encode.ts";
import { ExchangeUnderTest } from "../support/exchange-under-test.ts";

const { BUNBOND_RUNS } = process.env;

const ANNOUNCERS = ["a", "b"] as const;
const DESTINATIONS = ["10.0.1.0/24", "10.0.1.0/24", "fd00:1::/64"] as const;
const HOPS = ["2001:db8::1", "2001:db8::2", "2001:db8::3"] as const;

const by = fc.constantFrom(...ANNOUNCERS);
const hop = fc.constantFrom(...HOPS);
const destination = fc.constantFrom(...DESTINATIONS);
const step = fc.oneof(
  // Announced at one hop, then withdrawn from another.
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("move" as const), destination, by, to: hop, who: by, from: hop }),
  },
  // A frame or two, or all of them.
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("pull" as const),
      limitBytes: fc.constantFrom(MAX_UPDATE_FRAME_BYTES, 100, 1_400),
    }),
  },
);

/** "a 10.0.1.0/24 2001:db8::1": who announces what. */
class Announced {
  readonly #all = new Set<string>();

  add(by: string, destination: string, hop: string): void {
    this.#all.add(`${by} ${destination} ${hop}`);
  }

  /** Takes it away, unless that would leave the destination without a hop. */
  take(by: string, destination: string, hop: string): boolean {
    const key = `${by} ${destination} ${hop}`;
    const ofDestination = [...this.#all].filter((other) => other.includes(` ${destination} `));
    return ofDestination.length > 1 && this.#all.delete(key);
  }
}

test("make before break: a destination with a hop at every moment has one in every view", () => {
  const property = fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
    const under = new ExchangeUnderTest({ holdEndMarks: false });
    for (const name of [...ANNOUNCERS, "s"]) under.join(name, false);
    under.subscribe("s", 100);
    const announced = new Announced();
    const view = new Map<string, Set<string>>();
    const hear = (frames: readonly string[]) => {
      for (const frame of frames) {
        const [what, , destination, , hop] = frame.split(" ");
        if (destination === undefined || hop === undefined) continue;
        const hops = view.getOrInsertComputed(destination, () => new Set());
        if (what === "ADD") hops.add(hop);
        else hops.delete(hop);
        expect(hops.size, `after ${frame}`).toBeGreaterThan(0);
      }
    };
    for (const one of steps) {
      if (one.do === "pull") hear(under.pull("s", one.limitBytes));
      else {
        const { destination, by, to, who, from } = one;
        announced.add(by, destination, to);
        under.add(by, `100 ${destination} via ${to}`);
        if (announced.take(who, destination, from)) under.remove(who, `100 ${destination} via ${from}`);
      }
    }
    hear(under.drain("s"));
  });
  fc.assert(property, { numRuns: Number(BUNBOND_RUNS ?? 500) });
});
