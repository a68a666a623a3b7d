/** This file answers the requests on a client's control socket. */

import type { Clock } from "../../base/clock.ts";
import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { ClientCore } from "../../client/client-core.ts";
import type { ClientCounters } from "../../client/counters.ts";
import { TableFullError } from "../../client/errors.ts";
import { formatEndpoint, parseEndpoint } from "../../net/endpoint.ts";
import { formatRoute } from "../../route/announcement-text.ts";
import type { Route } from "../../route/route.ts";
import { describeCloseReason } from "../../session/close-reason.ts";
import { DEFAULT_PORT } from "../../wire/protocol.ts";
import { json } from "../connections/http-answer.ts";
import { HttpError } from "../http-error.ts";
import { ClientMonitor } from "../monitoring/client-monitor.ts";
import { healthRoute, type Monitor, monitoringRoutes, statusCounters } from "../monitoring/monitor.ts";
import type { ClientReadiness } from "../monitoring/readiness.ts";
import { clientSource } from "../queries/daemon-sources.ts";
import { disagreementSummary } from "../queries/disagreements.ts";
import { fibDriftEndpoint } from "../queries/fib-endpoints.ts";
import type { KernelReader } from "../queries/fib-source.ts";
import { queryEndpoints } from "../queries/query-endpoints.ts";
import { type HttpRoute, route } from "../router.ts";
import type {
  ChangeFacts,
  ChangeResult,
  ChangeResults,
  ClientStatus,
  ClientVni,
  DrainAction,
  DrainResult,
  ServerEntry,
  ServerList,
} from "./api.ts";
import { readDrainAction, readPeer, readRoutes, readVniList } from "./bodies.ts";
import { change, query } from "./control-server.ts";
import { type Daemon, timeBefore } from "./daemon.ts";
import type { KernelReporter } from "./kernel-status.ts";

/** What is needed to describe a client. */
export interface ClientStateOptions {
  readonly client: ClientCore;
  readonly daemon: Daemon;
  /** Null if the client puts no routes into the kernel. */
  readonly kernel: KernelReporter | null;
}

export interface ClientControlOptions extends ClientStateOptions {
  readonly counters: ClientCounters;
  readonly kernel: (KernelReporter & { readonly reader: KernelReader }) | null;
  readonly readiness: ClientReadiness;
  readonly logger: EventLog;
  /** Stops the daemon as SIGTERM does. */
  readonly stop: () => void;
  /** Returns how long the client would still wait for others to use other next hops if it were stopped now. */
  readonly drainLeftMs: () => number;
}

export function clientEndpoints(options: ClientControlOptions): HttpRoute[] {
  const { client, daemon, logger, kernel } = options;
  const source = clientSource(client, daemon.clock, kernel?.reader ?? null);
  const results = (results: ChangeResult[]): ChangeResults => {
    const changed = results.filter(({ outcome }) => CHANGES.has(outcome));
    const [first] = changed;
    // The log shows changes that do not come from the configuration.
    if (first !== undefined) {
      logger.log(LOG.changedByCommand, {
        change: first.outcome,
        count: changed.length,
        first: "route" in first ? first.route : first.vni,
      });
    }
    return { results, ...changeFacts(options) };
  };
  const monitor = new ClientMonitor(options);
  return [
    healthRoute,
    ...monitoringRoutes(monitor),
    ...clientStateEndpoints(options, monitor),
    ...queryEndpoints(source),
    fibDriftEndpoint(source),
    change("/v1/peers/reset", readPeer, (peer) => {
      const endpoint = parseEndpoint(peer, DEFAULT_PORT);
      if (!("code" in endpoint) && client.resetServer(endpoint)) {
        const server = formatEndpoint(endpoint);
        logger.log(LOG.resetByCommand, { server });
        return { peer: server };
      }
      throw new HttpError("PEER_NOT_FOUND", `no server ${peer}; 'bunbond status' shows them`);
    }),
    change("/v1/announce", readRoutes, (routes) => {
      refuseIfStopping(daemon);
      const announced: Route[] = [];
      const outcomes = routes.map((route) => {
        const isNew = unlessFull(
          () => client.announce(route),
          () => {
            for (const before of announced) client.withdraw(before);
          },
        );
        if (isNew) announced.push(route);
        return {
          route: formatRoute(route),
          outcome: isNew ? ("announced" as const) : ("already-announced" as const),
        };
      });
      return results(outcomes);
    }),
    change("/v1/withdraw", readRoutes, (routes) =>
      results(
        routes.map((route) => {
          const outcome = client.withdraw(route) ? "withdrawn" : "not-announced";
          return { route: formatRoute(route), outcome };
        }),
      ),
    ),
    change("/v1/subscribe", readVniList, (vnis) => {
      refuseIfStopping(daemon);
      return results(
        vnis.map((vni) => {
          const outcome = client.subscribe(vni) ? "subscribed" : "already-subscribed";
          return { vni, outcome };
        }),
      );
    }),
    change("/v1/unsubscribe", readVniList, (vnis) =>
      results(
        vnis.map((vni) => {
          const outcome = client.unsubscribe(vni) ? "unsubscribed" : "not-subscribed";
          return { vni, outcome };
        }),
      ),
    ),
    change("/v1/drain", readDrainAction, (action) => drain(options, action)),
  ];
}

