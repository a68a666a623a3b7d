/** Tables of shapes that nobody needs: many prefixes in each other's way, all prefixes there can be, many VNIs. */
import { AttackingPeer, inGroups, type Target } from "../attacking-peer.ts";
import { announce, hop, subscribe, type Update, unsubscribe, withdraw, word } from "../frames.ts";

/** Slots of the widest node of a trie by 12 bits. */
const SLOTS = 4_096;
/** Lengths from just below such a node to a whole address. */
const CHAIN = { from: 14, to: 128 };

function masked(words: readonly number[], lengthBits: number): number[] {
  return words.flatMap((value, i) => {
    const bits = Math.min(32, Math.max(0, lengthBits - 32 * i));
    return word(bits === 0 ? 0 : value & (-1 << (32 - bits)));
  });
}

/** A chain of prefixes in each slot of a wide node: `prefixes` in all. */
async function broom(peer: AttackingPeer, prefixes: number): Promise<void> {
  for (let r = 0; r < 3; r++) {
    for (let i = 0; i < SLOTS; i++) {
      await peer.add(
        announce({
          vni: 77,
          prefix: masked([(i << 20) | (r << 18), r, 0, 0], 128),
          lengthBits: 128,
          hop: hop(1),
        }),
      );
    }
  }
  let left = prefixes - 3 * SLOTS;
  for (let i = 0; i < SLOTS; i++) {
    for (let lengthBits = CHAIN.to - 1; lengthBits >= CHAIN.from && left > 0; lengthBits--, left--) {
      await peer.add(
        announce({ vni: 77, prefix: masked([i << 20, 0, 0, 0], lengthBits), lengthBits, hop: hop(1) }),
      );
    }
  }
  await peer.fence();
}

/** The broom, and peers that announce and withdraw short prefixes above it. */
export async function shortPrefixes(target: Target, prefixes: number, seconds: number): Promise<void> {
  const builder = (await AttackingPeer.establish(target)).stayAlive();
  await broom(builder, prefixes);
  const PEERS = 100;
  const made = await inGroups(PEERS, () => AttackingPeer.establish(target));
  const untilMs = performance.now() + seconds * 1000;
  const run = async (peer: AttackingPeer, index: number) => {
    const chunk = Uint8Array.from(
      Array.from({ length: 100 }, (_, j): Update => {
        return {
          vni: 77,
          prefix: masked([0, 0, 0, 0], 0),
          lengthBits: 1 + ((j + index) % 11),
          hop: hop(index + 2),
        };
      }).flatMap((update) => [...announce(update), ...withdraw(update)]),
    );
    while (performance.now() < untilMs && !peer.closed) {
      peer.write(chunk);
      await peer.drained();
      await Bun.sleep(0);
    }
  };
  await Promise.race([Promise.all(made.map(run)), Bun.sleep(seconds * 1000)]);
  for (const peer of [builder, ...made]) peer.leave();
}

/** `count` IPv4 addresses in one VNI: enough of them use up whatever numbers them. */
export async function prefixes(target: Target, count: number): Promise<void> {
  const peer = (await AttackingPeer.establish(target)).stayAlive();
  await announcePrefixes(peer, 0, count);
  await Bun.sleep(2_000);
  peer.leave();
}

/** The same by peers that keep within the limit of routes for each; all leave at once. */
export async function prefixesOfMany(target: Target, count: number): Promise<void> {
  const made = await inGroups(Math.ceil(count / ROUTES_PER_PEER), () => AttackingPeer.establish(target));
  await Promise.all(
    made.map(async (peer, index) => {
      peer.stayAlive();
      const first = index * ROUTES_PER_PEER;
      await announcePrefixes(peer, first, Math.min(count, first + ROUTES_PER_PEER));
    }),
  );
  await Bun.sleep(2_000);
  for (const peer of made) peer.leave();
}

const ROUTES_PER_PEER = 1_000_000;

