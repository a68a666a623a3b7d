/** This file answers the requests on a server's control socket. */
import { formatEndpoint } from "../../net/endpoint.ts";
import type { PeerInfo } from "../../server/peer.ts";
import type { Server } from "../../server/server.ts";
import { json } from "../connections/http-answer.ts";
import { HttpError } from "../http-error.ts";
import { healthRoute, type Monitor, monitoringRoutes, statusCounters } from "../monitoring/monitor.ts";
import { ServerMonitor } from "../monitoring/server-monitor.ts";
import { serverSource } from "../queries/daemon-sources.ts";
import { queryEndpoints } from "../queries/endpoints.ts";
import { type HttpRoute, route } from "../router.ts";
import type { PeerEntry, ServerStatus } from "./api.ts";
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
    query("/v1/peers", () => ({ peers: server.peers().map(peerEntry) })),
    route("GET", "/v1/peers/:id", ({ parameters: { id } }) => {
      const peer = server.peers().find((each) => `${each.id}` === id);
      if (peer !== undefined) return json(200, peerEntry(peer));
      throw new HttpError("PEER_NOT_FOUND", `no peer has the id ${id}; /v1/peers has them`);
    }),
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

function peerEntry(peer: PeerInfo): PeerEntry {
  const { establishedForMs } = peer;
  return {
    id: peer.id,
    remote: peer.remote,
    state: peer.state,
    since: establishedForMs === null ? null : timeBefore(establishedForMs),
    keepaliveSeconds: peer.keepaliveSeconds,
    isServer: peer.isServer,
    announcedRoutes: peer.announcedRoutes,
    skippedUpdates: peer.skippedUpdates,
    limitsMet: peer.limitsMet,
    subscriptionCount: peer.subscriptionCount,
    subscriptions: peer.subscriptions,
  };
}
