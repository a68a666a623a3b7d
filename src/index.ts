/**
 * BunBond as a library: the server and client that the commands use.
 */
export {
  Client,
  type ClientHandler,
  type ClientOptions,
  type ClientSettings,
  type Leave,
  type ServerInfo,
} from "./client/client.ts";
export type { HoldTimes } from "./client/hold.ts";
export type { ServerState } from "./client/server-link.ts";
export { formatAddress, parseAddress } from "./net/address.ts";
export { type Endpoint, formatEndpoint, parseEndpoint } from "./net/endpoint.ts";
export type { IpAddress, Prefix } from "./net/ip.ts";
export { formatPrefix, parsePrefix } from "./net/prefix.ts";
export {
  AnnouncementError,
  formatRoute,
  type ParsedAnnouncement,
  parseAnnouncement,
} from "./route/announcement.ts";
export type { Route } from "./route/route.ts";
export type { PeerInfo } from "./server/peer.ts";
export type { VniInfo } from "./server/route-exchange.ts";
export { Server, type ServerOptions, type ServerSettings, type ServerStats } from "./server/server.ts";
export type { Clock, Random } from "./session/clock.ts";
export type { CloseReason } from "./session/close-reason.ts";
export { type Logger, silentLogger } from "./session/logger.ts";
export type { RetryBounds } from "./session/retry.ts";
export type { Gentleness } from "./transport/pace.ts";
export { ListenError } from "./transport/stream.ts";
export type { NextHop } from "./wire/message.ts";
export { NextHopType } from "./wire/protocol.ts";
