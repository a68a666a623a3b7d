/**
 * Commands that ask a running daemon about routes: `vnis`, `routes` and `explain`. Servers and clients answer the same questions
 * (http/queries); the columns that only one of them has are empty at the other.
 */

import type {
  ExplainedMatch,
  Explanation,
  HolderEntry,
  NextHopEntry,
  RouteEntry,
  VniEntry,
  VniList,
} from "../../http/queries/api.ts";
import { parseAddress } from "../../net/address.ts";
import { parsePrefix } from "../../net/prefix.ts";
import { badValue, readOneOf, readVni } from "../flags/values.ts";
import type { Command } from "../program/command.ts";
import type { CommandDefinition, ValueFlagDef } from "../program/command-definition.ts";
import { DAEMON_AWAY, EXIT_NOT_FOUND, EXIT_OK, NOT_FOUND } from "../program/exit-codes.ts";
import { parseArguments, parseFlags } from "../program/flags.ts";
import { printRows, readOutput, type Section, tableOf, type View } from "../program/output-format.ts";
import { type Column, phrase } from "../program/table.ts";
import { UsageError } from "../program/usage-error.ts";
import { clientOf, controlFlags, print } from "./control-flags.ts";

// --- vnis ----------------------------------------------------------------------------------------------

const VNI_COLUMNS: readonly Column<VniEntry>[] = [
  { head: "VNI", value: ({ vni }) => vni },
  { head: "IPV4 ROUTES", value: ({ ipv4Routes }) => ipv4Routes },
  { head: "IPV6 ROUTES", value: ({ ipv6Routes }) => ipv6Routes },
  { head: "SUBSCRIBERS", value: ({ subscribers }) => subscribers ?? null, dropOrder: 2 },
  { head: "SUBSCRIBED", value: ({ subscribed }) => subscribed ?? null, dropOrder: 3 },
  { head: "COMPLETE", value: ({ complete }) => complete ?? null, dropOrder: 1 },
  { head: "DIGEST", value: ({ digest }) => digest },
];

const VNIS_VIEW: View<VniList> = {
  sections: ({ vnis }) => [tableOf(VNI_COLUMNS, vnis)],
  rows: ({ vnis }) => vnis,
};

const vnisDefinition = {
  meta: {
    name: "vnis",
    description:
      "List the VNIs of a running daemon: their routes by family, who subscribes, and a digest of the routes, which two servers have in common if they have the same routes. A client's digest leaves out what it announces itself: 'bunbond diff' compares any two daemons.",
  },
  args: controlFlags(null),
} satisfies CommandDefinition;

// --- routes --------------------------------------------------------------------------------------------

/** A next hop of a destination: a row of the list. */
export interface RouteRow extends NextHopEntry {
  readonly vni: number;
  readonly destination: string;
  readonly kernel: RouteEntry["kernel"];
}

const ROUTE_COLUMNS: readonly Column<RouteRow>[] = [
  { head: "VNI", value: ({ vni }) => vni },
  { head: "DESTINATION", value: ({ destination }) => destination },
  { head: "NEXT HOP", value: ({ address }) => address },
  { head: "TYPE", value: ({ type }) => type, dropOrder: 4 },
  { head: "TARGET VNI", value: ({ targetVni }) => targetVni, isWideOnly: true },
  { head: "NAT PORTS", value: natPorts, isWideOnly: true },
  { head: "FROM", value: ({ holders }) => holders.map(holderName) },
  { head: "STATE", value: (row) => statesOf(row), dropOrder: 1 },
  { head: "SINCE", value: ({ holders }) => oldest(holders), isTime: true, dropOrder: 2 },
  { head: "CHANGES", value: ({ changes }) => changes, dropOrder: 3 },
  { head: "KERNEL", value: ({ kernel }) => kernel?.problem ?? kernel?.state ?? null, dropOrder: 5 },
];

function natPorts({ natPortFrom, natPortTo }: NextHopEntry): string | null {
  return natPortFrom === 0 && natPortTo === 0 ? null : `${natPortFrom}-${natPortTo}`;
}