/** The endpoints that only read, which public HTTP has, too. */
export function clientStateEndpoints(options: ClientStateOptions, monitor: Monitor): HttpRoute[] {
  const { client } = options;
  return [
    query("/v1/status", () => clientStatus(options, monitor)),
    route("GET", "/v1/peers", () => json(200, { servers: serverEntries(client) } satisfies ServerList)),
    route("GET", "/v1/peers/:id", ({ parameters: { id } }) => {
      const server = serverEntries(client).find((each) => each.server === id);
      if (server !== undefined) return json(200, server);
      throw new HttpError("PEER_NOT_FOUND", `no server is ${id}; /v1/peers has them`);
    }),
  ];
}

function serverEntries(client: ClientCore): ServerEntry[] {
  return client.servers().map((server) => ({
    server: formatEndpoint(server.server),
    state: server.state,
    since: timeBefore(server.stateForMs),
    awaySince: server.awayForMs === null ? null : timeBefore(server.awayForMs),
    lastReason: server.lastReason && describeCloseReason(server.lastReason),
    sessions: server.sessions,
    staleRoutes: server.staleRoutes,
  }));
}

/** Refuses changes while the client stops: they would be reported as done and never be sent. */
function refuseIfStopping({ isStopping }: Daemon): void {
  if (!isStopping) return;
  throw new HttpError("STOPPING", "the client is stopping and no longer accepts changes");
}

/** Executes a request as a whole or not at all: `undo` reverts the part that was done. */
function unlessFull<T>(act: () => T, undo: () => void = () => {}): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof TableFullError)) throw error;
    undo();
    throw new HttpError("TABLE_FULL", error.message);
  }
}

/** The outcomes that mean that something was changed. */
const CHANGES: ReadonlySet<ChangeResult["outcome"]> = new Set([
  "announced",
  "withdrawn",
  "subscribed",
  "unsubscribed",
] as const);

function changeFacts({ client, daemon }: ClientControlOptions): ChangeFacts {
  const { state } = daemon.facts(client.drainedForMs !== null);
  const established = client.servers().filter((server) => server.state === "established");
  return { state, establishedServers: established.length };
}

function drain(options: ClientControlOptions, action: DrainAction): DrainResult {
  const { client, daemon, logger, stop, drainLeftMs } = options;
  // Before anything is withdrawn: withdrawals after the client's own stop are treated differently (run-client.ts).
  if (action === "stop") stop();
  else refuseIfStopping(daemon);
  let outcome: DrainResult["outcome"];
  if (action === "undo") outcome = unlessFull(() => client.undrain()) ? "undone" : "not-drained";
  else outcome = client.drain() ? "drained" : "already-drained";
  let stopsInSeconds: number | null = null;
  if (action === "stop") {
    outcome = "stopping";
    stopsInSeconds = Math.ceil(drainLeftMs() / 1000);
  }
  logger.log(LOG.drainByCommand, { outcome, announcements: client.announcementCount });
  return { outcome, announcements: client.announcementCount, stopsInSeconds, ...changeFacts(options) };
}

async function clientStatus(
  { client, daemon, kernel }: ClientStateOptions,
  monitor: Monitor,
): Promise<ClientStatus> {
  const vnis = await vniEntries(client, daemon.clock);
  return {
    program: "client",
    ...daemon.facts(client.drainedForMs !== null),
    routes: client.routeCount,
    announcements: client.announcementCount,
    servers: serverEntries(client),
    removedServersRoutes: client.removedServersRoutes,
    vnis,
    disagreements: client.disagreements.map(disagreementSummary),
    kernel: kernel?.report() ?? null,
    counters: statusCounters(monitor),
  };
}

/** Number of routes counted in one go: less than a millisecond of work. */
const SLICE_ROUTES = 4096;

/** Returns the VNIs of routes, announcements and subscriptions, in order. The table is counted in slices and may change meanwhile. */
async function vniEntries(client: ClientCore, clock: Clock): Promise<ClientVni[]> {
  const routes = new Map<number, number>();
  let counted = 0;
  for (const { vni } of client.routes()) {
    count(routes, vni);
    if (++counted % SLICE_ROUTES === 0) await new Promise<void>((resolve) => clock.soon(resolve));
  }
  const announcements = new Map<number, number>();
  for (const { vni } of client.announcements()) count(announcements, vni);
  const subscribed = new Set(client.subscriptions());
  const vnis = new Set([...subscribed, ...routes.keys(), ...announcements.keys()]);
  return [...vnis]
    .sort((a, b) => a - b)
    .map((vni) => ({
      vni,
      subscribed: subscribed.has(vni),
      routes: routes.get(vni) ?? 0,
      announcements: announcements.get(vni) ?? 0,
    }));
}

function count(counts: Map<number, number>, vni: number): void {
  counts.set(vni, (counts.get(vni) ?? 0) + 1);
}
