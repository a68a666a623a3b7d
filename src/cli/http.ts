import type { Daemon } from "../http/daemon.ts";
import { startHttpServer } from "../http/http-server.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import type { RouteSource } from "../route/route-source.ts";
import type { Logger } from "../session/logger.ts";
import { versionInfo } from "./version.ts";

export interface HttpOptions {
  /** Null: no HTTP. */
  readonly http: Endpoint | null;
  readonly httpHosts: readonly string[];
}

/** Serves a daemon's routes where `--http` says, if it says so. */
export async function serveRoutes(
  { http: endpoint, httpHosts: hostNames }: HttpOptions,
  routes: RouteSource,
  { clock, http: counters }: Daemon,
  logger: Logger,
) {
  if (endpoint === null) return null;
  const { version } = versionInfo;
  const http = await startHttpServer({ endpoint, hostNames, routes, version, logger, clock, counters });
  logger.info("serving HTTP", { address: formatEndpoint(http.endpoint) });
  return http;
}
