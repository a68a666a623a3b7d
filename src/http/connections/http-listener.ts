/**
 * This listener serves HTTP over TCP or a UNIX socket, with limits of the number of connections, the time without a
 * request, and the size of a body. The function `answer` makes the answers.
 *
 *     Bun.listen → ConnectionLimit → HttpConnection (one per socket) → node:http → answer() → AnswerQueue → socket
 *                       ↑                                                                         ↑
 *                       └── timer: closes idle connections              drain of a socket: next piece of its answer
 *
 * Bun.serve is not used (Bun 1.4.4): it reports a connection only when a request is complete, so silent connections can
 * be neither counted nor closed, and its `idleTimeout` does not end one that sends a header every second. The listener
 * of node:http can do this, but each connection takes 0.1 ms before it can be refused, and Bun accepts up to 512 in one
 * go: 1,500 at once blocked the event loop for 150 ms. So connections come from Bun.listen, at 0.01 ms each, and
 * admitted ones are passed to node:http, which parses strictly. Its time-outs do not apply to such connections, so they
 * are kept here.
 */

import { edenGC } from "bun:jsc";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../../base/clock.ts";
import { LimitedLog } from "../../base/limited-log.ts";
import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Logger } from "../../base/logger.ts";
import { HTTP_ACCEPTED_PER_TURN } from "../../base/turn-budget.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import { PausableListener } from "../../transport/pausable-listener.ts";
import {
  type Answer,
  type AnswerEvents,
  AnswerQueue,
  type AnswerSink,
  type GarbageCollector,
} from "./answer-queue.ts";
import { ConnectionLimit } from "./connection-limit.ts";
import type { HttpAnswer } from "./http-answer.ts";
import { BUFFERED_BYTES, type BunSocket, HttpConnection, MAX_HEADER_BYTES } from "./http-connection.ts";
import type { HttpCounters } from "./http-counters.ts";

export interface HttpRequest {
  readonly method: string;
  /** The path without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The host that the request names; null if it names none, as HTTP/1.0 allows. */
  readonly host: string | null;
  /** The last event of a stream that the reader has; null if it begins. */
  readonly lastEventId?: string | null;
  /** The content types that the reader prefers; null if it does not say. */
  readonly accept?: string | null;
  /** The entity tags that the reader has (RFC 9110, 13.1.2); null if it has none. */
  readonly ifNoneMatch?: string | null;
  /**
   * The body as text.
   * @throws BodyTooLargeError, or an Error if it breaks off
   */
  text(): Promise<string>;
  /** Aborts when the reader closes, or has the whole answer. */
  readonly signal: AbortSignal;
}

export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
}

export interface HttpListenerOptions {
  /** Makes the answer to a request. It must not reject. */
  readonly answer: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;
  readonly maxConnections: () => number;
  readonly maxBodyBytes: number;
  /** How long a connection may be without a request, and a request may be incomplete. */
  readonly idleMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: HttpCounters;
}

/** Readers matter less than clients, so few lines about them are logged. */
const LOG_LIMITS = { burst: 5, intervalMs: 60_000 };
const IDLE_MS = 10_000;
const CHECK_EVERY_MS = 500;
const STOP_POLL_MS = 10;
const BACKLOG = 4_096;
/** How often room is made for waiting connections while all places are taken. */
const MAKE_ROOM_EVERY_MS = 20;

const COLLECTOR: GarbageCollector = { collectYoung: edenGC, collectAll: () => Bun.gc(false) };

export class HttpListener {
  readonly #options: HttpListenerOptions;
  readonly #log: EventLog;
  readonly #idleMs: number;
  /** The parser of requests. It does not listen: connections are passed to it. */
  readonly #http: Server;
  readonly #queue: AnswerQueue;
  readonly #limit: ConnectionLimit<HttpConnection>;
  readonly #connections = new WeakMap<Duplex, HttpConnection>();
  #listener: PausableListener<HttpConnection | null> | Bun.UnixSocketListener<HttpConnection | null> | null =
    null;
  /** The timer that runs while the listener is paused. */
  #waitForRoom: Timer | null = null;
  #port = 0;
  /** The address for the log. */
  #address = "";
  #check: Timer | null = null;

