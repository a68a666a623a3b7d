/** Which deliveries count as right, and what is said of the others. */
import { describe, expect, test } from "bun:test";
import { DeliveryCheck, type ExpectedActions, noDeliveries } from "../../../src/cli/bench/delivery-check.ts";
import { RouteSet } from "../../../src/cli/bench/route-set.ts";
import { encodeUpdate } from "../../../src/wire/encode.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { Action, HEADER_BYTES } from "../../../src/wire/protocol.ts";

const FAMILIES = [4, 6] as const;

/** 3 announcers with 5 routes each: indexes 0…4, 8…12, 16…20, markers 24…26. */
function routesOf(family: 4 | 6): RouteSet {
  return new RouteSet({ vni: 300, family, announcers: 3, routesPerAnnouncer: 5 });
}

function frameOf(routes: RouteSet, index: number, action: Action, change: Partial<UpdateFields> = {}) {
  const fields = new UpdateFields();
  routes.fill(fields, index);
  Object.assign(fields, change);
  const frame = new Uint8Array(80);
  return frame.slice(0, encodeUpdate(new DataView(frame.buffer), 0, fields, action));
}

function give(check: DeliveryCheck, frame: Uint8Array): void {
  // Frames stand anywhere in a chunk.
  const chunk = new Uint8Array(3 + frame.length + 8).fill(0xff);
  chunk.set(frame, 3);
  check.update(new DataView(chunk.buffer), 3, frame.length - HEADER_BYTES);
}

describe.each(FAMILIES)("IPv%d", (family) => {
  const routes = routesOf(family);
  const add = (index: number, change?: Partial<UpdateFields>) => frameOf(routes, index, Action.ADD, change);
  const remove = (index: number) => frameOf(routes, index, Action.REMOVE);

  const CASES: [
    what: string,
    actions: ExpectedActions,
    frames: Uint8Array[],
    counts: object,
    present: [number, number],
  ][] = [
    ["each route once", "add", [0, 4, 8, 20].map((i) => add(i)), { received: 4 }, [4, 0]],
    ["markers", "add", [add(24), add(26)], {}, [0, 2]],
    ["in turn", "any", [add(9), remove(9), add(9), remove(9)], { received: 4 }, [0, 0]],
    ["an ADD twice", "add", [add(3), add(3)], { received: 1, repeated: 1 }, [1, 0]],
    ["a REMOVE of nothing", "remove", [remove(3)], { repeated: 1 }, [0, 0]],
    ["an ADD while routes are withdrawn", "remove", [add(3)], { unexpected: 1 }, [0, 0]],
    ["a REMOVE while they are announced", "add", [add(3), remove(3)], { received: 1, unexpected: 1 }, [1, 0]],
    ["before anything is announced", "none", [add(3)], { unexpected: 1 }, [0, 0]],
    ["another announcer's hop", "add", [add(3, { h3: 2 })], { altered: 1 }, [0, 0]],
    ["another hop", "add", [add(3, { h0: 1 })], { altered: 1 }, [0, 0]],
    ["an IPv4 hop", "add", [add(3, { hopFamily: 4 })], { altered: 1 }, [0, 0]],
    ["another type of hop", "add", [add(3, { hopType: 2 })], { altered: 1 }, [0, 0]],
    [
      "a hop with ports",
      "add",
      [add(3, { hopType: 1, natPortFrom: 1, natPortTo: 2 })],
      { altered: 1 },
      [0, 0],
    ],
    ["a hop into another VNI", "add", [add(3, { targetVni: 7 })], { altered: 1 }, [0, 0]],
    ["another VNI", "add", [add(3, { vni: 301 })], { foreign: 1 }, [0, 0]],
    ["another prefix length", "add", [add(3, { lengthBits: 31 })], { foreign: 1 }, [0, 0]],
    ["an index between announcers", "add", [add(5), add(7), add(21)], { foreign: 3 }, [0, 0]],
    ["an index behind the markers", "add", [add(27), add(2 ** 20)], { foreign: 2 }, [0, 0]],
    ["a frame that is none", "add", [add(3).fill(0xff, HEADER_BYTES)], { altered: 1 }, [0, 0]],
  ];

  test.each(CASES)("%s", (_what, actions, frames, counts, [routesPresent, markersPresent]) => {
    const check = new DeliveryCheck(routes);
    check.expect(actions);
    for (const frame of frames) give(check, frame);
    expect(check.counts).toEqual({ ...noDeliveries(), ...counts });
    expect([check.routesPresent, check.markersPresent]).toEqual([routesPresent, markersPresent]);
  });

  test("any single byte that is changed is found", () => {
    const good = add(3);
    for (let at = HEADER_BYTES; at < good.length; at++) {
      const check = new DeliveryCheck(routes);
      check.expect("add");
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x40;
      give(check, bad);
      expect({ at, received: check.counts.received }).toEqual({ at, received: 0 });
    }
  });

  test("own routes are echoes", () => {
    const check = new DeliveryCheck(routes, 1);
    check.expect("add");
    for (const index of [0, 8, 25, 16]) give(check, add(index));
    expect(check.counts).toEqual({ ...noDeliveries(), received: 2, echoes: 2 });
  });

  test("the same update in other bytes is right", () => {
    const check = new DeliveryCheck(routes);
    check.expect("add");
    // An unknown field behind the others.
    const frame = Uint8Array.of(...add(3), 0x48, 1);
    give(check, frame);
    expect(check.counts).toEqual({ ...noDeliveries(), received: 1 });
  });

  test("listeners hear of what is right, markers apart", () => {
    const check = new DeliveryCheck(routes);
    const heard: string[] = [];
    check.onReceived = (index, action) => heard.push(`route ${index} ${action}`);
    check.onMarker = (announcer) => heard.push(`marker ${announcer}`);
    check.expect("any");
    for (const frame of [add(9), add(9), add(26), remove(26), remove(9)]) give(check, frame);
    expect(heard).toEqual(["route 9 0", "marker 2", "marker 2", "route 9 1"]);
  });
});
