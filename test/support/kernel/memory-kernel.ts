/**
 * A kernel in memory that does what the real one does to nexthop objects and routes, slowly and plainly (tried on
 * Linux 6.18 in a network namespace):
 *
 * - CREATE|EXCL fails with EEXIST for an id, or for a destination with that priority, that anybody has;
 * - a group cannot become one of the other type;
 * - replace without create hits the first route to the destination with that priority, whoever's it is;
 * - deleting an object takes its routes along and drops it from groups; a group without members goes too. It notifies of
 *   objects and groups, and of IPv6 routes;
 * - a link that goes down takes its objects, and the routes and groups of those, and notifies of none.
 *
 * It judges, too: operations of ours that touch what is foreign, or that take routes along, are violations.
 */

import type { Clock } from "../../../src/base/clock.ts";
import type {
  FoundNexthop,
  FoundRoute,
  GroupMember,
  Kernel,
  KernelEvent,
  KnownOfOurs,
  Link,
  Operation,
  OperationFailure,
} from "../../../src/kernel/kernel.ts";
import { formatAddress, parseAddress, sameAddress } from "../../../src/net/address.ts";
import type { IpAddress, Prefix } from "../../../src/net/ip.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";

type Refusal = readonly [code: string, message: string];

const NO_NEXTHOP: Refusal = ["EINVAL", "Nexthop id does not exist"];

const DEFAULT_LINK: Link = {
  index: 5,
  name: "tun",
  isUp: true,
  kind: "ip6tnl",
  isExternal: true,
  mtuBytes: 1452,
  ipv6: "on",
};
/** Between two pauses of a dump. */
const DUMP_SLICE = 50;

export class MemoryKernel implements Kernel {
  readonly protocol: number;
  readonly #clock: Clock;
  #links: Link[] = [DEFAULT_LINK];
  readonly nexthops = new Map<number, FoundNexthop>();
  /** By table, destination, priority and TOS; the first of each list is the one that counts. */
  readonly routes = new Map<string, FoundRoute[]>();
  locals: IpAddress[] = [];
  hashPolicy: Record<4 | 6, number | null> = { 4: 1, 6: 1 };
  /** All operations that were tried, with their errors. */
  readonly log: { readonly operation: Operation; readonly code: string | null }[] = [];
  readonly violations: string[] = [];
  scans = 0;
  /** Gives an operation's error, or null. */
  refuse: (operation: Operation) => Refusal | null = () => null;
  /** Called before each operation. */
  onOperation: (operation: Operation) => void = () => {};
  /** So many IPv6 routes the next dump misses, as when others change their table meanwhile (see objects/route-kind.ts). */
  missNext = 0;
  /** Dumps of routes end after so many destinations, and are said not to be whole. */
  cutAfter = Number.POSITIVE_INFINITY;
  /** Events wait until they are asked for: the event loop is busy. */
  isBusy = false;
  #late: KernelEvent[] = [];
  /** Events are swallowed. */
  isMuted = false;
  #listener: ((event: KernelEvent) => void) | null = null;

  constructor(protocol: number, clock: Clock) {
    this.protocol = protocol;
    this.#clock = clock;
  }

  // What the installer sees.

  async links(): Promise<Link[]> {
    return this.#links;
  }

  async localAddresses(): Promise<IpAddress[]> {
    return this.locals;
  }

  multipathHashPolicy(family: 4 | 6): number | null {
    return this.hashPolicy[family];
  }