  constructor(options: HttpListenerOptions) {
    this.#options = options;
    this.#log = new LimitedLog(options.logger, options.clock, LOG_LIMITS);
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#queue = new AnswerQueue(options.clock, COLLECTOR);
    this.#limit = new ConnectionLimit(options.maxConnections, options.clock);
    this.#http = createServer({ maxHeaderSize: MAX_HEADER_BYTES, highWaterMark: BUFFERED_BYTES });
    this.#http.on("clientError", (_, stream) => this.#onBadRequest(stream));
    this.#http.on("request", (request, response) => void this.#onRequest(request, response));
  }

  /**
   * Listens. The file of a UNIX socket exists when this returns.
   * @throws the system's error
   */
  listen(at: { readonly hostname: string; readonly port: number } | { readonly unix: string }): void {
    const socket: Bun.SocketHandler<HttpConnection | null> = {
      binaryType: "uint8array",
      open: (opened) => this.#onConnection(opened),
      data: ({ data }, bytes) => data?.received(bytes),
      drain: ({ data }) => data?.drained(),
      end: ({ data }) => data?.ended(),
      error: ({ data }) => data?.close(),
      close: ({ data }) => data?.close(),
    };
    const common = { data: null, allowHalfOpen: true, socket };
    // This listener is never paused: closing it would remove the socket's file.
    if ("unix" in at) {
      this.#listener = Bun.listen<HttpConnection | null>({ ...at, ...common });
      this.#address = at.unix;
      return;
    }
    const listener = new PausableListener<HttpConnection | null>({
      ...at,
      ...common,
      backlog: BACKLOG,
      perTurn: HTTP_ACCEPTED_PER_TURN,
    });
    this.#listener = listener;
    this.#port = listener.port;
    this.#address = formatEndpoint({ host: at.hostname, port: listener.port });
  }

  /** The port that is in use; 0 for a UNIX socket. */
  get port(): number {
    return this.#port;
  }

