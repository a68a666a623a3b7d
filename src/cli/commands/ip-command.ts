/** `bunbond ip` says what an address or a block is, and divides, merges and compares blocks. It needs no daemon. */
import { addressCount, covers } from "../../net/cidr.ts";
import type { Prefix } from "../../net/ip.ts";
import { formatPrefix } from "../../net/prefix.ts";
import { bytesOf } from "../../tools/ip/address-forms.ts";
import { holdsAll, mergeBlocks, nestedBlocks, subnetsOf } from "../../tools/ip/blocks.ts";
import { describeIp } from "../../tools/ip/describe.ts";
import { NAT64_LENGTHS } from "../../tools/ip/embedded-addresses.ts";
import { type AddressOrBlock, blockOf, isFault, parseAddressOrBlock } from "../../tools/ip/parse-block.ts";
import { badValue, readEach, readWholeNumber, whole } from "../flags/values.ts";
import type { Command, CommandContext } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { EXIT_FAILED, EXIT_OK } from "../program/exit-codes.ts";
import { type FlagValues, parseArguments } from "../program/flags.ts";
import { type OutputFormat, outputFlags, printObject, readOutput } from "../program/output-format.ts";
import type { ProgramIo } from "../program/program-io.ts";
import { styleFor } from "../program/style.ts";
import { UsageError } from "../program/usage-error.ts";
import { readWholeInput, STDIN } from "./input-file.ts";
import { ipText } from "./ip-text.ts";
import { type RowForms, writeRows } from "./stream-output.ts";

const definition = {
  meta: {
    name: "ip",
    description:
      "Show what an address or a block is: its range, masks and counts, its class in IANA's registries, its scope, its other forms and the addresses inside it. With a flag, divide, merge or compare blocks instead.",
  },
  words: {
    valueHint: "ADDRESS|CIDR",
    repeatable: true,
    example: "10.0.0.0/8",
    description:
      "IPv4 or IPv6, with or without a prefix length; for IPv4 a netmask may stand in its place. - reads them from standard input, separated by white space or commas; # begins a comment.",
  },
  args: {
    contains: {
      type: "string",
      valueHint: "ADDRESS|CIDR",
      example: "10.1.2.3",
      description:
        "Check whether the blocks, taken together, hold all of this one. The exit code is 0 if they do and 1 if not.",
    },
    overlaps: {
      type: "boolean",
      description:
        "List each block that lies in another one or equals it. The exit code is 0 if there are such blocks and 1 if not.",
    },
    merge: {
      type: "boolean",
      description: "Print the fewest blocks that hold exactly the same addresses.",
    },
    split: {
      type: "string",
      valueHint: "LEN",
      example: "26",
      description: "Print the parts of each block that have this prefix length, one per line.",
    },
    limit: {
      type: "string",
      valueHint: "N",
      example: "100",
      description: "Print at most this many parts. If left out: all of them, however many.",
    },
    "nat64-prefix": {
      type: "string",
      valueHint: "CIDR",
      example: "2001:db8:64::/96",
      description: `Translate between IPv4 and IPv6 under this prefix, too (RFC 6052). Its length is one of ${NAT64_LENGTHS.join(", ")}.`,
    },
    ...outputFlags,
  },
} satisfies CommandDefinition;

type Flags = FlagValues<(typeof definition)["args"]>;

/** The flags that each ask for something else than a description. */
const ACTIONS = ["contains", "overlaps", "merge", "split"] as const;

export const ipCommand: Command = {
  definition,
  examples: [
    { comment: "What is it", line: "bunbond ip 100.64.1.7" },
    { comment: "Range, masks and counts", line: "bunbond ip 10.0.1.0/255.255.255.192" },
    { comment: "Is it inside", line: "bunbond ip 10.0.0.0/8 172.16.0.0/12 --contains 10.1.2.3" },
    { comment: "The first subnets of a block", line: "bunbond ip 2001:db8::/32 --split 48 --limit 10" },
    { comment: "The same addresses in fewer blocks", line: "bunbond ip 10.0.0.0/25 10.0.0.128/25 --merge" },
    {
      comment: "The IPv6 address of an IPv4 host behind NAT64",
      line: "bunbond ip 192.0.2.33 --nat64-prefix 2001:db8:122:344::/64",
    },
  ],
  run: runIp,
};

async function runIp(context: CommandContext): Promise<number> {
  const { flags, words } = parseArguments(definition, context.rawArgs);
  const action = readAction(flags);
  const format = readOutput(flags);
  const nat64Prefix = flags["nat64-prefix"] === undefined ? null : readNat64Prefix(flags["nat64-prefix"]);
  const given = readEach(await wordsWithInput(words), (word) =>
    readAddressOrBlock(definition.words.valueHint, word),
  );
  const blocks = given.map(blockOf);
  switch (action) {
    case "contains":
      return showContains(context.io, flags.contains ?? "", blocks, format);
    case "overlaps":
      return showOverlaps(context.io, blocks, format);
    case "merge":
      await writeRows(context.io, mergeBlocks(blocks), format, PREFIX_FORMS);
      return 0;
    case "split":
      return await showParts(context.io, flags, blocks, format);
    case null:
      await showDescriptions(context.io, given, nat64Prefix, format);
      return 0;
  }
}

function readAction(flags: Flags): (typeof ACTIONS)[number] | null {
  const [first, second] = ACTIONS.filter((name) => flags[name]);
  if (second !== undefined) {
    throw new UsageError("BAD_VALUE", `--${first} and --${second} exclude each other`, { hint: "give one" });
  }
  if (flags.limit !== undefined && first !== "split") {
    throw new UsageError("BAD_VALUE", "--limit is for --split", { hint: "leave it out, or add --split" });
  }
  return first ?? null;
}

