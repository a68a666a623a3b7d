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
import { DEFAULT_PORT } from "../../wire/protocol.ts";
import { readOptions } from "../config/config-options.ts";
import { type DaemonFlagOptions, readDaemonFlags } from "../flags/daemon-flags.ts";
import {
  configFlag,
  httpFlag,
  httpHostFlag,
  keepaliveFlag,
  pacingFlag,
  verboseFlag,
} from "../flags/shared-flags.ts";
import { socketFlag } from "../flags/socket-flag.ts";
import { readEndpoint, readSeconds, readWholeNumber } from "../flags/values.ts";
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
      "Run a MetalBond server: it accepts routes from its clients and sends them to the clients that have subscribed.",
  },
  args: {
    listen: {
      type: "string",
      alias: "l",
      hiddenAlias: ["listener"],
      valueHint: "ADDR[:PORT]",
      example: "[::]:4711",
      default: `[::]:${DEFAULT_PORT}`,
      description: `Accept clients on this address: IPv4, IPv6 ([::] accepts both) or IPv6 with a zone. Port ${DEFAULT_PORT} if left out.`,
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
        "Wait this long after the start for clients to return, before sending End-of-RIB, which marks a table as complete.",
    },
    pacing: pacingFlag(
      "Write to subscribers in small steps, which Go's clients need. auto: until a subscriber has proven not to be a Go program.",
    ),
    retain: {
      type: "string",
      valueHint: "SEC",
      example: "30",
      default: `${DEFAULT_RETAIN_SECONDS}`,
      description:
        "Keep the routes of a lost client this long, unless it withdrew them, so that it can restart without a withdrawal.",
    },
    "send-hold": {
      type: "string",
      valueHint: "SEC",
      example: "90",
      default: `${DEFAULT_SEND_HOLD_SECONDS}`,
      description:
        "Close the connection to a peer that reads nothing for this long although data is waiting for it.",
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
        "Allow this many connections that have not completed their handshake. Beyond that the oldest is reset, so that silent connections keep no client out.",
    },
    socket: socketFlag("server"),
    config: configFlag,
    verbose: verboseFlag,
  },
} satisfies CommandDefinition;

export interface ServerConfig extends ServerLimits, DaemonFlagOptions {
  readonly listen: Endpoint;
  readonly settleSeconds: number;
  readonly retainSeconds: number;
  readonly sendHoldSeconds: number;
  readonly maxHalfOpen: number;
}

/**
 * Reads the command line. `fromFile` has the settings of a configuration file.
 * @throws UsageError
 */
export function parseServerOptions(rawArgs: readonly string[], fromFile?: GivenValues): ServerConfig {
  const flags = parseFlags(serverDefinition.args, rawArgs, fromFile);
  return {
    listen: readEndpoint("--listen", flags.listen, DEFAULT_PORT, "listen"),
    ...readDaemonFlags(flags),
    settleSeconds: readSeconds("--settle", flags.settle),
    retainSeconds: readSeconds("--retain", flags.retain),
    sendHoldSeconds: readSeconds("--send-hold", flags["send-hold"], LEAST_SEND_HOLD_SECONDS),
    ...valuesByLimit((name) => {
      const { flag } = LIMITS[name];
      return readWholeNumber(`--${flag}`, flags[flag], 1, GREATEST_LIMIT);
    }),
    maxHalfOpen: readWholeNumber("--max-half-open", flags["max-half-open"], 1, GREATEST_LIMIT),
  };
}

/** Reads the command line and the configuration file, anew each time. */
export function readServerOptions(rawArgs: readonly string[]): Promise<ServerConfig> {
  return readOptions(serverDefinition, rawArgs, parseServerOptions);
}

/** Returns the command; `run` does its work until the process has to stop, and resolves to the exit code. */
export function serverCommand(
  run: (options: ServerConfig, context: DaemonContext) => Promise<number>,
): Command {
  return {
    definition: serverDefinition,
    topics: ["operations", "config", "restarts", "upgrade", "migration", "limits", "log", "http"],
    examples: [
      { comment: "Listen on all addresses of both families", line: "bunbond server" },
      {
        comment: "Listen on one address, and serve the routes over HTTP",
        line: "bunbond server -l 192.0.2.1:4711 --http '[::1]:4712'",
      },
    ],
    async run(context) {
      using hangup = new HangupSignal();
      return await run(await readServerOptions(context.rawArgs), { ...context, hangup });
    },
  };
}
