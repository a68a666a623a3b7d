/** This file answers the requests on a server's control socket. */
import { formatEndpoint } from "../../net/endpoint.ts";
import { INSPECTION } from "../../server/inspection.ts";
import type { PeerInfo } from "../../server/peer.ts";
import type { Server } from "../../server/server.ts";
import { json } from "../connections/http-answer.ts";
import { HttpError } from "../http-error.ts";
import { healthRoute, type Monitor, monitoringRoutes, statusCounters } from "../monitoring/monitor.ts";
import { ServerMonitor } from "../monitoring/server-monitor.ts";
import { serverSource } from "../queries/daemon-sources.ts";
import { queryEndpoints } from "../queries/query-endpoints.ts";
import { switchParameter } from "../query.ts";
import { type HttpRoute, queryRoute, route } from "../router.ts";
import {
  type GonePeerEntry,
  MAX_BACKLOG,
  type PeerDetail,
  type PeerEntry,
  type ServerStatus,
} from "./api.ts";
import { readPeer } from "./bodies.ts";
import { change, query } from "./control-server.ts";
import { type Daemon, timeBefore } from "./daemon.ts";

export function serverEndpoints(server: Server, daemon: Daemon): HttpRoute[] {
  const monitor = new ServerMonitor(server, daemon);
  return [
    healthRoute,
    ...monitoringRoutes(monitor),
    ...serverStateEndpoints(server, daemon, monitor),
    ...queryEndpoints(serverSource(server, daemon.clock)),
    change("/v1/peers/reset", readPeer, (peer) => {
      if (/^\d+$/.test(peer) && server.resetPeer(Number(peer))) return { peer };
      throw new HttpError("PEER_NOT_FOUND", `no peer has the id ${peer}; 'bunbond peers' shows them`);
    }),
  ];
}

/** The endpoints that only read, which public HTTP has, too. */
export function serverStateEndpoints(server: Server, daemon: Daemon, monitor: Monitor): HttpRoute[] {
  return [
    query("/v1/status", () => serverStatus(server, daemon, monitor)),
    queryRoute("GET", "/v1/peers", { gone: switchParameter }, ({ query: { gone } }) =>
      json(200, { peers: gone ? goneEntries(server) : server.peers().map((peer) => peerEntry(peer)) }),
    ),
    route("GET", "/v1/peers/:id", ({ parameters }) => json(200, peerDetail(server, parameters.id))),
  ];
}

/** How many VNIs are shown: more would keep the event loop busy for too long. */
const SHOWN_VNIS = 1000;

function serverStatus(server: Server, daemon: Daemon, monitor: Monitor): ServerStatus {
  const { isSettled, peers, establishedPeers, routes, vnis, retainedAnnouncements } = server.stats();
  return {
    program: "server",
    ...daemon.facts(),
    listen: formatEndpoint(server.endpoint),
    settled: isSettled,
    peers,
    establishedPeers,
    routes,
    retainedAnnouncements,
    vniCount: vnis,
    vnis: server.vnis(SHOWN_VNIS),
    counters: statusCounters(monitor),
  };
}

/** @param goneForMs for how long the peer has been away; null while it is connected */
function peerEntry(peer: PeerInfo, goneForMs: number | null = null): PeerEntry {
  const { establishedForMs } = peer;
  const since = (forMs: number) => timeBefore(forMs + (goneForMs ?? 0));
  return {
    id: peer.id,
    remote: peer.remote,
    state: goneForMs === null ? peer.state : "gone",
    since: establishedForMs === null ? null : since(establishedForMs),
    keepaliveSeconds: peer.keepaliveSeconds,
    isServer: peer.isServer,
    announcedRoutes: peer.announcedRoutes,
    skippedUpdates: peer.skippedUpdates,
    limitsMet: peer.limitsMet,
    subscriptionCount: peer.subscriptionCount,
    subscriptions: peer.subscriptions,
    lastHeard: since(peer.silentForMs),
    roundTripMs: Math.round(peer.roundTripMs * 1000) / 1000,
    updatesReceived: peer.updatesReceived,
    updatesSent: peer.updatesSent,
    receivedBytes: peer.receivedBytes,
    sentBytes: peer.sentBytes,
    sendQueueBytes: peer.sendQueueBytes,
    blockedSince: peer.sendBlockedForMs === 0 ? null : since(peer.sendBlockedForMs),
    behindSince: peer.behindForMs === 0 ? null : since(peer.behindForMs),
  };
}

function goneEntries(server: Server): GonePeerEntry[] {
  const inspection = server[INSPECTION]();
  const nowMs = inspection.nowMs();
  return inspection.gonePeers().map(({ info, reason, goneMs }) => {
    const goneForMs = nowMs - goneMs;
    return { ...peerEntry(info, goneForMs), goneSince: timeBefore(goneForMs), goneReason: reason };
  });
}

/** @throws HttpError */
function peerDetail(server: Server, text: string): PeerDetail {
  const inspection = server[INSPECTION]();
  const id = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  const connected = server.peers().find((peer) => peer.id === id);
  const entry =
    connected === undefined
      ? goneEntries(server).find((peer) => peer.id === id)
      : { ...peerEntry(connected), goneSince: null, goneReason: null };
  if (entry === undefined) {
    const message = `no peer has the id ${text}, and none had it in the last hour; 'bunbond peers --gone' shows them`;
    throw new HttpError("PEER_NOT_FOUND", message);
  }
  return {
    ...entry,
    backlogRoutes: inspection.backlogOf(id, MAX_BACKLOG),
    retainedRoutes: inspection.retainedOf(id),
  };
}
