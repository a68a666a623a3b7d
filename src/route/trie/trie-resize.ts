import {
  ADDRESS,
  COVER,
  DIRECT,
  EXACT,
  HANDLE_MASK,
  MAX_OWN_CHAIN,
  MAX_STRIDE_BITS,
  POSITION_MASK,
  RANGE,
  type TrieStore,
} from "./trie-store.ts";

/*
 * This file decides when the nodes of a trie double and halve, and does it.
 *
 * A node doubles when at least a twelfth of its slots hold direct children. Each direct child becomes two nodes of half
 * its size or, if it has two slots, disappears into the larger node, which saves look-ups below it a step:
 *
 *     a node that ends at bit 9                        doubled, it ends at bit 10
 *       0 │ ~child: bits 9 to 11, a direct child  ──▶   00 │ ~node: bits 10 to 11, the first half of the child
 *         │                                             01 │ ~node: bits 10 to 11, the second half
 *       1 │ 10.128/9 EXACT                        ──▶   10 │ 10.128/9 EXACT RANGE
 *         │                                             11 │ 10.128/9 EXACT RANGE
 *
 * A longer prefix, or a node that skips bits, goes into one of the two slots, as its bit 9 says.
 *
 * A node halves when at most one slot in 24 has content of its own. A node that has just doubled has twice as much, so
 * a flapping route does not make it double and halve each time. Doubling at a quarter, nearly as the Linux kernel's
 * fib_trie.c does, takes 13 % less memory on an Internet table, but a look-up misses a fifth more cache lines there and
 * three quarters more in an overlay's subnets. (LC-tries: Nilsson and Karlsson, 1999.)
 *
 * A node of two slots of which only one has content is replaced by that content, unless the chain of the slot above
 * would then have more than MAX_OWN_CHAIN prefixes of its own. So where prefixes contain one another in long chains,
 * each piece of the chain is the cover of such a node.
 *
 * In all functions `at` is the slot that holds the node, and `parent` the node of that slot, 0 for a root.
 */

const GROW_AT_ONE_IN = 12;
const SHRINK_AT_ONE_IN = 24;

/**
 * The time of one doubling has two bounds: the slots that it passes, those of the node and of its direct children, and
 * its work. The work is 1 for each record or head of a node, which may lie anywhere in memory, and 2 for a record that
 * is reached through another record. At twice these bounds a doubling would take 120 to 250 µs when its words are in no
 * cache. The bounds cost little: tables like the Internet's and an overlay's have the same nodes as without them if
 * their prefixes arrive in random order, and paths to them that are at most 11 % longer if they arrive sorted. A node
 * beyond the bounds stays as it is; its work is computed again the 64th time that its children require a doubling.
 */
const MAX_RESIZE_SLOTS = 3072;
const MAX_RESIZE_WORK = 2600;
/** This few slots cannot be too much work: one slot takes at most 1 for a node and 2 for each prefix of its chain. */
const SMALL_RESIZE_SLOTS = MAX_RESIZE_WORK / (1 + 2 * MAX_OWN_CHAIN);

/**
 * Doubles the node if its direct children require it. Returns true if it did. One doubling per update keeps updates
 * short.
 */
export function growNode(store: TrieStore, at: number, parent: number): boolean {
  const node = ~(store.nodes[at] as number);
  const strideBits = store.strideOf(node);
  const slots = 1 << strideBits;
  if (store.directCountOf(node) * GROW_AT_ONE_IN < slots) return false;
  if (strideBits === MAX_STRIDE_BITS || store.ownOf(node) <= 1) return false;
  if ((store.positionOf(node) & 31) + strideBits === 32) return false;
  const passed = slots + store.directSlotsOf(node);
  if (passed > MAX_RESIZE_SLOTS) return false;
  if (passed > SMALL_RESIZE_SLOTS && store.takeWait(node)) return false;
  store.fetchChains(node + store.headWords, slots);
  if (passed > SMALL_RESIZE_SLOTS) {
    if (doublingWork(store, node, strideBits) > MAX_RESIZE_WORK) {
      store.startWait(node);
      return false;
    }
  }
  double(store, at, parent);
  return true;
}

