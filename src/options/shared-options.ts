/** The options that servers and clients have in common. */
import { LOG_LEVELS } from "../base/logger.ts";
import { DEFAULT_HISTORY_ENTRIES, MAX_HISTORY_ENTRIES } from "../route/history.ts";
import { DEFAULT_HTTP_PORT } from "../wire/protocol.ts";
import type { Catalogue, TextOption, WordOption } from "./option.ts";

/** Where root's daemons have their control sockets. */
export const RUN_DIRECTORY = "/run/bunbond";

/** Returns the default control socket of one of root's daemons. */
export function defaultSocket(program: "server" | "client"): string {
  return `${RUN_DIRECTORY}/${program}.sock`;
}

/** Longer intervals are refused: a dead peer would stay for more than 2.5 hours. */
const MOST_KEEPALIVE_SECONDS = 3_600;

const socket = (program: "server" | "client") =>
  ({
    flag: "socket",
    takesEffect: "at next start",
    type: "text",
    valueHint: "PATH",
    example: defaultSocket(program),
    help: `Accept commands such as 'bunbond status' on this UNIX socket; none: on no socket. If left out: ${defaultSocket(program)}, or ${program}-PID.sock in the same directory if another daemon has that one, or none if it cannot be made. For users other than root the directory is $XDG_RUNTIME_DIR/bunbond.`,
  }) as const satisfies TextOption;

export const SHARED_OPTIONS = {
  keepaliveSeconds: {
    flag: "keepalive",
    takesEffect: "at a reload",
    library: "keepaliveSeconds",
    type: "count",
    unit: "seconds",
    least: 1,
    most: MOST_KEEPALIVE_SECONDS,
    default: 5,
    example: "5",
    help: `Keepalive interval, 1 to ${MOST_KEEPALIVE_SECONDS} seconds; client and server use the smaller of their intervals. A peer that is silent for 2.5 intervals is disconnected.`,
    libraryValue: "whole seconds from 1",
    libraryHelp:
      "Keepalive interval; client and server use the smaller of their intervals. A peer that is silent for 2.5 intervals is disconnected.",
  },
  http: {
    flag: "http",
    takesEffect: "at next start",
    type: "text",
    valueHint: "ADDR[:PORT]",
    example: `[::1]:${DEFAULT_HTTP_PORT}`,
    help: `Serve /routes.json, /routes.yaml, /metrics, /healthz, /readyz and queries below /v1 on this address. Port ${DEFAULT_HTTP_PORT} if left out.`,
  },
  httpHosts: {
    flag: "http-host",
    takesEffect: "at next start",
    type: "list",
    valueHint: "NAME",
    example: "routes.example",
    help: "Also answer HTTP requests for this host name, as when a reverse proxy passes its own name on. Requests for addresses, localhost and a name in --http are always answered.",
  },
  metricsPerPeer: {
    flag: "metrics-per-peer",
    takesEffect: "at next start",
    type: "word",
    words: ["on", "off"],
    default: "on",
    example: "off",
    help: "Report the metrics of each peer. off: report only their sums, which are some 15 series less for each peer.",
  },
  historyEntries: {
    flag: "history",
    takesEffect: "at next start",
    library: "historyEntries",
    type: "count",
    unit: "changes",
    least: 0,
    most: MAX_HISTORY_ENTRIES,
    default: DEFAULT_HISTORY_ENTRIES,
    example: `${DEFAULT_HISTORY_ENTRIES}`,
    help: "Remember this many of the last changes, for 'bunbond history' and 'bunbond watch'; 0 for none. 100,000 take 6 MB.",
    libraryHelp: "How many of the last changes are remembered, 0 for none.",
  },
} as const satisfies Catalogue;

/** The options that come last in the help of a daemon. */
export const lastOptions = <const Program extends "server" | "client">(program: Program) =>
  ({
    socket: socket(program),
    config: {
      flag: "config",
      takesEffect: "at next start",
      type: "text",
      valueHint: "FILE",
      example: "/etc/bunbond/client.yaml",
      help: "Read settings from this YAML file: flags by their long names, as in keepalive: 5. A flag on the command line replaces the setting in the file, even a whole list. On SIGHUP the file is read again, and changes take effect.",
    },
    verbose: {
      flag: "verbose",
      alias: "v",
      takesEffect: "at a reload",
      type: "switch",
      default: false,
      help: "Log debug messages, and show where in the program an error occurred.",
    },
    logLevel: {
      flag: "log-level",
      takesEffect: "at a reload",
      type: "word",
      words: LOG_LEVELS,
      default: "info",
      example: "warn",
      help: "Log lines of this level and of those before it; --verbose is --log-level debug. 'bunbond log LEVEL' changes it while the daemon runs, and SIGUSR1 switches debug on and off.",
    },
    logFormat: {
      flag: "log-format",
      takesEffect: "at next start",
      type: "word",
      words: ["auto", "text", "json"],
      default: "auto",
      example: "json",
      help: "The form of log lines. text: as on a terminal. json: one object per line. auto: text; for systemd's journal, with a priority in the place of the time, which the journal has itself.",
    },
  }) as const satisfies Catalogue;

export const PACINGS = ["auto", "always", "never"] as const;

/** The option is called the same in both daemons, and its help is not. */
export const pacing = <const Help extends string>(help: Help) =>
  ({
    flag: "pacing",
    formerName: "gentle",
    takesEffect: "at next start",
    library: "pacing",
    type: "word",
    words: PACINGS,
    default: "auto",
    example: "auto",
    help,
  }) as const satisfies WordOption;

/** What programs pass to a server and to a client alike. */
export const SHARED_OBJECTS = {
  logger: {
    library: "logger",
    type: "object",
    libraryValue: "`Logger`",
    help: "Takes log lines; `console` is one.",
  },
  clock: {
    library: "clock",
    type: "object",
    libraryValue: "`Clock`",
    libraryDefault: "the system's",
    help: "Tells the time, and sets timers.",
  },
  network: {
    library: "network",
    type: "object",
    libraryValue: "`Network`",
    libraryDefault: "sockets",
    help: "Makes the connections.",
  },
  random: {
    library: "random",
    type: "object",
    libraryValue: "function",
    libraryDefault: "the system's",
    help: "Returns random numbers from 0 to below 1, for pauses.",
  },
} as const satisfies Catalogue;
