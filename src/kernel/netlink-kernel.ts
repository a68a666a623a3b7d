/**
 * The real kernel, of the network namespace that the process is in. Operations, dumps and notifications have sockets of
 * their own: a dump under way would stand between an operation and its answers, and notifications between both.
 */
import type { IpAddress } from "../net/ip.ts";
import { FoundRoutes } from "./found-routes.ts";
import {
  type FoundNexthop,
  type FoundRoute,
  type Kernel,
  KernelError,
  type KernelEvent,
  type KernelIdentity,
  type Link,
  type Operation,
  type OperationFailure,
} from "./kernel.ts";
import { type Libnl, loadLibnl } from "./libnl.ts";
import {
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
  RTNLGRP_NEXTHOP,
} from "./netlink-constants.ts";
import { type NetlinkSystem, noNexthopObjects, readDump, Slices } from "./netlink-dump.ts";
import { NetlinkOperations } from "./netlink-operations.ts";
import type { NetlinkReader } from "./netlink-reader.ts";
import { EOPNOTSUPP, EPERM, type NetlinkSocket } from "./netlink-socket.ts";
import { NetlinkWatch } from "./netlink-watch.ts";
import { readAddress, readLink, readNexthop } from "./rtnetlink-messages.ts";
import type { Dump } from "./rtnetlink-requests.ts";

/** No IPv4 addresses: hops have none. */
const WATCHED_GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_NEXTHOP,
];
/** A route through a larger group may not fit into a dump (see netlink-dump.ts). */
const MAX_DUMPED_HOPS = 256;

export interface NetlinkKernelOptions extends KernelIdentity {
  /** It is only looked at: CAP_NET_ADMIN is not needed. */
  readonly isReadOnly?: boolean;
}

export class NetlinkKernel implements Kernel {
  readonly #socket: NetlinkSocket;
  readonly #operations: NetlinkOperations;
  readonly #system: NetlinkSystem;
  readonly #watches = new Set<NetlinkWatch>();
  /** How many routes of each family the last dump found. */
  readonly #lastRoutes = { 4: 0, 6: 0 };

  private constructor(
    private readonly libnl: Libnl,
    private readonly protocol: number,
  ) {
    const errorText = (errno: number) => libnl.errorText(errno);
    this.#system = { openSocket: () => libnl.openSocket(), errorText };
    this.#socket = libnl.openSocket();
    this.#operations = new NetlinkOperations(this.#socket, errorText);
  }

  /** @throws KernelError when libnl, the permission or the kernel's support is missing */
  static open({ protocol, isReadOnly = false }: NetlinkKernelOptions): NetlinkKernel {
    const kernel = new NetlinkKernel(loadLibnl(), protocol);
    try {
      const errno = kernel.#operations.probe();
      if (errno === EOPNOTSUPP) throw noNexthopObjects();
      if (errno === EPERM && !isReadOnly) throw noPermission();
      return kernel;
    } catch (error) {
      kernel.close();
      throw error;
    }
  }

  /** Where libnl comes from: its path, or "the copy in the executable". */
  get libraryOrigin(): string {
    return this.libnl.origin;
  }

  links(): Promise<Link[]> {
    return this.#collect({ what: "links" }, readLink);
  }

  localAddresses(): Promise<IpAddress[]> {
    return this.#collect({ what: "addresses" }, readAddress);
  }

  async eachNexthop(visit: (nexthop: FoundNexthop) => void): Promise<void> {
    const nexthops = await this.#collect({ what: "nexthops" }, readNexthop);
    const slices = new Slices();
    for (const nexthop of nexthops) {
      visit(nexthop);
      if (slices.isOver()) await slices.nextTurn();
    }
  }

  async eachRoute(visit: (route: FoundRoute) => void): Promise<void> {
    const groups = await this.#collect({ what: "groups" }, readNexthop);
    const mayBeCut = groups.some(({ members }) => (members?.length ?? 0) > MAX_DUMPED_HOPS);
    for (const family of [4, 6] as const) {
      if (mayBeCut) {
        const ours = await this.#routes(family, this.protocol);
        await visitRoutes(ours, visit);
      }
      const all = await this.#routes(family, 0);
      await visitRoutes(all, (route) => {
        if (!mayBeCut || route.protocol !== this.protocol) visit(route);
      });
    }
  }

  /** `protocol` 0: anybody's. */
  async #routes(family: 4 | 6, protocol: number): Promise<FoundRoutes> {
    const dump: Dump = { what: "routes", family, protocol };
    const routes = await this.#dumpRoutes(dump);
    if (protocol !== 0) return routes;
    const expected = this.#lastRoutes[family];
    this.#lastRoutes[family] = routes.length;
    if (routes.length >= expected / 2) return routes;
    // Most routes may be gone indeed, but a dump can end too early without a word: the larger one is right.
    const again = await this.#dumpRoutes(dump);
    return again.length > routes.length ? again : routes;
  }

  async #dumpRoutes(dump: Dump): Promise<FoundRoutes> {
    let routes = new FoundRoutes();
    await readDump(this.#system, dump, () => {
      const fresh = new FoundRoutes();
      routes = fresh;
      return (message) => fresh.add(message);
    });
    return routes;
  }

  async #collect<T>(dump: Dump, readMessage: (message: NetlinkReader) => T | null): Promise<T[]> {
    let found: T[] = [];
    await readDump(this.#system, dump, () => {
      const fresh: T[] = [];
      found = fresh;
      return (message) => {
        const record = readMessage(message);
        if (record !== null) fresh.push(record);
      };
    });
    return found;
  }

  apply(operations: readonly Operation[], linkIndex: number): OperationFailure[] {
    return this.#operations.apply(operations, { protocol: this.protocol, linkIndex });
  }

  watch(listener: (event: KernelEvent) => void): void {
    this.#watches.add(
      new NetlinkWatch(this.libnl.openListener(WATCHED_GROUPS, this.#socket.portId), listener),
    );
  }

  poll(): void {
    for (const watch of this.#watches) watch.poll();
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

function noPermission(): KernelError {
  return new KernelError(
    "NO_CAP_NET_ADMIN",
    "this process may not change routes: run it as root, or give it CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN)",
  );
}
