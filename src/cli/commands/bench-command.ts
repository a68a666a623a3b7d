import { availableParallelism } from "node:os";
import { SHARED_OPTIONS } from "../../options/shared-options.ts";
import { DEFAULT_PORT, MAX_VNI } from "../../wire/protocol.ts";
import { RouteSet } from "../bench/route-set.ts";
import { scenarioOf } from "../bench/run-bench.ts";
import type { BenchOptions, Mode, Workload } from "../bench/workload.ts";
import { flagFor, readCount } from "../flags/option-flags.ts";
import { readEndpoint, readOneOf, readSeconds, readWholeNumber } from "../flags/values.ts";
import type { Command, CommandContext } from "../program/command.ts";
import type { CommandDefinition, ValueFlagDef } from "../program/command-definition.ts";
import { parseFlags } from "../program/flags.ts";
import { UsageError } from "../program/usage-error.ts";

const MODES = ["fanout", "sync", "latency", "churn"] as const satisfies readonly Mode[];
/** A VNI that is unlikely to be in use. */
const DEFAULT_BENCH_VNI = 9999;
const MAX_CLIENTS = 10_000;
/** The memory bounds it: each client has a bit for every route of every other client. */
const MAX_CHURN_CLIENTS = 1000;
const MAX_ROUTES = 10_000_000;
const MAX_WORKERS = 64;
const MAX_ROUNDS = 10_000;
const MAX_UPDATES = 1_000_000;
const MAX_BATCH = 10_000;
/** The timer bounds it: it fires at most once in a millisecond. */
const MAX_RATE = 1000;
const MAX_PID = 2 ** 22;

/** Defines a flag for a size of a mode; if left out, the mode's own default holds. */
function sizeFlag(example: string, description: string) {
  return { type: "string", valueHint: "N", example, description } satisfies ValueFlagDef;
}

const definition = {
  meta: {
    name: "bench",
    description:
      "Put load on any MetalBond server, check every single delivery, and measure. The announced routes are host routes in 10.0.0.0/8 (with --ipv6 in 2001:2::/48) and in a VNI of their own; they are withdrawn when the run ends.",
  },
  args: {
    server: {
      type: "string",
      alias: "s",
      required: true,
      valueHint: "HOST[:PORT]",
      example: "[2001:db8::10]:4711",
      description: `The server to measure. Port ${DEFAULT_PORT} if left out.`,
    },
    mode: {
      type: "string",
      valueHint: MODES.join("|"),
      example: "sync",
      default: "fanout",
      description:
        "What to measure; it can also be given as the first argument. fanout: announce and withdraw routes, which all subscribers receive. sync: load a table, which new subscribers then receive. latency: single updates. churn: every client announces and withdraws batches, and receives those of the others.",
    },
    subscribers: sizeFlag("50", "Clients that subscribe (fanout and latency: 50, sync: 1)."),
    announcers: sizeFlag("50", "Clients that announce (fanout and sync: 1)."),
    routes: sizeFlag(
      "20000",
      "Routes of all announcers together, rounded up to a multiple of their number (fanout: 20000, sync: 100000).",
    ),
    rounds: sizeFlag("5", "Number of repetitions (fanout: 5, after two to warm up; sync: 3)."),
    updates: sizeFlag("2000", "Updates to measure (latency: 2000, after up to 1000 to warm up)."),
    rate: sizeFlag("500", `Updates per second, up to ${MAX_RATE} (latency: 500).`),
    clients: sizeFlag("50", "Clients that announce and subscribe (churn: 50)."),
    batch: sizeFlag("100", "Routes announced before they are withdrawn (churn: 100)."),
    seconds: { ...sizeFlag("5", "Duration (churn: 5)."), valueHint: "SEC" },
    unpaced: {
      type: "boolean",
      description:
        "In churn, do not wait until all clients have received a batch. Go's and rustbond's servers drop slow readers under this load.",
    },
    vni: {
      type: "string",
      valueHint: "VNI",
      example: `${DEFAULT_BENCH_VNI}`,
      default: `${DEFAULT_BENCH_VNI}`,
      description: "The virtual network of the run. No other client should use it.",
    },
    ipv6: { type: "boolean", description: "Announce IPv6 prefixes." },
    paced: {
      type: "boolean",
      formerName: "gentle",
      description: "Announce in small steps, and wait for answers; Go's servers need this.",
    },
    workers: {
      type: "string",
      valueHint: "N",
      example: "2",
      description:
        "Threads of the load generator; latency uses one. Default: one less than the number of processors.",
    },
    keepalive: flagFor(SHARED_OPTIONS.keepaliveSeconds),
    timeout: {
      type: "string",
      valueHint: "SEC",
      example: "10",
      default: "10",
      description:
        "End the run when nothing has been received for this long; missing deliveries count as lost.",
    },
    "server-pid": {
      type: "string",
      valueHint: "PID",
      example: "4321",
      description: "The server's process on this machine: measure its CPU time and memory, too.",
    },
    json: { type: "boolean", description: "Print the results as one JSON object." },
  },
} satisfies CommandDefinition;

type Flags = ReturnType<typeof parseFlags<typeof definition.args>>;
type SizeFlag = keyof typeof definition.args;