  async eachNexthop(_: KnownOfOurs, visit: (nexthop: FoundNexthop) => void): Promise<boolean> {
    this.scans++;
    await this.#dump([...this.nexthops.keys()], (id) => {
      const found = this.nexthops.get(id);
      if (found !== undefined) visit(found);
    });
    return true;
  }

  async eachRoute(_: KnownOfOurs, visit: (route: FoundRoute) => void): Promise<boolean> {
    let missing = this.missNext;
    this.missNext = 0;
    await this.#dump([...this.routes.keys()].slice(0, this.cutAfter), (key) => {
      for (const route of this.routes.get(key) ?? []) {
        if (route.destination.family === 4 || missing-- <= 0) visit(route);
      }
    });
    return this.cutAfter === Number.POSITIVE_INFINITY;
  }

  async eachRouteIn(table: number, family: 4 | 6, visit: (route: FoundRoute) => void): Promise<void> {
    await this.#dump([...this.routes.keys()], (key) => {
      for (const route of this.routes.get(key) ?? []) {
        if (route.table === table && route.destination.family === family) visit(route);
      }
    });
  }

  async eachRouteOfOurs(_: KnownOfOurs, visit: (route: FoundRoute) => void): Promise<void> {
    await this.#dump([...this.routes.keys()].slice(0, this.cutAfter), (key) => {
      for (const route of this.routes.get(key) ?? []) if (route.protocol === this.protocol) visit(route);
    });
  }

  apply(operations: readonly Operation[], linkIndex: number): OperationFailure[] {
    const failures: OperationFailure[] = [];
    operations.forEach((operation, index) => {
      this.onOperation(operation);
      const refusal = this.refuse(operation) ?? this.#carryOut(operation, linkIndex);
      this.log.push({ operation, code: refusal?.[0] ?? null });
      if (refusal !== null) failures.push({ index, code: refusal[0], message: refusal[1] });
    });
    return failures;
  }

  watch(listener: (event: KernelEvent) => void): void {
    this.#listener = listener;
    this.#late = [];
  }

  poll(): boolean {
    for (const event of this.#late.splice(0)) this.#listener?.(event);
    return true;
  }

  close(): void {
    this.#listener = null;
  }

  // What others do.

  /** Adds a route behind those to the same destination, or in place of the first. */
  foreignRoute(route: FoundRoute, how: "append" | "replace" = "append"): void {
    const routes = this.routes.getOrInsertComputed(keyOf(route), () => []);
    if (how === "replace") routes.shift();
    routes.unshift(route);
    if (how === "append" && routes.length > 1) routes.push(...routes.splice(0, 1));
    this.notify({ type: "route", isDeleted: false, isReplacing: how === "replace", route });
  }

  /** Deletes the first route to the destination that `isIt`. */
  deleteRoute(isIt: (route: FoundRoute) => boolean): void {
    for (const [key, routes] of this.routes) {
      const at = routes.findIndex(isIt);
      if (at < 0) continue;
      const [route] = routes.splice(at, 1);
      if (routes.length === 0) this.routes.delete(key);
      if (route !== undefined) this.notify({ type: "route", isDeleted: true, isReplacing: false, route });
      return;
    }
  }

  /** An address comes or goes, or is told once more. */
  notifyAddress(address: IpAddress, isDeleted = false, linkIndex = 1): void {
    this.locals = this.locals.filter((local) => !sameAddress(local, address));
    if (!isDeleted) this.locals.push(address);
    this.notify({ type: "address", isDeleted, linkIndex, address });
  }

  foreignNexthop(nexthop: FoundNexthop): void {
    this.nexthops.set(nexthop.id, nexthop);
    this.notify({ type: "nexthop", isDeleted: false, nexthop });
  }

  deleteNexthop(id: number): void {
    if (!this.nexthops.has(id)) return;
    for (const route of this.#drop(id, (event) => this.notify(event))) {
      if (route.destination.family === 6) {
        this.notify({ type: "route", isDeleted: true, isReplacing: false, route });
      }
    }
  }

  /** As `ip nexthop replace` does: the routes and groups that name it stay. */
  replaceNexthop(nexthop: FoundNexthop): void {
    this.nexthops.set(nexthop.id, nexthop);
    this.notify({ type: "nexthop", isDeleted: false, nexthop });
    // The kernel notifies of its IPv4 and IPv6 routes, too.
    for (const route of [...this.routes.values()].flat()) {
      if (route.nexthopId !== nexthop.id) continue;
      this.notify({ type: "route", isDeleted: false, isReplacing: true, route });
    }
  }

  get link(): Link | null {
    return this.#links[0] ?? null;
  }

  /** Up, down, or gone (null); another index: made anew. */
  setLink(change: Partial<Link> | null): void {
    const before = this.#links[0];
    const after = change === null ? null : { ...(before ?? DEFAULT_LINK), ...change };
    if (before !== undefined && (after === null || !after.isUp || after.index !== before.index)) {
      for (const { id, linkIndex } of [...this.nexthops.values()]) {
        if (linkIndex === before.index) this.#drop(id);
      }
    }
    this.#links = after === null ? [] : [after];
    if (before !== undefined && after?.index !== before.index) {
      this.notify({ type: "link", index: before.index, link: null });
    }
    if (after !== null) this.notify({ type: "link", index: after.index, link: after });
  }

  notify(event: KernelEvent): void {
    if (this.isMuted) return;
    if (this.isBusy) this.#late.push(event);
    else this.#listener?.(event);
  }

  // For looking at.

  /** "100 10.0.1.0/24 via 2001:db8::1 2001:db8::2*100" for each route of ours, sorted. */
  ours(): string[] {
    const lines: string[] = [];
    for (const route of [...this.routes.values()].flat()) {
      if (route.protocol !== this.protocol) continue;
      const hops = route.nexthopId === 0 ? "plain" : this.#hopsOf(route.nexthopId);
      const priority =
        route.priority === (route.destination.family === 6 ? 1024 : 0) ? "" : ` metric ${route.priority}`;
      lines.push(`${route.table} ${formatPrefix(route.destination)}${priority} via ${hops}`);
    }
    return lines.sort();
  }

  foreign(): string[] {
    const routes = [...this.routes.values()].flat().filter(({ protocol }) => protocol !== this.protocol);
    const nexthops = [...this.nexthops.values()].filter(({ protocol }) => protocol !== this.protocol);
    return [...routes, ...nexthops].map((thing) => JSON.stringify(thing)).sort();
  }

  /** Objects and groups of our protocol. */
  ourNexthops(): FoundNexthop[] {
    return [...this.nexthops.values()].filter(({ protocol }) => protocol === this.protocol);
  }

  /** Our route there; undefined: there is none. */
  find(table: number, destination: string): FoundRoute | undefined {
    return [...this.routes.values()].flat().find((route) => {
      return (
        route.protocol === this.protocol &&
        route.table === table &&
        formatPrefix(route.destination) === destination
      );
    });
  }

  /** Operations that succeeded since the last call, by type. */
  takeCounts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { operation, code } of this.log.splice(0)) {
      const name = code === null ? operation.type : `${operation.type} ${code}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  #hopsOf(id: number): string {
    const nexthop = this.nexthops.get(id);
    if (nexthop === undefined) return "nothing";
    if (nexthop.members === null)
      return nexthop.encapAddress === null ? "odd" : formatAddress(nexthop.encapAddress);
    const hops = nexthop.members.map(({ id: member, weight }) => {
      return `${this.#hopsOf(member)}${weight === 1 ? "" : `*${weight}`}`;
    });
    return hops.sort().join(" ");
  }

  #carryOut(operation: Operation, linkIndex: number): Refusal | null {
    switch (operation.type) {
      case "add-nexthop": {
        if (this.nexthops.has(operation.id)) return ["EEXIST", "File exists"];
        const link = this.#links.find(({ index }) => index === linkIndex);
        if (link === undefined) return ["ENODEV", "Nexthop device does not exist"];
        if (!link.isUp) return ["ENETDOWN", "Nexthop device is not up"];
        this.nexthops.set(operation.id, this.ourNexthop(operation.id, operation.address, linkIndex));
        return null;
      }
      case "add-group":
      case "add-resilient-group": {
        const { id, members, type } = operation;
        if (this.nexthops.has(id)) return ["EEXIST", "File exists"];
        if (!this.#areObjects(members)) return ["EINVAL", "Invalid nexthop id"];
        this.nexthops.set(id, this.ourGroup(id, members, type === "add-resilient-group"));
        return null;
      }
      case "replace-resilient-group": {
        const { id, members } = operation;
        const group = this.nexthops.get(id);
        if (group === undefined) return ["ENOENT", "No such file or directory"];
        if (group.protocol !== this.protocol) this.violations.push(`replaced foreign nexthop ${id}`);
        if (!group.isResilient) {
          return ["EINVAL", "Can not replace a nexthop group with one of a different type."];
        }
        if (!this.#areObjects(members)) return ["EINVAL", "Invalid nexthop id"];
        for (const route of [...this.routes.values()].flat()) {
          if (route.nexthopId !== id || route.protocol === this.protocol) continue;
          this.violations.push(`replaced a group under foreign ${formatPrefix(route.destination)}`);
        }
        this.nexthops.set(id, this.ourGroup(id, members, true));
        return null;
      }
      case "delete-nexthop": {
        const nexthop = this.nexthops.get(operation.id);
        if (nexthop === undefined) return ["ENOENT", "No such file or directory"];
        if (nexthop.protocol !== this.protocol)
          this.violations.push(`deleted foreign nexthop ${operation.id}`);
        for (const { members } of this.nexthops.values()) {
          if (members?.some(({ id }) => id === operation.id)) this.violations.push("shrank a group");
        }
        for (const { destination } of this.#drop(operation.id)) {
          this.violations.push(`nexthop took ${formatPrefix(destination)} along`);
        }
        return null;
      }
      case "add-route": {
        const route = this.ourRoute(operation.table, operation.destination, operation.nexthopId);
        if (!this.nexthops.has(operation.nexthopId)) return NO_NEXTHOP;
        if (this.routes.has(keyOf(route))) return ["EEXIST", "File exists"];
        this.routes.set(keyOf(route), [route]);
        return null;
      }
      case "replace-route": {
        const { table, destination, priority, nexthopId } = operation;
        const route = { ...this.ourRoute(table, destination, nexthopId), priority };
        if (!this.nexthops.has(operation.nexthopId)) return NO_NEXTHOP;
        const routes = this.routes.get(keyOf(route));
        const [first] = routes ?? [];
        if (routes === undefined || first === undefined) return ["ENOENT", "No such file or directory"];
        if (route.protocol !== this.protocol) {
          this.violations.push(`replaced foreign ${formatPrefix(route.destination)}`);
        }
        routes[0] = route;
        return null;
      }
      case "delete-route": {
        const { nexthopId } = operation;
        const key = keyOf({ ...operation, tos: 0 });
        const routes = this.routes.get(key) ?? [];
        const at = routes.findIndex((route) => {
          return route.protocol === this.protocol && (nexthopId === 0 || route.nexthopId === nexthopId);
        });
        if (at < 0) return ["ESRCH", "No such process"];
        routes.splice(at, 1);
        if (routes.length === 0) this.routes.delete(key);
        return null;
      }
    }
  }

  ourNexthop(id: number, encapAddress: IpAddress, linkIndex: number): FoundNexthop {
    const { protocol } = this;
    return { id, protocol, members: null, isResilient: false, linkIndex, encapAddress, isOdd: false };
  }

  ourGroup(id: number, members: readonly GroupMember[], isResilient = false): FoundNexthop {
    return {
      id,
      protocol: this.protocol,
      members,
      isResilient,
      linkIndex: 0,
      encapAddress: null,
      isOdd: false,
    };
  }

  ourRoute(table: number, destination: Prefix, nexthopId: number): FoundRoute {
    const priority = destination.family === 6 ? 1024 : 0;
    return {
      table,
      destination,
      protocol: this.protocol,
      priority,
      tos: 0,
      type: 1,
      nexthopId,
      linkIndex: 0,
    };
  }

  #areObjects(members: readonly GroupMember[]): boolean {
    return members.every((member) => this.nexthops.get(member.id)?.members === null);
  }

  /** Takes an object or a group away, and returns the routes that went with it. */
  #drop(id: number, notify: (event: KernelEvent) => void = () => {}): FoundRoute[] {
    const dropped = this.nexthops.get(id);
    this.nexthops.delete(id);
    if (dropped !== undefined) notify({ type: "nexthop", isDeleted: true, nexthop: dropped });
    const gone: FoundRoute[] = [];
    for (const [key, routes] of this.routes) {
      const left = routes.filter((route) => route.nexthopId !== id);
      if (left.length === routes.length) continue;
      gone.push(...routes.filter((route) => route.nexthopId === id));
      if (left.length === 0) this.routes.delete(key);
      else this.routes.set(key, left);
    }
    for (const group of [...this.nexthops.values()]) {
      const members = group.members?.filter((member) => member.id !== id);
      if (members === undefined || members.length === group.members?.length) continue;
      if (members.length === 0) gone.push(...this.#drop(group.id, notify));
      else {
        const nexthop = { ...group, members };
        this.nexthops.set(group.id, nexthop);
        notify({ type: "nexthop", isDeleted: false, nexthop });
      }
    }
    return gone;
  }

  async #dump<T>(keys: readonly T[], visit: (key: T) => void): Promise<void> {
    for (const [index, key] of keys.entries()) {
      if (index % DUMP_SLICE === 0) await new Promise<void>((resolve) => this.#clock.soon(resolve));
      visit(key);
    }
  }
}

function keyOf({
  table,
  destination,
  priority,
  tos,
}: Pick<FoundRoute, "table" | "destination" | "priority" | "tos">): string {
  const { family, w0, w1, w2, w3, lengthBits } = destination;
  return `${table} ${family} ${w0} ${w1} ${w2} ${w3} ${lengthBits} ${priority} ${tos}`;
}

/** For tests, which know what they write. */
export function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}
