/// <reference lib="esnext.disposable" preserve="true" />
/**
 * BunBond as a library: a server, and a client to announce routes and receive them. library/README.md describes it.
 */

export { BadOptionError, BunBondError, ClosedError } from "./base/bunbond-error.ts";
export type { Clock, Random, Timer } from "./base/clock.ts";
export type { HistogramValue } from "./base/histogram.ts";
export { type LogFields, type Logger, silentLogger } from "./base/logger.ts";
export {
  AlreadySubscribedError,
  ConnectionTimeoutError,
  NotEstablishedError,
  NotSubscribedError,
  RouteAlreadyAnnouncedError,
  RouteNotFoundError,
  TableFullError,
  TimeoutError,
} from "./client/errors.ts";
export { type ClientHandler, loggingHandler, silentHandler } from "./client/events.ts";
export type { ServerState } from "./client/link/server-link.ts";
export type { ClientSettings, OnStop, ServerInfo } from "./client/options.ts";
export type { StaleTimes } from "./client/view/stale-timers.ts";
export type { DesiredSettings, EcmpMode, PreferredNetwork, TableMapping } from "./kernel/desired/settings.ts";
export type { SkipReason } from "./kernel/desired/skip-reason.ts";
export type { DriftKind } from "./kernel/fib/fib.ts";
export type { RowState } from "./kernel/fib/rows.ts";
export type { FibCounts } from "./kernel/fib/tables.ts";
export { KernelError, type KernelErrorCode } from "./kernel/kernel.ts";
export { KernelRoutes } from "./kernel/kernel-routes.ts";
export type { KernelOptionNames } from "./kernel/option-names.ts";
export type { KernelCloseOptions, KernelRoutesOptions } from "./kernel/options.ts";
export type { Comparison, Difference, DifferenceKind } from "./kernel/reconcile/comparison.ts";
export type { KernelRow, KernelRowSelection, ObservedRoute } from "./kernel/reconcile/kernel-row.ts";
export type {
  DeviceStatus,
  InstallerStatus,
  KernelFault,
  OperationResults,
  OperationType,
  TableStatus,
} from "./kernel/reconcile/status.ts";
export type { RouteChange, RouteChanges, ViewComplete, ViewEvent } from "./library/change-feed.ts";
export { Client } from "./library/client.ts";
export type {
  ChangesOptions,
  CloseOptions,
  ConnectOptions,
  ServerAddress,
  WaitOptions,
} from "./library/options.ts";
export { formatAddress, parseAddress } from "./net/address.ts";
export {
  type BadEndpointCode,
  BadEndpointError,
  type Endpoint,
  type EndpointError,
  type EndpointErrorCode,
  type EndpointUse,
  formatEndpoint,
  parseEndpoint,
} from "./net/endpoint.ts";
export type { IpAddress, Prefix } from "./net/ip.ts";
export { formatPrefix, type ParsedPrefix, parsePrefix } from "./net/prefix.ts";
export {
  AnnouncementError,
  type AnnouncementErrorCode,
  formatAnnouncement,
  formatRoute,
  type ParsedAnnouncement,
} from "./route/announcement-text.ts";
export { type BadRouteCode, BadRouteError, makeRoute, type RouteParts } from "./route/make-route.ts";
export { parseAnnouncement } from "./route/printable-announcement.ts";
export type { RouteJson } from "./route/printable-route.ts";
export type { Route } from "./route/route.ts";
export type { RefusalReason, ServerCounters } from "./server/counters.ts";
export type { ServerHandler } from "./server/events.ts";
export type { VniInfo } from "./server/exchange/route-exchange.ts";
export type { ServerOptions, ServerSettings } from "./server/options.ts";
export type { PeerInfo } from "./server/peer.ts";
export { Server, type ServerStats } from "./server/server.ts";
export { type CloseReason, describeCloseReason } from "./session/close-reason.ts";
export type { RetryBounds } from "./session/retry.ts";
export type { SessionState } from "./session/session.ts";
export {
  type ByteStream,
  type ConnectEvents,
  IoError,
  ListenError,
  type Listener,
  type Network,
  type StreamEvents,
} from "./transport/network.ts";
export type { Pacing } from "./transport/pacing.ts";
export type { NextHop } from "./wire/message.ts";
export { NextHopType } from "./wire/protocol.ts";
export { ProtocolError, type ProtocolErrorCode, type SkipCode } from "./wire/protocol-error.ts";
