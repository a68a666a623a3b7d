/** Many next hops of one destination, and many announcers of one route: whatever is kept in lists gets long ones. */
import { AttackingPeer, inGroups, type Target } from "../attacking-peer.ts";
import { announce, hop, subscribe, type Update, withdraw, word } from "../frames.ts";

const VNI = 66;
const DESTINATION = { vni: VNI, prefix: [10, 66, 0, 1], lengthBits: 32 };

const route = (number: number): Update => ({ ...DESTINATION, hop: hop(number) });

async function announceHops(peer: AttackingPeer, count: number, order: (i: number) => number): Promise<void> {
  for (let i = 0; i < count; i++) await peer.add(announce(route(order(i))));
  await peer.fence();
}

/** A announces the hops and S as well; S subscribes; A leaves: each route lives on, but S must not hear of its own. */
export async function subscribed(target: Target, hops: number): Promise<void> {
  const [s, a] = [await AttackingPeer.establish(target), await AttackingPeer.establish(target)];
  for (const peer of [s, a]) await announceHops(peer.stayAlive(), hops, (i) => i);
  s.write(Uint8Array.from(subscribe(VNI)));
  await s.fence();
  a.leave();
  await Bun.sleep(4_000);
  s.leave();
}

/** A announces 1 to N, B announces N to 1; both leave. */
export async function oppositeOrder(target: Target, hops: number): Promise<void> {
  const [a, b] = [await AttackingPeer.establish(target), await AttackingPeer.establish(target)];
  await announceHops(a.stayAlive(), hops, (i) => i);
  await announceHops(b.stayAlive(), hops, (i) => hops - 1 - i);
  a.leave();
  await Bun.sleep(2_500);
  b.leave();
}

/**
 * One reader has been told of all hops and does not read any more: all their withdrawals are kept for it. Each hop
 * that is announced and withdrawn meanwhile meets those.
 */
export async function tombstones(target: Target, hops: number): Promise<void> {
  const [a, b] = [await AttackingPeer.establish(target), await AttackingPeer.establish(target)];
  b.write(Uint8Array.from(subscribe(VNI)));
  await announceHops(a.stayAlive(), hops, (i) => i);
  await b.until(() => b.updates >= Math.min(hops, 4_096));
  b.stopReading();
  for (let i = 0; i < hops; i++) await a.add(withdraw(route(i)));
  await a.fence();
  for (let i = 0; i < 10_000; i++) {
    await a.add(announce(route(hops + i)));
    await a.add(withdraw(route(hops + i)));
  }
  await a.fence();
  for (const peer of [a, b]) peer.leave();
}

/** So many peers announce the same 50 routes, subscribe to them, take them back in other orders, and leave at once. */
export async function announcers(target: Target, peers: number): Promise<void> {
  const ROUTES = 50;
  const made = await inGroups(peers, () => AttackingPeer.establish(target));
  const one = (i: number): Update => ({
    vni: VNI,
    prefix: word(0x0a420000 + i),
    lengthBits: 32,
    hop: hop(1),
  });
  for (const [index, peer] of made.entries()) {
    for (let i = 0; i < ROUTES; i++) await peer.add(announce(one((i * 7 + index) % ROUTES)));
    if (index % 2 === 0) await peer.add(subscribe(VNI));
    await peer.flush();
  }
  for (const peer of made.filter((_, index) => index % 3 === 0)) {
    for (let i = 0; i < ROUTES; i++) await peer.add(withdraw(one(i)));
    await peer.flush();
  }
  for (const peer of made) peer.leave();
}
