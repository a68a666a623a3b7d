/** The options of `bunbond client`, and of the calls of `Client`; option.ts says what the fields mean. */
import { DEFAULT_RETRY } from "../session/retry.ts";
import { DEFAULT_PORT } from "../wire/protocol.ts";
import { KERNEL_OPTIONS } from "./kernel-options.ts";
import type { Catalogue, Option } from "./option.ts";
import { DEFAULT_MAX_HOPS } from "./server-options.ts";
import { lastOptions, pacing, SHARED_OBJECTS, SHARED_OPTIONS } from "./shared-options.ts";

/** The largest limit of routes to one destination: it keeps the work per destination below some milliseconds. */
const MOST_HOPS = 65_536;

const STALE_TIME_SECONDS = 60;
const STALE_TIME_ALONE_SECONDS = Number.POSITIVE_INFINITY;

const ON_STOP = ["withdraw", "keep"] as const;

/** Of `Client.connect`, and of `bunbond client`. */
export const CLIENT_OPTIONS = {
  servers: {
    flag: "server",
    alias: "s",
    takesEffect: "at a reload",
    library: "servers",
    libraryDefault: "required",
    type: "list",
    required: true,
    valueHint: "HOST[:PORT]",
    example: "[2001:db8::10]:4711",
    help: `Keep a connection to this server. Port ${DEFAULT_PORT} if left out.`,
  },
  vnis: {
    flag: "vni",
    alias: "subscribe",
    aliasBeforeDigits: "v",
    takesEffect: "at a reload",
    type: "list",
    valueHint: "VNI",
    example: "100",
    help: "Subscribe to the routes of this virtual network, 0 to 4294967295.",
  },
  announcements: {
    flag: "announce",
    alias: "a",
    takesEffect: "at a reload",
    type: "list",
    valueHint: "ROUTE",
    example: "100#10.0.1.0/24@2001:db8::1",
    help: "Announce this route: VNI#PREFIX@HOP, followed by #lb, #nat or #nat#FROM#TO (ports) where needed. VNI#PREFIX#HOP… is the same.",
  },
  ...SHARED_OPTIONS,
  retry: {
    flag: "retry",
    takesEffect: "at a reload",
    library: "retry",
    libraryValue: "`{ minMs, maxMs }`",
    libraryDefault: `\`{ minMs: ${DEFAULT_RETRY.minMs}, maxMs: ${DEFAULT_RETRY.maxMs} }\``,
    type: "text",
    valueHint: "MIN-MAX",
    example: "5-10",
    default: `${DEFAULT_RETRY.minMs / 1000}-${DEFAULT_RETRY.maxMs / 1000}`,
    help: "Connect to a lost server again after a random time between these, in seconds.",
    libraryHelp: "Connect to a lost server again after a random time between these.",
  },
  staleTimeSeconds: {
    flag: "stale-time",
    formerName: "hold",
    takesEffect: "at a reload",
    type: "seconds",
    least: 0,
    default: STALE_TIME_SECONDS,
    example: "60",
    help: "Keep a lost server's routes this long while another server is connected.",
  },
  staleTimeAloneSeconds: {
    flag: "stale-time-alone",
    formerName: "hold-alone",
    takesEffect: "at a reload",
    type: "seconds",
    least: 0,
    mayBeForever: true,
    default: STALE_TIME_ALONE_SECONDS,
    example: "forever",
    help: "Keep lost servers' routes this long while no server is connected.",
  },
  staleTimes: {
    library: "staleTimes",
    type: "object",
    libraryValue: "`{ staleTimeMs, staleTimeAloneMs }`",
    libraryDefault: `\`{ staleTimeMs: ${STALE_TIME_SECONDS * 1000}, staleTimeAloneMs: ${STALE_TIME_ALONE_SECONDS * 1000} }\``,
    help: "How long a lost server's routes are kept while another server is established, and while none is.",
  },
  maxHops: {
    flag: "max-hops",
    takesEffect: "at next start",
    library: "maxHops",
    type: "count",
    unit: "next hops",
    least: 1,
    most: MOST_HOPS,
    default: DEFAULT_MAX_HOPS,
    example: "1000",
    help: `Accept at most this many next hops for one destination, 1 to ${MOST_HOPS}; further ones are skipped and counted.`,
    libraryHelp:
      "Accept at most this many next hops for one destination; further ones are skipped and counted.",
  },
  pacing: pacing(
    "Announce in small steps, which Go's servers need. auto: until a server has proven to be BunBond.",
  ),
  onStop: {
    flag: "on-stop",
    formerName: "leave",
    takesEffect: "at a reload",
    type: "word",
    words: ON_STOP,
    default: "withdraw",
    example: "keep",
    help: "What to do on SIGTERM. withdraw: withdraw the announced routes, then close. keep: only close, so that a server with --retain keeps the routes for the next start of this client.",
  },
  drainSeconds: {
    flag: "drain",
    takesEffect: "at next start",
    type: "seconds",
    least: 0,
    default: 0,
    example: "5",
    help: "Stay connected this long between withdrawing and closing, while other hypervisors turn to other next hops.",
  },
  announceWhen: {
    library: "announceWhen",
    type: "object",
    libraryValue: "promise",
    libraryDefault: "at once",
    help: "Announce only after this promise has settled: an announcement attracts traffic, for which this host may not be ready yet.",
  },
  announceWithinMs: {
    library: "announceWithinMs",
    type: "milliseconds",
    // Announcements attract traffic, and the ways back should be in the kernel by then. The client waits no longer than this, since
    // networks of our own that cannot be reached would be the greater outage.
    default: 2_000,
    help: "Announce after this time even if `announceWhen` has not settled.",
  },
  handler: {
    library: "handler",
    type: "object",
    libraryValue: "`ClientHandler`, or a list",
    help: "Handles the events of the client as they happen.",
  },
  ...SHARED_OBJECTS,
} as const satisfies Catalogue;

