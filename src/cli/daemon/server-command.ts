import {
  DEFAULT_MAX_HALF_OPEN,
  DEFAULT_RETAIN_SECONDS,
  DEFAULT_SEND_HOLD_SECONDS,
  DEFAULT_SETTLE_SECONDS,
} from "../../base/defaults.ts";
import type { Endpoint } from "../../net/endpoint.ts";
import {
  GREATEST_LIMIT,
  LIMITS,
  type LimitName,
  type ServerLimits,
  valuesByLimit,
} from "../../server/exchange/limits.ts";
import { LEAST_SEND_HOLD_SECONDS } from "../../server/options.ts";
import type { Pacing } from "../../transport/pacing.ts";
import { DEFAULT_PORT } from "../../wire/protocol.ts";
import { readOptions } from "../config/config-options.ts";
import {
  configFlag,
  httpFlag,
  httpHostFlag,
  keepaliveFlag,
  pacingFlag,
  readHttp,
  readKeepalive,
  readPacing,
  verboseFlag,
} from "../flags/shared-flags.ts";
import { readSocket, type SocketChoice, socketFlag } from "../flags/socket-flag.ts";
import { readEndpoint, readHostNames, readSeconds, readWholeNumber } from "../flags/values.ts";
import type { Command, DaemonContext } from "../program/command.ts";
import type { CommandDefinition, ValueFlagDef } from "../program/command-definition.ts";
import { type GivenValues, parseFlags } from "../program/flags.ts";
import { HangupSignal } from "../program/hangup-signal.ts";

function limitFlag(name: LimitName) {
  const { fallback, description } = LIMITS[name];
  return {
    type: "string",
    valueHint: "N",
    example: `${fallback}`,
    default: `${fallback}`,
    description,
  } satisfies ValueFlagDef;
}

export const serverDefinition = {
  meta: {
    name: "server",
    description:
      "Run a MetalBond server: it takes routes from its clients and gives them to those that subscribed.",
  },
  args: {
    listen: {
      type: "string",
      alias: "l",
      hiddenAlias: ["listener"],
      valueHint: "ADDR[:PORT]",
      example: "[::]:4711",
      default: `[::]:${DEFAULT_PORT}`,
      description: `Take clients on this address, IPv4, IPv6 ([::] is both) or with a zone. Port ${DEFAULT_PORT} if left out.`,
    },
    http: httpFlag,
    "http-host": httpHostFlag,
    keepalive: keepaliveFlag,
    settle: {
      type: "string",
      valueHint: "SEC",
      example: "15",
      default: `${DEFAULT_SETTLE_SECONDS}`,
      description:
        "After the start, wait this long for clients to return before telling anyone that a table is complete.",
    },
    pacing: pacingFlag(
      "Write to subscribers in small steps, which Go's clients need; auto: until one has shown that it is no Go program.",
    ),
    retain: {
      type: "string",
      valueHint: "SEC",
      example: "30",
      default: `${DEFAULT_RETAIN_SECONDS}`,
      description:
        "Keep a lost client's routes this long, as far as it did not withdraw them, so that it can restart unnoticed.",
    },
    "send-hold": {
      type: "string",
      valueHint: "SEC",
      example: "90",
      default: `${DEFAULT_SEND_HOLD_SECONDS}`,
      description: "Close a peer that takes no byte for this long although some are due.",
    },
    [LIMITS.maxHops.flag]: limitFlag("maxHops"),
    [LIMITS.maxRoutes.flag]: limitFlag("maxRoutes"),
    [LIMITS.maxVnis.flag]: limitFlag("maxVnis"),
    [LIMITS.maxSubscriptions.flag]: limitFlag("maxSubscriptions"),
    "max-half-open": {
      type: "string",
      valueHint: "N",
      example: "512",
      default: `${DEFAULT_MAX_HALF_OPEN}`,
      description:
        "Of more connections that have not completed their handshake, reset the oldest: so those that say nothing keep nobody out.",
    },
    socket: socketFlag("server"),
    config: configFlag,
    verbose: verboseFlag,
  },
} satisfies CommandDefinition;

export interface ServerConfig extends ServerLimits {
  readonly listen: Endpoint;
  /** Null: no HTTP. */
  readonly http: Endpoint | null;
  /** Further names by which HTTP is asked. */
  readonly httpHosts: readonly string[];
  readonly keepaliveSeconds: number;
  readonly settleSeconds: number;
  readonly pacing: Pacing;
  readonly retainSeconds: number;
  readonly sendHoldSeconds: number;
  readonly maxHalfOpen: number;
  /** Null: no control socket. */
  readonly socket: SocketChoice | null;
  /** The file that some of it is from; null: none. */
  readonly config: string | null;
  readonly verbose: boolean;
}

/** No process has more connections. */

/**
 * `fromFile` are the settings of a configuration file.
 * @throws UsageError
 */
export function parseServerOptions(rawArgs: readonly string[], fromFile?: GivenValues): ServerConfig {
  const flags = parseFlags(serverDefinition.args, rawArgs, fromFile);
  return {
    listen: readEndpoint("--listen", flags.listen, DEFAULT_PORT, "listen"),
    http: readHttp(flags.http),
    httpHosts: readHostNames("--http-host", flags["http-host"]),
    keepaliveSeconds: readKeepalive(flags.keepalive),
    settleSeconds: readSeconds("--settle", flags.settle),
    pacing: readPacing(flags.pacing),
    retainSeconds: readSeconds("--retain", flags.retain),
    sendHoldSeconds: readSeconds("--send-hold", flags["send-hold"], LEAST_SEND_HOLD_SECONDS),
    ...valuesByLimit((name) => {
      const { flag } = LIMITS[name];
      return readWholeNumber(`--${flag}`, flags[flag], 1, GREATEST_LIMIT);
    }),
    maxHalfOpen: readWholeNumber("--max-half-open", flags["max-half-open"], 1, GREATEST_LIMIT),
    socket: readSocket(flags.socket),
    config: flags.config ?? null,
    verbose: flags.verbose,
  };
}

/** Reads the configuration file, too, anew each time. */
export function readServerOptions(rawArgs: readonly string[]): Promise<ServerConfig> {
  return readOptions(serverDefinition, rawArgs, parseServerOptions);
}

/** The command; `run` does its work until the process is told to stop, and resolves to the exit code. */
export function serverCommand(
  run: (options: ServerConfig, context: DaemonContext) => Promise<number>,
): Command {
  return {
    definition: serverDefinition,
    examples: [
      { comment: "All addresses of both families", line: "bunbond server" },
      {
        comment: "One address, and the routes over HTTP",
        line: "bunbond server -l 192.0.2.1:4711 --http '[::1]:4712'",
      },
    ],
    async run(context) {
      using hangup = new HangupSignal();
      return await run(await readServerOptions(context.rawArgs), { ...context, hangup });
    },
  };
}
