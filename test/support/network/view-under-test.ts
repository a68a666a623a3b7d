/**
 * A MergedView, driven by steps in text (see merged-view.test.ts), beside a model of it that is a list of copies.
 * After each step: the events are just the difference between the model's view before and after, no matter in what
 * order, and all that can be asked of the view agrees with the model.
 */
import { expect } from "bun:test";
import { MergedView, Received, type ServerNumber } from "../../../src/client/view/merged-view.ts";
import { Echo } from "../../../src/client/view/own-echoes.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import type { Route } from "../../../src/route/route.ts";
import type { InspectedVni } from "../../../src/route/table/route-inspector.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { digestOf } from "../models/digest-of.ts";
import { routeOfText } from "../models/frame-text.ts";

const ROUTES: Record<string, string> = {
  a: "100 10.0.1.0/24 via 2001:db8::1",
  // The same destination by another hop, as in ECMP, and with other ports.
  b: "100 10.0.1.0/24 via 2001:db8::1 type nat ports 1-9",
  x: "200 10.0.1.0/24 via 2001:db8::1",
  y: "200 ::/0 via 2001:db8::2",
};
const NAMES = Object.keys(ROUTES);
const VNIS = [100, 200];
const SERVERS: readonly ServerNumber[] = [0, 1, 2];

interface ModelCopy {
  readonly server: ServerNumber;
  readonly name: string;
  /** When it became stale; null: it is not. */
  readonly staleMs: number | null;
  readonly isUnverified: boolean;
  /** Another server has withdrawn the route since this one was heard. */
  readonly isContradicted: boolean;
}