/** Those with the numbers `from` to `to` - 1; waits until the server has read them. */
async function announcePrefixes(peer: AttackingPeer, from: number, to: number): Promise<void> {
  const PER_CHUNK = 4_000;
  const one = Uint8Array.from(announce({ vni: 78, prefix: word(0x20000000), lengthBits: 32, hop: hop(1) }));
  const addressAt = Buffer.from(one).indexOf(Buffer.from([18, 4, 0x20])) + 2;
  for (let first = from; first < to && !peer.closed; first += PER_CHUNK) {
    const frames = Math.min(PER_CHUNK, to - first);
    const chunk = new Uint8Array(frames * one.length);
    const view = new DataView(chunk.buffer);
    for (let i = 0; i < frames; i++) {
      chunk.set(one, i * one.length);
      view.setUint32(i * one.length + addressAt, 0x20000000 + first + i);
    }
    peer.write(chunk);
    await peer.drained();
    // Others of this process get their turn.
    await Bun.sleep(0);
  }
  await peer.fence();
}

/** A route in each of `count` VNIs. */
export async function vnis(target: Target, count: number): Promise<void> {
  const peer = (await AttackingPeer.establish(target)).stayAlive();
  for (let i = 0; i < count; i++) {
    await peer.add(announce({ vni: 1_000_000 + i, prefix: [10, 0, 0, 0], lengthBits: 24, hop: hop(1) }));
  }
  await peer.fence();
  peer.leave();
}

/** `count` subscriptions, held for a moment; the peer leaves with all of them. */
export async function subscriptions(target: Target, count: number): Promise<void> {
  const peer = (await AttackingPeer.establish(target)).stayAlive();
  for (let i = 0; i < count; i++) await peer.add(subscribe(1_000_000 + i));
  await peer.fence();
  await Bun.sleep(1_500);
  peer.leave();
}

/** `count` times SUBSCRIBE and UNSUBSCRIBE. */
export async function subscriptionPairs(target: Target, count: number): Promise<void> {
  const peer = (await AttackingPeer.establish(target)).stayAlive();
  for (let i = 0; i < count; i++) {
    await peer.add(subscribe(1_000_000 + (i % 7)));
    await peer.add(unsubscribe(1_000_000 + (i % 7)));
  }
  await peer.fence();
  peer.leave();
}

/**
 * A reader that was told of `count` routes reads no more while all of them are withdrawn: the server owes it that many
 * withdrawals when it unsubscribes, subscribes again and leaves.
 */
export async function owedWithdrawals(target: Target, count: number): Promise<void> {
  const announcer = (await AttackingPeer.establish(target)).stayAlive();
  const reader = (await AttackingPeer.establish(target)).stayAlive();
  reader.write(Uint8Array.from(subscribe(79)));
  const update = (i: number): Update => ({
    vni: 79,
    prefix: word(0x30000000 + i),
    lengthBits: 32,
    hop: hop(1),
  });
  for (let i = 0; i < count; i++) await announcer.add(announce(update(i)));
  await announcer.fence();
  await Promise.race([reader.until(() => reader.updates >= count), Bun.sleep(20_000)]);
  reader.stopReading();
  for (let i = 0; i < count; i++) await announcer.add(withdraw(update(i)));
  await announcer.fence();
  reader.write(Uint8Array.from([...unsubscribe(79), ...subscribe(79)]));
  await Bun.sleep(500);
  for (const peer of [reader, announcer]) peer.leave();
}

/** So many routes for each reader. */
const ROUTES_PER_READER = 250;

/** A table that `count` peers read from its beginning, all at once; one that does not read subscribes over and over. */
export async function readers(target: Target, count: number, seconds: number): Promise<void> {
  const announcer = (await AttackingPeer.establish(target)).stayAlive();
  for (let i = 0; i < count * ROUTES_PER_READER; i++) {
    await announcer.add(announce({ vni: 80, prefix: word(0x40000000 + i), lengthBits: 32, hop: hop(1) }));
  }
  await announcer.fence();
  const made = await inGroups(count, () => AttackingPeer.establish(target));
  const untilMs = performance.now() + seconds * 1000;
  for (const peer of made) peer.stayAlive().write(Uint8Array.from(subscribe(80)));
  const hostile = await AttackingPeer.establish(target);
  hostile.stopReading();
  const chunk = Uint8Array.from([...subscribe(80), ...unsubscribe(80)]);
  while (performance.now() < untilMs && !hostile.closed) {
    hostile.write(chunk);
    await Promise.race([hostile.drained(), Bun.sleep(untilMs - performance.now())]);
    await Bun.sleep(0);
  }
  for (const peer of [announcer, hostile, ...made]) peer.leave();
}
