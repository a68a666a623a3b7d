/** Crowds: many peers that come, change the same route, or leave, at the same moment. */
import { AttackingPeer, inGroups, type Target } from "../attacking-peer.ts";
import { announce, hop, subscribe, type Update, withdraw, word } from "../frames.ts";

const VNI = 90;
const SUBSCRIBERS = 50;

const shared = (i: number): Update => ({
  vni: VNI,
  prefix: word(0x0a5a0000 + i),
  lengthBits: 32,
  hop: hop(1),
});

async function subscribers(target: Target, vni: number): Promise<AttackingPeer[]> {
  const made = await inGroups(SUBSCRIBERS, () => AttackingPeer.establish(target));
  for (const peer of made) peer.stayAlive().write(Uint8Array.from(subscribe(vni)));
  return made;
}

/** `peers` announce and withdraw one and the same route over and over; some listen. */
export async function toggles(target: Target, peers: number, seconds: number): Promise<void> {
  const listening = await subscribers(target, VNI);
  const made = await inGroups(peers, () => AttackingPeer.establish(target));
  const chunk = Uint8Array.from(
    Array.from({ length: 400 }, () => [...announce(shared(0)), ...withdraw(shared(0))]).flat(),
  );
  const untilMs = performance.now() + seconds * 1000;
  const run = async (peer: AttackingPeer) => {
    while (performance.now() < untilMs && !peer.closed) {
      peer.write(chunk);
      await peer.drained();
      await Bun.sleep(0);
    }
  };
  await Promise.race([Promise.all(made.map(run)), Bun.sleep(seconds * 1000)]);
  for (const peer of [...made, ...listening]) peer.leave();
}

const ROUTES_OF_EACH = 1_000;

/** All announce the same routes, and all leave at once; some listen. */
export async function leaveAtOnce(target: Target, peers: number): Promise<void> {
  const listening = await subscribers(target, VNI);
  const made = await inGroups(peers, () => AttackingPeer.establish(target));
  await Promise.all(
    made.map(async (peer) => {
      peer.stayAlive();
      for (let i = 0; i < ROUTES_OF_EACH; i++) await peer.add(announce(shared(i)));
      await peer.fence();
    }),
  );
  await Bun.sleep(500);
  for (const peer of made) peer.leave();
  await Bun.sleep(2_000);
  for (const peer of listening) peer.leave();
}

/** Many leave at once with all they have announced, and one that stays subscribes to as many VNIs as it may: End-of-RIBs wait for whoever leaves. */
export async function endOfRibsBesideLeavers(target: Target, peers: number): Promise<void> {
  const made = await inGroups(peers, () => AttackingPeer.establish(target));
  await Promise.all(
    made.map(async (peer, index) => {
      peer.stayAlive();
      for (let i = 0; i < ROUTES_OF_EACH; i++) {
        await peer.add(announce({ ...shared(i), vni: 2_000_000 + index }));
      }
      await peer.fence();
    }),
  );
  const reader = (await AttackingPeer.establish(target)).stayAlive();
  for (const peer of made) peer.leave();
  for (let i = 0; i < 100_000; i++) await reader.add(subscribe(3_000_000 + i));
  await reader.fence();
  await reader.until(() => reader.endOfRibs >= 100_000);
  reader.leave();
}

/** They come, announce one route, go, and come again, each time as somebody else: what is retained for them piles up. */
export async function visitors(target: Target, sockets: number, seconds: number): Promise<void> {
  const untilMs = performance.now() + seconds * 1000;
  let number = 0;
  const one = async () => {
    while (performance.now() < untilMs) {
      try {
        const peer = await AttackingPeer.establish(target);
        await peer.add(announce(shared(number++)));
        await peer.fence();
        peer.end();
      } catch {
        await Bun.sleep(20);
      }
    }
  };
  await Promise.all(Array.from({ length: sockets }, one));
}