export class ViewUnderTest {
  readonly #events: string[] = [];
  readonly #view = new MergedView(
    {
      added: (route) => this.#events.push(`+ ${nameOf(formatRoute(route))}`),
      removed: (route) => this.#events.push(`- ${nameOf(formatRoute(route))}`),
      leftOut: () => this.#events.push("left out"),
    },
    (run) => this.#soon.push(run),
  );
  readonly #inspector = this.#view.inspector((server) => ({ id: server, name: `${server}` }));
  readonly #soon: (() => void)[] = [];
  readonly #fields = new UpdateFields();
  readonly #exact = new Set<ServerNumber>();
  readonly #own = new Set<string>();
  #copies: ModelCopy[] = [];

  /** The step's events. */
  act(step: string): string[] {
    const before = this.#modelView();
    const [who = "", what = "", which = "", when = ""] = step.split(" ");
    if (who === "own") this.#announce(what, which);
    else if (who === "drop") this.#drop(Number(what));
    else this.#serverActs(Number(who), what, which, Number(when));
    return this.#check(before);
  }

  /** Without servers and subscriptions nothing is left, nor brought back. */
  checkEmptyAfterwards(): void {
    for (const server of SERVERS) this.act(`${server} lost at 1000`);
    for (const server of SERVERS) this.act(`${server} sweeps`);
    expect([...this.#view.routes()]).toEqual([]);
    expect(this.#view.routeCount).toBe(0);
    for (const name of NAMES) expect(this.act(`own - ${name}`)).toEqual([]);
  }

  #serverActs(server: ServerNumber, what: string, which: string, atMs: number): void {
    // As a frame of it does, before anything else.
    if (["+", "?", "-", "exact", "heard"].includes(what)) {
      this.#view.confirmAlive(server);
      this.#copies = this.#copies.map((copy) =>
        copy.server === server ? { ...copy, isContradicted: false } : copy,
      );
    }
    switch (what) {
      case "heard":
        return;
      case "+":
        this.#receives(server, which, false);
        return;
      case "?":
        this.#receives(server, which, !this.#exact.has(server));
        return;
      case "-":
        this.#view.withdrawn(server, this.#update(which));
        this.#keep((copy) => copy.name !== which || (copy.server !== server && copy.staleMs === null));
        this.#copies = this.#copies.map((copy) =>
          copy.name === which ? { ...copy, isContradicted: true } : copy,
        );
        return;
      case "refutes":
        expect(this.#view.hasCopy(server, routeOfName(which))).toBe(
          this.#copies.some((copy) => copy.server === server && copy.name === which && copy.staleMs === null),
        );
        this.#view.refuted(server, routeOfName(which));
        this.#keep((copy) => copy.server !== server || copy.name !== which || copy.staleMs !== null);
        return;
      case "lost":
      case "silent": {
        const wasSilent = what === "silent";
        const lost = this.#copies.filter((copy) => copy.server === server && copy.staleMs === null);
        const stale = lost
          .filter((copy) => !copy.isUnverified && !(wasSilent && copy.isContradicted))
          .map((copy) => ({ ...copy, staleMs: atMs }));
        expect(this.#view.serverLost(server, atMs, wasSilent)).toBe(stale.length);
        this.#copies = [...this.#copies.filter((copy) => !lost.includes(copy)), ...stale];
        return;
      }
      case "sweeps":
        if (which === "") this.#view.sweep(server);
        else this.#view.sweepVni(server, Number(which));
        this.#keep(
          ({ name, ...copy }) =>
            copy.server !== server ||
            copy.staleMs === null ||
            (which !== "" && vniOf(name) !== Number(which)),
        );
        return;
      case "expires":
        this.#view.sweep(server, Number(which));
        this.#keep((copy) => copy.server !== server || copy.staleMs === null || copy.staleMs > Number(which));
        return;
      case "exact":
        this.#view.acceptUnverified(server);
        this.#exact.add(server);
        this.#copies = this.#copies.map((copy) =>
          copy.server === server ? { ...copy, isUnverified: false } : copy,
        );
        return;
      default:
        throw new Error(`no such step: ${what}`);
    }
  }

  #receives(server: ServerNumber, name: string, mayBeEcho: boolean): void {
    const before = this.#copies.find((copy) => copy.server === server && copy.name === name);
    const isExact = this.#exact.has(server);
    const isUnverified =
      (mayBeEcho || (this.#own.has(name) && !isExact)) && (before === undefined || before.isUnverified);
    const wasStale = before !== undefined && before.staleMs !== null;
    let echo: Echo = isExact ? Echo.NEVER : Echo.OF_OWN;
    if (mayBeEcho) echo = Echo.PERHAPS;
    let expected: Received = wasStale ? Received.CONFIRMED : Received.OTHER;
    if (isUnverified) expected = Received.UNVERIFIED;
    const received = this.#view.received(server, this.#update(name), echo);
    if (received !== expected) throw new Error(`received as ${received}, not ${expected}`);
    this.#keep((copy) => copy !== before);
    this.#copies.push({ server, name, staleMs: null, isUnverified, isContradicted: false });
  }

  #announce(what: string, name: string): void {
    if (what === "+") {
      this.#view.announced(routeOfName(name));
      this.#own.add(name);
      return;
    }
    this.#view.ownWithdrawn(routeOfName(name));
    this.#own.delete(name);
  }

  #drop(vni: number): void {
    this.#view.dropVni(vni);
    this.#keep(({ name }) => vniOf(name) !== vni);
  }

  #keep(which: (copy: ModelCopy) => boolean): void {
    this.#copies = this.#copies.filter(which);
  }

  #modelView(): string[] {
    return NAMES.filter((name) => !this.#own.has(name) && this.#serversOf(name).length > 0);
  }

  #serversOf(name: string): ServerNumber[] {
    const copies = this.#copies.filter((copy) => copy.name === name && !copy.isUnverified);
    return copies.map(({ server }) => server).sort();
  }

  /** Of the server's live and certain copies, but those of our own routes. */
  #digestOf(server: ServerNumber, vni: number): string {
    const live = this.#copies.filter(
      (copy) => copy.server === server && copy.staleMs === null && !copy.isUnverified,
    );
    const names = live.map(({ name }) => name).filter((name) => vniOf(name) === vni && !this.#own.has(name));
    return digestOf(names.map(routeOfName));
  }

  #check(before: readonly string[]): string[] {
    const after = this.#modelView();
    const gone = before.filter((name) => !after.includes(name)).map((name) => `- ${name}`);
    const come = after.filter((name) => !before.includes(name)).map((name) => `+ ${name}`);
    const events = this.#events.splice(0);
    const found = {
      events: events.toSorted(),
      view: Array.from(this.#view.routes(), (route) => nameOf(formatRoute(route))).sort(),
      has: NAMES.filter((name) => this.#view.has(routeOfName(name))).sort(),
      destinations: NAMES.map((name) => this.#lookAt(name)),
      routeCount: this.#view.routeCount,
      servers: NAMES.map((name) => this.#view.serversOf(routeOfName(name))),
      staleCopies: SERVERS.map((server) => this.#view.staleCopies(server)),
      vnis: [...this.#inspector.summaries()].sort((a, b) => a.vni - b.vni),
      digests: SERVERS.map((server) => VNIS.map((vni) => `${this.#view.comparison.digestOf(server, vni)}`)),
    };
    const expected = {
      events: [...gone, ...come].sort(),
      view: after.sort(),
      has: after.toSorted(),
      destinations: NAMES.map((name) => {
        const siblings = NAMES.filter((other) => destinationOf(other) === destinationOf(name));
        return {
          shown: siblings.filter((sibling) => after.includes(sibling)).sort(),
          isAnnounced: siblings.some((sibling) => this.#own.has(sibling)),
          isListed: true,
        };
      }),
      routeCount: after.length,
      servers: NAMES.map((name) => this.#serversOf(name)),
      staleCopies: SERVERS.map((server) => this.#copies.filter(isStaleOf(server)).length),
      vnis: VNIS.flatMap((vni) => vniOfNames(vni, after)),
      digests: SERVERS.map((server) => VNIS.map((vni) => this.#digestOf(server, vni))),
    };
    if (!Bun.deepEquals(found, expected)) expect(found).toEqual(expected);
    return events;
  }

  /** What the view says of the route's destination. */
  #lookAt(name: string): { shown: string[]; isAnnounced: boolean; isListed: boolean } {
    const { vni, destination } = routeOfName(name);
    const { nextHops, isAnnounced } = this.#view.lookAt(vni, destination);
    const shown = nextHops.map((nextHop) => nameOf(formatRoute({ vni, destination, nextHop }))).sort();
    const listed = Array.from(this.#view.destinations(vni), formatPrefix);
    // One without routes in view may be listed, too.
    const isListed = shown.length === 0 || listed.includes(formatPrefix(destination));
    return { shown, isAnnounced, isListed };
  }

  #update(name: string): UpdateFields {
    const { vni, destination, nextHop } = routeOfName(name);
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    return this.#fields;
  }
}

function vniOfNames(vni: number, names: readonly string[]): InspectedVni[] {
  const routes = names.map(routeOfName).filter((route) => route.vni === vni);
  const ipv4Routes = routes.filter(({ destination }) => destination.family === 4).length;
  if (routes.length === 0) return [];
  return [{ vni, ipv4Routes, ipv6Routes: routes.length - ipv4Routes, digest: digestOf(routes) }];
}

function isStaleOf(server: ServerNumber): (copy: ModelCopy) => boolean {
  return (copy) => copy.server === server && copy.staleMs !== null;
}

const PARSED = new Map(Object.entries(ROUTES).map(([name, text]) => [name, routeOfText(text)]));

function routeOfName(name: string): Route {
  const route = PARSED.get(name);
  if (route === undefined) throw new Error(`no such route: ${name}`);
  return route;
}

function nameOf(line: string): string {
  return NAMES.find((name) => ROUTES[name] === line) ?? line;
}

function destinationOf(name: string): string {
  const { vni, destination } = routeOfName(name);
  return `${vni} ${formatPrefix(destination)}`;
}

function vniOf(name: string): number {
  return routeOfName(name).vni;
}
