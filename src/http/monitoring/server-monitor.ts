/** The metrics and the readiness of a server. */
import { LIMIT_CODES } from "../../server/exchange/limits.ts";
import type { PeerFigures } from "../../server/peer.ts";
import { SERVER_FIGURES, type Server } from "../../server/server.ts";
import type { SessionState } from "../../session/session.ts";
import type { Daemon } from "../control/daemon.ts";
import {
  commonFamilies,
  digestSamples,
  nextHopSamples,
  routeSamples,
  SHOWN_VNIS,
} from "./common-families.ts";
import { byLabel, type Families, plain } from "./families.ts";
import { collectInSlices, type Monitor } from "./monitor.ts";
import { ofSessions, type PeerRow, PeerRows, peerFamilies, SLOW_AFTER_MS } from "./peer-families.ts";
import { serverReadiness, type UnreadyReason } from "./readiness.ts";

/** The states in which a server's connections are. */
const STATES = ["hello-awaited", "hello-sent", "established"] as const satisfies readonly SessionState[];

export class ServerMonitor implements Monitor {
  readonly #server: Server;
  readonly #daemon: Daemon;

  constructor(server: Server, daemon: Daemon) {
    this.#server = server;
    this.#daemon = daemon;
  }

  unreadyReasons(): UnreadyReason[] {
    return serverReadiness(this.#server, this.#daemon.isStopping);
  }

  async peerRows(): Promise<readonly PeerRow[] | null> {
    if (!this.#daemon.reportsPeers) return null;
    const { clock } = this.#daemon;
    const peers = Iterator.from(this.#server[SERVER_FIGURES]().peers());
    return await collectInSlices(
      new PeerRows(),
      peers.map((peer) => this.#rowOf(peer)),
      clock,
    );
  }

  #rowOf(peer: PeerFigures): PeerRow {
    const daemon = this.#daemon;
    return {
      peer: peer.address,
      isUp: true,
      session: {
        establishedSeconds: daemon.wallSeconds(peer.establishedMs),
        lastKeepaliveSeconds: peer.lastKeepaliveMs === null ? null : daemon.wallSeconds(peer.lastKeepaliveMs),
        sendQueueBytes: peer.sendQueueBytes,
        sendBlockedSeconds: peer.sendBlockedForMs / 1000,
        isSlow: peer.behindForMs > SLOW_AFTER_MS,
        subscriptions: peer.subscriptions,
      },
      traffic: peer.traffic,
    };
  }

  families(rows: readonly PeerRow[] | null): Families<"server"> {
    const figures = this.#server[SERVER_FIGURES]();
    const { counters, retainedAnnouncements } = this.#server.stats();
    const skipped = Object.entries(counters.skippedUpdates);
    const skippedSubscribes = Object.entries(counters.skippedSubscribes);
    const limitHits = [...skipped, ...skippedSubscribes].filter(([code]) => code in LIMIT_CODES);
    const { updatesReceived, announcementsAdded, announcementsRemoved, unmatchedRemoves } = counters;
    // Skipped for a limit; the others of the skipped ones are not among those received.
    const refused = sumOf(skipped.filter(([code]) => code in LIMIT_CODES));
    const repeated = updatesReceived - announcementsAdded - announcementsRemoved - unmatchedRemoves - refused;
    return {
      ...commonFamilies(this.#daemon, this.unreadyReasons().length === 0),
      ...peerFamilies(rows, "inbound", figures.traffic),
      bunbond_peers: () =>
        byLabel(
          "state",
          STATES.map((state) => [state, figures.states.get(state) ?? 0]),
        ),
      bunbond_peer_subscriptions: () => ofSessions(rows, ({ subscriptions }) => subscriptions),
      bunbond_peer_closes_total: () => byLabel("reason", Object.entries(counters.closes)),
      bunbond_protocol_errors_total: () => byLabel("reason", Object.entries(counters.protocolErrors)),
      bunbond_connections_accepted_total: () => plain(counters.connectionsAccepted),
      bunbond_connections_refused_total: () => byLabel("reason", Object.entries(counters.refusals)),
      bunbond_repeated_hellos_total: () => plain(counters.repeatedHellos),
      bunbond_routes: () => routeSamples(figures.countsByVni(SHOWN_VNIS)),
      bunbond_vni_digest: () => digestSamples(figures.countsByVni(SHOWN_VNIS)),
      bunbond_stale_routes: () => plain(retainedAnnouncements),
      bunbond_nexthops: () => nextHopSamples(figures.nextHopsByType),
      bunbond_route_updates_total: () =>
        byLabel("action", [
          ["added", announcementsAdded],
          ["removed", announcementsRemoved],
          ["repeated", repeated],
          ["unmatched", unmatchedRemoves],
          ["skipped", sumOf(skipped)],
        ]),
      bunbond_updates_skipped_total: () => byLabel("reason", skipped),
      bunbond_subscribes_skipped_total: () => byLabel("reason", skippedSubscribes),
      bunbond_route_limit_hits_total: () => byLabel("action", [["refuse", sumOf(limitHits)]]),
      bunbond_propagation_seconds: () => plain(figures.propagation),
    };
  }
}

function sumOf(counts: readonly (readonly [code: string, count: number])[]): number {
  return counts.reduce((sum, [, count]) => sum + count, 0);
}
