/// <reference lib="esnext.disposable" preserve="true" />
/**
 * BunBond as a library: a server, and a client to announce routes and receive them. README.md has a page on it.
 */
export type { RouteChange, RouteChanges, ViewComplete, ViewEvent } from "./client/change-feed.ts";
export type { ClientSettings, Leave, ServerInfo } from "./client/client-options.ts";
export type {
  ChangesOptions,
  CloseOptions,
  ConnectOptions,
  ServerAddress,
  WaitOptions,
} from "./client/connect-options.ts";
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
export { type ClientHandler, loggingHandler, silentHandler } from "./client/handler.ts";
export type { HoldTimes } from "./client/hold.ts";
export { Client } from "./client/library-client.ts";
export type { ServerState } from "./client/server-link.ts";
export type { DriftKind } from "./kernel/fib.ts";
export type { FibCounts } from "./kernel/fib-tables.ts";
export type {
  DeviceStatus,
  InstallerStatus,
  KernelFault,
  OperationResults,
  OperationType,
  TableStatus,
} from "./kernel/installer-status.ts";
export { KernelError, type KernelErrorCode } from "./kernel/kernel.ts";
export type { KernelOptionNames } from "./kernel/kernel-options.ts";
export {
  type KernelCloseOptions,
  KernelRoutes,
  type KernelRoutesOptions,
} from "./kernel/kernel-routes.ts";
export type {
  EcmpMode,
  PreferredNetwork,
  SkipReason,
  TableMapping,
  WantedSettings,
} from "./kernel/wanted-settings.ts";
export { formatAddress, parseAddress } from "./net/address.ts";
export { BadOptionError, BunBondError, ClosedError } from "./net/bunbond-error.ts";
export {
  type Endpoint,
  type EndpointError,
  type EndpointErrorCode,
  type EndpointUse,
  formatEndpoint,
  parseEndpoint,
} from "./net/endpoint.ts";
export { type BadEndpointCode, BadEndpointError } from "./net/endpoint-argument.ts";
export type { IpAddress, Prefix } from "./net/ip.ts";
export { formatPrefix, type ParsedPrefix, parsePrefix } from "./net/prefix.ts";
export {
  AnnouncementError,
  type AnnouncementErrorCode,
  formatAnnouncement,
  formatRoute,
  type ParsedAnnouncement,
} from "./route/announcement.ts";
export { type BadRouteCode, BadRouteError, makeRoute, type RouteParts } from "./route/make-route.ts";
export { parseAnnouncement } from "./route/printable-announcement.ts";
export type { RouteJson } from "./route/printable-route.ts";
export type { Route } from "./route/route.ts";
export type { ServerHandler } from "./server/handler.ts";
export type { PeerInfo } from "./server/peer.ts";
export type { VniInfo } from "./server/route-exchange.ts";
export { Server, type ServerOptions, type ServerSettings, type ServerStats } from "./server/server.ts";
export type { RefusalReason, ServerCounters } from "./server/stats.ts";
export type { Clock, Random, Timer } from "./session/clock.ts";
export { type CloseReason, describeCloseReason } from "./session/close-reason.ts";
export { type LogFields, type Logger, silentLogger } from "./session/logger.ts";
export type { RetryBounds } from "./session/retry.ts";
export type { SessionState } from "./session/session.ts";
export type { Gentleness } from "./transport/pace.ts";
export {
  type ByteStream,
  type ConnectEvents,
  IoError,
  ListenError,
  type Listener,
  type Network,
  type StreamEvents,
} from "./transport/stream.ts";
export type { NextHop } from "./wire/message.ts";
export { NextHopType } from "./wire/protocol.ts";
export { ProtocolError, type ProtocolErrorCode, type SkipCode } from "./wire/protocol-error.ts";
