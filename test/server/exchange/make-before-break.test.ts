/**
 * Destinations that move from hop to hop, each announced before the one before is withdrawn, have a hop in everybody's
 * view at every moment, after every single frame, however far behind a subscriber is: what it is not told of any more
 * must not turn the order of the rest round. Everybody: announcers and servers, too, whose views lack what is their own.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { RouteExchange } from "../../../src/server/exchange/route-exchange.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { MAX_UPDATE_FRAME_BYTES } from "../../../src/wire/encode.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { frameOfText, routeOfText } from "../../support/models/frame-text.ts";
import { ExchangeUnderTest } from "../../support/network/exchange-under-test.ts";

const { BUNBOND_RUNS } = process.env;

const ANNOUNCERS = ["a", "b", "server v"] as const;
const SUBSCRIBERS = ["s", "server w", ...ANNOUNCERS] as const;
const DESTINATIONS = ["10.0.1.0/24", "10.0.1.0/24", "fd00:1::/64"] as const;
const HOPS = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"] as const;

const by = fc.constantFrom(...ANNOUNCERS);
const hop = fc.constantFrom(...HOPS);
const destination = fc.constantFrom(...DESTINATIONS);
const subscriber = fc.constantFrom(...SUBSCRIBERS);
const step = fc.oneof(
  // Announced at one hop, then withdrawn from another.
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant("move" as const), destination, by, to: hop, who: by, from: hop }),
  },
  // A frame or two, or some; all of them.
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pull" as const),
      subscriber,
      limitBytes: fc.constantFrom(MAX_UPDATE_FRAME_BYTES, 100, 1_400),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drain" as const), subscriber }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("subscribe again" as const), subscriber }) },
);

const isServer = (name: string) => name.startsWith("server");

/** Who announces what, in no order: the destination, the hop, and by whom. */
class Announced {
  #all: (readonly [destination: string, hop: string, by: string])[] = [];

  add(by: string, destination: string, hop: string): void {
    this.take(by, destination, hop);
    this.#all.push([destination, hop, by]);
  }

  /** Takes it away, unless that would leave the destination without a hop. */
  take(by: string, destination: string, hop: string): boolean {
    const left = this.#all.filter((one) => one[0] !== destination || one[1] !== hop || one[2] !== by);
    if (left.length === this.#all.length || !left.some((one) => one[0] === destination)) return false;
    this.#all = left;
    return true;
  }

  /** Whether the destination has a hop in the subscriber's view. */
  isInView(subscriber: string, destination: string): boolean {
    return this.#all.some(([to, , by]) => {
      return to === destination && by !== subscriber && !(isServer(by) && isServer(subscriber));
    });
  }
}

/** What a subscriber was told, and of which destinations it may still be told of a moment without a hop. */
class Listener {
  readonly #name: string;
  readonly #announced: Announced;
  readonly #hops = new Map<string, Set<string>>();
  readonly #mayLack = new Set<string>(DESTINATIONS);

  constructor(name: string, announced: Announced) {
    this.#name = name;
    this.#announced = announced;
  }

  subscribed(): void {
    this.#hops.clear();
  }

