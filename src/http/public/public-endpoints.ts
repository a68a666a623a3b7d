/**
 * This file answers the requests to the public HTTP server of a server or client: the documents of the Go program, and
 * /healthz.
 */
import type { RouteSource } from "../../route/table/route-source.ts";
import { type HttpAnswer, json } from "../connections/http-answer.ts";
import { type HttpRoute, route } from "../router.ts";
import { type RoutesFormat, routesDocument } from "./routes-document.ts";

export interface PublicEndpointsOptions {
  readonly routes: RouteSource;
  readonly version: string;
  /** The paths of all endpoints, for the list at "/". */
  readonly paths: () => readonly string[];
}

export function publicEndpoints({ routes, version, paths }: PublicEndpointsOptions): HttpRoute[] {
  const document = (format: RoutesFormat, contentType: string): HttpAnswer => ({
    status: 200,
    headers: { "Content-Type": contentType, "Cache-Control": "no-store" },
    body: routesDocument(routes, format, { date: new Date(), version }),
  });
  return [
    route("GET", "/", () => {
      const endpoints = paths().filter((path) => path !== "/");
      return json(200, { program: "bunbond", version, endpoints });
    }),
    route("GET", "/healthz", () => json(200, { status: "ok" })),
    route("GET", "/routes.json", () => document("json", "application/json")),
    route("GET", "/routes.yaml", () => document("yaml", "text/yaml")),
  ];
}
