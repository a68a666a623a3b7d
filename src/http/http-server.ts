/**
 * The HTTP side of a server or client, to be read only: what the Go program offers and /healthz.
 *
 * A large table goes out in slices (slices.ts), and the next slice is made when the reader has taken the last, so
 * a slow reader costs the memory of its sorted lines and nothing else. Those lines, some 150 bytes a route, are
 * why only a few documents are made at a time and the next request is sent away for a second.
 */
import { type Endpoint, formatEndpoint, hasHostName } from "../net/endpoint.ts";
import type { Route } from "../route/route.ts";
import type { Clock } from "../session/clock.ts";
import type { Logger } from "../session/logger.ts";
import { ListenError } from "../transport/stream.ts";
import { SystemClock } from "../transport/system-clock.ts";
import { type RoutesFormat, routesDocument } from "./routes-document.ts";
import { inSlices } from "./slices.ts";

export interface HttpServerOptions {
  /** Port 0 is any free one. */
  readonly endpoint: Endpoint;
  /** The table now. The walk goes on over many turns of the event loop, so it must bear changes meanwhile. */
  readonly routes: () => Iterable<Route>;
  readonly version: string;
  readonly logger: Logger;
  readonly clock?: Clock;
}

export interface HttpServer {
  /** With the port that was really taken. */
  readonly endpoint: Endpoint;
  /** Closes the listener and all connections, also in the middle of an answer. */
  stop(): Promise<void>;
}

/** @throws ListenError when the endpoint cannot be had */
export function startHttpServer(options: HttpServerOptions): HttpServer {
  const { endpoint, logger } = options;
  const service = new HttpService(options);
  try {
    const server = Bun.serve({
      hostname: endpoint.host,
      port: endpoint.port,
      development: false,
      // Said aloud: outside development mode Bun's default is to share the port with whoever has it.
      reusePort: false,
      idleTimeout: IDLE_SECONDS,
      // Nothing here reads a request's body.
      maxRequestBodySize: 64 * 1024,
      fetch(request, server) {
        // A document of a large table may be silent for long while it is being sorted.
        server.timeout(request, DOCUMENT_IDLE_SECONDS);
        return service.answer(request);
      },
      error(error) {
        logger.error("an HTTP request failed", { error: error.message });
        return refusal(500, "INTERNAL_ERROR", "the request failed inside; the log says more");
      },
    });
    return {
      endpoint: { host: endpoint.host, port: server.port ?? endpoint.port },
      stop: () => server.stop(true),
    };
  } catch (error) {
    throw httpListenError(endpoint, error);
  }
}

const IDLE_SECONDS = 10;
const DOCUMENT_IDLE_SECONDS = 60;
const MAX_DOCUMENTS = 4;

class HttpService {
  readonly #options: HttpServerOptions;
  readonly #clock: Clock;
  readonly #resources: ReadonlyMap<string, () => Response>;
  #documents = 0;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? new SystemClock();
    this.#resources = new Map([
      ["/", () => this.#index()],
      ["/healthz", () => Response.json({ status: "ok" })],
      ["/routes.json", () => this.#document("json", "application/json")],
      ["/routes.yaml", () => this.#document("yaml", "text/yaml")],
    ]);
  }

  answer({ method, url }: Request): Response {
    const path = pathOf(url);
    const resource = this.#resources.get(path);
    if (resource === undefined) {
      const paths = [...this.#resources.keys()].join(", ");
      return refusal(404, "NOT_FOUND", `nothing at ${path}; there are ${paths}`);
    }
    // To HEAD Bun sends the head of a GET's answer and cancels its body.
    if (method === "GET" || method === "HEAD") return resource();
    return refusal(405, "METHOD_NOT_ALLOWED", `${path} takes GET and HEAD only`, { Allow: "GET, HEAD" });
  }

  #index(): Response {
    const endpoints = [...this.#resources.keys()].filter((path) => path !== "/");
    return Response.json({ program: "bunbond", version: this.#options.version, endpoints });
  }

  #document(format: RoutesFormat, contentType: string): Response {
    if (this.#documents >= MAX_DOCUMENTS) {
      const message = `${MAX_DOCUMENTS} route tables are being sent already; try again in a second`;
      return refusal(503, "BUSY", message, { "Retry-After": "1" });
    }
    this.#documents++;
    const { routes, version, logger } = this.#options;
    const head = { date: new Date(), version };
    const slices = inSlices(routesDocument(routes(), format, head), this.#clock);
    const body = byteStream(slices, {
      ended: () => this.#documents--,
      failed: (error) => logger.error("a route table could not be sent", { error: String(error) }),
    });
    return new Response(body, { headers: { "Content-Type": contentType, "Cache-Control": "no-store" } });
  }
}

/**
 * `ended` is called exactly once: when all has been read, the reader has gone, or the text failed. A reader can
 * go while a text is being made, which then finds the stream closed.
 */
function byteStream(
  texts: AsyncGenerator<string>,
  { ended, failed }: { ended: () => void; failed: (error: unknown) => void },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let isOpen = true;
  const end = () => {
    if (isOpen) ended();
    isOpen = false;
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await texts.next();
        if (!isOpen) return;
        if (!done) return controller.enqueue(encoder.encode(value));
        controller.close();
      } catch (error) {
        failed(error);
        // Without the error: Bun would print it with its stack. The answer breaks off without its last chunk.
        if (isOpen) controller.error();
      }
      end();
    },
    async cancel() {
      end();
      await texts.return(undefined);
    },
  });
}

/** Not by URL: with a Host header that makes no URL, `url` is a path or worse. */
export function pathOf(url: string): string {
  return /^(?:https?:\/\/[^/?#]*)?([^?#]*)/.exec(url)?.[1] ?? "";
}

function refusal(
  status: number,
  error: string,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ error, message }, { status, headers });
}

/** Says that it is HTTP: a server listens on two addresses, and either can fail. */
function httpListenError(endpoint: Endpoint, error: unknown): ListenError {
  const reasons: Record<string, string> = {
    EADDRINUSE: "the port is in use: stop the other program (ss -ltnp shows it) or choose another port",
    EADDRNOTAVAIL: "not an address of this machine (ip address shows those it has)",
    EACCES: "no permission: ports below 1024 need CAP_NET_BIND_SERVICE",
    EINVAL: "a link-local address needs the name of its interface, as in [fe80::1%eth0]:4712",
    ENOTFOUND: "the name leads to no address of this machine",
  };
  const code = listenErrorCode(endpoint, error);
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return new ListenError(code, endpoint, `cannot serve HTTP on ${formatEndpoint(endpoint)}: ${reason}`);
}

function listenErrorCode(endpoint: Endpoint, error: unknown): string {
  if (!(error instanceof Error && "code" in error && typeof error.code === "string")) return "EUNKNOWN";
  // For a name that cannot be resolved, Bun.serve shows what errno held before: EINVAL, EAGAIN, whatever came last.
  return hasHostName(endpoint) && !["EADDRINUSE", "EACCES"].includes(error.code) ? "ENOTFOUND" : error.code;
}
