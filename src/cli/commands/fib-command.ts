/**
 * `bunbond fib` asks a running client about its routes in the kernel: as the client knows them, or with `--drift` by a fresh dump of
 * the kernel, of which only what differs is printed.
 */
import type { FibDrift, FibEntry } from "../../http/queries/api.ts";
import { readVni, readWholeNumber } from "../flags/values.ts";
import type { Command } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { DAEMON_AWAY, EXIT_FAILED, EXIT_OK } from "../program/exit-codes.ts";
import { parseFlags } from "../program/flags.ts";
import { printRows, readOutput, tableOf, type View } from "../program/output-format.ts";
import { type Column, phrase } from "../program/table.ts";
import { UsageError } from "../program/usage-error.ts";
import { clientOf, controlFlags, print } from "./control-flags.ts";
import { vniFlag } from "./query-commands.ts";

const MAX_TABLE = 0xffff_ffff;

const FIB_COLUMNS: readonly Column<FibEntry>[] = [
  { head: "TABLE", value: ({ table }) => table },
  { head: "VNIS", value: ({ vnis }) => vnis, dropOrder: 3 },
  { head: "DESTINATION", value: ({ destination }) => destination },
  { head: "STATE", value: ({ state }) => state },
  { head: "DESIRED", value: ({ desired }) => desired, dropOrder: 1 },
  { head: "IN THE KERNEL", value: ({ observed }) => observed, dropOrder: 2 },
  { head: "NEXTHOP ID", value: ({ nexthopId }) => nexthopId, isWideOnly: true },
  { head: "REASON", value: ({ reason }) => reason },
];

const DRIFT_VIEW: View<FibDrift> = {
  sections: ({ entries, count, compared, complete }) => [
    {
      pairs: [
        { name: "drift", value: phrase`${count} destinations differ, and ${compared} have a desired route` },
        { name: "shown", value: entries.length },
        { name: "whole kernel read", value: complete },
      ],
    },
    ...(entries.length === 0 ? [] : [tableOf(FIB_COLUMNS, entries)]),
  ],
  rows: ({ entries }) => entries,
};

const definition = {
  meta: {
    name: "fib",
    description:
      "List the routes that a running client puts into the kernel: for each destination the next hops that are desired and those in the kernel, the state, and why it is not installed.",
  },
  args: {
    drift: {
      type: "boolean",
      description:
        "Dump the kernel anew, and list only what differs from what is desired. Nothing is changed. The exit code is 1 if anything differs.",
    },
    vni: { ...vniFlag, description: "Only the table of this VNI. If left out: all of them." },
    table: {
      type: "string",
      valueHint: "TABLE",
      example: "100",
      description: "Only this routing table.",
    },
    state: {
      type: "string",
      valueHint: "STATE",
      example: "refused",
      description:
        "Only destinations in this state: installed, pending, refused, skipped, shadowed (another VNI of the table has it), kept (from an earlier client, until the servers have sent all) or planned (--dry-run).",
    },
    ...controlFlags("client"),
  },
} satisfies CommandDefinition;

/** Returns the command. `directories` are where the default sockets are. */
export function fibCommand(directories: readonly string[]): Command {
  return {
    definition,
    topics: ["kernel", "troubleshooting", "output"],
    examples: [
      { comment: "What the kernel refuses, and why", line: "bunbond fib --state refused" },
      { comment: "Is the kernel right, now? For a script: exit code 1 if not", line: "bunbond fib --drift" },
    ],
    exitCodes: [DAEMON_AWAY],
    async run(context) {
      const flags = parseFlags(definition.args, context.rawArgs);
      const { vni, table, state, drift } = flags;
      const query = new URLSearchParams();
      if (vni !== undefined) query.set("vni", `${readVni("--vni", vni)}`);
      if (table !== undefined) query.set("table", `${readWholeNumber("--table", table, 1, MAX_TABLE)}`);
      if (state !== undefined) {
        if (drift)
          throw new UsageError("BAD_VALUE", "--drift and --state exclude each other", { hint: "give one" });
        query.set("state", state);
      }
      const client = await clientOf(flags, "client", directories);
      if (drift) {
        const answer = await client.get<FibDrift>(`/v1/fib/drift?${query}`);
        print(context, flags, answer, DRIFT_VIEW);
        return answer.count === 0 ? EXIT_OK : EXIT_FAILED;
      }
      query.set("format", "jsonl");
      const lines = client.lines(`/v1/fib?${query}`, new AbortController().signal);
      await printRows(context.io, entriesOf(lines), FIB_COLUMNS, readOutput(flags));
      return EXIT_OK;
    },
  };
}

async function* entriesOf(lines: AsyncIterable<string>): AsyncGenerator<FibEntry> {
  // The daemon is ours.
  for await (const line of lines) if (line !== "") yield JSON.parse(line);
}
