/** The client's limit of next hops per destination: see src/client/view/merged-view.ts. */
import { expect, test } from "bun:test";
import { MergedView } from "../../src/client/view/merged-view.ts";
import { Echo } from "../../src/client/view/own-echoes.ts";
import { formatRoute } from "../../src/route/announcement-text.ts";
import { fillUpdateFields } from "../../src/wire/codec.ts";
import { UpdateFields } from "../../src/wire/message.ts";
import { routeOfText } from "../support/models/frame-text.ts";

const LIMIT = 3;
const TO = "100 10.0.1.0/24";

/** A view of a few hops, with its routes as the last digits of their hops, sorted. */
class LimitedView {
  readonly leftOut: number[] = [];
  readonly shown = new Set<string>();
  readonly view = new MergedView(
    {
      added: (route) => {
        expect(this.shown.has(formatRoute(route))).toBe(false);
        this.shown.add(formatRoute(route));
      },
      removed: (route) => expect(this.shown.delete(formatRoute(route))).toBe(true),
      leftOut: (server) => this.leftOut.push(server),
    },
    () => {},
    LIMIT,
  );
  readonly #fields = new UpdateFields();

  announce(server: number, ...hops: readonly string[]): void {
    for (const hop of hops) this.view.received(server, this.#route(hop), Echo.OF_OWN);
  }

  withdraw(server: number, ...hops: readonly string[]): void {
    for (const hop of hops) this.view.withdrawn(server, this.#route(hop));
  }

  hops(to = TO): string {
    const routes = [...this.view.routes()].map(formatRoute);
    expect(new Set(routes)).toEqual(this.shown);
    return routes
      .flatMap((text) => (text.startsWith(`${to} `) ? text.split("::").slice(-1) : []))
      .sort()
      .join(" ");
  }

  #route(hop: string): UpdateFields {
    const text = hop.includes(" ") ? hop : `${TO} via 2001:db8::${hop}`;
    const { vni, destination, nextHop } = routeOfText(text);
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    return this.#fields;
  }
}

test("more hops are left out and reported; one that goes makes room", () => {
  const limited = new LimitedView();
  limited.announce(0, "1", "2", "3", "4", "5");
  expect(limited.hops()).toBe("1 2 3");
  expect(limited.leftOut).toEqual([0, 0]);
  // Known hops by whomever, other destinations and other VNIs are not concerned.
  limited.announce(1, "1", "2", "3", "6");
  limited.announce(1, "100 10.0.2.0/24 via 2001:db8::7", "200 10.0.1.0/24 via 2001:db8::8");
  expect(limited.leftOut).toEqual([0, 0, 1]);
  expect([limited.hops(), limited.hops("100 10.0.2.0/24"), limited.hops("200 10.0.1.0/24")]).toEqual([
    "1 2 3",
    "7",
    "8",
  ]);
  // Nothing is known of one that was left out.
  limited.withdraw(0, "4", "5", "2");
  expect(limited.hops()).toBe("1 2 3");
  limited.withdraw(1, "2");
  limited.announce(0, "5");
  expect(limited.hops()).toBe("1 3 5");
});

test("own announcements do not count as left out, but as hops", () => {
  const limited = new LimitedView();
  for (const hop of ["1", "2", "3", "4"]) {
    limited.view.announced(routeOfText(`${TO} via 2001:db8::${hop}`));
  }
  limited.announce(0, "5");
  expect(limited.leftOut).toEqual([0]);
  for (const hop of ["1", "2"]) {
    limited.view.ownWithdrawn(routeOfText(`${TO} via 2001:db8::${hop}`));
  }
  limited.announce(0, "5", "6");
  expect([limited.hops(), limited.leftOut]).toEqual(["5", [0, 0]]);
});

test("stale hops make room for others, which a server has after its restart", () => {
  const limited = new LimitedView();
  limited.announce(0, "1", "2", "3");
  limited.announce(1, "3");
  limited.view.serverLost(0, 1_000);
  limited.announce(0, "4", "5");
  // Server 1 has the third.
  expect([limited.hops(), limited.leftOut]).toEqual(["3 4 5", []]);
  limited.announce(0, "6");
  expect([limited.hops(), limited.leftOut]).toEqual(["3 4 5", [0]]);
  limited.view.sweepVni(0, 100);
  limited.view.serverLost(1, 2_000);
  limited.announce(0, "6");
  expect([limited.hops(), limited.leftOut]).toEqual(["4 5 6", [0]]);
});

test("nothing is left of a destination that is gone: its place is another one's", () => {
  const limited = new LimitedView();
  for (let round = 0; round < 20; round++) {
    limited.announce(0, "1", "2", "3", "4", `100 10.0.${round}.0/26 via 2001:db8::7`);
    expect(limited.hops()).toBe("1 2 3");
    limited.withdraw(0, "1", "2", "3", `100 10.0.${round}.0/26 via 2001:db8::7`);
    expect(limited.shown.size).toBe(0);
  }
  expect(limited.leftOut).toHaveLength(20);
});
