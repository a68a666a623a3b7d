/**
 * The kernel of the network namespace that the process is in. Operations, dumps and notifications have sockets of their
 * own: otherwise messages of a dump under way would mix with the answers to operations, and notifications with both.
 *
 * A dump of all routes proves by itself that it is complete: the kernel walks its tables by their number modulo 256, and
 * those with the same remainder by their age, the youngest first (inet_dump_fib, inet6_dump_fib). So the table "local", 255, which
 * is there before any other, comes last, and it has routes wherever the device lo is up. A dump that ends elsewhere was ended by
 * a route that is too large for it (netlink-dump.ts), or there is no proof. Then the routes of our protocol in each table of
 * ours are requested, a dump that others' routes cannot end; which of the others' routes are missing is not known.
 */

import type { IpAddress } from "../../net/ip.ts";
import {
  type FoundNexthop,
  type FoundRoute,
  type Kernel,
  KernelError,
  type KernelEvent,
  type KernelIdentity,
  type KnownOfOurs,
  type Link,
  type Operation,
  type OperationFailure,
} from "../kernel.ts";
import type { KernelOptionNames } from "../option-names.ts";
import { OPTION_NAMES } from "../option-names.ts";
import { FoundRoutes } from "./found-routes.ts";
import { type Libnl, loadLibnl } from "./libnl.ts";
import {
  RT_TABLE_LOCAL,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_IFINFO,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
  RTNLGRP_NEXTHOP,
} from "./netlink-constants.ts";
import { type NetlinkSystem, noNexthopObjects, readDump, readNexthops, Slices } from "./netlink-dump.ts";
import { NetlinkOperations } from "./netlink-operations.ts";
import type { NetlinkReader } from "./netlink-reader.ts";
import { EOPNOTSUPP, EPERM, type NetlinkSocket } from "./netlink-socket.ts";
import { NetlinkWatch } from "./netlink-watch.ts";
import { readAddress, readLink, readNexthop } from "./rtnetlink-messages.ts";
import type { Dump } from "./rtnetlink-requests.ts";
import { readMultipathHashPolicy } from "./sysctl.ts";

const WATCHED_GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_IFINFO,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_NEXTHOP,
];
/** The protocol of a dump of routes: all protocols. */
const ALL_PROTOCOLS = 0;
const ALL_TABLES = 0;
const MAX_PROTOCOL = 255;

export interface NetlinkKernelOptions extends KernelIdentity {
  /** Whether it is only read: CAP_NET_ADMIN is not needed then. */
  readonly isReadOnly?: boolean;
  /** Whether resilient groups are needed. Default false. */
  readonly needsResilientGroups?: boolean;
  /** See KernelRoutesOptions. */
  readonly optionNames?: KernelOptionNames;
}

export class NetlinkKernel implements Kernel {
  readonly #libnl: Libnl;
  readonly #protocol: number;
  readonly #socket: NetlinkSocket;
  readonly #operations: NetlinkOperations;
  readonly #system: NetlinkSystem;
  readonly #watches = new Set<NetlinkWatch>();

  private constructor(libnl: Libnl, protocol: number) {
    this.#libnl = libnl;
    this.#protocol = protocol;
    const errorText = (errno: number) => libnl.errorText(errno);
    this.#system = { openSocket: () => libnl.openSocket(), errorText };
    this.#socket = libnl.openSocket();
    this.#operations = new NetlinkOperations(this.#socket, errorText);
  }

  /** @throws KernelError when libnl, the permission or the kernel's support is missing */
  static open({
    protocol,
    isReadOnly = false,
    needsResilientGroups = false,
    optionNames = OPTION_NAMES,
  }: NetlinkKernelOptions): NetlinkKernel {
    const kernel = new NetlinkKernel(loadLibnl(), protocol);
    try {
      const errno = kernel.#operations.probe();
      if (errno === EOPNOTSUPP) throw noNexthopObjects();
      if (errno === EPERM && !isReadOnly) throw noPermission();
      if (needsResilientGroups && kernel.#operations.probeResilience() === EOPNOTSUPP) {
        throw noResilientGroups(optionNames);
      }
      return kernel;
    } catch (error) {
      kernel.close();
      throw error;
    }
  }

