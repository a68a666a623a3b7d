/** The peers of a server, and the servers of a client, as rows of a table. */
import type { GonePeerEntry, PeerEntry, PeerList, ServerEntry, ServerList } from "../../http/control/api.ts";
import { formatAge, formatCount, formatSince } from "./format.ts";

/** What /v1/peers answers: a server's peers, or a client's servers. */
export type PeerAnswer = PeerList | ServerList;

export const PEER_COLUMNS = [
  "Peer",
  "Address",
  "State",
  "Since",
  "Heard",
  "Round trip",
  "VNIs",
  "Announced",
  "Updates sent",
  "Behind for",
  "Skipped",
] as const;
export const GONE_COLUMNS = ["Peer", "Address", "Left", "Reason"] as const;
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
    formatSince(peer.lastHeard, nowMs),
    `${peer.roundTripMs.toFixed(1)} ms`,
    formatCount(peer.subscriptionCount),
    formatCount(peer.announcedRoutes),
    formatCount(peer.updatesSent),
    peer.behindSince === null ? "–" : formatAge(nowMs - Date.parse(peer.behindSince)),
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

export function goneRow({ id, remote, goneSince, goneReason }: GonePeerEntry, nowMs: number): string[] {
  return [`${id}`, remote, formatSince(goneSince, nowMs), goneReason];
}

/** Returns the ids of the peers that have been behind for longest, at most `limit`: their backlog is worth asking for. */
export function peersBehind(answer: PeerAnswer, limit: number): number[] {
  if (!("peers" in answer)) return [];
  const behind = answer.peers.flatMap(({ id, behindSince }) =>
    behindSince === null ? [] : [{ id, behindSince }],
  );
  return behind
    .sort((a, b) => Date.parse(a.behindSince) - Date.parse(b.behindSince))
    .slice(0, limit)
    .map(({ id }) => id);
}
