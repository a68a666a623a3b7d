/** A whole server whose subscribers' sockets take little or nothing, at the worst moments. */
import { describe, expect, test } from "bun:test";
import { Server } from "../../src/server/server.ts";
import { RUN_BYTES } from "../../src/transport/outbox.ts";
import { Action } from "../../src/wire/protocol.ts";
import { frameOfText } from "../support/models/frame-text.ts";
import { numberedFrames } from "../support/models/numbered-routes.ts";
import { FakeClock } from "../support/network/fake-clock.ts";
import { MemoryNetwork, type MemoryNetworkOptions } from "../support/network/memory-network.ts";
import { RawPeer } from "../support/network/raw-peer.ts";

const LISTEN = { host: "::", port: 4711 };
const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";

class Rig {
  readonly clock = new FakeClock();
  readonly network: MemoryNetwork;

  private constructor(options: Omit<MemoryNetworkOptions, "clock">) {
    this.network = new MemoryNetwork({ ...options, clock: this.clock });
  }

  static async start(options: Omit<MemoryNetworkOptions, "clock"> = {}): Promise<Rig> {
    const rig = new Rig(options);
    const { clock, network } = rig;
    await Server.start({ listen: LISTEN, settleSeconds: 0, pacing: "never", clock, network });
    return rig;
  }

  /** An established peer that keeps its session alive. */
  peer(): RawPeer {
    const peer = new RawPeer(this.clock).connect(this.network, LISTEN);
    peer.send("HELLO 5", "KEEPALIVE");
    this.clock.advance(100);
    peer.keepAlive(5_000);
    expect(peer.takeHeard()).toEqual(["HELLO 5 server", "KEEPALIVE"]);
    return peer;
  }

  say(peer: RawPeer, ...frames: readonly string[]): void {
    peer.send(...frames);
    this.clock.settle();
  }
}

describe("a frame that is cut", () => {
  const frameBytes = frameOfText(`ADD ${R}`).length;

  test("anywhere, and its route removed before the rest: it is whole, and the REMOVE follows", async () => {
    for (let capacityBytes = 1; capacityBytes < frameBytes; capacityBytes++) {
      const rig = await Rig.start({ capacityBytes });
      const [announcer, stalled, quick] = [rig.peer(), rig.peer(), rig.peer()];
      rig.say(announcer, `ADD ${R}`, `ADD ${Q}`);
      stalled.stream.isReading = false;
      rig.say(stalled, "SUBSCRIBE 100");
      rig.say(announcer, `REMOVE ${R}`, `REMOVE ${Q}`, `ADD ${Q}`);
      // What the exchange has encoded for the one is overwritten for the other.
      rig.say(quick, "SUBSCRIBE 100");
      expect(quick.takeHeard()).toEqual([`ADD ${Q}`, "END 100"]);
      stalled.stream.isReading = true;
      rig.clock.settle();
      // Both ADDs were one run; Q's withdrawal and return was no change.
      expect(stalled.takeHeard()).toEqual([`ADD ${R}`, `ADD ${Q}`, "END 100", `REMOVE ${R}`]);
    }
  });

  test("of a subscription that ends meanwhile is completed, and nothing follows the fence", async () => {
    const rig = await Rig.start({ capacityBytes: 20 });
    const [announcer, stalled] = [rig.peer(), rig.peer()];
    rig.say(announcer, `ADD ${R}`);
    stalled.stream.isReading = false;
    rig.say(stalled, "SUBSCRIBE 100");
    rig.say(stalled, "UNSUBSCRIBE 100", "KEEPALIVE");
    rig.say(announcer, `REMOVE ${R}`, `ADD ${Q}`);
    stalled.stream.isReading = true;
    rig.clock.settle();
    expect(stalled.takeHeard()).toEqual([`ADD ${R}`, "END 100", "KEEPALIVE"]);
    rig.say(stalled, "SUBSCRIBE 100");
    expect(stalled.takeHeard()).toEqual([`ADD ${Q}`, "END 100"]);
  });
});

