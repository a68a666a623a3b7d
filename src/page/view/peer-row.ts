/** The peers of a server, and the servers of a client, as rows of a table. */
import type { PeerEntry, PeerList, ServerEntry, ServerList } from "../../http/control/api.ts";
import { formatCount, formatSince } from "./format.ts";

/** What /v1/peers answers: a server's peers, or a client's servers. */
export type PeerAnswer = PeerList | ServerList;

export const PEER_COLUMNS = [
  "Peer",
  "Address",
  "State",
  "Since",
  "Announced",
  "VNIs",
  "Backlog",
  "Skipped",
] as const;
export const SERVER_COLUMNS = [
  "Server",
  "State",
  "Since",
  "Sessions",
  "Stale routes",
  "Last reason",
] as const;

export function peerRow(peer: PeerEntry, nowMs: number): string[] {
  return [
    `${peer.id}`,
    peer.remote,
    peer.state,
    formatSince(peer.since, nowMs),
    formatCount(peer.announcedRoutes),
    formatCount(peer.subscriptionCount),
    formatCount(backlogOfPeer(peer)),
    [formatCount(peer.skippedUpdates), ...peer.limitsMet].join(" "),
  ];
}

export function serverRow(server: ServerEntry, nowMs: number): string[] {
  return [
    server.server,
    server.state,
    formatSince(server.awaySince ?? server.since, nowMs),
    formatCount(server.sessions),
    formatCount(server.staleRoutes),
    server.lastReason ?? "–",
  ];
}

/** Returns how many routes wait to be sent to all peers. */
export function backlogOf(answer: PeerAnswer): number {
  if (!("peers" in answer)) return 0;
  return answer.peers.reduce((sum, peer) => sum + backlogOfPeer(peer), 0);
}

function backlogOfPeer(peer: PeerEntry): number {
  return "backlogRoutes" in peer && typeof peer.backlogRoutes === "number" ? peer.backlogRoutes : 0;
}
