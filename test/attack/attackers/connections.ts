/** Connections that never become sessions. */
import { AttackingPeer, type Target } from "../attacking-peer.ts";
import { hello } from "../frames.ts";

/** `count` sockets, each opened again when it is closed; `begin` is all that each does. */
async function crowd(
  target: Target,
  count: number,
  seconds: number,
  begin: (peer: AttackingPeer) => void,
): Promise<void> {
  const untilMs = performance.now() + seconds * 1000;
  const left = () => untilMs - performance.now();
  const one = async () => {
    while (left() > 0) {
      try {
        const peer = await AttackingPeer.connect(target);
        begin(peer);
        await Promise.race([peer.until(() => false), Bun.sleep(left())]);
        peer.leave();
      } catch {
        await Bun.sleep(50);
      }
    }
  };
  await Promise.all(Array.from({ length: count }, one));
}

export const silent = (target: Target, count: number, seconds: number): Promise<void> =>
  crowd(target, count, seconds, () => {});

/** They greet, and say nothing more. */
export const halfGreeted = (target: Target, count: number, seconds: number): Promise<void> =>
  crowd(target, count, seconds, (peer) => peer.write(Uint8Array.from(hello(5))));

/** Each is reset by us as soon as it is there. */
export const resets = (target: Target, count: number, seconds: number): Promise<void> =>
  crowd(target, count, seconds, (peer) => peer.leave());
