/** This file answers the requests on a server's control socket. */
import { labelled, type PlainMetric } from "../../base/metrics.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import type { ServerCounters } from "../../server/counters.ts";
import type { PeerInfo } from "../../server/peer.ts";
import type { Server } from "../../server/server.ts";
import { HttpError } from "../http-error.ts";
import { serverSource } from "../queries/daemon-sources.ts";
import { queryEndpoints } from "../queries/endpoints.ts";
import type { HttpRoute } from "../router.ts";
import type { Counters, PeerEntry, ServerStatus } from "./api.ts";
import { readPeer } from "./bodies.ts";
import { change, query } from "./control-server.ts";
import { type Daemon, timeBefore } from "./daemon.ts";

export function serverEndpoints(server: Server, daemon: Daemon): HttpRoute[] {
  return [
    query("/v1/status", () => serverStatus(server, daemon)),
    ...queryEndpoints(serverSource(server, daemon.clock)),
    query("/v1/peers", () => ({ peers: server.peers().map(peerEntry) })),
    change("/v1/peers/reset", readPeer, (peer) => {
      if (/^\d+$/.test(peer) && server.resetPeer(Number(peer))) return { peer };
      throw new HttpError("PEER_NOT_FOUND", `no peer has the id ${peer}; 'bunbond peers' shows them`);
    }),
  ];
}

/** How many VNIs are shown: more would keep the event loop busy for too long. */
const SHOWN_VNIS = 1000;

function serverStatus(server: Server, daemon: Daemon): ServerStatus {
  const { counters, isSettled, peers, establishedPeers, routes, vnis, retainedAnnouncements } =
    server.stats();
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
    counters: { ...flatCounters(counters), ...daemon.http.flat() },
  };
}

/** Returns counters with one name each, as "closes.keepalive-timeout". */
export function flatCounters(counters: ServerCounters): Counters {
  const { connectionsAccepted, updatesReceived, unmatchedRemoves, repeatedHellos } = counters;
  const plain = { connectionsAccepted, updatesReceived, unmatchedRemoves, repeatedHellos };
  return {
    ...(plain satisfies Partial<Record<PlainMetric, number>>),
    ...labelled("refusals", Object.entries(counters.refusals)),
    ...labelled("closes", Object.entries(counters.closes)),
    ...labelled("protocolErrors", Object.entries(counters.protocolErrors)),
    ...labelled("skippedUpdates", Object.entries(counters.skippedUpdates)),
    ...labelled("skippedSubscribes", Object.entries(counters.skippedSubscribes)),
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