/** Returns the work of doubling the node. It stops counting when the sum exceeds MAX_RESIZE_WORK. */
function doublingWork(store: TrieStore, node: number, strideBits: number): number {
  const { nodes, headWords } = store;
  const end = store.endOf(node);
  const from = node + headWords;
  const behind = from + (1 << strideBits);
  let work = 0;
  store.steps += 1 << strideBits;
  for (let i = from; i < behind && work <= MAX_RESIZE_WORK; i++) {
    const content = nodes[i] as number;
    if (content === 0 || (content > 0 && (content & EXACT) !== 0)) continue;
    const isDirect = content < 0 && ((nodes[~content] as number) & POSITION_MASK) === end;
    work += isDirect ? 1 + splittingWork(store, ~content, end + 1) : chainWork(store, content, end + 1);
  }
  return work;
}

/** Returns the work of splitting a direct child. `end` is where the slots end that get its halves. */
function splittingWork(store: TrieStore, child: number, end: number): number {
  const { nodes, headWords } = store;
  const strideBits = 32 - (((nodes[child] as number) >> 8) & 31);
  const left = child + headWords;
  const right = left + (1 << (strideBits - 1));
  if (strideBits === 1) {
    return chainWork(store, nodes[left] as number, end) + chainWork(store, nodes[right] as number, end);
  }
  const countsChildren = strideBits === MAX_STRIDE_BITS || nodes[child + DIRECT] !== 0;
  if (
    !countsChildren &&
    fillingOf(store, nodes[left] as number, end) === 0 &&
    fillingOf(store, nodes[right] as number, end) === 0
  ) {
    return 0;
  }
  return (
    halvingWork(store, left, right - left, end, countsChildren) +
    halvingWork(store, right, right - left, end, countsChildren)
  );
}

/** Returns the work of making a node, or a content, of half of a direct child: of its `size` slots from `from` on. */
function halvingWork(
  store: TrieStore,
  from: number,
  size: number,
  end: number,
  countsChildren: boolean,
): number {
  const { nodes } = store;
  const isFilled = fillingOf(store, nodes[from] as number, end) !== 0;
  if (isFilled || countsChildren) store.fetchChains(from, size);
  if (!isFilled) return countsChildren ? size : 0;
  let work = 0;
  for (let i = from; i < from + size && work <= MAX_RESIZE_WORK; i++) {
    store.steps++;
    work += chainWork(store, nodes[i] as number, end);
  }
  return work;
}

/**
 * Returns the prefix of exactly `lengthBits` in a slot's chain, or 0. No prefix of the chain may be shorter: it is the one that
 * contains all slots of half of a node.
 */
function fillingOf(store: TrieStore, content: number, lengthBits: number): number {
  const { records, recordWords, addressWords } = store;
  let at = content < 0 ? (store.nodes[~content + COVER] as number) : content & HANDLE_MASK;
  while (at !== 0) {
    const word = records[at * recordWords + addressWords] as number;
    if ((word & 0xff) <= lengthBits) return at;
    at = word >>> 8;
    if (at !== 0) store.steps++;
  }
  return 0;
}

/** Returns the work of reading a slot's content and those prefixes of its chain that have at least `lengthBits`. */
function chainWork(store: TrieStore, content: number, lengthBits: number): number {
  const read = store.countFrom(store.headOf(content), lengthBits);
  return content < 0 ? 1 + 2 * read : read === 0 ? 0 : 2 * read - 1;
}

/** Halves the node as often as it is too large, or replaces it by its only content. */
export function shrinkNode(store: TrieStore, at: number, parent: number): void {
  for (;;) {
    const slot = store.nodes[at] as number;
    if (slot >= 0) return;
    const strideBits = store.strideOf(~slot);
    if (strideBits === 1) {
      collapse(store, at, parent);
      return;
    }
    if (!isTooLarge(store.ownOf(~slot), strideBits)) return;
    halve(store, at, parent);
  }
}

