/** Sets of address blocks are merged, divided and nested here. Blocks never overlap by halves, so order and nesting say everything. */
import { addressCount, covers, firstHost, lastHost } from "../../net/cidr.ts";
import type { Prefix } from "../../net/ip.ts";
import { comparePrefix, maskPrefix, samePrefix } from "../../net/prefix.ts";
import { addressOfInteger, integerOf } from "./address-forms.ts";

/**
 * Returns the fewest blocks that hold exactly the addresses of the given ones, in order: IPv4 first, then by address.
 *
 * In sorted order a block comes after those that cover it. `merged` is always minimal for what was read so far: a covered block
 * changes nothing, and a new one can only complete a pair with the last block, whose parent may complete the next pair.
 */
export function mergeBlocks(blocks: readonly Prefix[]): Prefix[] {
  const merged: Prefix[] = [];
  for (const block of blocks.toSorted(comparePrefix)) {
    let last = merged.at(-1);
    if (last !== undefined && covers(last, block)) continue;
    let next = block;
    while (last !== undefined && areHalves(last, next)) {
      merged.pop();
      next = maskPrefix(last, last.lengthBits - 1);
      last = merged.at(-1);
    }
    merged.push(next);
  }
  return merged;
}

/** Returns true if the blocks, which are not the same, are the two halves of one. */
function areHalves(a: Prefix, b: Prefix): boolean {
  if (a.family !== b.family || a.lengthBits !== b.lengthBits || a.lengthBits === 0) return false;
  const parentBits = a.lengthBits - 1;
  return samePrefix(maskPrefix(a, parentBits), maskPrefix(b, parentBits));
}

/** Yields the parts of the block that have `lengthBits`, which is not less than its own, in order. There may be 2^128. */
export function* subnetsOf(block: Prefix, lengthBits: number): Generator<Prefix> {
  const step = addressCount({ ...block, lengthBits });
  const first = integerOf(block);
  const end = first + addressCount(block);
  for (let at = first; at < end; at += step) yield { ...addressOfInteger(at, block.family), lengthBits };
}

/** A block, and the smallest of the other given blocks that holds it. */
export interface Nesting {
  readonly outer: Prefix;
  readonly inner: Prefix;
}

/** Returns each block that lies in another one, or equals it, with the smallest such one, in the order of {@link comparePrefix}. */
export function nestedBlocks(blocks: readonly Prefix[]): Nesting[] {
  const nestings: Nesting[] = [];
  /** The blocks around the one just read, the smallest last. */
  const around: Prefix[] = [];
  for (const inner of blocks.toSorted(comparePrefix)) {
    let outer = around.at(-1);
    while (outer !== undefined && !covers(outer, inner)) {
      around.pop();
      outer = around.at(-1);
    }
    if (outer !== undefined) nestings.push({ outer, inner });
    around.push(inner);
  }
  return nestings;
}

/** Returns true if every address of `inner` lies in one of the blocks, even if only several of them together hold it. */
export function holdsAll(blocks: readonly Prefix[], inner: Prefix): boolean {
  return mergeBlocks(blocks).some((block) => covers(block, inner));
}

/** Number of addresses that hosts may have, by the rules of {@link firstHost}. */
export function hostCount(block: Prefix): bigint {
  return integerOf(lastHost(block)) - integerOf(firstHost(block)) + 1n;
}
