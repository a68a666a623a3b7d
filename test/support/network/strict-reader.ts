/**
 * A client with the weaknesses of the Go program. It reads up to 65,535 bytes at a time and takes each read as whole
 * messages: a read that is full, or ends inside a message, breaks its session. While it handles what it has read,
 * which takes it long when it installs routes, more arrives.
 *
 *     server's writes    ├──────1400──────┤    ├4┤├──────1400──────┤        ├──────────────4000──────────────┤
 *     segments           ├──────1400──────┤    ├4┤├──────1400──────┤        ├──────1428──────┤├────1428────┤├─…
 *     reads              ├──────1400──────┤    ├4┤ …handling…  ├──────1400──────┤ …  ├──1428──┤ breaks here
 *
 * It is as strict as may be: when it waits for something to read, it reads each segment as it comes; when it was busy
 * meanwhile, all that has come.
 */
import type { Clock } from "../../../src/base/clock.ts";
import type { ByteStream, ConnectEvents, StreamEvents } from "../../../src/transport/network.ts";
import { HEADER_BYTES } from "../../../src/wire/protocol.ts";
import { frameOfText } from "../models/frame-text.ts";
import type { NumberedView } from "../models/numbered-routes.ts";
import { NumberedViews } from "../models/numbered-routes.ts";
import type { Write } from "./recorded-network.ts";

/** Go's read buffer. */
const READ_BYTES = 65_535;
/** Of a path with the usual MTU: 1500 - 40 (IPv6) - 32 (TCP with timestamps). */
export const SEGMENT_BYTES = 1_428;
/** What was measured of a Go client that installs each route in its kernel. */
export const INSTALLING_FRAMES_PER_SECOND = 10_000;

/** Why a read breaks the Go program, or null. */
export function breachOfRead(read: Uint8Array): string | null {
  if (read.length >= READ_BYTES) return `a read of ${read.length} bytes`;
  const view = new DataView(read.buffer, read.byteOffset, read.length);
  let at = 0;
  while (at + HEADER_BYTES <= read.length) at += HEADER_BYTES + view.getUint16(at + 1);
  return at === read.length ? null : `a read of ${read.length} bytes that ends inside a frame`;
}

export interface StrictReaderOptions {
  readonly clock: Clock;
  /** What is written to the peer of that name, write by write. */
  readonly writesTo: (peer: string) => readonly Write[];
  /** It subscribes to these VNIs as soon as it is established. */
  readonly views: readonly NumberedView[];
  readonly keepaliveSeconds?: number;
  readonly framesPerSecond?: number;
  readonly segmentBytes?: number;
}

export class StrictReader implements StreamEvents, ConnectEvents {
  readonly #options: StrictReaderOptions;
  /** Null as long as nothing did. */
  brokenBy: string | null = null;
  reads = 0;
  /** The most that ever waited to be read. */
  mostWaitingBytes = 0;
  /** Who it is for the server. */
  name = "";
  readonly views: NumberedViews;
  #stream: ByteStream | null = null;
  /** Arrived and not read, by segment. */
  #waiting: Uint8Array[] = [];
  #isBusy = false;
  /** Of the writes, how many have arrived as segments. */
  #writesSeen = 0;
  #hasSubscribed = false;

  constructor(options: StrictReaderOptions) {
    this.#options = options;
    this.views = new NumberedViews(...options.views);
  }

  connected(stream: ByteStream): StreamEvents {
    this.#stream = stream;
    this.name = stream.local;
    this.#say(`HELLO ${this.#keepaliveSeconds}`);
    return this;
  }

  /** What comes are whole writes: on their way, TCP makes segments of each. */
  received(chunk: Uint8Array): void {
    const { segmentBytes = SEGMENT_BYTES } = this.#options;
    const writes = this.#options.writesTo(this.name);
    for (let bytes = 0; bytes < chunk.length; ) {
      const write = writes[this.#writesSeen++]?.bytes;
      if (write === undefined) throw new Error("more has arrived than was written");
      for (let at = 0; at < write.length; at += segmentBytes) {
        this.#waiting.push(write.subarray(at, at + segmentBytes));
      }
      bytes += write.length;
    }
    const waitingBytes = this.#waiting.reduce((sum, { length }) => sum + length, 0);
    this.mostWaitingBytes = Math.max(this.mostWaitingBytes, waitingBytes);
    if (!this.#isBusy) this.#read(1);
  }

  failed(detail: string): void {
    this.brokenBy ??= detail;
  }
  writable(): void {}
  closed(): void {
    this.brokenBy ??= "the server closed the connection";
  }

  /** One read: the first so many segments, as far as the buffer holds them. */
  #read(segments: number): void {
    const all = new Uint8Array(Buffer.concat(this.#waiting.splice(0, segments)));
    const read = all.subarray(0, READ_BYTES);
    if (all.length > READ_BYTES) this.#waiting.unshift(all.subarray(READ_BYTES));
    this.reads++;
    const breach = breachOfRead(read);
    if (breach !== null) {
      this.brokenBy ??= breach;
      this.#stream?.abort();
      return;
    }
    const frames = this.views.read(read);
    this.#answer();
    this.#isBusy = true;
    const { clock, framesPerSecond = INSTALLING_FRAMES_PER_SECOND } = this.#options;
    clock.after((1000 * frames) / framesPerSecond, () => {
      this.#isBusy = false;
      if (this.brokenBy === null && this.#waiting.length > 0) this.#read(this.#waiting.length);
    });
  }

  #answer(): void {
    if (this.reads === 1) this.#keepAlive();
    if (this.#hasSubscribed || this.views.keepalives === 0) return;
    this.#hasSubscribed = true;
    for (const { vni } of this.#options.views) this.#say(`SUBSCRIBE ${vni}`);
  }

  /** One at the server's HELLO, and one each interval from then on. */
  #keepAlive(): void {
    if (this.brokenBy !== null) return;
    this.#say("KEEPALIVE");
    this.#options.clock.after(this.#keepaliveSeconds * 1000, () => this.#keepAlive());
  }

  get #keepaliveSeconds(): number {
    return this.#options.keepaliveSeconds ?? 5;
  }

  #say(frame: string): void {
    this.#stream?.write(frameOfText(frame));
  }
}