/** Replaces "-" by the words of standard input. */
async function wordsWithInput(words: readonly string[]): Promise<readonly string[]> {
  if (!words.includes(STDIN)) return words;
  const text = (await readWholeInput(STDIN)).replaceAll(/#.*/g, "");
  const fromInput = text.split(/[\s,]+/).filter((word) => word !== "");
  return words.flatMap((word) => (word === STDIN ? fromInput : [word]));
}

function readAddressOrBlock(name: string, text: string): AddressOrBlock {
  const parsed = parseAddressOrBlock(text);
  if (isFault(parsed)) throw badValue(name, text, parsed, parsed.reason);
  return parsed;
}

function readNat64Prefix(text: string): Prefix {
  const flag = "--nat64-prefix";
  const { address, block } = readAddressOrBlock(flag, text);
  if (block?.family !== 6 || !NAT64_LENGTHS.includes(block.lengthBits)) {
    throw badValue(flag, text, whole(text), `an IPv6 prefix of length ${NAT64_LENGTHS.join(", ")} is needed`);
  }
  if (bytesOf(address)[8] !== 0) {
    throw badValue(
      flag,
      text,
      whole(text),
      "the bits 64 to 71 of the prefix must be 0 (RFC 6052, section 2.2)",
    );
  }
  return block;
}

const PREFIX_FORMS: RowForms<Prefix> = {
  text: formatPrefix,
  object: (prefix) => ({ prefix: formatPrefix(prefix) }),
};

/** Prints one description as an object, several as a list. */
async function showDescriptions(
  io: ProgramIo,
  given: readonly AddressOrBlock[],
  nat64Prefix: Prefix | null,
  format: OutputFormat,
): Promise<void> {
  const style = styleFor(io.stdoutIsTty, io.environment);
  const [first, ...others] = given;
  if (first !== undefined && others.length === 0) {
    printObject(
      io,
      describeIp(first, nat64Prefix),
      { text: (description) => ipText(description, style) },
      format,
    );
    return;
  }
  await writeRows(io, given, format, {
    text: (each) => `${each === first ? "" : "\n"}${ipText(describeIp(each, nat64Prefix), style).trimEnd()}`,
    object: (each) => describeIp(each, nat64Prefix),
  });
}

function showContains(io: ProgramIo, text: string, blocks: readonly Prefix[], format: OutputFormat): number {
  const inner = blockOf(readAddressOrBlock("--contains", text));
  const prefix = formatPrefix(inner);
  const by = blocks.find((block) => covers(block, inner));
  const answer = {
    contains: holdsAll(blocks, inner),
    prefix,
    /** The first block that contains all of it; null also if only several blocks together do. */
    block: by === undefined ? null : formatPrefix(by),
  };
  printObject(
    io,
    answer,
    { text: ({ contains }) => `${contains ? "yes" : "no"}: ${prefix} is ${contains ? "" : "not "}inside\n` },
    format,
  );
  return answer.contains ? EXIT_OK : EXIT_FAILED;
}

function showOverlaps(io: ProgramIo, blocks: readonly Prefix[], format: OutputFormat): number {
  const overlaps = nestedBlocks(blocks).map(({ outer, inner }) => ({
    outer: formatPrefix(outer),
    inner: formatPrefix(inner),
  }));
  printObject(io, { overlaps }, { text: overlapsText, rows: () => overlaps }, format);
  return overlaps.length > 0 ? EXIT_OK : EXIT_FAILED;
}

function overlapsText({
  overlaps,
}: {
  readonly overlaps: readonly { outer: string; inner: string }[];
}): string {
  if (overlaps.length === 0) return "no two of them overlap\n";
  return overlaps
    .map(({ outer, inner }) => `${inner} ${inner === outer ? "is given twice" : `is in ${outer}`}\n`)
    .join("");
}

async function showParts(
  io: ProgramIo,
  flags: Flags,
  blocks: readonly Prefix[],
  format: OutputFormat,
): Promise<number> {
  const text = flags.split ?? "";
  const limit =
    flags.limit === undefined
      ? Number.POSITIVE_INFINITY
      : readWholeNumber("--limit", flags.limit, 1, Number.MAX_SAFE_INTEGER);
  const longest = Math.max(...blocks.map(({ lengthBits }) => lengthBits));
  const most = Math.min(...blocks.map(({ family }) => (family === 4 ? 32 : 128)));
  // "/26" is how people say it.
  const lengthBits = readWholeNumber("--split", text.replace(/^\//, ""), longest, most);
  const count = blocks.reduce((sum, block) => sum + partCount(block, lengthBits), 0n);
  await writeRows(io, parts(blocks, lengthBits, limit), format, PREFIX_FORMS);
  if (Number.isFinite(limit) && count > BigInt(limit)) {
    io.stderr.write(`bunbond ip: ${limit} of ${count} parts; --limit takes more\n`);
  }
  return EXIT_OK;
}

function partCount(block: Prefix, lengthBits: number): bigint {
  return addressCount(block) / addressCount({ ...block, lengthBits });
}

function* parts(blocks: readonly Prefix[], lengthBits: number, limit: number): Generator<Prefix> {
  let count = 0;
  for (const block of blocks) {
    for (const part of subnetsOf(block, lengthBits)) {
      if (count++ >= limit) return;
      yield part;
    }
  }
}
