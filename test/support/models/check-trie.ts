import type { PrefixPool } from "../../../src/route/trie/prefix-trie.ts";
import {
  ADDRESS,
  COVER,
  EXACT,
  HANDLE_MASK,
  MAX_OWN_CHAIN,
  MAX_STRIDE_BITS,
  RANGE,
} from "../../../src/route/trie/trie-store.ts";

/**
 * Walks all nodes of a trie and throws at the first word that breaks what trie-store.ts says about it.
 * Returns how many words of nodes the trie takes.
 */
export function checkTrie(pool: PrefixPool, root: number): number {
  const store = pool.store;
  const bitsOf = (words: Int32Array, at: number): string =>
    Array.from({ length: store.addressWords }, (_, i) =>
      ((words[at + i] as number) >>> 0).toString(2).padStart(32, "0"),
    ).join("");
  const must = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(`trie invariant broken: ${what}`);
  };
  const checkChain = (head: number, block: string, domain: number): void => {
    let longest = Number.POSITIVE_INFINITY;
    for (let at = head; at !== 0; at = store.parentOf(at)) {
      const length = store.lengthOf(at);
      must(store.isLive(at), "a chain names live records");
      must(length < longest, "lengths in a chain fall");
      must(length > domain || domain === 0, "a chain stays below the node above");
      const bits = bitsOf(store.records, at * store.recordWords);
      must(bits.startsWith(block.slice(0, length)), "what is in a chain contains the slot");
      longest = length;
    }
  };

  const checkNode = (node: number, above: string, endAbove: number): number => {
    const position = store.positionOf(node);
    const stride = store.strideOf(node);
    const end = position + stride;
    const address = bitsOf(store.nodes, node + ADDRESS);
    const block = address.slice(0, position);
    must(stride >= 1 && stride <= MAX_STRIDE_BITS, "stride in bounds");
    must(position >> 5 === (end - 1) >> 5, "index within one word");
    must(block.startsWith(above), "node lies in the slot above");
    must(!address.slice(position).includes("1"), "bits behind the position are 0");
    let own = 0;
    let direct = 0;
    let directSlots = 0;
    let used = 0;
    let words = store.headWords + (1 << stride);
    for (let i = 0; i < 1 << stride; i++) {
      const slot = store.nodes[node + store.headWords + i] as number;
      const slotBlock = block + i.toString(2).padStart(stride, "0");
      if (slot === 0) continue;
      used++;
      must(store.countFrom(store.headOf(slot), end) <= MAX_OWN_CHAIN, "a slot's own chain is short");
      if (slot < 0) {
        own++;
        const child = ~slot;
        checkChain(store.nodes[child + COVER] as number, bitsOf(store.nodes, child + ADDRESS), position);
        const cover = store.nodes[child + COVER] as number;
        must(cover === 0 || store.lengthOf(cover) <= store.positionOf(child), "a cover contains its node");
        if (store.positionOf(child) === end) {
          direct++;
          directSlots += 2 + 4 * Math.min((1 << store.strideOf(child)) >> 2, 511);
        }
        words += checkNode(child, slotBlock, end);
      } else {
        const handle = slot & HANDLE_MASK;
        const length = store.lengthOf(handle);
        const bits = bitsOf(store.records, handle * store.recordWords);
        must(((slot & RANGE) !== 0) === length < end, "RANGE marks what spans slots");
        must(((slot & EXACT) !== 0) === length <= end, "EXACT marks what the way to the slot proves");
        must(bits.startsWith(slotBlock.slice(0, length)), "a record lies in its slot");
        if (length >= end) own++;
        checkChain(handle, bits.slice(0, length), position);
      }
    }
    must(store.ownOf(node) === own, "own counted");
    if (stride < MAX_STRIDE_BITS) {
      must(store.directCountOf(node) === direct, "direct children counted");
      must(store.directSlotsOf(node) === directSlots, "slots of direct children counted");
    }
    const isLink = stride === 1 && used === 1 && store.countFrom(store.headOf(~node), endAbove) > 0;
    must(used >= 2 || isLink, "a node has more than one content, or covers of its own");
    must(stride === 1 || own * 48 > 1 << stride, "a node is not nearly empty");
    return words;
  };

  const slot = store.nodes[root] as number;
  const handle = slot & HANDLE_MASK;
  if (slot > 0) checkChain(handle, bitsOf(store.records, handle * store.recordWords), 0);
  if (slot >= 0) return 1;
  checkChain(store.nodes[~slot + COVER] as number, bitsOf(store.nodes, ~slot + ADDRESS), 0);
  return 1 + checkNode(~slot, "", 0);
}
