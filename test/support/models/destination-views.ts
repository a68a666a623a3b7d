import type { ClientView, DestinationView } from "../../../src/client/view/client-view.ts";
import type { Prefix } from "../../../src/net/ip.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import type { Route } from "../../../src/route/route.ts";

interface Known {
  readonly prefix: Prefix;
  /** Routes in view, and own announcements, by their text. */
  readonly shown: Map<string, Route>;
  readonly own: Set<string>;
}

/** A client's view as a slow and obvious model: what a test says is in it. */
export class DestinationViews implements ClientView {
  /** By VNI, then by destination. */
  readonly #vnis = new Map<number, Map<string, Known>>();

  add(route: Route): void {
    this.#known(route).shown.set(formatRoute(route), route);
  }

  remove(route: Route): void {
    this.#known(route).shown.delete(formatRoute(route));
    this.#forget(route);
  }

  announce(route: Route): void {
    this.#known(route).own.add(formatRoute(route));
  }

  withdraw(route: Route): void {
    this.#known(route).own.delete(formatRoute(route));
    this.#forget(route);
  }

  lookAt(vni: number, destination: Prefix): DestinationView {
    const known = this.#vnis.get(vni)?.get(formatPrefix(destination));
    const nextHops = Array.from(known?.shown.values() ?? [], ({ nextHop }) => nextHop);
    return { nextHops, isAnnounced: (known?.own.size ?? 0) > 0 };
  }

  has(route: Route): boolean {
    const known = this.#vnis.get(route.vni)?.get(formatPrefix(route.destination));
    return known?.shown.has(formatRoute(route)) ?? false;
  }

  *destinations(vni: number): Iterable<Prefix> {
    for (const { prefix } of this.#vnis.get(vni)?.values() ?? []) yield prefix;
  }

  #known({ vni, destination }: Route): Known {
    const destinations = this.#vnis.getOrInsertComputed(vni, () => new Map());
    return destinations.getOrInsertComputed(formatPrefix(destination), () => {
      return { prefix: destination, shown: new Map(), own: new Set() };
    });
  }

  #forget(route: Route): void {
    const { shown, own } = this.#known(route);
    if (shown.size + own.size === 0) this.#vnis.get(route.vni)?.delete(formatPrefix(route.destination));
  }
}
