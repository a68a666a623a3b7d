/**
 * The router decides which handler answers an HTTP request, for the control socket and public HTTP alike.
 *
 *     HttpListener ─ request → Router ─ guard → path → method → query → handler ─ answer → HttpListener
 *                                └──── whatever one of them throws ──── HttpError as JSON ────┘
 *
 * The routes are listed by kind: queries/query-endpoints.ts (routes, VNIs, history, events) and its neighbours, monitoring/monitor.ts
 * (metrics, health), public/public-endpoints.ts (documents, the page), control/server-endpoints.ts and control/client-endpoints.ts
 * (state and changes).
 *
 * A path may have parameters: `/v1/peers/:id` matches `/v1/peers/7` with `id` "7". A path without parameters comes
 * before one with them. HEAD is answered where GET is. A route that lists query parameters reads them strictly; all
 * other routes ignore the query, which a page may add to bypass a cache.
 */

import type { HttpAnswer } from "./connections/http-answer.ts";
import { BodyTooLargeError, type HttpRequest } from "./connections/http-listener.ts";
import { HttpError, type HttpErrorData } from "./http-error.ts";
import { type QueryReaders, type QueryValues, readQuery } from "./query.ts";

export type HttpMethod = "GET" | "POST" | "PUT" | "DELETE";

/** The names of a path's parameters: "id" for "/v1/peers/:id". */
type ParameterOf<Path extends string> = Path extends `${string}/:${infer Name}/${infer Rest}`
  ? Name | ParameterOf<`/${Rest}`>
  : Path extends `${string}/:${infer Name}`
    ? Name
    : never;

/** The part of a request that a handler gets. */
export interface RoutedRequest<Parameter extends string = string, Query = unknown> {
  /** The path's parameters, decoded and never empty. */
  readonly parameters: Readonly<Record<Parameter, string>>;
  readonly query: Query;
  /** The last event of a stream that the reader has; null if it begins. */
  readonly lastEventId: string | null;
  /** The content types that the reader prefers; null if it does not say. */
  readonly accept: string | null;
  /** The entity tags that the reader has; null if it has none. */
  readonly ifNoneMatch: string | null;
  /** Aborts when the reader closes, or has the whole answer. A stream that waits for something must end then. */
  readonly signal: AbortSignal;
  /**
   * The body, of any shape.
   * @throws HttpError if it is too large or not JSON
   */
  json(): Promise<unknown>;
}

export interface HttpRoute {
  readonly method: HttpMethod;
  readonly path: string;
  /** Answers a request. It may throw an HttpError. */
  handle(request: RoutedRequest, query: URLSearchParams): HttpAnswer | Promise<HttpAnswer>;
}

type Handler<Path extends string, Query> = (
  request: RoutedRequest<ParameterOf<Path>, Query>,
) => HttpAnswer | Promise<HttpAnswer>;

/** Makes a route that ignores the query. */
export function route<Path extends string>(
  method: HttpMethod,
  path: Path,
  handle: Handler<Path, unknown>,
): HttpRoute {
  return { method, path, handle };
}

/** Makes a route that takes exactly these query parameters. */
export function queryRoute<Path extends string, Q extends QueryReaders>(
  method: HttpMethod,
  path: Path,
  readers: Q,
  handle: Handler<Path, QueryValues<Q>>,
): HttpRoute {
  return {
    method,
    path,
    handle: (request, query) => handle({ ...request, query: readQuery(query, readers) }),
  };
}

export interface RouterOptions {
  readonly routes: readonly HttpRoute[];
  /** Throws an HttpError for a request that is not answered, whatever its path is. */
  readonly guard?: (request: HttpRequest) => void;
  /** Fields of every error's body. */
  readonly errorData?: HttpErrorData;
  /** Called with an error of a handler that is not an HttpError. The reader does not see it. */
  readonly onFailure: (error: unknown) => void;
}

interface Resource {
  readonly path: string;
  readonly segments: readonly string[];
  readonly routes: Map<string, HttpRoute>;
}

interface Match {
  readonly resource: Resource;
  readonly parameters: Readonly<Record<string, string>>;
}