  /** The path of libnl, or "the copy in the executable". */
  get libraryOrigin(): string {
    return this.#libnl.origin;
  }

  links(): Promise<Link[]> {
    return this.#collect({ what: "links" }, readLink);
  }

  localAddresses(): Promise<IpAddress[]> {
    return this.#collect({ what: "addresses" }, readAddress);
  }

  multipathHashPolicy(family: 4 | 6): number | null {
    return readMultipathHashPolicy(family);
  }

  async eachNexthop(ours: KnownOfOurs, visit: (nexthop: FoundNexthop) => void): Promise<boolean> {
    const nexthops: FoundNexthop[] = [];
    const isWhole = await this.#collectInto(nexthops, { what: "nexthops", linkIndex: 0 }, readNexthop);
    if (!isWhole) await this.#addNexthopsOfOurs(nexthops, ours);
    const slices = new Slices();
    for (const nexthop of nexthops) {
      visit(nexthop);
      if (slices.isOver()) await slices.nextTurn();
    }
    return isWhole;
  }

  /** Adds what the dump does not have: objects for the tunnel device, and nexthops with one of our ids. */
  async #addNexthopsOfOurs(nexthops: FoundNexthop[], { linkIndex, nexthopIds }: KnownOfOurs): Promise<void> {
    const known = new Set(nexthops.map(({ id }) => id));
    const add = (nexthop: FoundNexthop | null) => {
      if (nexthop === null || known.has(nexthop.id)) return;
      known.add(nexthop.id);
      nexthops.push(nexthop);
    };
    const objects: FoundNexthop[] = [];
    if (linkIndex > 0) await this.#collectInto(objects, { what: "nexthops", linkIndex }, readNexthop);
    objects.forEach(add);
    const left = nexthopIds.filter((id) => !known.has(id));
    await readNexthops(this.#system, left, (message) => add(readNexthop(message)));
  }

  async eachRoute(ours: KnownOfOurs, visit: (route: FoundRoute) => void): Promise<boolean> {
    let areWhole = true;
    for (const family of [4, 6] as const) {
      const all = await this.#routes(family, ALL_PROTOCOLS, ALL_TABLES);
      if (await this.#isWhole(family, all)) {
        await visitRoutes(all, visit);
        continue;
      }
      areWhole = false;
      await this.#visitOurs(family, ours, visit);
      for (const table of ours.tables) await this.#visitForeign(family, table, visit);
      await visitRoutes(all, (route) => {
        if (route.protocol !== this.#protocol && !ours.tables.includes(route.table)) visit(route);
      });
    }
    return areWhole;
  }

  async eachRouteOfOurs(ours: KnownOfOurs, visit: (route: FoundRoute) => void): Promise<void> {
    for (const family of [4, 6] as const) await this.#visitOurs(family, ours, visit);
  }

  async eachRouteIn(table: number, family: 4 | 6, visit: (route: FoundRoute) => void): Promise<void> {
    await visitRoutes(await this.#routes(family, ALL_PROTOCOLS, table), (route) => {
      if (route.table === table) visit(route);
    });
  }

  /** Whether a dump of all routes is complete: see above. Without local routes it must have as many of ours as a dump of ours. */
  async #isWhole(family: 4 | 6, all: FoundRoutes): Promise<boolean> {
    if (all.endsWithLocal) return true;
    const local = await this.#routes(family, ALL_PROTOCOLS, RT_TABLE_LOCAL);
    if (local.endsWithLocal) return false;
    const ours = await this.#routes(family, this.#protocol, ALL_TABLES);
    return countOf(ours, this.#protocol) === countOf(all, this.#protocol);
  }