/** "[2001:db8::9]:52100 (7)" */
export function holderName({ name, id }: Pick<HolderEntry, "name" | "id">): string {
  return id === null ? name : `${name} (${id})`;
}

/** Each state once. */
function statesOf({ holders }: NextHopEntry): string[] {
  return [...new Set(holders.map(({ state }) => state))];
}

/** Since when the first holder has had it; null if there is none. */
function oldest(holders: readonly HolderEntry[]): string | null {
  return holders.map(({ since }) => since).sort()[0] ?? null;
}

export const vniFlag = {
  type: "string",
  valueHint: "VNI",
  example: "100",
  description: "Only this VNI. If left out: all of them.",
} satisfies ValueFlagDef;

const routesDefinition = {
  meta: {
    name: "routes",
    description:
      "List the routes of a running daemon. On a server each next hop has the peers that announce it, and since when; on a client the servers that have it, and the state in the kernel.",
  },
  words: {
    valueHint: "PREFIX|ADDRESS",
    description:
      "A prefix stands for exactly this destination, an address for the longest destination that contains it. If left out: all routes.",
    example: "10.0.1.0/24",
    optional: true,
  },
  args: {
    vni: vniFlag,
    longer: { type: "boolean", description: "The prefix and all destinations inside it." },
    shorter: { type: "boolean", description: "All destinations that contain the prefix or address." },
    exact: { type: "boolean", description: "Exactly the prefix, also where an address is given." },
    type: {
      type: "string",
      valueHint: "standard|nat|loadbalancer_target",
      example: "nat",
      description: "Only next hops of this type.",
    },
    nexthop: {
      type: "string",
      valueHint: "ADDRESS",
      example: "2001:db8::1",
      description: "Only this next hop.",
    },
    from: {
      type: "string",
      valueHint: "PEER",
      example: "7",
      description: "Only what this peer or server has: its id, its address, or its address and port.",
    },
    stale: {
      type: "boolean",
      description: "Only what lost peers or servers had: stale and retained routes.",
    },
    ...controlFlags(null),
  },
} satisfies CommandDefinition;

type RouteFlags = ReturnType<typeof parseArguments<typeof routesDefinition>>["flags"];

/** Returns the path of the query that the command line asks for. @throws UsageError */
export function routesPath(word: string | undefined, flags: RouteFlags): string {
  const query = new URLSearchParams({ format: "jsonl" });
  if (word !== undefined) query.set("prefix", readAsked(word, routesDefinition.meta.name));
  const match = matchOf(flags);
  if (match !== null) {
    if (word === undefined)
      throw new UsageError("MISSING_ARGUMENT", `--${match} needs a PREFIX or an ADDRESS`);
    query.set("match", match);
  }
  if (flags.vni !== undefined) query.set("vni", `${readVni("--vni", flags.vni)}`);
  if (flags.type !== undefined) query.set("type", readOneOf("--type", flags.type, TYPES));
  if (flags.nexthop !== undefined) query.set("nextHop", readAddress("--nexthop", flags.nexthop));
  if (flags.from !== undefined) query.set("from", flags.from);
  if (flags.stale) query.set("stale", "true");
  return `/v1/routes?${query}`;
}

function matchOf(flags: RouteFlags): "longer" | "shorter" | "exact" | null {
  const [match = null, second] = (["longer", "shorter", "exact"] as const).filter((name) => flags[name]);
  if (second !== undefined)
    throw new UsageError("REPEATED_FLAG", `--${match} and --${second} exclude each other`);
  return match;
}

const TYPES = ["standard", "nat", "loadbalancer_target"] as const;

/** @throws UsageError */
function readAddress(flag: string, text: string): string {
  if (parseAddress(text) !== null) return text;
  throw badValue(flag, text, { start: 0, end: text.length }, "an IPv4 or IPv6 address is needed");
}