export class Router {
  readonly #options: RouterOptions;
  /** The resources. Paths without parameters come first. */
  readonly #resources: readonly Resource[];

  constructor(options: RouterOptions) {
    this.#options = options;
    const resources = new Map<string, Resource>();
    for (const route of options.routes) {
      const { path, method } = route;
      const resource = resources.getOrInsertComputed(path, () => {
        return { path, segments: path.split("/"), routes: new Map() };
      });
      if (resource.routes.has(method)) throw new Error(`two routes for ${method} ${path}`);
      resource.routes.set(method, route);
    }
    const hasParameters = ({ path }: Resource) => Number(path.includes("/:"));
    this.#resources = [...resources.values()].sort((a, b) => hasParameters(a) - hasParameters(b));
  }

  /** The paths in the order in which they were given, except that those with parameters come last. */
  get paths(): string[] {
    return this.#resources.map(({ path }) => path);
  }

  /** Answers a request. It never rejects. */
  async answer(request: HttpRequest): Promise<HttpAnswer> {
    const { guard, errorData, onFailure } = this.#options;
    try {
      guard?.(request);
      return await this.#dispatch(request);
    } catch (error) {
      if (error instanceof HttpError) return error.answer(errorData, headersOf(error));
      onFailure(error);
      return new HttpError(
        "INTERNAL_ERROR",
        "the request failed inside the program; its log has the reason",
      ).answer(errorData);
    }
  }

  #dispatch(request: HttpRequest): HttpAnswer | Promise<HttpAnswer> {
    const { method, path, signal, lastEventId = null, accept = null, ifNoneMatch = null } = request;
    const match = this.#match(path);
    if (match === null) {
      const { paths } = this;
      throw new HttpError("NOT_FOUND", `there is nothing at ${path}; the paths are ${paths.join(", ")}`, {
        paths,
      });
    }
    const { resource, parameters } = match;
    const route = resource.routes.get(method === "HEAD" ? "GET" : method);
    if (route === undefined) {
      const allow = [...resource.routes.keys()].flatMap((one) => (one === "GET" ? ["GET", "HEAD"] : [one]));
      const message = `${path} takes ${allow.join(" and ")}, not ${method}`;
      throw new HttpError("METHOD_NOT_ALLOWED", message, { allow });
    }
    return route.handle(
      {
        parameters,
        query: undefined,
        lastEventId,
        accept,
        ifNoneMatch,
        signal,
        json: () => readJson(request),
      },
      request.query,
    );
  }

  #match(path: string): Match | null {
    const segments = path.split("/");
    for (const resource of this.#resources) {
      const parameters = parametersOf(resource.segments, segments);
      if (parameters !== null) return { resource, parameters };
    }
    return null;
  }
}

/** Returns the header Allow for an answer with status 405 (RFC 9110, 15.5.6). */
function headersOf({ code, data: { allow } }: HttpError): Readonly<Record<string, string>> {
  return code === "METHOD_NOT_ALLOWED" && Array.isArray(allow) ? { Allow: allow.join(", ") } : {};
}

/** Returns the parameters in a path, or null if the path does not match the pattern. */
function parametersOf(
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | null {
  if (pattern.length !== segments.length) return null;
  const parameters: Record<string, string> = {};
  for (const [i, expected] of pattern.entries()) {
    const segment = segments[i] ?? "";
    if (!expected.startsWith(":")) {
      if (segment !== expected) return null;
      continue;
    }
    const value = decoded(segment);
    if (value === null || value === "") return null;
    parameters[expected.slice(1)] = value;
  }
  return parameters;
}

/** Returns the decoded segment, or null if a percent sign is not followed by the code of a character. */
function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}

async function readJson(request: HttpRequest): Promise<unknown> {
  const body = await request.text().catch((error: unknown) => {
    if (error instanceof BodyTooLargeError) throw new HttpError("TOO_LARGE", error.message);
    throw new HttpError("BAD_JSON", `the body ends early: ${String(error)}`);
  });
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new HttpError("BAD_JSON", `the body is not JSON: ${String(error)}`);
  }
}