/** Returns true if a node with this many slots of its own should halve. */
function isTooLarge(own: number, strideBits: number): boolean {
  return own <= 1 || own * SHRINK_AT_ONE_IN <= 1 << strideBits;
}

/**
 * Does the same after a slot's chain has become shorter, if the slot holds a node with at most one content of its own.
 */
export function shrinkSingle(store: TrieStore, at: number, parent: number): void {
  const slot = store.nodes[at] as number;
  if (slot < 0 && store.ownOf(~slot) <= 1) shrinkNode(store, at, parent);
}

/** Replaces a node of two slots by its only content, unless the chain of the two would be too long. */
function collapse(store: TrieStore, at: number, parent: number): void {
  const nodes = store.nodes;
  const slot = nodes[at] as number;
  const first = ~slot + store.headWords;
  if (nodes[first] !== 0 && nodes[first + 1] !== 0) return;
  const content = nodes[first] !== 0 ? (nodes[first] as number) : (nodes[first + 1] as number);
  // If the slot has no covers of its own, the chain stays as it is, and is short enough.
  const covers = store.headOf(slot) === 0 ? 0 : store.countFrom(store.headOf(slot), store.endOf(parent));
  if (covers > 0 && covers + store.countFrom(store.headOf(content), 0) > MAX_OWN_CHAIN) return;
  store.countDirect(parent, slot, -1);
  nodes[at] = lift(store, content, store.headOf(slot), store.endOf(parent));
  store.countDirect(parent, nodes[at] as number, 1);
  store.freeNode(~slot, 1);
}

/**
 * Returns the content of a slot that ends at `end`, with nodes of two slots inserted where the slot's own chain is too
 * long. Each of them has the shorter prefixes as its cover and the rest of the chain in one of its slots.
 */
export function limitChain(store: TrieStore, content: number, end: number): number {
  const head = store.headOf(content);
  const own = store.countFrom(head, end);
  if (own <= MAX_OWN_CHAIN) return content;
  // At least one of the slot's own prefixes is shorter than the cover. So the node starts after `end`, and is no direct
  // child.
  let last = head;
  for (let i = own - MAX_OWN_CHAIN; i > 1; i--) last = store.parentOf(last);
  const cover = store.parentOf(last);
  store.setParent(last, 0);
  const position = store.lengthOf(cover);
  const node = store.allocateNode(1);
  store.writeHead(node, position, 1, cover);
  store.writeAddress(node, head, position);
  store.addOwn(node, 1);
  const first = node + store.headWords;
  const side = store.bitAt(store.records, head * store.recordWords, position);
  store.nodes[first + 1 - side] = 0;
  store.nodes[first + side] = limitChain(store, store.withHead(content, head, position + 1), position + 1);
  store.countDirect(node, store.nodes[first + side] as number, 1);
  return ~node;
}

/**
 * Returns a slot's content for a slot of the node above, which ends at `end`. `cover` was the cover of the content's
 * node.
 */
function lift(store: TrieStore, content: number, cover: number, end: number): number {
  return store.withHead(content, store.attach(store.headOf(content), cover), end);
}

/** Replaces the node by one of twice as many slots. */
function double(store: TrieStore, at: number, parent: number): void {
  const { nodes, headWords } = store;
  const oldSlot = nodes[at] as number;
  const old = ~oldSlot;
  const strideBits = store.strideOf(old);
  const oldEnd = store.endOf(old);
  const node = store.allocateNode(strideBits + 1);
  store.countDirect(parent, oldSlot, -1);
  store.writeHead(node, store.positionOf(old), strideBits + 1, store.headOf(oldSlot));
  copyAddress(store, node, old);
  store.steps += 2 << strideBits;

  let own = 0;
  let to = node + headWords;
  const from = old + headWords;
  const behind = from + (1 << strideBits);
  for (let i = from; i < behind; i++, to += 2) {
    const content = nodes[i] as number;
    if (content >= 0 && (content === 0 || (content & EXACT) !== 0)) {
      // The slot is empty, or has a prefix that contains both new slots.
      const both = content === 0 ? 0 : content | RANGE;
      nodes[to] = both;
      nodes[to + 1] = both;
    } else if (content >= 0 || ((nodes[~content] as number) & POSITION_MASK) !== oldEnd) {
      spread(store, content, oldEnd, to, node);
      own++;
    } else {
      const child = ~content;
      const childStrideBits = store.strideOf(child);
      const isSplit =
        childStrideBits === 1 ? splitPair(store, child, to, node) : splitEvenly(store, child, to, node);
      own += isSplit ? 2 : splitUnevenly(store, content, to, node);
      store.freeNode(child, childStrideBits);
    }
  }
  store.addOwn(node, own);
  store.freeNode(old, strideBits);
  nodes[at] = ~node;
  store.countDirect(parent, ~node, 1);
}

