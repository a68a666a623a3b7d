/**
 * `bunbond diff` compares the routes of two daemons, or those of a client with its kernel; with `--servers` it shows what a client's
 * servers disagree about.
 */
import type {
  DisagreedRouteEntry,
  DisagreementList,
  FibDrift,
  FibEntry,
  RouteEntry,
  VniList,
} from "../../http/queries/api.ts";
import { socketNamed } from "../flags/socket-flag.ts";
import { readWholeNumber } from "../flags/values.ts";
import type { Command } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { DAEMON_AWAY, EXIT_FAILED, EXIT_OK } from "../program/exit-codes.ts";
import { parseArguments } from "../program/flags.ts";
import { type Section, tableOf, type View } from "../program/output-format.ts";
import { type Column, phrase } from "../program/table.ts";
import { UsageError } from "../program/usage-error.ts";
import { ControlClient, isUrl } from "./control-client.ts";
import { clientOf, controlFlags, print } from "./control-flags.ts";
import {
  type DifferentRoute,
  type DiffOptions,
  type DiffReport,
  type DiffSide,
  diffSides,
  keyOf,
} from "./route-diff.ts";

/** The word for a client's kernel. */
const KERNEL = "kernel";
const DEFAULT_LIMIT = "20";
const MAX_LIMIT = 10_000;
/** Of each VNI, as the daemon keeps them. */
const MAX_EXAMPLES = 100;

const DIFFERENCE_COLUMNS: readonly Column<DifferentRoute>[] = [
  { head: "VNI", value: ({ vni }) => vni },
  { head: "DESTINATION", value: ({ destination }) => destination },
  { head: "NEXT HOP", value: ({ nextHop }) => nextHop },
  { head: "HAS IT", value: ({ has }) => has, dropOrder: 1 },
  { head: "LACKS IT", value: ({ lacks }) => lacks },
];

export const DIFF_VIEW: View<DiffReport> = {
  sections({ a, b, equal, compared, count, differences }) {
    const sections: Section[] = [
      {
        pairs: [
          { name: "compared", value: phrase`${a} with ${b}` },
          { name: "equal", value: equal },
          { name: "VNIs, or kernel routes", value: compared },
          { name: "differences", value: phrase`${count}, of which ${differences.length} are shown` },
        ],
      },
    ];
    if (differences.length > 0) sections.push(tableOf(DIFFERENCE_COLUMNS, differences));
    return sections;
  },
  rows: ({ differences }) => differences,
};

interface DisagreedRow extends DisagreedRouteEntry {
  readonly vni: number;
}

const DISAGREED_COLUMNS: readonly Column<DisagreedRow>[] = [
  { head: "VNI", value: ({ vni }) => vni },
  { head: "DESTINATION", value: ({ destination }) => destination },
  { head: "NEXT HOP", value: ({ nextHop }) => nextHop },
  { head: "SENT BY", value: ({ has }) => has },
  { head: "NOT SENT BY", value: ({ lacks }) => lacks },
];

const DISAGREEMENTS_VIEW: View<DisagreementList> = {
  sections: ({ disagreements }) => [
    {
      pairs: [
        { name: "VNIs about which servers disagree", value: disagreements.length },
        ...disagreements.map(({ vni, routes, atLeast }) => ({
          name: `routes of VNI ${vni}`,
          value: atLeast ? phrase`${routes} or more` : routes,
        })),
      ],
    },
    ...(disagreements.length === 0 ? [] : [tableOf(DISAGREED_COLUMNS, disagreedRows(disagreements))]),
  ],
  rows: ({ disagreements }) => disagreedRows(disagreements),
};

function disagreedRows(disagreements: DisagreementList["disagreements"]): DisagreedRow[] {
  return disagreements.flatMap(({ vni, examples }) => examples.map((example) => ({ vni, ...example })));
}

const definition = {
  meta: {
    name: "diff",
    description:
      "Compare the routes of two daemons, or of a client with its kernel, and name those that one has and the other lacks. What differs is looked at again after a second, since both change while they are read, and only what differs still is shown. Of a client only the VNIs that it subscribes to are compared, without what it announces itself. The exit code is 1 if anything differs.",
  },
  words: {
    valueHint: "A",
    description:
      "A daemon: the path or name of its control socket, as in server-4711, or the URL of its HTTP. Not with --servers.",
    example: "server-4711 http://[2001:db8::11]:4712",
    optional: true,
    second: {
      valueHint: "B",
      description: `Another daemon; or ${KERNEL}, for the kernel routes of the client A.`,
    },
  },
  args: {
    servers: {
      type: "boolean",
      description:
        "Ask the client of --socket which routes one of its servers has sent and another has not for some seconds. --limit is then for each VNI, at most 100.",
    },
    limit: {
      type: "string",
      valueHint: "N",
      example: "100",
      default: DEFAULT_LIMIT,
      description: "Show so many differences. All are counted.",
    },
    ...controlFlags("client"),
  },
} satisfies CommandDefinition;