  /** Visits routes of our protocol: a dump for each table, which routes in another cannot end, and one for all other tables. */
  async #visitOurs(
    family: 4 | 6,
    { tables }: KnownOfOurs,
    visit: (route: FoundRoute) => void,
  ): Promise<void> {
    for (const table of tables) {
      await visitRoutes(await this.#routes(family, this.#protocol, table), (route) => {
        if (route.protocol === this.#protocol && route.table === table) visit(route);
      });
    }
    await visitRoutes(await this.#routes(family, this.#protocol, ALL_TABLES), (route) => {
      if (route.protocol === this.#protocol && !tables.includes(route.table)) visit(route);
    });
  }

  /** Visits routes of other protocols in a table of ours; if one of them ends the dump before ours, each protocol separately. */
  async #visitForeign(family: 4 | 6, table: number, visit: (route: FoundRoute) => void): Promise<void> {
    const ours = await this.#routes(family, this.#protocol, table);
    const all = await this.#routes(family, ALL_PROTOCOLS, table);
    if (countOf(all, this.#protocol) === countOf(ours, this.#protocol)) {
      await visitRoutes(all, (route) => {
        if (route.protocol !== this.#protocol && route.table === table) visit(route);
      });
      return;
    }
    for (let protocol = 1; protocol <= MAX_PROTOCOL; protocol++) {
      if (protocol === this.#protocol) continue;
      await visitRoutes(await this.#routes(family, protocol, table), (route) => {
        if (route.protocol === protocol && route.table === table) visit(route);
      });
    }
  }

  /** Reads routes. A kernel that does not filter (before Linux 4.20) sends more than was requested. */
  async #routes(family: 4 | 6, protocol: number, table: number): Promise<FoundRoutes> {
    let routes = new FoundRoutes();
    await readDump(this.#system, { what: "routes", family, protocol, table }, () => {
      const fresh = new FoundRoutes();
      routes = fresh;
      return (message) => fresh.add(message);
    });
    return routes;
  }

  async #collect<T>(dump: Dump, readMessage: (message: NetlinkReader) => T | null): Promise<T[]> {
    const found: T[] = [];
    await this.#collectInto(found, dump, readMessage);
    return found;
  }

  /** Reads all records of a dump. Returns false if it has ended too early. */
  #collectInto<T>(
    found: T[],
    dump: Dump,
    readMessage: (message: NetlinkReader) => T | null,
  ): Promise<boolean> {
    return readDump(this.#system, dump, () => {
      found.length = 0;
      return (message) => {
        const record = readMessage(message);
        if (record !== null) found.push(record);
      };
    });
  }

  apply(operations: readonly Operation[], linkIndex: number): OperationFailure[] {
    return this.#operations.apply(operations, { protocol: this.#protocol, linkIndex });
  }

  watch(listener: (event: KernelEvent) => void): void {
    this.#watches.add(
      new NetlinkWatch(this.#libnl.openListener(WATCHED_GROUPS, this.#socket.portId), listener),
    );
  }

  poll(): boolean {
    let isAll = true;
    for (const watch of this.#watches) isAll = watch.poll() && isAll;
    return isAll;
  }

  close(): void {
    for (const watch of this.#watches) watch[Symbol.dispose]();
    this.#watches.clear();
    this.#socket[Symbol.dispose]();
  }
}

async function visitRoutes(routes: FoundRoutes, visit: (route: FoundRoute) => void): Promise<void> {
  const slices = new Slices();
  for (let i = 0; i < routes.length; i++) {
    visit(routes.at(i));
    if (slices.isOver()) await slices.nextTurn();
  }
}

function countOf(routes: FoundRoutes, protocol: number): number {
  let count = 0;
  for (let i = 0; i < routes.length; i++) if (routes.at(i).protocol === protocol) count++;
  return count;
}

function noResilientGroups({ ecmp }: KernelOptionNames): KernelError {
  return new KernelError(
    "NO_RESILIENT_GROUPS",
    `this kernel has no resilient nexthop groups, which came with Linux 5.13: take ${ecmp} plain, the default`,
  );
}

function noPermission(): KernelError {
  return new KernelError(
    "NO_CAP_NET_ADMIN",
    "this process may not change routes: run it as root, or give it CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN)",
  );
}
