/** Readers of a large table that take little of what they asked for. */
import { AttackingPeer, inGroups, type Target } from "../attacking-peer.ts";
import { announce, hop, subscribe, unsubscribe, word } from "../frames.ts";

const VNI = 91;
/** For those that read nothing. */
const ROUTES = 100_000;

async function fillVni(target: Target, routes: number): Promise<AttackingPeer> {
  const announcer = (await AttackingPeer.establish(target)).stayAlive();
  for (let i = 0; i < routes; i++) {
    await announcer.add(announce({ vni: VNI, prefix: word(0x50000000 + i), lengthBits: 32, hop: hop(1) }));
  }
  await announcer.fence();
  return announcer;
}

/** Subscribes to a VNI of `routes` routes, reads a little, unsubscribes, and again. */
export async function subscribeOverAndOver(target: Target, routes: number, seconds: number): Promise<void> {
  const announcer = await fillVni(target, routes);
  const untilMs = performance.now() + seconds * 1000;
  const made = await inGroups(20, () => AttackingPeer.establish(target));
  const chunk = Uint8Array.from([...unsubscribe(VNI), ...subscribe(VNI)]);
  await Promise.all(
    made.map(async (peer) => {
      while (performance.now() < untilMs && !peer.closed) {
        const { updates } = peer;
        peer.write(chunk);
        await Promise.race([peer.until(() => peer.updates > updates), Bun.sleep(100)]);
      }
    }),
  );
  for (const peer of [announcer, ...made]) peer.leave();
}

/** `peers` subscribe to a large VNI and read nothing; what the server has written for them waits in its kernel. */
export async function nonReaders(target: Target, peers: number, seconds: number): Promise<void> {
  const announcer = await fillVni(target, ROUTES);
  const made = await inGroups(peers, () => AttackingPeer.establish(target));
  for (const peer of made) {
    peer.stopReading();
    peer.stayAlive().write(Uint8Array.from(subscribe(VNI)));
  }
  await Bun.sleep(seconds * 1000);
  for (const peer of [announcer, ...made]) peer.leave();
}

/** The same, and each sends a FIN, stays, and is followed by another. */
export async function halfClosed(target: Target, peers: number, seconds: number): Promise<void> {
  const announcer = await fillVni(target, ROUTES);
  const untilMs = performance.now() + seconds * 1000;
  const kept: AttackingPeer[] = [];
  while (performance.now() < untilMs) {
    const made = await inGroups(peers, () => AttackingPeer.establish(target));
    for (const peer of made) {
      peer.stopReading();
      peer.write(Uint8Array.from(subscribe(VNI)));
    }
    await Bun.sleep(300);
    for (const peer of made) peer.halfClose();
    kept.push(...made);
  }
  for (const peer of [announcer, ...kept]) peer.leave();
}
