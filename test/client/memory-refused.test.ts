/**
 * The system refuses memory while a client announces: it is told so, and nothing is done by halves. Each array of the view
 * grows at another route, so each growth is refused once.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { TableFullError } from "../../src/client/errors.ts";
import { MergedView } from "../../src/client/view/merged-view.ts";
import { Echo } from "../../src/client/view/own-echoes.ts";
import { formatRoute } from "../../src/route/announcement-text.ts";
import type { Route } from "../../src/route/route.ts";
import { fillUpdateFields } from "../../src/wire/codec.ts";
import { UpdateFields } from "../../src/wire/message.ts";
import { routeOfText } from "../support/models/frame-text.ts";
import { RefusedMemory } from "../support/models/refused-memory.ts";
import { ClientRig } from "../support/network/client-rig.ts";

const ROUTES: readonly Route[] = Array.from({ length: 60 }, (_, n) => {
  return routeOfText(`${100 + (n % 3)} 10.0.${n}.0/24 via 2001:db8::${(n % 20) + 1}`);
});

let memory: RefusedMemory;

beforeEach(() => {
  memory = new RefusedMemory();
});

afterEach(() => memory[Symbol.dispose]());

/** Announces until a growth is refused, which is allowed `allowed` times before. Gives how many were announced. */
function announceUntilRefused(announce: (route: Route) => void, allowed: number): number {
  let announced = 0;
  memory.allowing(allowed, () => {
    for (const route of ROUTES) {
      try {
        announce(route);
      } catch (error) {
        expect(error).toBeInstanceOf(TableFullError);
        expect(error).toMatchObject({ code: "TABLE_FULL", route });
        return;
      }
      announced++;
    }
  });
  return announced;
}

const texts = (routes: Iterable<Route>) => Array.from(routes, formatRoute).sort();

test("an announcement is refused whole, and may come again", async () => {
  let refusals = 0;
  for (let allowed = 0; ; allowed++) {
    const rig = new ClientRig();
    const server = await rig.startServer(1);
    const { client } = rig.client([1]);
    client.subscribe(100);
    rig.clock.advance(1_000);
    const count = announceUntilRefused((route) => client.announce(route), allowed);
    if (count === ROUTES.length) break;
    refusals++;
    rig.clock.advance(1_000);
    const announced = texts(ROUTES.slice(0, count));
    expect([client.announcementCount, texts(client.announcements())]).toEqual([count, announced]);
    expect(texts(server.routes())).toEqual(announced);
    expect([...client.routes()]).toEqual([]);
    // The refused one among them, and those that are announced already.
    for (const route of ROUTES) client.announce(route);
    rig.clock.advance(1_000);
    expect(texts(server.routes())).toEqual(texts(ROUTES));
    expect([...client.routes()]).toEqual([]);
    for (const route of ROUTES) expect(client.withdraw(route)).toBeTrue();
    rig.clock.advance(1_000);
    expect(texts(server.routes())).toEqual([]);
  }
  expect(refusals).toBeGreaterThan(8);
});

test("the end of a drain is refused whole, and may come again", async () => {
  let refusals = 0;
  for (let allowed = 0; allowed < 40; allowed++) {
    const rig = new ClientRig();
    const server = await rig.startServer(1);
    const { client } = rig.client([1]);
    client.drain();
    for (const route of ROUTES) client.announce(route);
    rig.clock.advance(1_000);
    let isRefused = false;
    memory.allowing(allowed, () => {
      try {
        client.undrain();
      } catch (error) {
        expect(error).toBeInstanceOf(TableFullError);
        isRefused = true;
      }
    });
    rig.clock.advance(1_000);
    expect([client.drainedForMs !== null, client.announcementCount]).toEqual([isRefused, ROUTES.length]);
    expect(texts(server.routes())).toEqual(isRefused ? [] : texts(ROUTES));
    if (!isRefused) break;
    refusals++;
    expect(client.undrain()).toBeTrue();
    rig.clock.advance(1_000);
    expect(texts(server.routes())).toEqual(texts(ROUTES));
  }
  expect(refusals).toBeGreaterThan(8);
});

test("a received route that cannot be kept is left out and counted, and may come again", () => {
  const fields = new UpdateFields();
  const fieldsOf = ({ vni, destination, nextHop }: Route) => {
    fillUpdateFields(fields, vni, destination, nextHop);
    return fields;
  };
  let refusals = 0;
  for (let allowed = 0; ; allowed++) {
    const leftOut: string[] = [];
    const view = new MergedView(
      { added: () => {}, removed: () => {}, leftOut: (server, code) => leftOut.push(`${server} ${code}`) },
      () => {},
    );
    let count = 0;
    memory.allowing(allowed, () => {
      for (const route of ROUTES) {
        view.received(0, fieldsOf(route), Echo.OF_OWN);
        if (leftOut.length > 0) break;
        count++;
      }
    });
    expect(texts(view.routes())).toEqual(texts(ROUTES.slice(0, count)));
    if (count === ROUTES.length) break;
    refusals++;
    expect(leftOut).toEqual(["0 TABLE_FULL"]);
    for (const route of ROUTES) view.received(0, fieldsOf(route), Echo.OF_OWN);
    expect(texts(view.routes())).toEqual(texts(ROUTES));
    for (const route of ROUTES) view.withdrawn(0, fieldsOf(route));
    expect([view.routeCount, [...view.routes()]]).toEqual([0, []]);
  }
  expect(refusals).toBeGreaterThan(8);
});
