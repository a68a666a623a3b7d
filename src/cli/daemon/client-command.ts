import {
  DEFAULT_DRAIN_SECONDS,
  DEFAULT_MAX_HOPS,
  DEFAULT_STALE_TIME_ALONE_SECONDS,
  DEFAULT_STALE_TIME_SECONDS,
} from "../../base/defaults.ts";
import type { OnStop } from "../../client/options.ts";
import { TABLE_SETTLES_MS } from "../../client/view/completeness.ts";
import { MOST_HOPS } from "../../client/view/merged-view.ts";
import type { Endpoint } from "../../net/endpoint.ts";
import type { Route } from "../../route/route.ts";
import { DEFAULT_RETRY, type RetryBounds } from "../../session/retry.ts";
import { DEFAULT_PORT } from "../../wire/protocol.ts";
import { readOptions } from "../config/config-options.ts";
import { type DaemonFlagOptions, readDaemonFlags } from "../flags/daemon-flags.ts";
import {
  type KernelFlagOptions,
  kernelFlags,
  kernelFlagWarnings,
  readKernelFlags,
} from "../flags/kernel-flags.ts";
import {
  configFlag,
  httpFlag,
  httpHostFlag,
  keepaliveFlag,
  pacingFlag,
  verboseFlag,
} from "../flags/shared-flags.ts";
import { socketFlag } from "../flags/socket-flag.ts";
import {
  formatSecondsOrForever,
  readAnnouncements,
  readEndpoints,
  readOneOf,
  readRetryBounds,
  readSeconds,
  readSecondsOrForever,
  readVnis,
  readWholeNumber,
} from "../flags/values.ts";
import type { Command, DaemonContext } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { type GivenValues, parseFlags } from "../program/flags.ts";
import { HangupSignal } from "../program/hangup-signal.ts";

const ON_STOP = ["withdraw", "keep"] as const satisfies readonly OnStop[];

export const clientDefinition = {
  meta: {
    name: "client",
    description:
      "Run a MetalBond client: it announces routes to its servers, and prints the changes of routes in the VNIs that it subscribes to; with --install-routes it installs them in the kernel's routing tables.",
  },
  args: {
    server: {
      type: "string",
      alias: "s",
      required: true,
      repeatable: true,
      valueHint: "HOST[:PORT]",
      example: "[2001:db8::10]:4711",
      description: `Keep a connection to this server. Port ${DEFAULT_PORT} if left out.`,
    },
    vni: {
      type: "string",
      alias: "subscribe",
      aliasBeforeDigits: "v",
      repeatable: true,
      valueHint: "VNI",
      example: "100",
      description: "Subscribe to the routes of this virtual network, 0 to 4294967295.",
    },
    announce: {
      type: "string",
      alias: "a",
      repeatable: true,
      valueHint: "ROUTE",
      example: "100#10.0.1.0/24@2001:db8::1",
      description:
        "Announce this route: VNI#PREFIX@HOP, followed by #lb, #nat or #nat#FROM#TO (ports) where needed. VNI#PREFIX#HOP… is the same.",
    },
    keepalive: keepaliveFlag,
    http: httpFlag,
    "http-host": httpHostFlag,
    retry: {
      type: "string",
      valueHint: "MIN-MAX",
      example: "5-10",
      default: `${DEFAULT_RETRY.minMs / 1000}-${DEFAULT_RETRY.maxMs / 1000}`,
      description: "Connect to a lost server again after a random time between these, in seconds.",
    },
    "stale-time": {
      type: "string",
      formerName: "hold",
      valueHint: "SEC",
      example: "60",
      default: `${DEFAULT_STALE_TIME_SECONDS}`,
      description: "Keep a lost server's routes this long while another server is connected.",
    },
    "stale-time-alone": {
      type: "string",
      formerName: "hold-alone",
      valueHint: "SEC|forever",
      example: "forever",
      default: formatSecondsOrForever(DEFAULT_STALE_TIME_ALONE_SECONDS),
      description: "Keep lost servers' routes this long while no server is connected.",
    },
    "max-hops": {
      type: "string",
      valueHint: "N",
      example: "1000",
      default: `${DEFAULT_MAX_HOPS}`,
      description: `Accept at most this many next hops for one destination, 1 to ${MOST_HOPS}; further ones are skipped and counted.`,
    },
    pacing: pacingFlag(
      "Announce in small steps, which Go's servers need. auto: until a server has proven to be BunBond.",
    ),
    "on-stop": {
      type: "string",
      formerName: "leave",
      valueHint: ON_STOP.join("|"),
      example: "keep",
      default: "withdraw",
      description:
        "What to do on SIGTERM. withdraw: withdraw the announced routes, then close. keep: only close, so that a server with --retain keeps the routes for the next start of this client.",
    },
    drain: {
      type: "string",
      valueHint: "SEC",
      example: "5",
      default: `${DEFAULT_DRAIN_SECONDS}`,
      description:
        "Stay connected this long between withdrawing and closing, while other hypervisors turn to other next hops.",
    },
    ...kernelFlags,
    socket: socketFlag("client"),
    json: { type: "boolean", description: "Print changes as JSON, one object per line." },
    config: configFlag,
    verbose: verboseFlag,
  },
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
  readonly json: boolean;
  /** Settings that work but are probably not intended, one line each, for the log. */
  readonly warnings: readonly string[];
}

/**
 * Reads the command line. `fromFile` has the settings of a configuration file.
 * @throws UsageError
 */
export function parseClientOptions(rawArgs: readonly string[], fromFile?: GivenValues): ClientConfig {
  const flags = parseFlags(clientDefinition.args, rawArgs, fromFile);
  const vnis = readVnis("--vni", flags.vni);
  const { routes, warnings } = readAnnouncements("--announce", flags.announce);
  const kernel = readKernelFlags(flags);
  if (vnis.length === 0 && routes.length === 0 && kernel.installRoutes.length === 0) {
    warnings.push(
      "neither --vni nor --announce nor --install-routes is given: this client will only stay connected",
    );
  }
  warnings.push(...kernelFlagWarnings(flags));
  const onStop = readOneOf("--on-stop", flags["on-stop"], ON_STOP);
  const drainSeconds = readSeconds("--drain", flags.drain);
  if (onStop === "keep" && drainSeconds > 0) {
    warnings.push(
      "--drain: with --on-stop keep only 'bunbond client drain' waits for this time, because SIGTERM withdraws nothing",
    );
  }
  const retry = readRetryBounds("--retry", flags.retry);
  if (retry.maxMs >= TABLE_SETTLES_MS) {
    warnings.push(
      `--retry: when a server restarts, the other clients keep this client's routes for ${TABLE_SETTLES_MS / 1000} s, and then drop them until it is back`,
    );
  }
  return {
    servers: readEndpoints("--server", flags.server, DEFAULT_PORT),
    vnis,
    announcements: routes,
    ...readDaemonFlags(flags),
    retry,
    staleTimeSeconds: readSeconds("--stale-time", flags["stale-time"]),
    staleTimeAloneSeconds: readSecondsOrForever("--stale-time-alone", flags["stale-time-alone"]),
    maxHops: readWholeNumber("--max-hops", flags["max-hops"], 1, MOST_HOPS),
    onStop,
    drainSeconds,
    ...kernel,
    json: flags.json,
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
    topics: ["operations", "config", "kernel", "restarts", "upgrade", "migration", "log", "output", "http"],
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