/**
 * Splits a direct child of two slots over the two slots at `to` of `node`. Returns false, and has changed nothing, if the child has
 * a cover or only one content.
 */
function splitPair(store: TrieStore, child: number, to: number, node: number): boolean {
  const { nodes, headWords } = store;
  const left = nodes[child + headWords] as number;
  const right = nodes[child + headWords + 1] as number;
  if (nodes[child + COVER] !== 0 || left === 0 || right === 0) return false;
  nodes[to] = left;
  nodes[to + 1] = right;
  if ((left | right) < 0) {
    store.countDirect(node, left, 1);
    store.countDirect(node, right, 1);
  }
  return true;
}

/**
 * Splits a direct child of four slots or more over the two slots at `to` of `node`. Returns false, and has changed nothing, in the
 * less frequent cases: one prefix contains all of a half, or a half has too little content for a node of its size.
 */
function splitEvenly(store: TrieStore, child: number, to: number, node: number): boolean {
  const { nodes, headWords } = store;
  const head = nodes[child] as number;
  const strideBits = 31 - ((head >> 8) & 31);
  const size = 1 << strideBits;
  const first = child + headWords;
  const behind = first + size;
  const end = (head & POSITION_MASK) + 1;
  if (fillingOf(store, nodes[first] as number, end) !== 0) return false;
  if (fillingOf(store, nodes[behind] as number, end) !== 0) return false;
  let own = 0;
  for (let i = first; i < behind; i++) if (isOwn(nodes[i] as number)) own++;
  const otherOwn = store.ownOf(child) - own;
  store.steps += size;
  if (isTooLarge(own, strideBits) || isTooLarge(otherOwn, strideBits)) return false;

  store.steps += 3 * size;
  const left = makeHalf(store, child, strideBits, own, 0);
  const right = makeHalf(store, child, strideBits, otherOwn, 1);
  const toLeft = left - child;
  const toRight = right - child;
  for (let i = first; i < behind; i++) {
    nodes[i + toLeft] = nodes[i] as number;
    nodes[i + toRight] = nodes[i + size] as number;
  }
  replaceByHalves(store, child, strideBits, left, right, to, node);
  return true;
}

/**
 * Puts the halves of a direct child into the slots at `to` of `node`. Children of the child are rare; their code stands here, so that
 * the engine need not compile {@link splitEvenly} again when it comes to the first ones.
 */
function replaceByHalves(
  store: TrieStore,
  child: number,
  strideBits: number,
  left: number,
  right: number,
  to: number,
  node: number,
): void {
  const { nodes, headWords } = store;
  if (strideBits + 1 === MAX_STRIDE_BITS || nodes[child + DIRECT] !== 0) {
    for (let i = headWords; i < headWords + (1 << strideBits); i++) {
      store.countDirect(left, nodes[left + i] as number, 1);
      store.countDirect(right, nodes[right + i] as number, 1);
    }
  }
  nodes[to] = ~left;
  nodes[to + 1] = ~right;
  store.addDirect(node, strideBits, 2);
}

/** Makes a node, with no slots yet, for the half of a direct child that has `bit` before its index. */
function makeHalf(store: TrieStore, child: number, strideBits: number, own: number, bit: number): number {
  const { nodes } = store;
  const end = store.positionOf(child) + 1;
  const half = store.allocateNode(strideBits);
  store.writeHead(half, end, strideBits, nodes[child + COVER] as number);
  store.addOwn(half, own);
  copyAddress(store, half, child);
  setBits(store, half, bit, end);
  return half;
}