/** The flags that only some of the modes have. */
const SIZE_FLAGS: Record<Mode, readonly SizeFlag[]> = {
  fanout: ["subscribers", "announcers", "routes", "rounds"],
  sync: ["subscribers", "announcers", "routes", "rounds"],
  latency: ["subscribers", "updates", "rate"],
  churn: ["clients", "batch", "seconds", "unpaced"],
};

/** @throws UsageError */
export function parseBenchOptions(rawArgs: readonly string[]): BenchOptions {
  const [first] = rawArgs;
  const word = first === undefined || first.startsWith("-") ? undefined : first;
  const flags = parseFlags(definition.args, word === undefined ? rawArgs : ["--mode", ...rawArgs]);
  const family = flags.ipv6 ? 6 : 4;
  const vni = readWholeNumber("--vni", flags.vni, 0, MAX_VNI);
  const workload = readWorkload(flags);
  const { announcers, routesPerAnnouncer } = scenarioOf(workload);
  if (!new RouteSet({ vni, family, announcers, routesPerAnnouncer }).fits) {
    throw new UsageError("BAD_VALUE", "10.0.0.0/8 does not have this many host routes", {
      hint: "add --ipv6",
    });
  }
  return {
    server: readEndpoint("--server", flags.server, DEFAULT_PORT, "connect"),
    workload,
    vni,
    family,
    workers: readWorkers(flags, workload.mode),
    paced: flags.paced,
    keepaliveSeconds: readCount(SHARED_OPTIONS.keepaliveSeconds, flags.keepalive),
    timeoutSeconds: readSeconds("--timeout", flags.timeout),
    serverPid:
      flags["server-pid"] === undefined
        ? null
        : readWholeNumber("--server-pid", flags["server-pid"], 1, MAX_PID),
    json: flags.json,
  };
}

function readWorkload(flags: Flags): Workload {
  const mode = readOneOf("--mode", flags.mode, MODES);
  const known = SIZE_FLAGS[mode];
  const unknown = Object.values(SIZE_FLAGS)
    .flat()
    .find((name) => flags[name] && !known.includes(name));
  if (unknown !== undefined) {
    const hint = `its flags are ${known.map((name) => `--${name}`).join(", ")}`;
    throw new UsageError("UNKNOWN_FLAG", `--${unknown} is not a flag of ${mode}`, { hint });
  }
  const { subscribers, announcers, routes, rounds, updates, rate, clients, batch, seconds, unpaced } = flags;
  switch (mode) {
    case "fanout":
      return {
        mode,
        subscribers: readSize("--subscribers", subscribers, 50, MAX_CLIENTS),
        ...readRoutes(announcers, routes, 20_000),
        rounds: readSize("--rounds", rounds, 5, MAX_ROUNDS),
      };
    case "sync":
      return {
        mode,
        subscribers: readSize("--subscribers", subscribers, 1, MAX_CLIENTS),
        ...readRoutes(announcers, routes, 100_000),
        rounds: readSize("--rounds", rounds, 3, MAX_ROUNDS),
      };
    case "latency":
      return {
        mode,
        subscribers: readSize("--subscribers", subscribers, 50, MAX_CLIENTS),
        updates: roundUp(readSize("--updates", updates, 2000, MAX_UPDATES), 2),
        rate: readSize("--rate", rate, 500, MAX_RATE),
      };
    case "churn":
      return {
        mode,
        clients: readSize("--clients", clients, 50, MAX_CHURN_CLIENTS),
        batch: readSize("--batch", batch, 100, MAX_BATCH),
        seconds: seconds === undefined ? 5 : readSeconds("--seconds", seconds),
        unpaced,
      };
  }
}

function readSize(flag: string, text: string | undefined, fallback: number, most: number): number {
  return text === undefined ? fallback : readWholeNumber(flag, text, 1, most);
}

function readRoutes(announcersText: string | undefined, routesText: string | undefined, fallback: number) {
  const announcers = readSize("--announcers", announcersText, 1, MAX_CLIENTS);
  return { announcers, routes: roundUp(readSize("--routes", routesText, fallback, MAX_ROUTES), announcers) };
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** Latency needs one thread, since one clock has to time both ends. */
function readWorkers({ workers }: Flags, mode: Mode): number {
  if (mode === "latency") {
    if (workers === undefined || workers === "1") return 1;
    throw new UsageError("BAD_VALUE", "--workers: latency uses exactly one thread");
  }
  const spare = Math.min(MAX_WORKERS, Math.max(1, availableParallelism() - 1));
  return readSize("--workers", workers, spare, MAX_WORKERS);
}

/** Returns the command; `run` does its work and resolves to the exit code. */
export function benchCommand(
  run: (options: BenchOptions, context: CommandContext) => Promise<number>,
): Command {
  return {
    definition,
    topics: ["limits"],
    examples: [
      { comment: "50 subscribers, 20,000 routes", line: "bunbond bench --server '[::1]:4711'" },
      {
        comment: "A million routes for a new subscriber, and the server's CPU time and memory",
        line: "bunbond bench sync -s '[::1]:4711' --routes 1000000 --server-pid 4321",
      },
      {
        comment: "Latency, as JSON",
        line: "bunbond bench latency -s '[::1]:4711' --subscribers 100 --json",
      },
      {
        comment: "A Go server",
        line: "bunbond bench fanout -s 192.0.2.1 --routes 2000 --paced",
      },
    ],
    run: (context) => run(parseBenchOptions(context.rawArgs), context),
  };
}
