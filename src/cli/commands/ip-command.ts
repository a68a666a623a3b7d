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
import { EXIT_FAILED } from "../program/exit-codes.ts";
import { type FlagValues, parseArguments } from "../program/flags.ts";
import { styleFor } from "../program/style.ts";
import { UsageError } from "../program/usage-error.ts";
import { readWholeInput, STDIN } from "./input-file.ts";
import { ipText } from "./ip-text.ts";
import { writeLines } from "./stream-output.ts";

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
    json: {
      type: "boolean",
      description: "Print JSON: one object for each address, or for each part of a split.",
      errorsAsJson: true,
    },
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
  const nat64Prefix = flags["nat64-prefix"] === undefined ? null : readNat64Prefix(flags["nat64-prefix"]);
  const given = readEach(await wordsWithInput(words), (word) =>
    readAddressOrBlock(definition.words.valueHint, word),
  );
  const blocks = given.map(blockOf);
  switch (action) {
    case "contains":
      return showContains(context, flags, blocks);
    case "overlaps":
      return await showOverlaps(context, flags, blocks);
    case "merge":
      await writeLines(context.io.stdout, mergeBlocks(blocks).map(lineOf(flags)));
      return 0;
    case "split":
      return await showParts(context, flags, given);
    case null:
      await writeLines(context.io.stdout, descriptions(context, flags, given, nat64Prefix));
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

function* descriptions(
  { io }: CommandContext,
  { json }: Flags,
  given: readonly AddressOrBlock[],
  nat64Prefix: Prefix | null,
): Generator<string> {
  const style = styleFor(io.stdoutIsTty, io.environment);
  for (const [index, each] of given.entries()) {
    const description = describeIp(each, nat64Prefix);
    if (json) yield JSON.stringify(description);
    else yield `${index === 0 ? "" : "\n"}${ipText(description, style).trimEnd()}`;
  }
}

function showContains({ io }: CommandContext, flags: Flags, blocks: readonly Prefix[]): number {
  const text = flags.contains ?? "";
  const inner = blockOf(readAddressOrBlock("--contains", text));
  const isContained = holdsAll(blocks, inner);
  if (flags.json) {
    const by = blocks.find((block) => covers(block, inner));
    const block = by === undefined ? null : formatPrefix(by);
    io.stdout.write(`${JSON.stringify({ contains: isContained, prefix: formatPrefix(inner), block })}\n`);
  } else {
    io.stdout.write(
      isContained ? `yes: ${formatPrefix(inner)} is inside\n` : `no: ${formatPrefix(inner)} is not inside\n`,
    );
  }
  return isContained ? 0 : EXIT_FAILED;
}

async function showOverlaps(
  { io }: CommandContext,
  { json }: Flags,
  blocks: readonly Prefix[],
): Promise<number> {
  const nestings = nestedBlocks(blocks).map((nesting) => ({
    outer: formatPrefix(nesting.outer),
    inner: formatPrefix(nesting.inner),
  }));
  if (json) io.stdout.write(`${JSON.stringify({ overlaps: nestings })}\n`);
  else if (nestings.length === 0) io.stdout.write("no two of them overlap\n");
  else {
    await writeLines(
      io.stdout,
      nestings.map(({ outer, inner }) => `${inner} ${inner === outer ? "is given twice" : `is in ${outer}`}`),
    );
  }
  return nestings.length > 0 ? 0 : EXIT_FAILED;
}

async function showParts(
  { io }: CommandContext,
  flags: Flags,
  given: readonly AddressOrBlock[],
): Promise<number> {
  const text = flags.split ?? "";
  const limit =
    flags.limit === undefined
      ? Number.POSITIVE_INFINITY
      : readWholeNumber("--limit", flags.limit, 1, Number.MAX_SAFE_INTEGER);
  const blocks = given.map(blockOf);
  const longest = Math.max(...blocks.map(({ lengthBits }) => lengthBits));
  const most = Math.min(...blocks.map(({ family }) => (family === 4 ? 32 : 128)));
  // "/26" is how people say it.
  const lengthBits = readWholeNumber("--split", text.replace(/^\//, ""), longest, most);
  const count = blocks.reduce((sum, block) => sum + partCount(block, lengthBits), 0n);
  await writeLines(io.stdout, take(parts(blocks, lengthBits), limit, lineOf(flags)));
  if (Number.isFinite(limit) && count > BigInt(limit)) {
    io.stderr.write(`bunbond ip: ${limit} of ${count} parts; --limit takes more\n`);
  }
  return 0;
}

function partCount(block: Prefix, lengthBits: number): bigint {
  return addressCount(block) / addressCount({ ...block, lengthBits });
}

function* parts(blocks: readonly Prefix[], lengthBits: number): Generator<Prefix> {
  for (const block of blocks) yield* subnetsOf(block, lengthBits);
}

function* take<T>(items: Iterable<T>, limit: number, line: (item: T) => string): Generator<string> {
  let taken = 0;
  for (const item of items) {
    if (taken++ >= limit) return;
    yield line(item);
  }
}

function lineOf({ json }: Flags): (prefix: Prefix) => string {
  return (prefix) => (json ? JSON.stringify({ prefix: formatPrefix(prefix) }) : formatPrefix(prefix));
}
