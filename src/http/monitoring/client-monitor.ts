/** The metrics and the readiness of a client. */
import type { ClientCore, ServerLinkFigures } from "../../client/client-core.ts";
import type { ClientCounters } from "../../client/counters.ts";
import type { ServerState } from "../../client/link/server-link.ts";
import { LIMIT_CODES } from "../../server/exchange/limits.ts";
import type { Daemon } from "../control/daemon.ts";
import {
  commonFamilies,
  digestSamples,
  nextHopSamples,
  routeSamples,
  SHOWN_VNIS,
} from "./common-families.ts";
import { byLabel, type Families, plain } from "./families.ts";
import { type FibSource, fibFamilies } from "./fib-families.ts";
import { collectInSlices, type Monitor } from "./monitor.ts";
import { type PeerRow, PeerRows, peerFamilies, SLOW_AFTER_MS } from "./peer-families.ts";
import { type ClientReadiness, clientReadiness, type UnreadyReason } from "./readiness.ts";

export interface ClientMonitorOptions {
  readonly client: ClientCore;
  readonly daemon: Daemon;
  readonly counters: ClientCounters;
  /** Null if the client puts no routes into the kernel. */
  readonly kernel: FibSource | null;
  readonly readiness: ClientReadiness;
}

const STATES = ["connecting", "handshake", "established", "retry"] as const satisfies readonly ServerState[];

export class ClientMonitor implements Monitor {
  readonly #options: ClientMonitorOptions;

  constructor(options: ClientMonitorOptions) {
    this.#options = options;
  }

  unreadyReasons(): UnreadyReason[] {
    const { client, daemon, kernel, readiness } = this.#options;
    return clientReadiness(client, kernel?.installerStatus() ?? null, daemon.isStopping, readiness);
  }

  async peerRows(): Promise<readonly PeerRow[] | null> {
    const { client, daemon } = this.#options;
    if (!daemon.reportsPeers) return null;
    const servers = client.figures().servers.map((server) => this.#rowOf(server));
    return await collectInSlices(new PeerRows(), servers, daemon.clock);
  }

  #rowOf({ server, establishedMs, connection, traffic }: ServerLinkFigures): PeerRow {
    const { client, daemon } = this.#options;
    if (establishedMs === null || connection === null)
      return { peer: server, isUp: false, session: null, traffic };
    const { lastKeepaliveMs, sendQueueBytes, sendBlockedForMs, behindForMs } = connection;
    return {
      peer: server,
      isUp: true,
      session: {
        establishedSeconds: daemon.wallSeconds(establishedMs),
        lastKeepaliveSeconds: lastKeepaliveMs === null ? null : daemon.wallSeconds(lastKeepaliveMs),
        sendQueueBytes,
        sendBlockedSeconds: sendBlockedForMs / 1000,
        isSlow: behindForMs > SLOW_AFTER_MS,
        subscriptions: Iterator.from(client.subscriptions()).reduce((count) => count + 1, 0),
      },
      traffic,
    };
  }

  families(rows: readonly PeerRow[] | null): Families<"client"> {
    const { client, daemon, counters, kernel } = this.#options;
    const figures = client.figures();
    const limitHits = [...client.skippedUpdates].filter(([code]) => code in LIMIT_CODES);
    return {
      ...commonFamilies(daemon, this.unreadyReasons().length === 0),
      ...peerFamilies(rows, "outbound", figures.traffic),
      ...fibFamilies(kernel, daemon),
      bunbond_peers: () =>
        byLabel(
          "state",
          STATES.map((state) => [state, figures.servers.filter((server) => server.state === state).length]),
        ),
      bunbond_peer_closes_total: () => byLabel("reason", counters.closes),
      bunbond_protocol_errors_total: () => byLabel("reason", counters.protocolErrors),
      bunbond_routes: () => routeSamples(figures.countsByVni(SHOWN_VNIS)),
      bunbond_vni_digest: () => digestSamples(figures.countsByVni(SHOWN_VNIS)),
      bunbond_stale_routes: () => plain(figures.staleRoutes),
      bunbond_vni_disagreements: () => plain(client.disagreements.length),
      bunbond_vni_disagreements_found_total: () => plain(client.disagreementsFound),
      bunbond_nexthops: () => nextHopSamples(figures.nextHopsByType),
      bunbond_route_updates_total: () =>
        byLabel("action", [
          ["added", counters.routesAdded],
          ["removed", counters.routesRemoved],
        ]),
      bunbond_updates_skipped_total: () => byLabel("reason", client.skippedUpdates),
      bunbond_route_limit_hits_total: () =>
        byLabel("action", [["refuse", limitHits.reduce((sum, [, count]) => sum + count, 0)]]),
    };
  }
}