test("UNSUBSCRIBE and SUBSCRIBE on a long way, with updates under way in both directions", async () => {
  const rig = await Rig.start({ delayMs: 10 });
  const [announcer, subscriber] = [rig.peer(), rig.peer()];
  const flap = () => {
    announcer.send(`REMOVE ${R}`, `ADD ${Q}`);
    rig.clock.advance(5);
    announcer.send(`ADD ${R}`, `REMOVE ${Q}`);
    rig.clock.advance(5);
  };
  announcer.send(`ADD ${R}`);
  subscriber.send("SUBSCRIBE 100");
  for (let rounds = 0; rounds < 5; rounds++) {
    for (let flaps = 0; flaps < 3; flaps++) flap();
    subscriber.send("UNSUBSCRIBE 100", "KEEPALIVE");
    for (let flaps = 0; flaps < 4; flaps++) flap();
    const heard = subscriber.takeHeard();
    expect(heard[1]).toBe("END 100");
    expect(heard.length).toBeGreaterThan(6);
    // Each frame says something new, from nothing on.
    const view = new Set<string>();
    for (const frame of heard) {
      const [verb, route] = [frame.slice(0, frame.indexOf(" ")), frame.slice(frame.indexOf(" ") + 1)];
      if (verb === "ADD" || verb === "REMOVE") expect(view.has(route)).toBe(verb === "REMOVE");
      if (verb === "ADD") view.add(route);
      else view.delete(route);
    }
    // The answer is the last word.
    expect(heard.indexOf("KEEPALIVE")).toBe(heard.length - 1);
    subscriber.send("SUBSCRIBE 100");
  }
  rig.clock.advance(100);
  expect(subscriber.takeHeard()).toEqual([`ADD ${R}`, "END 100"]);
});

test("a subscriber that reads nothing delays nobody, and hears the last state when it reads again", async () => {
  const rig = await Rig.start();
  const [announcer, stalled, quick] = [rig.peer(), rig.peer(), rig.peer()];
  for (const peer of [stalled, quick]) rig.say(peer, "SUBSCRIBE 100");
  expect(stalled.takeHeard()).toEqual(["END 100"]);
  quick.takeHeard();
  stalled.stream.isReading = false;
  const routes = 200;
  for (let rounds = 0; rounds < 20; rounds++) {
    // Each round is heard by who reads before time moves on.
    announcer.sendBytes(numberedFrames(100, 0, routes));
    rig.clock.settle();
    expect(quick.takeHeard().length).toBe(routes);
    announcer.sendBytes(numberedFrames(100, 0, routes, Action.REMOVE));
    rig.clock.settle();
    expect(quick.takeHeard().length).toBe(routes);
    rig.clock.advance(1_000);
    quick.takeHeard();
  }
  announcer.sendBytes(numberedFrames(100, 0, 10));
  rig.clock.settle();
  stalled.stream.isReading = true;
  rig.clock.settle();
  const heard = stalled.takeHeard().filter((frame) => frame !== "KEEPALIVE");
  // What its socket took at the time, whole rounds of it, and then the present.
  const withdrawn = heard.filter((frame) => frame.startsWith("REMOVE"));
  expect(heard.length).toBe(2 * withdrawn.length + 10);
  expect(withdrawn.length * 37 * 2).toBeLessThanOrEqual(65_536 + RUN_BYTES);
});

test("KEEPALIVEs and another VNI's changes overtake a large table, but for what is under way", async () => {
  const capacityBytes = 5_000;
  const rig = await Rig.start({ capacityBytes });
  const [announcer, subscriber] = [rig.peer(), rig.peer()];
  const routes = 3_000;
  announcer.sendBytes(numberedFrames(100, 0, routes));
  rig.say(subscriber, "SUBSCRIBE 200");
  subscriber.takeHeard();
  subscriber.stream.isReading = false;
  rig.say(subscriber, "SUBSCRIBE 100");
  rig.say(announcer, `ADD 200 10.0.0.0/8 via 2001:db8::1`);
  rig.say(subscriber, "KEEPALIVE");
  subscriber.stream.isReading = true;
  rig.clock.settle();
  const heard = subscriber.takeHeard();
  expect(heard.length).toBe(routes + 3);
  const bytesBefore = (frame: string) =>
    heard.slice(0, heard.indexOf(frame)).reduce((sum, one) => sum + frameOfText(one).length, 0);
  expect(bytesBefore("KEEPALIVE")).toBeLessThanOrEqual(capacityBytes + RUN_BYTES);
  expect(bytesBefore("ADD 200 10.0.0.0/8 via 2001:db8::1")).toBeLessThanOrEqual(RUN_BYTES + RUN_BYTES + 4);
});
