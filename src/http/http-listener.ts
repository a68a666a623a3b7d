/**
 * HTTP with bounds, over TCP or a UNIX socket: so many connections, so long without a request, so much of a body. What is
 * answered is somebody else's decision.
 *
 * It stands on node:http and not on Bun.serve, which was tried first (Bun 1.4.4): Bun.serve tells of a connection only when a
 * request is complete, so that nobody can count or close those that are silent, and `idleTimeout` does not end one that sends a
 * header a second. Bun's node:http has a `connection` event at accept and honours `headersTimeout`, `requestTimeout` and
 * `keepAliveTimeout` (checked by test/http/http-listener.test.ts), refuses malformed requests, and takes a chunk of an answer
 * at a time (`drain`). It costs 6 MB of memory and 10 ms at the start.
 */

import { edenGC } from "bun:jsc";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../session/clock.ts";
import type { Logger } from "../session/logger.ts";
import { type Answer, type AnswerEvents, AnswerQueue, type AnswerSink } from "./answer-queue.ts";
import { ConnectionLimit, type LimitedConnection } from "./connection-limit.ts";
import type { HttpCounters } from "./http-counters.ts";

export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The host that is asked, as the request has it; null: it names none, as HTTP/1.0 may. */
  readonly host: string | null;
  /**
   * The body as text.
   * @throws BodyTooLargeError, or an Error when it breaks off
   */
  text(): Promise<string>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A text goes out at once; pieces are made while they are sent, and not at all for HEAD. */
  readonly body: string | Iterable<string>;
}

export function json(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  return {
    status,
    headers: { "Content-Type": "application/json;charset=utf-8", ...headers },
    body: JSON.stringify(body),
  };
}

export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
}

export interface HttpListenerOptions {
  /** Must not reject. */
  readonly answer: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;
  readonly maxConnections: () => number;
  readonly maxBodyBytes: number;
  /** For a connection without a request, and for a request that is not complete. */
  readonly idleMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: HttpCounters;
  /** For the log: where it listens. */
  readonly address: string;
}

/** For a connection without a request, and for a request that is not complete. */
const IDLE_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** Further requests that one connection may send before the first is answered. */
const MAX_PIPELINED = 16;

export class HttpListener {
  readonly #options: HttpListenerOptions;
  readonly #server: Server;
  readonly #queue: AnswerQueue;
  readonly #limit: ConnectionLimit<HttpConnection>;
  readonly #connections = new WeakMap<Socket, HttpConnection>();

  constructor(options: HttpListenerOptions) {
    this.#options = options;
    const { idleMs = IDLE_MS } = options;
    this.#queue = new AnswerQueue(options.clock, edenGC);
    this.#limit = new ConnectionLimit(options.maxConnections);
    this.#server = createServer({
      headersTimeout: idleMs,
      requestTimeout: idleMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.min(idleMs / 2, 1_000),
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    this.#server.on("connection", (socket) => this.#onConnection(socket));
    this.#server.on("clientError", (_, socket) => this.#onBadRequest(socket));
    this.#server.on("request", (request, response) => void this.#onRequest(request, response));
  }

  /** Rejects with the system's error. The file of a UNIX socket is there when this returns. */
  async listen(
    at: { readonly host: string; readonly port: number } | { readonly path: string },
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(at, resolve);
    await promise;
    this.#server.off("error", reject);
  }

