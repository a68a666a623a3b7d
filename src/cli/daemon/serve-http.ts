import { eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Logger } from "../../base/logger.ts";
import type { Daemon } from "../../http/control/daemon.ts";
import type { Monitor } from "../../http/monitoring/monitor.ts";
import { startHttpServer } from "../../http/public/http-server.ts";
import { queryEndpoints } from "../../http/queries/query-endpoints.ts";
import type { QuerySource } from "../../http/queries/query-source.ts";
import type { HttpRoute } from "../../http/router.ts";
import { type Endpoint, formatEndpoint } from "../../net/endpoint.ts";
import { versionInfo } from "../program/version.ts";

export interface HttpOptions {
  /** Where HTTP is served; null if it is not. */
  readonly http: Endpoint | null;
  readonly httpHosts: readonly string[];
}

/** Serves a daemon's routes at the address of `--http`. Resolves to null if the flag is not given. */
export async function serveRoutes(
  { http: endpoint, httpHosts: hostNames }: HttpOptions,
  source: QuerySource,
  monitor: Monitor,
  /** Status and peers. */
  state: readonly HttpRoute[],
  { clock, http: counters }: Daemon,
  logger: Logger,
) {
  if (endpoint === null) return null;
  const { version } = versionInfo;
  const { routes } = source;
  const queries = [...state, ...queryEndpoints(source)];
  const http = startHttpServer({
    endpoint,
    hostNames,
    routes,
    queries,
    monitor,
    version,
    logger,
    clock,
    counters,
  });
  eventLog(logger).log(LOG.servingHttp, { address: formatEndpoint(http.endpoint) });
  return http;
}
