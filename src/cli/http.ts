import { startHttpServer } from "../http/http-server.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import type { Route } from "../route/route.ts";
import type { Logger } from "../session/logger.ts";
import { versionInfo } from "./version.ts";

/** Serves a daemon's routes where `--http` says, if it says so. */
export async function serveRoutes(endpoint: Endpoint | null, routes: () => Iterable<Route>, logger: Logger) {
  if (endpoint === null) return null;
  const http = await startHttpServer({ endpoint, routes, version: versionInfo.version, logger });
  logger.info("serving HTTP", { address: formatEndpoint(http.endpoint) });
  return http;
}
