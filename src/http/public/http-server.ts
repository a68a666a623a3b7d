/** Public HTTP of a server or client is read-only; public-endpoints.ts has its answers. */

import type { Clock } from "../../base/clock.ts";
import { eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Logger } from "../../base/logger.ts";
import { type Endpoint, formatEndpoint } from "../../net/endpoint.ts";
import type { RouteSource } from "../../route/table/route-source.ts";
import { httpConnectionLimit } from "../../transport/descriptor-limit.ts";
import { listenError } from "../../transport/listen-error.ts";
import { SystemClock } from "../../transport/schedule/system-clock.ts";
import { HttpCounters } from "../connections/http-counters.ts";
import { HttpListener, type HttpRequest } from "../connections/http-listener.ts";
import { HttpError } from "../http-error.ts";
import type { Monitor } from "../monitoring/monitor.ts";
import { type HttpRoute, Router } from "../router.ts";
import { comparableName, isAllowedHost } from "./host-check.ts";
import { publicEndpoints } from "./public-endpoints.ts";

export interface HttpServerOptions {
  /** Where to listen. Port 0 means any free port. */
  readonly endpoint: Endpoint;
  /** Host names that requests may use, in addition to that of the endpoint. */
  readonly hostNames?: readonly string[];
  readonly routes: RouteSource;
  /** Further endpoints, which only read. */
  readonly queries?: readonly HttpRoute[];
  readonly version: string;
  /** If left out, there is no /metrics and no /readyz. */
  readonly monitor?: Monitor;
  readonly logger: Logger;
  readonly counters?: HttpCounters;
  readonly clock?: Clock;
  /** Returns how many connections there may be. Default: as many as the limit of descriptors allows. */
  readonly maxConnections?: () => number;
  /** How long a connection may be without a request. Default 10 s. */
  readonly idleMs?: number;
}

export interface HttpServer {
  /** The endpoint, with the port that is in use. */
  readonly endpoint: Endpoint;
  /** Closes the listener and all connections, also during an answer. */
  stop(): Promise<void>;
}

/** The limit of a body: none is read. */
const MAX_BODY_BYTES = 0;

/** @throws ListenError when the endpoint cannot be bound */
export function startHttpServer(options: HttpServerOptions): HttpServer {
  const { endpoint, counters = new HttpCounters(), clock = new SystemClock() } = options;
  const { maxConnections = () => httpConnectionLimit() } = options;
  const router = routerOf(options, counters);
  const listener = new HttpListener({
    answer: (request) => router.answer(request),
    maxConnections,
    maxBodyBytes: MAX_BODY_BYTES,
    ...(options.idleMs !== undefined && { idleMs: options.idleMs }),
    clock,
    logger: options.logger,
    counters,
  });
  try {
    listener.listen({ hostname: endpoint.host, port: endpoint.port });
  } catch (error) {
    throw listenError(endpoint, error, "serve HTTP");
  }
  return { endpoint: { host: endpoint.host, port: listener.port }, stop: () => listener.stop(0) };
}

/** Refuses requests for other hosts' names (host-check.ts). */
function hostGuard({ endpoint, hostNames = [] }: HttpServerOptions, counters: HttpCounters) {
  const names = new Set([endpoint.host, ...hostNames].map(comparableName));
  return ({ host }: HttpRequest): void => {
    if (host === null || isAllowedHost(host, names)) return;
    counters.refused("foreign-host");
    const message =
      "the request names another host: use an address, localhost, or a name given as --http NAME or --http-host NAME";
    throw new HttpError("MISDIRECTED_REQUEST", message);
  };
}

function routerOf(options: HttpServerOptions, counters: HttpCounters): Router {
  const { version, logger } = options;
  const router = new Router({
    guard: hostGuard(options, counters),
    routes: [
      ...publicEndpoints({
        routes: options.routes,
        version,
        monitor: options.monitor ?? null,
        paths: () => router.paths,
      }),
      ...(options.queries ?? []),
    ],
    onFailure: (error) =>
      eventLog(logger).log(LOG.httpAnswerFailed, {
        address: formatEndpoint(options.endpoint),
        error: String(error),
      }),
  });
  return router;
}