/** All of `bunbond client`, in the order of its help. */
export const CLIENT_DAEMON_OPTIONS = {
  ...CLIENT_OPTIONS,
  ...KERNEL_OPTIONS,
  requireAgreement: {
    flag: "require-agreement",
    takesEffect: "at a reload",
    type: "switch",
    default: false,
    help: "Be not ready, for /readyz, while servers disagree about routes of a VNI: one has sent a route, and another has not.",
  },
  ...lastOptions("client"),
  json: {
    flag: "json",
    takesEffect: "at next start",
    type: "switch",
    default: false,
    help: "Print changes as JSON, one object per line.",
  },
} as const satisfies Catalogue;

const signal = {
  library: "signal",
  type: "object",
  libraryValue: "`AbortSignal`",
  help: "Ends the wait.",
} as const satisfies Option;

/** Of `established` and `confirmed`. */
export const WAIT_OPTIONS = {
  servers: {
    library: "servers",
    type: "word",
    words: ["any", "all"],
    default: "any",
    example: "all",
    help: "Wait for one of the servers, or for all of them.",
  },
  timeoutMs: {
    library: "timeoutMs",
    type: "milliseconds",
    default: Number.POSITIVE_INFINITY,
    help: "Time limit of the wait.",
  },
  signal: { ...signal, help: "Ends the wait, which rejects with the signal's reason. The requests stay." },
} as const satisfies Catalogue;

/** Of `changes`. */
export const CHANGES_OPTIONS = {
  vnis: {
    library: "vnis",
    type: "object",
    libraryValue: "VNIs",
    libraryDefault: "all, including those that are subscribed later",
    help: "The VNIs whose changes are read.",
  },
  signal: { ...signal, help: "Ends the changes, and a read that waits for one." },
} as const satisfies Catalogue;

/** Of `close`. */
export const CLOSE_OPTIONS = {
  onStop: {
    library: "onStop",
    type: "word",
    words: ON_STOP,
    default: "withdraw",
    example: "keep",
    help: "What happens to the announced routes; with `keep`, servers that retain the routes of lost clients keep them.",
  },
  withinMs: {
    library: "withinMs",
    type: "milliseconds",
    default: 2_000,
    help: "How long closing waits for servers to read the withdrawals.",
  },
} as const satisfies Catalogue;