/** @throws UsageError */
export function readAsked(text: string, command: string): string {
  if (parseAddress(text) !== null || parsePrefix(text) !== null) return text;
  throw new UsageError("BAD_VALUE", `${JSON.stringify(text)} is neither an address nor a prefix`, {
    hint: `as in bunbond ${command} 10.0.1.0/24, or 10.0.1.7`,
  });
}

async function* routeRows(lines: AsyncIterable<string>): AsyncGenerator<RouteRow> {
  for await (const line of lines) {
    if (line === "") continue;
    // The daemon is ours.
    const { vni, destination, nextHops, kernel }: RouteEntry = JSON.parse(line);
    for (const nextHop of nextHops) yield { vni, destination, ...nextHop, kernel };
  }
}

// --- explain -------------------------------------------------------------------------------------------

interface ExplainedHop {
  readonly match: ExplainedMatch;
  readonly hop: NextHopEntry;
}

const MATCH_COLUMNS: readonly Column<ExplainedMatch>[] = [
  { head: "VNI", value: ({ vni }) => vni },
  { head: "LONGEST MATCH", value: ({ destination }) => destination },
  { head: "GOES BEFORE", value: ({ covering }) => covering, dropOrder: 1 },
  { head: "SOURCE IN", value: ({ sourceDestination }) => sourceDestination, dropOrder: 2 },
  { head: "VERDICT", value: ({ verdict }) => verdict },
  { head: "BECAUSE", value: ({ summary }) => summary, isWideOnly: true },
];

const HOP_COLUMNS: readonly Column<ExplainedHop>[] = [
  { head: "VNI", value: ({ match }) => match.vni },
  { head: "NEXT HOP", value: ({ hop }) => hop.address },
  { head: "TYPE", value: ({ hop }) => hop.type, dropOrder: 2 },
  { head: "FROM", value: ({ hop }) => hop.holders.map(holderName) },
  { head: "STATE", value: ({ hop }) => statesOf(hop) },
  { head: "SINCE", value: ({ hop }) => oldest(hop.holders), isTime: true },
  { head: "CHANGES", value: ({ hop }) => hop.changes, dropOrder: 1 },
];

const RECIPIENT_COLUMNS: readonly Column<{
  readonly vni: number;
  readonly recipient: ExplainedMatch["recipients"][number];
}>[] = [
  { head: "VNI", value: ({ vni }) => vni },
  { head: "NEXT HOP", value: ({ recipient }) => recipient.nextHop },
  { head: "SUBSCRIBERS", value: ({ recipient }) => recipient.subscribers },
  { head: "SENT", value: ({ recipient }) => recipient.sent },
  { head: "NOT SENT", value: ({ recipient }) => recipient.notSent },
];

const KERNEL_COLUMNS: readonly Column<ExplainedMatch>[] = [
  { head: "VNI", value: ({ vni }) => vni },
  { head: "KERNEL TABLE", value: ({ kernel }) => kernel?.table ?? null },
  { head: "STATE", value: ({ kernel }) => kernel?.state ?? null },
  { head: "PROBLEM", value: ({ kernel }) => kernel?.problem ?? null },
];

export const EXPLAIN_VIEW: View<Explanation> = {
  sections({ asked, verdict, summary, matches, matchCount, source }) {
    const recipients = matches.flatMap(({ vni, recipients: all }) =>
      all.map((recipient) => ({ vni, recipient })),
    );
    const installed = matches.filter(({ kernel }) => kernel !== null);
    const sections: Section[] = [
      {
        pairs: [
          { name: "verdict", value: phrase`${verdict}: ${summary}` },
          { name: "asked", value: source === null ? asked : phrase`${asked} from ${source}` },
          { name: "VNIs with a match", value: matchCount },
        ],
      },
    ];
    if (matches.length > 0) {
      sections.push(tableOf(MATCH_COLUMNS, matches));
      sections.push(
        tableOf(
          HOP_COLUMNS,
          matches.flatMap((match) => match.nextHops.map((hop) => ({ match, hop }))),
        ),
      );
    }
    if (recipients.length > 0) sections.push(tableOf(RECIPIENT_COLUMNS, recipients));
    if (installed.length > 0) sections.push(tableOf(KERNEL_COLUMNS, installed));
    return sections;
  },
  rows: ({ matches }) => matches,
};

