/** `bunbond history` prints the last changes of a running daemon; `bunbond watch` its state, and then each change as it happens. */
import { printable } from "../../base/marked-text.ts";
import type { ChangeEntry, HistoryPage, RouteEntry } from "../../http/queries/api.ts";
import { badValue, readOneOf, readVni, readWholeNumber } from "../flags/values.ts";
import type { Command, CommandContext } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { CommandError } from "../program/command-error.ts";
import { DAEMON_AWAY, EXIT_NO_DAEMON, EXIT_OK } from "../program/exit-codes.ts";
import { parseArguments } from "../program/flags.ts";
import { printRows, readOutput } from "../program/output-format.ts";
import type { Column } from "../program/table.ts";
import type { ControlClient } from "./control-client.ts";
import { clientOf, controlFlags } from "./control-flags.ts";
import { holderName, readAsked, vniFlag } from "./query-commands.ts";
import { hopText } from "./route-diff.ts";

/** A page of the daemon's answer. */
const PAGE = 1000;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000_000;
/** Pause before a stream that has ended is asked for again. */
const RETRY_AFTER_MS = 1000;

const CHANGE_COLUMNS: readonly Column<ChangeEntry>[] = [
  { head: "TIME", value: ({ time }) => time, isTime: true },
  { head: "NUMBER", value: ({ number }) => number, isWideOnly: true },
  { head: "CHANGE", value: ({ change }) => change },
  { head: "VNI", value: ({ vni }) => vni },
  { head: "DESTINATION", value: ({ destination }) => destination },
  { head: "NEXT HOP", value: ({ nextHop }) => nextHop },
  { head: "REASON", value: ({ reason }) => reason, dropOrder: 1 },
  { head: "BY", value: ({ by }) => holderName(by), dropOrder: 2 },
  { head: "EXISTENCE", value: ({ existence }) => existence, isWideOnly: true },
];

const historyDefinition = {
  meta: {
    name: "history",
    description:
      "Print the last changes of a running daemon: which routes came and went, when, by whom and why; and when sessions were established and ended. The daemon remembers --history of them.",
  },
  words: {
    valueHint: "PREFIX|ADDRESS",
    description:
      "A prefix stands for changes of this destination and of those inside it, an address for those of all destinations that contain it.",
    example: "10.0.1.0/24",
    optional: true,
  },
  args: {
    vni: vniFlag,
    since: {
      type: "string",
      valueHint: "TIME",
      example: "5m",
      description: "Only changes since then: 30s, 5m, 2h or 1d ago, or a time as 2026-01-31T12:00:00Z.",
    },
    limit: {
      type: "string",
      valueHint: "N",
      example: "1000",
      description: `At most so many changes. Default: the last ${DEFAULT_LIMIT}, with --since all.`,
    },
    ...controlFlags(null),
  },
} satisfies CommandDefinition;

const WATCHED = ["all", "routes", "peers"] as const;

const watchDefinition = {
  meta: {
    name: "watch",
    description:
      "Print the routes of a running daemon, and then each change as it happens, without a gap: also over a restart of the daemon, after which the routes are printed anew. Ends with SIGINT.",
  },
  words: {
    valueHint: WATCHED.join("|"),
    description: "What is watched: routes, sessions with peers or servers, or both.",
    example: "routes",
    optional: true,
  },
  args: {
    vni: vniFlag,
    prefix: {
      type: "string",
      valueHint: "PREFIX|ADDRESS",
      example: "10.0.1.0/24",
      description:
        "A prefix stands for this destination and those inside it, an address for all destinations that contain it.",
    },
    "only-changes": { type: "boolean", description: "Leave out the routes that are there at the beginning." },
    ...controlFlags(null),
  },
} satisfies CommandDefinition;

/** A line of `bunbond watch`: a route that is there, or a change. */
export interface WatchRow extends Omit<ChangeEntry, "number" | "time" | "change" | "existence"> {
  /** Null for what is there at the beginning. */
  readonly number: number | null;
  readonly time: string;
  readonly change: ChangeEntry["change"] | "is";
}

const SIGNS: Readonly<Record<WatchRow["change"], string>> = {
  is: "=",
  add: "+",
  remove: "-",
  up: "up",
  down: "down",
};

/** Returns a line for people: "2026-01-31T12:00:00.000Z + 100 10.0.1.0/24 via 2001:db8::1 announced by [2001:db8::9]:52100 (7)". */
function watchLine({ time, change, vni, destination, nextHop, reason, by }: WatchRow): string {
  const route = vni === null ? "" : ` ${vni} ${destination} via ${nextHop}`;
  const name = holderName(by);
  return printable(`${time} ${SIGNS[change]}${route} ${reason} ${vni === null ? name : `by ${name}`}`);
}

