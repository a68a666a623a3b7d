/** The errors that the library's client throws at once, or rejects with later. */
import { BunBondError } from "../base/bunbond-error.ts";
import { formatEndpoint } from "../net/endpoint.ts";
import { formatRoute } from "../route/announcement-text.ts";
import type { Route } from "../route/route.ts";
import { type CloseReason, describeCloseReason } from "../session/close-reason.ts";
import { IoError } from "../transport/network.ts";
import { ProtocolError } from "../wire/protocol-error.ts";
import type { ServerInfo } from "./options.ts";

/** No server is established: the client has none at all, or none became established in time. */
export class NotEstablishedError extends BunBondError {
  readonly servers: readonly ServerInfo[];
  override readonly name = "NotEstablishedError";
  readonly code = "NOT_ESTABLISHED";

  /** @param servers all servers, as they were then; `cause` is why the first of them is away, if that is known */
  constructor(servers: readonly ServerInfo[]) {
    super(`no server is established: ${describeServers(servers)}`, causeOf(servers));
    this.servers = servers;
  }
}

/** The awaited answer did not come in time. */
export class TimeoutError extends BunBondError {
  readonly timeoutMs: number;
  readonly servers: readonly ServerInfo[];
  override readonly name: string = "TimeoutError";
  readonly code: "TIMEOUT" | "CONNECTION_TIMEOUT" = "TIMEOUT";

  /** @param servers the servers that did not answer, as they were at the end; `cause` is why the first of them is away, if one is */
  constructor(
    timeoutMs: number,
    servers: readonly ServerInfo[],
    message = `no answer within ${timeoutMs} ms from ${describeServers(servers)}`,
  ) {
    super(message, causeOf(servers));
    this.timeoutMs = timeoutMs;
    this.servers = servers;
  }
}

/** A server did not become established in time. */
export class ConnectionTimeoutError extends TimeoutError {
  override readonly name = "ConnectionTimeoutError";
  override readonly code = "CONNECTION_TIMEOUT";

  constructor(timeoutMs: number, servers: readonly ServerInfo[]) {
    super(timeoutMs, servers, `not established within ${timeoutMs} ms: ${describeServers(servers)}`);
  }
}

/** This client announces the route already. */
export class RouteAlreadyAnnouncedError extends BunBondError {
  readonly route: Route;
  override readonly name = "RouteAlreadyAnnouncedError";
  readonly code = "ROUTE_ALREADY_ANNOUNCED";

  constructor(route: Route) {
    super(`announced already: ${formatRoute(route)}`);
    this.route = route;
  }
}

/** There is no memory for an announcement. Nothing was done. */
export class TableFullError extends BunBondError {
  readonly route: Route;
  override readonly name = "TableFullError";
  readonly code = "TABLE_FULL";

  constructor(route: Route) {
    super(
      `no memory for the announcement ${formatRoute(route)}: give the process more (MemoryMax=, ulimit -v), or let it subscribe to less`,
    );
    this.route = route;
  }
}

/** This client does not announce the route. */
export class RouteNotFoundError extends BunBondError {
  readonly route: Route;
  override readonly name = "RouteNotFoundError";
  readonly code = "ROUTE_NOT_FOUND";

  constructor(route: Route) {
    super(`not announced: ${formatRoute(route)}`);
    this.route = route;
  }
}

/** This client subscribes to the VNI already. */
export class AlreadySubscribedError extends BunBondError {
  readonly vni: number;
  override readonly name = "AlreadySubscribedError";
  readonly code = "ALREADY_SUBSCRIBED";

  constructor(vni: number) {
    super(`subscribed to VNI ${vni} already`);
    this.vni = vni;
  }
}

/** This client does not subscribe to the VNI. */
export class NotSubscribedError extends BunBondError {
  readonly vni: number;
  override readonly name = "NotSubscribedError";
  readonly code = "NOT_SUBSCRIBED";

  constructor(vni: number) {
    super(`not subscribed to VNI ${vni}`);
    this.vni = vni;
  }
}

/** Returns the reason of a close as an error: a ProtocolError if the peer broke the protocol, else an IoError. */
function closeError(close: CloseReason): BunBondError {
  if (close.reason !== "protocol-error")
    return new IoError(close.reason.replaceAll("-", "_").toUpperCase(), describeCloseReason(close));
  return new ProtocolError(close.code, close.detail === undefined ? {} : { reason: close.detail });
}

/** Returns why a server is away; null if it is established, whatever ended its last connection. */
function reasonAway({ state, lastReason }: ServerInfo): CloseReason | null {
  return state === "established" ? null : lastReason;
}

function causeOf(servers: readonly ServerInfo[]): ErrorOptions {
  const reason = servers.map(reasonAway).find((reason) => reason !== null);
  return reason ? { cause: closeError(reason) } : {};
}

function describeServers(servers: readonly ServerInfo[]): string {
  const texts = servers.map((info) => {
    const reason = reasonAway(info);
    const because = reason === null ? "" : `, ${describeCloseReason(reason)}`;
    return `${formatEndpoint(info.server)} (${info.state}${because})`;
  });
  return texts.length === 0 ? "the client has no servers" : texts.join(", ");
}