/**
 * Counts what a split has put into a slot of `node`, and shrinks it if it is too large. Returns 1 if it is the slot's
 * own.
 */
function settle(store: TrieStore, at: number, node: number): number {
  const content = store.nodes[at] as number;
  if (content >= 0) return isOwn(content) ? 1 : 0;
  store.countDirect(node, content, 1);
  shrinkNode(store, at, node);
  return 1;
}

/** Returns true if a slot holds a node, or a prefix that no other slot of the node holds. */
function isOwn(slot: number): boolean {
  return slot < 0 || (slot !== 0 && (slot & RANGE) === 0);
}

/**
 * Distributes a node, or a prefix longer than `oldEnd`, over the two slots at `to` of `node`. Its slot ended at `oldEnd`, and
 * they end one bit later. Bit `oldEnd` decides which of them gets it; the other one gets the prefixes that contain
 * both.
 */
function spread(store: TrieStore, content: number, oldEnd: number, to: number, node: number): void {
  const { nodes, records } = store;
  let side: number;
  if (content < 0) {
    side = store.bitAt(nodes, ~content + ADDRESS, oldEnd);
  } else {
    side = store.bitAt(records, (content & HANDLE_MASK) * store.recordWords, oldEnd);
  }
  const head = store.headOf(content);
  const shared = store.restOf(head, oldEnd);
  nodes[to + side] = content < 0 ? content : store.slotOf(head, oldEnd + 1);
  nodes[to + 1 - side] = shared === 0 ? 0 : shared | EXACT | RANGE;
  if (content >= 0) return;
  store.countDirect(node, content, 1);
  // Its covers may all span two slots now.
  if (store.ownOf(~content) <= 1) shrinkNode(store, to + side, node);
}

/**
 * Splits any direct child of `node` over the two slots at `to`, to whose index the first bit of the child's index now
 * belongs. Returns how many of the two slots are own.
 */
function splitUnevenly(store: TrieStore, slot: number, to: number, node: number): number {
  const { nodes, headWords } = store;
  const child = ~slot;
  const strideBits = store.strideOf(child);
  const cover = store.headOf(slot);
  const end = store.positionOf(child) + 1;
  if (strideBits === 1) {
    nodes[to] = lift(store, nodes[child + headWords] as number, cover, end);
    nodes[to + 1] = lift(store, nodes[child + headWords + 1] as number, cover, end);
  } else {
    nodes[to] = halfOf(store, child, 0, strideBits - 1, cover, end);
    nodes[to + 1] = halfOf(store, child, 1, strideBits - 1, cover, end);
  }
  return settle(store, to, node) + settle(store, to + 1, node);
}

/** Returns one half of a node's slots as the content of a slot that ends at bit `end`. */
function halfOf(
  store: TrieStore,
  node: number,
  half: number,
  strideBits: number,
  coverAbove: number,
  end: number,
): number {
  const { nodes, headWords } = store;
  const size = 1 << strideBits;
  const from = node + headWords + half * size;
  const nodeEnd = store.endOf(node);
  store.steps += 2 * size;

  // A prefix that contains exactly this half becomes its cover, and the chains of the slots then end before it.
  const filling = fillingOf(store, nodes[from] as number, end);
  let own = 0;
  let used = 0;
  let last = 0;
  let cutBelow = from;
  for (let i = from; i < from + size; i++) {
    let content = nodes[i] as number;
    if (content === 0) continue;
    if (filling !== 0 && i >= cutBelow) {
      const below = store.lastLonger(store.headOf(content), end);
      if (below === 0) {
        content = store.withHead(content, 0, nodeEnd);
        nodes[i] = content;
        if (content === 0) continue;
      } else {
        // This cuts the chains of all slots that `below` spans.
        store.setParent(below, 0);
        cutBelow = i + store.spanOf(below, nodeEnd);
      }
    }
    used++;
    last = content;
    if (isOwn(content)) own++;
  }
  if (filling !== 0) store.setParent(filling, coverAbove);
  const cover = filling !== 0 ? filling : coverAbove;
  if (used === 0) return store.slotOf(cover, end);
  if (used === 1 && own === 1) return limitChain(store, lift(store, last, cover, end), end);

  const made = store.allocateNode(strideBits);
  store.writeHead(made, end, strideBits, cover);
  copyAddress(store, made, node);
  setBits(store, made, half, end);
  store.addOwn(made, own);
  const countChildren = strideBits + 1 === MAX_STRIDE_BITS || nodes[node + DIRECT] !== 0;
  for (let i = 0; i < size; i++) {
    const content = nodes[from + i] as number;
    nodes[made + headWords + i] = content;
    if (countChildren) store.countDirect(made, content, 1);
  }
  return ~made;
}

