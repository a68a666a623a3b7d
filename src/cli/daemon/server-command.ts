import type { Endpoint } from "../../net/endpoint.ts";
import { SERVER_OPTIONS } from "../../options/server-options.ts";
import type { ServerLimits } from "../../server/exchange/limits.ts";
import { DEFAULT_PORT } from "../../wire/protocol.ts";
import { readOptions } from "../config/config-options.ts";
import { type DaemonFlagOptions, readDaemonTexts } from "../flags/daemon-flags.ts";
import { flagsOf, readValues } from "../flags/option-flags.ts";
import { readEndpoint } from "../flags/values.ts";
import type { Command, DaemonContext } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { type GivenValues, parseFlags } from "../program/flags.ts";
import { HangupSignal } from "../program/hangup-signal.ts";

export const serverDefinition = {
  meta: {
    name: "server",
    description:
      "Run a MetalBond server: it accepts routes from its clients and sends them to the clients that have subscribed.",
  },
  args: flagsOf(SERVER_OPTIONS),
} satisfies CommandDefinition;

export interface ServerConfig extends ServerLimits, DaemonFlagOptions {
  readonly listen: Endpoint;
  readonly settleSeconds: number;
  readonly retainSeconds: number;
  readonly sendHoldSeconds: number;
  readonly maxHalfOpen: number;
}

/**
 * Reads the command line. `fromFile` has the settings of a configuration file. `defs`: also flags of a command that takes the server's.
 * @throws UsageError
 */
export function parseServerOptions(
  rawArgs: readonly string[],
  fromFile?: GivenValues,
  defs = serverDefinition.args,
): ServerConfig {
  const values = readValues(SERVER_OPTIONS, parseFlags(defs, rawArgs, fromFile));
  return {
    ...values,
    ...readDaemonTexts(values),
    listen: readEndpoint("--listen", values.listen, DEFAULT_PORT, "listen"),
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
    topics: [
      "operations",
      "service",
      "config",
      "restarts",
      "upgrade",
      "migration",
      "limits",
      "log-events",
      "http",
      "metrics",
    ],
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
