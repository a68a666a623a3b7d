/** Many peers that write as fast as they can. */
import { AttackingPeer, inGroups, type Target } from "../attacking-peer.ts";
import {
  announce,
  type Bytes,
  frame,
  hello,
  hop,
  KEEPALIVE,
  subscribe,
  unsubscribe,
  withdraw,
} from "../frames.ts";

const PAYLOAD_BYTES = 1_180;
const START_GROUP = 0x7b;
const END_GROUP = 0x7c;

const repeat = (count: number, make: (j: number) => Bytes): Uint8Array =>
  Uint8Array.from(Array.from({ length: count }, (_, j) => [...make(j)]).flat());

/** What each peer writes over and over. */
const CHUNKS = {
  keepalives: () => repeat(4_096, () => KEEPALIVE),
  hellos: () => repeat(2_000, (j) => hello(1 + (j % 5))),
  updates: (peer: number) =>
    repeat(400, (j) => {
      const prefix = [10, peer >> 8, peer & 255, j >> 1];
      const route = { vni: 900 + (peer % 100), prefix, lengthBits: 32, hop: hop(peer) };
      return j % 2 === 0 ? announce(route) : withdraw(route);
    }),
  shared: (peer: number) =>
    repeat(400, (j) => {
      const route = { vni: 900, prefix: [10, 1, 1, 1], lengthBits: 32, hop: hop(peer) };
      return j % 2 === 0 ? announce(route) : withdraw(route);
    }),
  skipped: (peer: number) =>
    repeat(400, () => announce({ vni: 900, prefix: [10, 1, 1, 1, 1], lengthBits: 32, hop: hop(peer) })),
  /** Unknown groups, one in the other as deep as they go. */
  groups: () =>
    repeat(50, () =>
      frame(5, [...Array(PAYLOAD_BYTES / 2).fill(START_GROUP), ...Array(PAYLOAD_BYTES / 2).fill(END_GROUP)]),
    ),
  subscriptions: (peer: number) =>
    repeat(1_000, (j) => (j % 2 === 0 ? subscribe(2_000 + peer) : unsubscribe(2_000 + peer))),
} satisfies Record<string, (peer: number) => Uint8Array>;

export type Flood = keyof typeof CHUNKS;
export const FLOODS = Object.keys(CHUNKS) as Flood[]; // the keys are exactly those of the object

/** 127.1.0.0 and so on: each is a source network of its own. */
const source = (number: number): string => `127.1.${(number >> 8) & 255}.${number & 255}`;

export function flood(kind: Flood, reads = true, hasManySources = false) {
  return async (target: Target, peers: number, seconds: number): Promise<void> => {
    const made = await inGroups(peers, (i) =>
      AttackingPeer.establish(hasManySources ? { ...target, from: source(i) } : target),
    );
    const untilMs = performance.now() + seconds * 1000;
    const run = async (peer: AttackingPeer, index: number) => {
      if (!reads) peer.stopReading();
      const chunk = CHUNKS[kind](index);
      while (performance.now() < untilMs && !peer.closed) {
        peer.write(chunk);
        await peer.drained();
        // Others of this process get their turn.
        await Bun.sleep(0);
      }
    };
    await Promise.race([Promise.all(made.map(run)), Bun.sleep(seconds * 1000)]);
    for (const peer of made) peer.leave();
  };
}

/** All kinds at once, each by its share of the peers. */
export async function mixed(target: Target, peers: number, seconds: number): Promise<void> {
  const share = Math.ceil(peers / FLOODS.length);
  await Promise.all(FLOODS.map((kind, index) => flood(kind, index % 2 === 0)(target, share, seconds)));
}

/** Frames byte by byte: each byte is an event of the server's. */
export async function trickle(target: Target, peers: number, seconds: number): Promise<void> {
  const made = await inGroups(peers, () => AttackingPeer.establish(target));
  const untilMs = performance.now() + seconds * 1000;
  const bytes = Uint8Array.from(announce({ vni: 901, prefix: [10, 1, 1, 1], lengthBits: 32, hop: hop(1) }));
  for (let at = 0; performance.now() < untilMs; at = (at + 1) % bytes.length) {
    for (const peer of made) peer.write(bytes.subarray(at, at + 1));
    await Bun.sleep(0);
  }
  for (const peer of made) peer.leave();
}

/** Subscribers of one VNI whose routes change all the time; one of them announces, most do not read. */
export async function churnForMany(target: Target, subscribers: number, seconds: number): Promise<void> {
  const made = await inGroups(subscribers, () => AttackingPeer.establish(target));
  for (const [index, peer] of made.entries()) {
    peer.stayAlive().write(Uint8Array.from(subscribe(902)));
    if (index % 4 !== 0) peer.stopReading();
  }
  const announcer = (await AttackingPeer.establish(target)).stayAlive();
  const untilMs = performance.now() + seconds * 1000;
  for (let i = 0; performance.now() < untilMs && !announcer.closed; i++) {
    const route = {
      vni: 902,
      prefix: [10, 2, (i >> 8) & 255, i & 255],
      lengthBits: 32,
      hop: hop(1 + (i % 3)),
    };
    await announcer.add(announce(route));
    await announcer.add(withdraw(route));
  }
  for (const peer of [announcer, ...made]) peer.leave();
}
