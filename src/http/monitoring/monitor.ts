/**
 * What a daemon shows to monitoring, on its control socket and, with `--http`, over TCP:
 *
 *     GET /healthz   200 while the event loop runs
 *     GET /readyz    200, or 503 with the reasons
 *     GET /metrics   Prometheus' text format
 *
 * A scrape walks no table: totals are kept up to date, and peers are read some hundreds at a time.
 */
import type { Clock } from "../../base/clock.ts";
import { METRICS, statusKey } from "../../base/metrics.ts";
import { json } from "../connections/http-answer.ts";
import { type HttpRoute, route } from "../router.ts";
import { EXPOSITION_TYPE, exposition } from "./exposition.ts";
import { type Families, inCatalogueOrder } from "./families.ts";
import type { PeerRow, PeerRows } from "./peer-families.ts";
import type { UnreadyReason } from "./readiness.ts";

/** What is monitored of a daemon. */
export interface Monitor {
  /** Returns the present values. `rows` null: single peers are not reported, see {@link peerFamilies}. */
  families(rows: readonly PeerRow[] | null): Families;
  /** Resolves to the peers; null if they are not to be reported one by one. */
  peerRows(): Promise<readonly PeerRow[] | null>;
  /** Empty if the daemon is ready. */
  unreadyReasons(): readonly UnreadyReason[];
}

/** Answers while the event loop runs. */
export const healthRoute: HttpRoute = route("GET", "/healthz", () => json(200, { status: "ok" }));

/** The routes beside {@link healthRoute}. */
export function monitoringRoutes(monitor: Monitor): HttpRoute[] {
  return [
    route("GET", "/readyz", () => {
      const reasons = monitor.unreadyReasons();
      const headers = { "Cache-Control": "no-store" };
      if (reasons.length === 0) return json(200, { status: "ready" }, headers);
      return json(503, { status: "not ready", reasons }, headers);
    }),
    route("GET", "/metrics", async () => ({
      status: 200,
      headers: { "Content-Type": EXPOSITION_TYPE, "Cache-Control": "no-store" },
      body: exposition(inCatalogueOrder(monitor.families(await monitor.peerRows()))),
    })),
  ];
}

/**
 * Returns the counters for `bunbond status`, as "peerCloses.keepalive-timeout": those with labels only for what has occurred. Those of
 * the process are left out: every system shows them.
 */
export function statusCounters(monitor: Monitor): Readonly<Record<string, number>> {
  const counters: Record<string, number> = {};
  for (const { name, samples } of inCatalogueOrder(monitor.families(null))) {
    if (METRICS[name].type !== "counter" || name.startsWith("process_")) continue;
    for (const { labels, value } of samples) {
      const values = Object.values(labels).filter((of) => of !== null);
      if (typeof value === "number" && (value > 0 || values.length === 0))
        counters[[statusKey(name), ...values].join(".")] = value;
    }
  }
  return counters;
}

/** How many peers are read in one go: less than a millisecond of work. */
const PEERS_PER_SLICE = 256;

/** Collects rows in slices. */
export async function collectInSlices(
  rows: PeerRows,
  peers: Iterable<PeerRow>,
  clock: Clock,
): Promise<readonly PeerRow[]> {
  let collected = 0;
  for (const row of peers) {
    rows.add(row);
    if (++collected % PEERS_PER_SLICE === 0) await new Promise<void>((resolve) => clock.soon(resolve));
  }
  return rows.all();
}
