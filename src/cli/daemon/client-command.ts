import type { OnStop } from "../../client/options.ts";
import { TABLE_SETTLES_MS } from "../../client/view/completeness.ts";
import type { Endpoint } from "../../net/endpoint.ts";
import { CLIENT_DAEMON_OPTIONS } from "../../options/client-options.ts";
import type { Route } from "../../route/route.ts";
import type { RetryBounds } from "../../session/retry.ts";
import { DEFAULT_PORT } from "../../wire/protocol.ts";
import { readOptions } from "../config/config-options.ts";
import { type DaemonFlagOptions, readDaemonTexts } from "../flags/daemon-flags.ts";
import { type KernelFlagOptions, kernelFlagWarnings, readKernelTexts } from "../flags/kernel-flags.ts";
import { flagsOf, readValues } from "../flags/option-flags.ts";
import { readAnnouncements, readEndpoints, readRetryBounds, readVnis } from "../flags/values.ts";
import type { Command, DaemonContext } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { type GivenValues, parseFlags } from "../program/flags.ts";
import { HangupSignal } from "../program/hangup-signal.ts";

export const clientDefinition = {
  meta: {
    name: "client",
    description:
      "Run a MetalBond client: it announces routes to its servers, and prints the changes of routes in the VNIs that it subscribes to; with --install-routes it installs them in the kernel's routing tables.",
  },
  args: flagsOf(CLIENT_DAEMON_OPTIONS),
} satisfies CommandDefinition;

export interface ClientConfig extends KernelFlagOptions, DaemonFlagOptions {
  /** The servers: at least one, each once. */
  readonly servers: readonly Endpoint[];
  /** The VNIs of --vni, each once; {@link subscriptionsOf} returns all VNIs. */
  readonly vnis: readonly number[];
  readonly announcements: readonly Route[];
  readonly retry: RetryBounds;
  readonly staleTimeSeconds: number;
  /** "forever" is Infinity. */
  readonly staleTimeAloneSeconds: number;
  readonly maxHops: number;
  readonly onStop: OnStop;
  readonly drainSeconds: number;
  readonly requireAgreement: boolean;
  readonly json: boolean;
  /** Settings that work but are probably not intended, one line each, for the log. */
  readonly warnings: readonly string[];
}

/**
 * Reads the command line. `fromFile` has the settings of a configuration file. `defs`: also flags of a command that takes the client's.
 * @throws UsageError
 */
export function parseClientOptions(
  rawArgs: readonly string[],
  fromFile?: GivenValues,
  defs = clientDefinition.args,
): ClientConfig {
  const values = readValues(CLIENT_DAEMON_OPTIONS, parseFlags(defs, rawArgs, fromFile));
  const vnis = readVnis("--vni", values.vnis);
  const { routes, warnings } = readAnnouncements("--announce", values.announcements);
  const kernel = readKernelTexts(values);
  if (vnis.length === 0 && routes.length === 0 && kernel.installRoutes.length === 0) {
    warnings.push(
      "neither --vni nor --announce nor --install-routes is given: this client will only stay connected",
    );
  }
  warnings.push(...kernelFlagWarnings(values));
  if (values.onStop === "keep" && values.drainSeconds > 0) {
    warnings.push(
      "--drain: with --on-stop keep only 'bunbond client drain' waits for this time, because SIGTERM withdraws nothing",
    );
  }
  const retry = readRetryBounds("--retry", values.retry);
  if (retry.maxMs >= TABLE_SETTLES_MS) {
    warnings.push(
      `--retry: when a server restarts, the other clients keep this client's routes for ${TABLE_SETTLES_MS / 1000} s, and then drop them until it is back`,
    );
  }
  // It says how --install-routes is read, and nothing more.
  const { allowMainTable: _, ...others } = values;
  return {
    ...others,
    ...readDaemonTexts(values),
    ...kernel,
    servers: readEndpoints("--server", values.servers, DEFAULT_PORT),
    vnis,
    announcements: routes,
    retry,
    warnings,
  };
}

/** Returns the VNIs to subscribe to, each once, with those whose routes go into the kernel. */
export function subscriptionsOf({
  vnis,
  installRoutes,
}: Pick<ClientConfig, "vnis" | "installRoutes">): number[] {
  return [...new Set([...vnis, ...installRoutes.map(({ vni }) => vni)])];
}

/** Reads the command line and the configuration file, anew each time. */
export function readClientOptions(rawArgs: readonly string[]): Promise<ClientConfig> {
  return readOptions(clientDefinition, rawArgs, parseClientOptions);
}

/** Returns the command; `run` does its work until the process has to stop, and resolves to the exit code. */
export function clientCommand(
  run: (options: ClientConfig, context: DaemonContext) => Promise<number>,
): Command {
  return {
    definition: clientDefinition,
    topics: [
      "operations",
      "service",
      "config",
      "kernel",
      "restarts",
      "agreement",
      "upgrade",
      "migration",
      "log-events",
      "output",
      "http",
      "metrics",
    ],
    examples: [
      {
        comment: "Print the routes of two VNIs and their changes",
        line: "bunbond client --server '[2001:db8::10]:4711' --vni 100 --vni 200",
      },
      {
        comment: "Announce a network on this hypervisor, and NAT with a port range",
        line: "bunbond client -s 2001:db8::10 -a 100#10.0.1.0/24@2001:db8::1 -a 100#192.0.2.7/32@2001:db8::1#nat#1024#2047",
      },
      {
        comment: "Install the routes of VNI 100 in the kernel's table 100, through a tunnel",
        line: "bunbond client -s 2001:db8::10 --install-routes 100#100 --tun overlay",
      },
      {
        comment: "Connect to two servers, and print changes as JSON",
        line: "bunbond client -s one.example,two.example -v 100 --json",
      },
    ],
    async run(context) {
      using hangup = new HangupSignal();
      return await run(await readClientOptions(context.rawArgs), { ...context, hangup });
    },
  };
}