const explainDefinition = {
  meta: {
    name: "explain",
    description:
      "Say why an address works, or does not: the longest match in each VNI, who announced it, to whom it was sent, and what the kernel has of it. The first line is the verdict.",
  },
  words: {
    valueHint: "ADDRESS|PREFIX",
    description: "The destination of the packets.",
    example: "10.0.1.7",
  },
  args: {
    vni: vniFlag,
    source: {
      type: "string",
      valueHint: "ADDRESS",
      example: "10.0.2.9",
      description: "Where the packets come from: only VNIs that have a route back to it are shown.",
    },
    ...controlFlags(null),
  },
} satisfies CommandDefinition;

// --- commands ------------------------------------------------------------------------------------------

/** Returns the commands. `directories` are where the default sockets are. */
export function queryCommands(directories: readonly string[]): Command[] {
  return [
    {
      definition: vnisDefinition,
      topics: ["operations", "output"],
      examples: [
        { comment: "Do two servers agree? Equal digests are equal routes", line: "bunbond vnis -o wide" },
      ],
      exitCodes: [DAEMON_AWAY],
      async run(context) {
        const flags = parseFlags(vnisDefinition.args, context.rawArgs);
        const client = await clientOf(flags, null, directories);
        print(context, flags, await client.get<VniList>("/v1/vnis"), VNIS_VIEW);
        return EXIT_OK;
      },
    },
    {
      definition: routesDefinition,
      topics: ["operations", "output"],
      examples: [
        { comment: "Who announces a destination", line: "bunbond routes 10.0.1.0/24 --vni 100" },
        { comment: "Everything inside a block", line: "bunbond routes 10.0.0.0/8 --longer" },
        { comment: "What one peer announces, a line of JSON each", line: "bunbond routes --from 7 -o jsonl" },
      ],
      exitCodes: [NOT_FOUND, DAEMON_AWAY],
      async run(context) {
        const { flags, words } = parseArguments(routesDefinition, context.rawArgs);
        const path = routesPath(words[0], flags);
        const format = readOutput(flags);
        const client = await clientOf(flags, null, directories);
        let count = 0;
        const counted = async function* () {
          for await (const row of routeRows(client.lines(path, new AbortController().signal))) {
            count++;
            yield row;
          }
        };
        await printRows(context.io, counted(), ROUTE_COLUMNS, format);
        return count === 0 && words.length > 0 ? EXIT_NOT_FOUND : EXIT_OK;
      },
    },
    {
      definition: explainDefinition,
      topics: ["operations", "troubleshooting", "output"],
      examples: [
        { comment: "Why does 10.0.1.7 not work from here?", line: "bunbond explain 10.0.1.7" },
        {
          comment: "For packets of one tenant",
          line: "bunbond explain 10.0.1.7 --vni 100 --source 10.0.2.9",
        },
      ],
      exitCodes: [NOT_FOUND, DAEMON_AWAY],
      async run(context) {
        const { flags, words } = parseArguments(explainDefinition, context.rawArgs);
        const query = new URLSearchParams();
        if (flags.vni !== undefined) query.set("vni", `${readVni("--vni", flags.vni)}`);
        if (flags.source !== undefined) query.set("source", readAddress("--source", flags.source));
        const asked = encodeURIComponent(readAsked(words[0] ?? "", "explain"));
        const client = await clientOf(flags, null, directories);
        const explanation = await client.get<Explanation>(`/v1/explain/${asked}?${query}`);
        print(context, flags, explanation, EXPLAIN_VIEW);
        return explanation.matchCount === 0 ? EXIT_NOT_FOUND : EXIT_OK;
      },
    },
  ];
}
