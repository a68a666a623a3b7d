/**
 * The other side of a connection under test: sends whatever frames it is told to, good or bad, and keeps what it
 * hears as text (see frame-text.ts). It does nothing by itself, but for KEEPALIVEs when it is asked to.
 */

import type { Clock, Timer } from "../../../src/base/clock.ts";
import type { Endpoint } from "../../../src/net/endpoint.ts";
import type { StreamEvents } from "../../../src/transport/network.ts";
import { encodeMessage } from "../../../src/wire/codec.ts";
import type { Message } from "../../../src/wire/message.ts";
import { frameOfText, textOfMessage } from "../models/frame-text.ts";
import { type MemoryNetwork, MemoryStream } from "./memory-network.ts";
import { MessageReader } from "./message-reader.ts";

/** What a connection looks like from outside: bytes that came in one piece, and when. */
export interface HeardChunk {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

export class RawPeer implements StreamEvents {
  readonly #clock: Clock;
  readonly chunks: HeardChunk[] = [];
  /** Null while open. */
  closedBecause: string | null = null;
  /** Called with each message heard, before it is kept. */
  onMessage: (message: Message) => void = () => {};
  #heard: string[] = [];
  #unsent: Uint8Array[] = [];
  readonly #reader = new MessageReader();
  #stream: MemoryStream | null = null;
  #keepaliveTimer: Timer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Connects; what is sent before that is done waits. */
  connect(network: MemoryNetwork, endpoint: Endpoint): this {
    network.connect(endpoint, {
      connected: (stream) => this.attach(stream instanceof MemoryStream ? stream : null),
      failed: (detail) => this.closed(detail),
    });
    return this;
  }

  /** Takes a stream that is connected already. */
  attach(stream: MemoryStream | null): this {
    this.#stream = stream;
    this.writable();
    return this;
  }

  get name(): string {
    return this.stream.local;
  }

  get stream(): MemoryStream {
    if (this.#stream === null) throw new Error("the peer is not connected yet");
    return this.#stream;
  }

  get isClosed(): boolean {
    return this.closedBecause !== null;
  }

  /** All frames in one write. */
  send(...frames: readonly string[]): void {
    this.sendBytes(Uint8Array.from(frames.flatMap((frame) => [...frameOfText(frame)])));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    this.writable();
  }

  /** Of what was to be sent, so much waits for room. */
  get unsentBytes(): number {
    return this.#unsent.reduce((sum, { length }) => sum + length, 0);
  }

  /** A KEEPALIVE each interval from now on, the first one an interval from now. */
  keepAlive(intervalMs: number): void {
    this.fallSilent();
    const send = () => {
      this.send("KEEPALIVE");
      this.#keepaliveTimer = this.#clock.after(intervalMs, send);
    };
    this.#keepaliveTimer = this.#clock.after(intervalMs, send);
  }

  fallSilent(): void {
    this.#keepaliveTimer?.cancel();
  }

  /** What it has heard since it was last asked. */
  takeHeard(): string[] {
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  end(): void {
    this.fallSilent();
    this.stream.end();
  }

  abort(): void {
    this.fallSilent();
    this.stream.abort();
  }

  received(chunk: Uint8Array): void {
    this.chunks.push({ atMs: this.#clock.nowMs(), bytes: chunk });
    for (const { message, bytes } of this.#reader.read(chunk)) {
      if (message === null || !Bun.deepEquals(encodeMessage(message), bytes)) {
        throw new Error(`a frame that is not in canonical form was sent: ${bytes.toHex()}`);
      }
      this.onMessage(message);
      this.#heard.push(textOfMessage(message));
    }
  }

  writable(): void {
    while (this.#stream !== null) {
      const [bytes] = this.#unsent;
      if (bytes === undefined) return;
      const taken = this.#stream.write(bytes);
      if (taken < bytes.length) {
        this.#unsent[0] = bytes.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
  }

  closed(detail: string | null): void {
    this.fallSilent();
    this.closedBecause = detail ?? "in order";
  }
}
