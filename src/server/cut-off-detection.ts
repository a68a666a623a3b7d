/**
 * This function detects from lost peers that the server itself was cut off. When one peer dies, its routes are
 * withdrawn at once. But when most are lost at the same time, it is more likely that the server was cut off, or was
 * suspended while no clock shows it (in a paused virtual machine the monotonic clock is paused, too). Then the peers
 * have not left, and will return.
 *
 * Only announcers count, since other peers have no routes to be kept, and only those that have been established for a
 * while. "Most" means at least two peers, and more than half of all sources. A source is an IPv4 address, or an IPv6
 * network of 64 bits. It is lost if more than half of its addresses are, and an address is lost if more than half of
 * its peers are. So many sessions from one host that end together count as one. Loopback addresses count only if there
 * are no others, since they do not depend on a network.
 */
import { parseAddress } from "../net/address.ts";
import type { IpAddress } from "../net/ip.ts";
import { sourceNetwork } from "../net/source-network.ts";

/** With fewer lost peers no cause can be inferred. */
const LEAST_LOST = 2;

export interface Announcer {
  /** The peer's address, as in {@link PeerIdentity}. */
  readonly address: string;
  /** True if its connection has ended, or it has sent nothing for longer than a correct peer would. */
  readonly isLost: boolean;
}

/** Returns true if most announcers are lost: the server was cut off, or suspended. */
export function isCutOff(announcers: readonly Announcer[]): boolean {
  if (announcers.filter(({ isLost }) => isLost).length < LEAST_LOST) return false;
  const named = announcers.map(({ address, isLost }) => ({ ...sourceOf(address), isLost }));
  const distant = named.filter(({ isLoopback }) => !isLoopback);
  const sources = Map.groupBy(distant.length > 0 ? distant : named, ({ source }) => source);
  const isSourceLost = (peers: readonly (typeof named)[number][]) => {
    const addresses = Map.groupBy(peers, ({ address }) => address);
    return isMost(Array.from(addresses.values(), (each) => isMost(each.map(({ isLost }) => isLost))));
  };
  return isMost(Array.from(sources.values(), isSourceLost));
}

function isMost(lost: readonly boolean[]): boolean {
  return lost.filter((isLost) => isLost).length * 2 > lost.length;
}

interface Source {
  readonly source: string;
  readonly address: string;
  readonly isLoopback: boolean;
}

function sourceOf(address: string): Source {
  const parsed = parseAddress(address.split("%", 1)[0] ?? address);
  return { source: sourceNetwork(address), address, isLoopback: parsed !== null && isLoopback(parsed) };
}

function isLoopback({ family, w0, w1, w2, w3 }: IpAddress): boolean {
  return family === 4 ? w0 >>> 24 === 127 : w0 === 0 && w1 === 0 && w2 === 0 && w3 === 1;
}