/** Replaces the node by one of half as many slots. */
function halve(store: TrieStore, at: number, parent: number): void {
  const { nodes, headWords } = store;
  const oldSlot = nodes[at] as number;
  const old = ~oldSlot;
  const strideBits = store.strideOf(old) - 1;
  const end = store.endOf(old) - 1;
  const node = store.allocateNode(strideBits);
  store.countDirect(parent, oldSlot, -1);
  store.writeHead(node, store.positionOf(old), strideBits, store.headOf(oldSlot));
  copyAddress(store, node, old);
  store.steps += 2 << strideBits;
  store.fetchChains(old + headWords, 2 << strideBits);

  let own = 0;
  for (let i = 0; i < 1 << strideBits; i++) {
    const left = nodes[old + headWords + 2 * i] as number;
    const right = nodes[old + headWords + 2 * i + 1] as number;
    let content: number;
    if (!isOwn(left) || !isOwn(right)) {
      // A prefix that spans both slots is in the chain of the kept one already.
      const kept = isOwn(left) ? left : right;
      content = store.withHead(kept, store.headOf(kept), end);
      if (isOwn(kept)) content = limitChain(store, content, end);
    } else {
      content = ~join(store, node, left, right, i, end);
    }
    nodes[node + headWords + i] = content;
    if (isOwn(content)) own++;
    store.countDirect(node, content, 1);
  }
  store.addOwn(node, own);
  store.freeNode(old, strideBits + 1);
  nodes[at] = ~node;
  store.countDirect(parent, ~node, 1);
}

/** Makes a node of two slots for slot `index` of `node`, which ends at bit `end`. */
function join(
  store: TrieStore,
  node: number,
  left: number,
  right: number,
  index: number,
  end: number,
): number {
  const { nodes, headWords } = store;
  const made = store.allocateNode(1);
  store.writeHead(made, end, 1, store.restOf(store.headOf(left), end));
  copyAddress(store, made, node);
  setBits(store, made, index, end);
  nodes[made + headWords] = store.withHead(left, store.cut(store.headOf(left), end), end + 1);
  nodes[made + headWords + 1] = store.withHead(right, store.cut(store.headOf(right), end), end + 1);
  store.addOwn(made, 2);
  store.countDirect(made, left, 1);
  store.countDirect(made, right, 1);
  return made;
}

function copyAddress(store: TrieStore, to: number, from: number): void {
  const { nodes } = store;
  nodes[to + ADDRESS] = nodes[from + ADDRESS] as number;
  if (store.addressWords === 1) return;
  nodes[to + ADDRESS + 1] = nodes[from + ADDRESS + 1] as number;
  nodes[to + ADDRESS + 2] = nodes[from + ADDRESS + 2] as number;
  nodes[to + ADDRESS + 3] = nodes[from + ADDRESS + 3] as number;
}

/** Sets the last address bits of a node before bit `end`, which are 0 so far, to `bits`. */
function setBits(store: TrieStore, node: number, bits: number, end: number): void {
  const at = node + ADDRESS + ((end - 1) >> 5);
  store.nodes[at] = (store.nodes[at] as number) | (bits << (31 - ((end - 1) & 31)));
}
