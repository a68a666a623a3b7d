/** The options of `bunbond server` and of `Server.start`; option.ts says what the fields mean. */
import { DEFAULT_PORT } from "../wire/protocol.ts";
import type { Catalogue } from "./option.ts";
import { lastOptions, pacing, SHARED_OBJECTS, SHARED_OPTIONS } from "./shared-options.ts";

/** Arrays and Maps hold no more than this. */
const GREATEST_LIMIT = 2 ** 24;

/** The default of the most next hops of a destination, of servers and clients. */
export const DEFAULT_MAX_HOPS = 4_096;

export const SERVER_OPTIONS = {
  listen: {
    flag: "listen",
    alias: "l",
    hiddenAlias: ["listener"],
    takesEffect: "at next start",
    library: "listen",
    type: "text",
    valueHint: "ADDR[:PORT]",
    example: "[::]:4711",
    default: `[::]:${DEFAULT_PORT}`,
    libraryDefault: "required",
    help: `Accept clients on this address: IPv4, IPv6 ([::] accepts both) or IPv6 with a zone. Port ${DEFAULT_PORT} if left out. A socket that systemd passes on takes its place.`,
    libraryHelp: `Accept clients on this address: IPv4, IPv6 ([::] accepts both) or IPv6 with a zone. Port ${DEFAULT_PORT} if left out.`,
  },
  ...SHARED_OPTIONS,
  settleSeconds: {
    flag: "settle",
    takesEffect: "at next start",
    library: "settleSeconds",
    type: "seconds",
    least: 0,
    // The clients' longest retry of 10 s, plus the handshake.
    default: 15,
    example: "15",
    help: "Wait this long after the start for clients to return, before sending End-of-RIB, which marks a table as complete.",
  },
  pacing: pacing(
    "Write to subscribers in small steps, which Go's clients need. auto: until a subscriber has proven not to be a Go program.",
  ),
  retainSeconds: {
    flag: "retain",
    takesEffect: "at a reload",
    library: "retainSeconds",
    type: "seconds",
    least: 0,
    // Not at all, as other servers do.
    default: 0,
    example: "30",
    help: "Keep the routes of a lost client this long, unless it withdrew them, so that it can restart without a withdrawal.",
  },
  sendHoldSeconds: {
    flag: "send-hold",
    takesEffect: "at a reload",
    library: "sendHoldSeconds",
    type: "seconds",
    // With less, a peer whose socket is full for a moment would be taken for dead.
    least: 1,
    default: 90,
    example: "90",
    help: "Close the connection to a peer that reads nothing for this long although data is waiting for it.",
  },
  maxHops: {
    flag: "max-hops",
    takesEffect: "at a reload",
    library: "maxHops",
    type: "count",
    unit: "next hops",
    least: 1,
    most: GREATEST_LIMIT,
    default: DEFAULT_MAX_HOPS,
    example: `${DEFAULT_MAX_HOPS}`,
    help: "Skip further next hops of a destination that has this many from all peers together.",
  },
  maxRoutes: {
    flag: "max-routes",
    takesEffect: "at a reload",
    library: "maxRoutes",
    type: "count",
    unit: "routes",
    least: 1,
    most: GREATEST_LIMIT,
    default: 1_000_000,
    example: "1000000",
    help: "Skip further announcements of a peer that already announces this many routes.",
  },
  maxVnis: {
    flag: "max-vnis",
    takesEffect: "at a reload",
    library: "maxVnis",
    type: "count",
    unit: "VNIs",
    least: 1,
    most: GREATEST_LIMIT,
    default: 100_000,
    example: "100000",
    help: "Skip announcements in further VNIs of a peer that already announces routes in this many VNIs.",
  },
  maxSubscriptions: {
    flag: "max-subscriptions",
    takesEffect: "at a reload",
    library: "maxSubscriptions",
    type: "count",
    unit: "VNIs",
    least: 1,
    most: GREATEST_LIMIT,
    default: 100_000,
    example: "100000",
    help: "Skip further SUBSCRIBEs of a peer that already subscribes to this many VNIs.",
  },
  maxHalfOpen: {
    flag: "max-half-open",
    takesEffect: "at next start",
    library: "maxHalfOpen",
    type: "count",
    unit: "connections",
    least: 1,
    most: GREATEST_LIMIT,
    default: 512,
    example: "512",
    help: "Allow this many connections that have not completed their handshake. Beyond that the oldest is reset, so that silent connections keep no client out.",
  },
  maxTableBytes: {
    library: "maxTableBytes",
    type: "count",
    unit: "bytes",
    least: 1,
    most: Number.MAX_SAFE_INTEGER,
    libraryDefault: "half of what the system lets this process have",
    example: "1073741824",
    help: "Memory that routes and subscriptions may take before further ones are skipped (`TABLE_FULL`).",
  },
  handler: {
    library: "handler",
    type: "object",
    libraryValue: "`ServerHandler`",
    help: "Its functions are called when peers come and go.",
  },
  ...SHARED_OBJECTS,
  ...lastOptions("server"),
} as const satisfies Catalogue;