  /** The port really taken; 0 of a UNIX socket. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Takes no connection any more; those with a request under way have until then. */
  async stop(withinMs: number): Promise<void> {
    const stopped = Promise.withResolvers<void>();
    this.#server.close(() => stopped.resolve());
    const closeAll = () => {
      for (const connection of [...this.#limit.all()]) connection.close();
    };
    if (withinMs === 0) closeAll();
    for (const connection of [...this.#limit.all()]) connection.closeWhenAnswered();
    const timer = this.#options.clock.after(withinMs, closeAll);
    await stopped.promise;
    timer.cancel();
  }

  #onConnection(socket: Socket): void {
    const { clock, counters, logger, address } = this.#options;
    const connection = new HttpConnection(socket, clock);
    this.#connections.set(socket, connection);
    // Its end is news, its errors are nobody's: a reader that goes is no fault.
    socket.on("error", () => {});
    socket.on("close", () => this.#limit.closed(connection));
    if (this.#limit.admit(connection) === null) return;
    counters.refused("no-room");
    logger.warn("HTTP connections are closed: there are too many", {
      address,
      connections: this.#limit.count,
    });
  }

  #onBadRequest(socket: { readonly writable: boolean; end(text: string): void; destroy(): void }): void {
    this.#options.counters.refused("bad-request");
    if (socket.writable)
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    socket.destroy();
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined || !connection.begin()) {
      request.socket.destroy();
      return;
    }
    response.on("close", () => connection.end());
    const { status, headers, body } = await this.#options.answer(this.#describe(request));
    if (response.destroyed) return;
    const hasUnreadBody = !request.complete;
    response.writeHead(status, {
      ...headers,
      ...(typeof body === "string" && { "Content-Length": String(Buffer.byteLength(body)) }),
      ...((hasUnreadBody || connection.isStopping) && { Connection: "close" }),
    });
    this.#send(request, response, connection, body);
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    connection: HttpConnection,
    body: HttpAnswer["body"],
  ): void {
    const sink: AnswerSink = {
      write: (text) => response.write(text),
      end: () => response.end(),
      abort: () => request.socket.destroy(),
    };
    const events = this.#eventsOf(request);
    let answer: Answer;
    if (request.method === "HEAD") answer = this.#queue.sendText("", sink, events);
    else if (typeof body === "string") answer = this.#queue.sendText(body, sink, events);
    else {
      response.flushHeaders();
      answer = this.#queue.send(body, sink, events);
    }
    connection.answers.add(answer);
    response.on("drain", () => answer.drained());
    response.on("close", () => {
      connection.answers.delete(answer);
      answer.closed();
    });
  }

  #eventsOf({ socket }: IncomingMessage): AnswerEvents {
    const { counters, logger, address } = this.#options;
    return {
      tooSlow: () => {
        counters.refused("slow-reader");
        const reader = socket.remoteAddress ?? "";
        logger.warn("an HTTP reader is too slow; its answer is cut off", { address, reader });
      },
      failed: (error) => logger.error("an HTTP answer could not be made", { address, error: String(error) }),
    };
  }

  #describe(request: IncomingMessage): HttpRequest {
    const { method = "", url = "" } = request;
    // In absolute form the target names the host, and the header does not count (RFC 9112, 3.2.2).
    const [, authority, path = ""] = /^(?:https?:\/\/([^/?#]*))?([^?#]*)/.exec(url) ?? [];
    const { maxBodyBytes } = this.#options;
    return {
      method,
      path,
      host: authority ?? hostOf(request),
      text: () => readText(request, maxBodyBytes),
    };
  }
}

/** Several Host headers are none that would be allowed (RFC 9112, 3.2). */
function hostOf({ headersDistinct }: IncomingMessage): string | null {
  const { host } = headersDistinct;
  return host?.join(", ") ?? null;
}

async function readText(request: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new BodyTooLargeError(`the body has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

class HttpConnection implements LimitedConnection {
  readonly answers = new Set<Answer>();
  readonly #socket: Socket;
  readonly #clock: Clock;
  #requests = 0;
  #idleSinceMs: number;
  isStopping = false;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#idleSinceMs = clock.nowMs();
  }

  get idleForMs(): number | null {
    return this.#requests > 0 ? null : this.#clock.nowMs() - this.#idleSinceMs;
  }

  get stalledForMs(): number {
    const nowMs = this.#clock.nowMs();
    let longest = 0;
    for (const { blockedSinceMs } of this.answers)
      longest = Math.max(longest, nowMs - (blockedSinceMs ?? nowMs));
    return longest;
  }

  /** A request has come. Returns false if there are too many under way. */
  begin(): boolean {
    this.#requests++;
    return this.#requests <= MAX_PIPELINED;
  }

  /** A request is answered. */
  end(): void {
    this.#requests--;
    this.#idleSinceMs = this.#clock.nowMs();
    if (this.isStopping && this.#requests === 0) this.close();
  }

  closeWhenAnswered(): void {
    this.isStopping = true;
    if (this.#requests === 0) this.close();
  }

  close(): void {
    this.#socket.destroy();
  }
}