/** Returns the commands. `directories` are where the default sockets are. */
export function historyCommands(directories: readonly string[]): Command[] {
  return [
    {
      definition: historyDefinition,
      topics: ["operations", "output"],
      examples: [
        { comment: "What has changed in the last minute", line: "bunbond history --since 1m" },
        {
          comment: "Since when is it there, and did it flap?",
          line: "bunbond history 10.0.1.0/24 --vni 100",
        },
      ],
      exitCodes: [DAEMON_AWAY],
      async run(context) {
        const { flags, words } = parseArguments(historyDefinition, context.rawArgs);
        const query = new URLSearchParams();
        if (words[0] !== undefined) query.set("prefix", readAsked(words[0], "history"));
        if (flags.vni !== undefined) query.set("vni", `${readVni("--vni", flags.vni)}`);
        const since = flags.since === undefined ? undefined : readSince(flags.since);
        const given =
          flags.limit === undefined ? null : readWholeNumber("--limit", flags.limit, 1, MAX_LIMIT);
        const format = readOutput(flags);
        const client = await clientOf(flags, null, directories);
        const changes =
          since === undefined && (given ?? DEFAULT_LIMIT) <= PAGE
            ? lastChanges(client, query, given ?? DEFAULT_LIMIT)
            : changesSince(client, query, since ?? "36500d", given ?? Number.POSITIVE_INFINITY);
        await printRows(context.io, changes, CHANGE_COLUMNS, format);
        return EXIT_OK;
      },
    },
    {
      definition: watchDefinition,
      topics: ["operations", "output"],
      examples: [
        {
          comment: "Changes of one VNI as lines of JSON",
          line: "bunbond watch routes --vni 100 --only-changes -o jsonl",
        },
      ],
      exitCodes: [DAEMON_AWAY],
      async run(context) {
        const { flags, words } = parseArguments(watchDefinition, context.rawArgs);
        const about = readOneOf("WHAT", words[0] ?? "all", WATCHED);
        const query = new URLSearchParams();
        if (about !== "all") query.set("about", about);
        if (flags.vni !== undefined) query.set("vni", `${readVni("--vni", flags.vni)}`);
        if (flags.prefix !== undefined) query.set("prefix", readAsked(flags.prefix, "watch"));
        const format = readOutput(flags);
        const client = await clientOf(flags, null, directories);
        const rows = watchRows(context, client, `/v1/events?${query}`, flags["only-changes"]);
        const { stdout } = context.io;
        for await (const row of rows) {
          // Each row at once: a table would wait for the widths of others.
          if (format === "table" || format === "wide") stdout.write(`${watchLine(row)}\n`);
          else
            stdout.write(
              `${format === "yaml" ? `---\n${Bun.YAML.stringify(row, null, 2)}` : JSON.stringify(row)}\n`,
            );
          await stdout.drained();
        }
        return EXIT_OK;
      },
    },
  ];
}

/** @throws UsageError */
function readSince(text: string): string {
  const isTime = /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text));
  if (isTime || /^\d+[smhd]$/.test(text)) return text;
  throw badValue(
    "--since",
    text,
    { start: 0, end: text.length },
    "30s, 5m, 2h, 1d or a time as 2026-01-31T12:00:00Z is needed",
  );
}

async function* lastChanges(client: ControlClient, query: URLSearchParams, limit: number) {
  query.set("limit", `${limit}`);
  yield* (await client.get<HistoryPage>(`/v1/history?${query}`)).changes;
}

async function* changesSince(client: ControlClient, query: URLSearchParams, since: string, limit: number) {
  let left = limit;
  query.set("since", since);
  query.set("limit", `${Math.min(PAGE, left)}`);
  for (;;) {
    const { changes } = await client.get<HistoryPage>(`/v1/history?${query}`);
    yield* changes;
    left -= changes.length;
    const last = changes.at(-1);
    if (last === undefined || changes.length < PAGE || left <= 0) return;
    query.delete("since");
    query.set("after", `${last.number}`);
    query.set("limit", `${Math.min(PAGE, left)}`);
  }
}

/** An event of the stream, as text. */
interface StreamEvent {
  readonly id: string | null;
  readonly name: string;
  readonly data: string;
}

async function* watchRows(
  { io }: CommandContext,
  client: ControlClient,
  path: string,
  onlyChanges: boolean,
): AsyncGenerator<WatchRow> {
  const ended = new AbortController();
  io.stdout.onGone(() => ended.abort());
  let lastId = "";
  let isFirst = true;
  while (!ended.signal.aborted) {
    try {
      const lines = client.lines(path, ended.signal, lastId === "" ? {} : { "Last-Event-ID": lastId });
      for await (const { id, name, data } of eventsOf(lines)) {
        isFirst = false;
        if (id !== null) lastId = id;
        if (name === "change") yield JSON.parse(data);
        else if (name === "route" && !onlyChanges) yield* routeRows(JSON.parse(data));
      }
    } catch (error) {
      // A daemon that was there is waited for: it may be restarting.
      if (isFirst || !(error instanceof CommandError) || error.exitCode !== EXIT_NO_DAEMON) throw error;
    }
    await Bun.sleep(RETRY_AFTER_MS);
  }
}

async function* eventsOf(lines: AsyncIterable<string>): AsyncGenerator<StreamEvent> {
  let id: string | null = null;
  let name = "";
  let data = "";
  for await (const line of lines) {
    if (line.startsWith("id: ")) id = line.slice(4);
    else if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data = line.slice(6);
    else if (line === "" && name !== "") {
      yield { id, name, data };
      id = null;
      name = "";
    }
  }
}

/** A row for each holder of each next hop. */
function* routeRows({ vni, destination, nextHops }: RouteEntry): Generator<WatchRow> {
  for (const hop of nextHops) {
    for (const { name, id, state, since } of hop.holders) {
      yield {
        number: null,
        time: since,
        change: "is",
        vni,
        destination,
        nextHop: hopText(hop),
        reason: state,
        by: { name, id },
      };
    }
  }
}
