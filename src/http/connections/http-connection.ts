/** A connection of an HTTP listener has a socket, and requests and answers under way. */
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { limitUnsent } from "../../transport/sockopt.ts";
import type { Answer } from "./answer-queue.ts";
import type { LimitedConnection } from "./connection-limit.ts";
import type { Stall } from "./slow-reader.ts";

export type BunSocket = Bun.Socket<HttpConnection | null>;

/** Limit of the head of a request; node:http refuses a longer one. */
export const MAX_HEADER_BYTES = 16 * 1024;
/**
 * The limit of unsent bytes in the kernel. Without it the kernel takes 4 MB for a reader that never reads, which is a
 * tenth of a second of useless work, and such a reader is detected much later. For a reader that reads, megabytes can
 * still be in flight.
 */
const UNSENT_BYTES = 64 * 1024;
/** The limit of bytes that wait for the kernel. An answer's slice is written while less waits. */
export const BUFFERED_BYTES = 16 * 1024;
const NOTHING = new Uint8Array();
/** Further requests that one connection may send before the first is answered. */
const MAX_PIPELINED = 16;

export class HttpConnection implements LimitedConnection {
  readonly answers = new Set<Answer>();
  readonly remoteAddress: string;
  readonly #socket: BunSocket;
  readonly #clock: Clock;
  readonly #onClose: (connection: HttpConnection) => void;
  readonly #requests = new Set<IncomingMessage>();
  readonly #handOver: (stream: Duplex, connection: HttpConnection) => void;
  #stream: SocketStream | null = null;
  /** Bytes received before the head of the first request was complete. */
  #head: Uint8Array = NOTHING;
  #waitsSinceMs: number;
  #hasInput = false;
  isStopping = false;

  /** `handOver` is called when the head of the first request is complete. */
  constructor(
    socket: BunSocket,
    clock: Clock,
    handOver: (stream: Duplex, connection: HttpConnection) => void,
    onClose: (connection: HttpConnection) => void,
  ) {
    this.#socket = socket;
    this.#clock = clock;
    this.#handOver = handOver;
    this.#onClose = onClose;
    this.#waitsSinceMs = clock.nowMs();
    this.remoteAddress = socket.remoteAddress;
    // Bun's types do not have it.
    const { fd } = socket as BunSocket & { readonly fd?: number };
    if (fd !== undefined && fd >= 0) limitUnsent(fd, UNSENT_BYTES);
  }

  get idleSinceMs(): number | null {
    for (const { complete } of this.#requests) if (complete) return null;
    return this.#waitsSinceMs;
  }

  get stall(): Stall | null {
    const nowMs = this.#clock.nowMs();
    for (const answer of this.answers) {
      const { blockedSinceMs, chars, startedMs } = answer;
      if (blockedSinceMs === null) continue;
      return {
        sinceMs: blockedSinceMs,
        takenBytes: chars,
        forMs: nowMs - (startedMs ?? blockedSinceMs),
        blockedMs: answer.blockedMs(nowMs),
        isUsual: answer.standsStillMostly(nowMs),
      };
    }
    return null;
  }

  /** True if a request has begun and is not complete. */
  get hasBegunRequest(): boolean {
    return this.#hasInput;
  }

  received(bytes: Uint8Array): void {
    this.#hasInput = true;
    if (this.#stream !== null) {
      this.#stream.received(bytes);
      return;
    }
    // A stream and a parser take more time than the rest of a connection, and many connections never complete a
    // request.
    this.#head = this.#head === NOTHING ? bytes : Buffer.concat([this.#head, bytes]);
    if (this.#head.length <= MAX_HEADER_BYTES && !hasEndOfHead(this.#head)) return;
    const stream = new SocketStream(this.#socket);
    // The socket reports the end, and the reason does not matter: a reader may close at any time.
    stream.on("error", () => {});
    stream.on("close", () => this.close());
    this.#stream = stream;
    this.#handOver(stream, this);
    stream.received(this.#head);
    this.#head = NOTHING;
  }

  drained(): void {
    this.#stream?.drained();
  }

  /** Must be called when the peer has sent its last byte. */
  ended(): void {
    if (this.#stream === null) this.close();
    else this.#stream.push(null);
  }

  /** Must be called when a request's head has arrived. Returns false if too many requests are under way. */
  begin(request: IncomingMessage): boolean {
    this.#requests.add(request);
    this.#hasInput = !request.complete;
    return this.#requests.size <= MAX_PIPELINED;
  }

  /** Must be called when a request has been answered. */
  finish(request: IncomingMessage): void {
    this.#requests.delete(request);
    this.#waitsSinceMs = this.#clock.nowMs();
    if (this.isStopping && this.#requests.size === 0) this.closeWhenAnswered();
  }

  /** Closes after the answers under way have been sent. */
  closeWhenAnswered(): void {
    this.isStopping = true;
    if (this.#requests.size > 0) return;
    if (this.#stream === null) this.close();
    else this.#stream.end();
  }

  close(): void {
    this.#onClose(this);
    this.#stream?.destroy();
    this.#socket.terminate();
  }
}

/**
 * Returns true if there is an empty line. A head with bare line feeds is passed on when it is too long, and is then
 * refused.
 */
function hasEndOfHead(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes("\r\n\r\n");
}

/** A socket of Bun.listen as a stream that node:http reads from and writes to. */
class SocketStream extends Duplex {
  readonly #socket: BunSocket;
  /** Bytes that the system has not taken yet, and the callback for when it has. */
  #rest: Uint8Array | null = null;
  #taken: ((error?: Error | null) => void) | null = null;

  constructor(socket: BunSocket) {
    super({ writableHighWaterMark: BUFFERED_BYTES });
    this.#socket = socket;
  }

  received(bytes: Uint8Array): void {
    if (!this.push(bytes)) this.#socket.pause();
  }

  drained(): void {
    if (this.#rest !== null) this.#send(this.#rest);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(bytes: Uint8Array, _encoding: string, taken: (error?: Error | null) => void): void {
    this.#taken = taken;
    this.#send(bytes);
  }

  override _final(ended: (error?: Error | null) => void): void {
    this.#socket.end();
    ended();
  }

  override _destroy(error: Error | null, destroyed: (error?: Error | null) => void): void {
    this.#rest = null;
    destroyed(error);
  }

  #send(bytes: Uint8Array): void {
    // Bun returns -1 for a socket that is closing; its close event follows.
    const written = Math.max(0, this.#socket.write(bytes));
    this.#rest = written < bytes.length ? bytes.subarray(written) : null;
    if (this.#rest !== null) return;
    const taken = this.#taken;
    this.#taken = null;
    taken?.();
  }
}
