/**
 * This file answers the requests to the public HTTP server of a server or client: the documents of the Go program, what
 * monitoring reads, and the page.
 */
import type { RouteSource } from "../../route/table/route-source.ts";
import { type HttpAnswer, json } from "../connections/http-answer.ts";
import { healthRoute, type Monitor, monitoringRoutes } from "../monitoring/monitor.ts";
import { type HttpRoute, route } from "../router.ts";
import { openApiDocument } from "./openapi.ts";
import { pageAnswer, prefersHtml } from "./page-answer.ts";
import { type RoutesFormat, routesDocument } from "./routes-document.ts";

export interface PublicEndpointsOptions {
  readonly routes: RouteSource;
  readonly version: string;
  /** Null: there is no /metrics and no /readyz. */
  readonly monitor: Monitor | null;
  /** The paths of all endpoints, for the list at "/". */
  readonly paths: () => readonly string[];
}

export function publicEndpoints({ routes, version, monitor, paths }: PublicEndpointsOptions): HttpRoute[] {
  const document = (format: RoutesFormat, contentType: string): HttpAnswer => ({
    status: 200,
    headers: { "Content-Type": contentType, "Cache-Control": "no-store" },
    body: routesDocument(routes, format, { date: new Date(), version }),
  });
  return [
    route("GET", "/", (request) => {
      if (prefersHtml(request.accept)) return pageAnswer("/", request);
      const endpoints = paths().filter((path) => path !== "/" && !path.startsWith("/page/"));
      return json(200, { program: "bunbond", version, endpoints }, { Vary: "Accept" });
    }),
    route("GET", "/page/:file", (request) => pageAnswer(`/page/${request.parameters.file}`, request)),
    healthRoute,
    ...(monitor === null ? [] : monitoringRoutes(monitor)),
    route("GET", "/routes.json", () => document("json", "application/json")),
    route("GET", "/routes.yaml", () => document("yaml", "text/yaml")),
    route("GET", "/v1/openapi.json", () => json(200, openApiDocument(version))),
  ];
}