/** Returns the command. `directories` are where the default sockets are. */
export function diffCommand(
  directories: readonly string[],
  sleep: DiffOptions["sleep"] = (ms) => Bun.sleep(ms),
): Command {
  return {
    definition,
    topics: ["agreement", "troubleshooting", "output"],
    examples: [
      {
        comment: "Do two servers have the same routes?",
        line: "bunbond diff http://[2001:db8::10]:4712 http://[2001:db8::11]:4712",
      },
      {
        comment: "What does the client of this host lack?",
        line: "bunbond diff client http://[2001:db8::10]:4712",
      },
      { comment: "Is the kernel right?", line: "bunbond diff client kernel" },
      { comment: "Do this client's servers agree?", line: "bunbond diff --servers" },
    ],
    exitCodes: [DAEMON_AWAY],
    async run(context) {
      const { flags, words } = parseArguments(definition, context.rawArgs);
      const limit = readWholeNumber("--limit", flags.limit, 0, MAX_LIMIT);
      const [a, b] = words;
      if (flags.servers) {
        if (a !== undefined)
          throw new UsageError("UNEXPECTED_ARGUMENT", `--servers and ${a} exclude each other`, {
            hint: "name the client by --socket",
          });
        const client = await clientOf(flags, "client", directories);
        const query = `limit=${Math.min(limit, MAX_EXAMPLES)}`;
        const list = await client.get<DisagreementList>(`/v1/disagreements?${query}`);
        print(context, flags, list, DISAGREEMENTS_VIEW);
        return list.disagreements.length === 0 ? EXIT_OK : EXIT_FAILED;
      }
      if (a === undefined || b === undefined) {
        throw new UsageError("MISSING_ARGUMENT", `${a === undefined ? "A and B are" : "B is"} missing`, {
          hint: `give two daemons, as in bunbond diff ${definition.words.example}, or --servers`,
        });
      }
      if (flags.socket !== undefined) {
        throw new UsageError("BAD_VALUE", "--socket is only for --servers", {
          hint: "give the socket as A or B",
        });
      }
      const options = { limit, sleep };
      const report =
        a === KERNEL || b === KERNEL
          ? await diffKernel(a === KERNEL ? b : a, directories, options)
          : await diffSides(sideOf(a, directories), sideOf(b, directories), options);
      print(context, flags, report, DIFF_VIEW);
      return report.equal ? EXIT_OK : EXIT_FAILED;
    },
  };
}

function sideOf(name: string, directories: readonly string[]): DiffSide {
  const socketPath = isUrl(name) ? name : socketNamed(name, directories);
  const client = new ControlClient({ socketPath, program: null });
  return {
    name,
    vnis: () => client.get<VniList>("/v1/vnis"),
    async *routes(vni) {
      const ended = new AbortController();
      try {
        for await (const line of client.lines(`/v1/vnis/${vni}/routes?format=jsonl`, ended.signal)) {
          // The daemon is ours.
          if (line !== "") yield JSON.parse(line) as RouteEntry;
        }
      } finally {
        ended.abort();
      }
    },
  };
}

/** Compares what a client wants in the kernel with a fresh dump, twice. */
async function diffKernel(
  name: string,
  directories: readonly string[],
  { limit, sleep }: DiffOptions,
): Promise<DiffReport> {
  if (isUrl(name) || name === KERNEL) {
    throw new UsageError(
      "BAD_VALUE",
      `${KERNEL} is compared with a client that is named by its control socket`,
      {
        hint: `as in bunbond diff client ${KERNEL}`,
      },
    );
  }
  const client = new ControlClient({ socketPath: socketNamed(name, directories), program: "client" });
  const look = () => client.get<FibDrift>("/v1/fib/drift");
  const first = await look();
  let last = first;
  if (first.count > 0) {
    await sleep(1_000);
    last = await look();
  }
  const before = new Set(driftRows(first.entries, name).map(keyOf));
  const isCut = first.count > first.entries.length;
  const rows = driftRows(last.entries, name).filter((row) => isCut || before.has(keyOf(row)));
  const count = rows.length;
  return {
    a: name,
    b: KERNEL,
    equal: count === 0,
    compared: last.compared,
    count,
    differences: rows.slice(0, limit),
  };
}

/** Returns the next hops that are desired and not in the kernel, and the other way round. */
function driftRows(entries: readonly FibEntry[], name: string): DifferentRoute[] {
  return entries.flatMap(({ vnis: [vni = null], destination, desired, observed }) => {
    // Where the route leads is not known.
    if (desired.length === 0 && observed?.length === 0)
      return [{ vni, destination, nextHop: "unknown", has: KERNEL, lacks: name }];
    const inKernel = new Set(observed);
    const wanted = new Set(desired);
    return [
      ...desired
        .filter((hop) => !inKernel.has(hop))
        .map((nextHop) => ({ vni, destination, nextHop, has: name, lacks: KERNEL })),
      ...(observed ?? [])
        .filter((hop) => !wanted.has(hop))
        .map((nextHop) => ({ vni, destination, nextHop, has: KERNEL, lacks: name })),
    ];
  });
}