  /** A destination's announcements have changed. */
  look(destination: string): void {
    if (!this.#announced.isInView(this.#name, destination)) this.#mayLack.add(destination);
  }

  hear(frames: readonly string[]): void {
    for (const frame of frames) {
      const [what, , destination, , hop] = frame.split(" ");
      if (destination === undefined || hop === undefined) continue;
      const hops = this.#hops.getOrInsertComputed(destination, () => new Set());
      if (what === "ADD") hops.add(hop);
      else hops.delete(hop);
      if (hops.size > 0 || this.#mayLack.has(destination)) continue;
      throw new Error(`${this.#name} has no hop to the destination after ${frame}`);
    }
  }

  /** It has been told everything. */
  caughtUp(): void {
    this.#mayLack.clear();
    for (const destination of DESTINATIONS) this.look(destination);
  }
}

test("make before break: a destination with a hop at every moment has one in every view", () => {
  const steps = fc.array(step, { maxLength: 60, size: "max" });
  // What some were told must not be what saves the others.
  const subscribers = fc.subarray([...SUBSCRIBERS], { minLength: 1 });
  const turns = fc.constantFrom(1, 100, 1_000_000);
  const property = fc.property(subscribers, turns, steps, (subscribers, stepsPerTurn, steps) => {
    const under = new ExchangeUnderTest({ deferEndOfRib: false, stepsPerTurn });
    const announced = new Announced();
    const listeners = new Map<string, Listener>(
      subscribers.map((name) => [name, new Listener(name, announced)]),
    );
    const changed = (destination: string) => {
      for (const listener of listeners.values()) listener.look(destination);
    };
    const announce = (by: string, destination: string, hop: string) => {
      announced.add(by, destination, hop);
      under.add(by, `100 ${destination} via ${hop}`);
      changed(destination);
    };
    const drain = (name: string) => {
      const listener = listeners.get(name);
      listener?.hear(under.drain(name));
      listener?.caughtUp();
    };
    for (const name of SUBSCRIBERS) under.join(name, isServer(name));
    for (const name of subscribers) {
      under.subscribe(name, 100);
      drain(name);
    }
    for (const one of steps) {
      if (one.do !== "move") {
        const listener = listeners.get(one.subscriber);
        if (listener === undefined) continue;
        if (one.do === "pull") listener.hear(under.pull(one.subscriber, one.limitBytes));
        else if (one.do === "drain") drain(one.subscriber);
        else {
          under.unsubscribe(one.subscriber, 100);
          under.subscribe(one.subscriber, 100);
          listener.subscribed();
        }
      } else {
        const { destination, by, to, who, from } = one;
        announce(by, destination, to);
        if (announced.take(who, destination, from)) under.remove(who, `100 ${destination} via ${from}`);
        changed(destination);
      }
    }
    for (const name of subscribers) drain(name);
  });
  fc.assert(property, { numRuns: Number(BUNBOND_RUNS ?? 500) });
});

test("make before break: a lost peer's routes, which count no more before they are cleared away", () => {
  const later: (() => void)[] = [];
  const exchange = new RouteExchange({ deferEndOfRib: true, soon: (run) => later.push(run) });
  const joined = () => {
    const peer = { isServer: false, wake() {} };
    exchange.join(peer);
    return peer;
  };
  const [lost, other, subscriber] = [joined(), joined(), joined()];
  const fieldsOf = (route: string) => {
    const { vni, destination, nextHop } = routeOfText(route);
    const fields = new UpdateFields();
    fillUpdateFields(fields, vni, destination, nextHop);
    return fields;
  };
  const [before, after] = ["200 10.0.1.0/24 via 2001:db8::1", "200 10.0.1.0/24 via 2001:db8::2"];
  exchange.add(lost, fieldsOf(before));
  // So many more that they take more than a slice: the oldest comes last.
  const many = fieldsOf("100 10.0.0.0/24 via 2001:db8::1");
  for (many.p0 = 0; many.p0 < 20_000 << 8; many.p0 += 1 << 8) exchange.add(lost, many);
  exchange.subscribe(subscriber, 200);
  expect(exchange.nextRun(subscriber, 1_400)).toEqual(frameOfText(`ADD ${before}`));
  expect(exchange.nextRun(subscriber, 1_400).length).toBe(0);
  // It changes, and is what it was.
  exchange.add(other, fieldsOf(before));
  exchange.remove(other, fieldsOf(before));
  exchange.add(other, fieldsOf(after));
  exchange.leave(lost);
  expect(exchange.routeCount).toBeGreaterThan(10_000);
  expect(exchange.nextRun(subscriber, MAX_UPDATE_FRAME_BYTES)).toEqual(frameOfText(`ADD ${after}`));
  expect(exchange.nextRun(subscriber, MAX_UPDATE_FRAME_BYTES)).toEqual(frameOfText(`REMOVE ${before}`));
  expect(exchange.nextRun(subscriber, 1_400).length).toBe(0);
});