  /** Stops accepting connections. Requests under way may take this long. */
  async stop(withinMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#listener?.stop();
    this.#waitForRoom?.cancel();
    for (const connection of [...this.#limit.all()]) connection.closeWhenAnswered();
    const untilMs = clock.nowMs() + withinMs;
    while (this.#limit.count > 0 && clock.nowMs() < untilMs) {
      await new Promise<void>((resolve) => clock.after(STOP_POLL_MS, resolve));
    }
    for (const connection of [...this.#limit.all()]) connection.close();
    this.#check?.cancel();
  }

  #onConnection(socket: BunSocket): void {
    const { clock } = this.#options;
    const connection = new HttpConnection(socket, clock, this.#handOver, this.#forget);
    const closed = this.#limit.admit(connection);
    if (closed !== null) {
      this.#noteClosed(this.#limit.count);
      if (closed === connection) return;
    }
    socket.data = connection;
    this.#check ??= clock.after(CHECK_EVERY_MS, this.#closeIdle);
    this.#pauseWhileFull();
  }

  #pauseWhileFull(): void {
    const listener = this.#listener;
    if (!(listener instanceof PausableListener && listener.canPause)) return;
    if (!this.#limit.isFull || this.#waitForRoom !== null) return;
    listener.pause();
    this.#waitForRoom = this.#options.clock.after(MAKE_ROOM_EVERY_MS, () => this.#makeRoom(listener));
  }

  #makeRoom(listener: PausableListener<HttpConnection | null>): void {
    this.#waitForRoom = null;
    const wanted = Math.min(listener.waiting, HTTP_ACCEPTED_PER_TURN);
    const { count } = this.#limit;
    for (let closed = this.#limit.makeRoom(wanted); closed > 0; closed--) this.#noteClosed(count);
    if (!this.#limit.isFull) listener.resume();
    this.#pauseWhileFull();
  }

  /** Counts and logs a connection that was closed because there are too many. */
  #noteClosed(connections: number): void {
    const { counters } = this.#options;
    counters.refused("no-room");
    this.#log.log(LOG.httpConnectionsClosed, { address: this.#address, connections });
  }

  readonly #handOver = (stream: Duplex, connection: HttpConnection): void => {
    this.#connections.set(stream, connection);
    this.#http.emit("connection", stream);
  };

  readonly #forget = (connection: HttpConnection): void => {
    this.#limit.closed(connection);
    const listener = this.#listener;
    if (this.#waitForRoom === null || this.#limit.isFull || !(listener instanceof PausableListener)) return;
    this.#waitForRoom.cancel();
    this.#waitForRoom = null;
    listener.resume();
  };

  readonly #closeIdle = (): void => {
    this.#check = null;
    const { clock, counters } = this.#options;
    const idleBeforeMs = clock.nowMs() - this.#idleMs;
    for (const connection of [...this.#limit.all()]) {
      if ((connection.idleSinceMs ?? Number.POSITIVE_INFINITY) > idleBeforeMs) continue;
      if (connection.hasBegunRequest) counters.refused("bad-request");
      connection.close();
    }
    if (this.#limit.count > 0) this.#check = clock.after(CHECK_EVERY_MS, this.#closeIdle);
  };

  #onBadRequest(stream: Duplex): void {
    this.#options.counters.refused("bad-request");
    stream.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return;
    if (!connection.begin(request)) {
      connection.close();
      return;
    }
    const gone = new AbortController();
    response.on("close", () => {
      connection.finish(request);
      gone.abort();
    });
    const answer = await this.#options.answer(this.#describe(request, gone.signal));
    if (response.destroyed) return;
    const { status, headers, body } = answer;
    const isLast = connection.isStopping || !request.complete;
    response.writeHead(status, {
      ...headers,
      // The length in a 304 would be that of the answer that is not sent (RFC 9110, 8.6).
      ...(typeof body === "string" &&
        status !== 304 && { "Content-Length": String(Buffer.byteLength(body)) }),
      ...(isLast && { Connection: "close" }),
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
      abort: () => connection.close(),
    };
    const events = this.#eventsOf(connection);
    let answer: Answer;
    if (request.method === "HEAD") answer = this.#queue.sendText("", sink, events);
    else if (typeof body === "string") answer = this.#queue.sendText(body, sink, events);
    else {
      response.flushHeaders();
      answer =
        Symbol.asyncIterator in body
          ? this.#queue.sendStream(body, sink, events)
          : this.#queue.send(body, sink, events);
    }
    connection.answers.add(answer);
    response.on("drain", () => answer.drained());
    response.on("close", () => {
      connection.answers.delete(answer);
      answer.closed();
    });
  }

  #eventsOf({ remoteAddress }: HttpConnection): AnswerEvents {
    const { counters } = this.#options;
    const address = this.#address;
    return {
      tooSlow: () => {
        counters.refused("slow-reader");
        this.#log.log(LOG.httpReaderSlow, { address, reader: remoteAddress });
      },
      failed: (error) => this.#log.log(LOG.httpAnswerFailed, { address, error: String(error) }),
    };
  }

  #describe(request: IncomingMessage, signal: AbortSignal): HttpRequest {
    const { method = "", url = "" } = request;
    // In absolute form the target names the host, and the header does not count (RFC 9112, 3.2.2).
    const [, authority, path = "", query = ""] =
      /^(?:https?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
    const { maxBodyBytes } = this.#options;
    const { accept } = request.headersDistinct;
    return {
      method,
      path,
      query: new URLSearchParams(query),
      host: authority ?? hostOf(request),
      lastEventId: request.headersDistinct["last-event-id"]?.[0] ?? null,
      accept: accept?.join(", ") ?? null,
      ifNoneMatch: request.headersDistinct["if-none-match"]?.join(", ") ?? null,
      text: () => readText(request, maxBodyBytes),
      signal,
    };
  }
}

/** Several Host headers are joined to a name that is never accepted (RFC 9112, 3.2). */
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
