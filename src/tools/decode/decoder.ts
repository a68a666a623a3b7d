/**
 * A decoder makes records of the bytes of a file. The first four bytes say whether it is a capture; else it is hex text.
 *
 *     file ▶ packets ▶ TCP segments ▶ bytes in order ▶ messages
 *     text ▶ bytes ──────────────────────────────────▶ messages
 */
import { ByteQueue } from "../capture/byte-queue.ts";
import { CaptureError } from "../capture/capture-error.ts";
import type { CapturedPacket } from "../capture/captured-packet.ts";
import { networkOffset } from "../capture/link-layer.ts";
import { isPcapMagic, PcapReader } from "../capture/pcap.ts";
import { PCAPNG_MAGIC, PcapngReader } from "../capture/pcapng.ts";
import { readTcpSegment } from "../capture/tcp-segment.ts";
import { Connections } from "./connections.ts";
import type { DecodedRecord, PlaceInCapture } from "./decoded-record.ts";
import { HexReader } from "./hex-text.ts";
import { MessageStream, type StreamItem } from "./message-stream.ts";

const MAGIC_BYTES = 4;
/** The first two bytes of compressed files. */
const COMPRESSED: ReadonlyMap<number, string> = new Map([
  [0x1f8b, "zcat"],
  [0x28b5, "zstdcat"],
  [0xfd37, "xzcat"],
]);

/** What was in a file, counted. */
export interface DecodeCounts {
  /** 0 in hex text. */
  packets: number;
  /** Packets of TCP on the port. */
  segments: number;
  connections: number;
  messages: number;
  faults: number;
  /** Packets of link types that are not known, by the type. */
  readonly unknownLinks: Map<number, number>;
}

interface Source {
  push(chunk: Uint8Array): Iterable<DecodedRecord>;
  end(): Iterable<DecodedRecord>;
}

export class Decoder {
  readonly counts: DecodeCounts = {
    packets: 0,
    segments: 0,
    connections: 0,
    messages: 0,
    faults: 0,
    unknownLinks: new Map(),
  };
  readonly #port: number;
  #source: Source | null = null;
  /** The first bytes, as long as there are too few to know what the file is. */
  #first = new Uint8Array(0);

  /** `port`: the TCP port of servers. */
  constructor(port: number) {
    this.#port = port;
  }

  /** @throws CaptureError if the file cannot be read any further; everything before that place has been yielded */
  *push(chunk: Uint8Array): Generator<DecodedRecord> {
    if (this.#source !== null) {
      yield* this.#counted(this.#source.push(chunk));
      return;
    }
    const first = new Uint8Array(this.#first.length + chunk.length);
    first.set(this.#first);
    first.set(chunk, this.#first.length);
    this.#first = first;
    if (first.length < MAGIC_BYTES) return;
    this.#source = this.#sourceOf(new DataView(first.buffer));
    yield* this.#counted(this.#source.push(first));
  }

  *end(): Generator<DecodedRecord> {
    if (this.#source === null) {
      this.#source = new HexSource();
      yield* this.#counted(this.#source.push(this.#first));
    }
    yield* this.#counted(this.#source.end());
  }

  #sourceOf(first: DataView): Source {
    const magic = first.getUint32(0);
    if (magic === PCAPNG_MAGIC) {
      return new CaptureSource((queue) => new PcapngReader(queue), this.#port, this.counts);
    }
    if (isPcapMagic(magic))
      return new CaptureSource((queue) => new PcapReader(queue), this.#port, this.counts);
    const tool = COMPRESSED.get(first.getUint16(0));
    if (tool !== undefined) {
      throw new CaptureError("NOT_A_CAPTURE", `the file is compressed: ${tool} FILE | bunbond decode -`);
    }
    if ([0, 1, 2, 3].some((at) => isControl(first.getUint8(at)))) {
      throw new CaptureError("NOT_A_CAPTURE", "the file is neither a capture (pcap, pcapng) nor hex text");
    }
    return new HexSource();
  }

  *#counted(records: Iterable<DecodedRecord>): Generator<DecodedRecord> {
    for (const record of records) {
      if (record.item.kind === "message") this.counts.messages++;
      if (record.item.kind === "fault") this.counts.faults++;
      yield record;
    }
  }
}

/** Returns true for what stands in no text. */
function isControl(byte: number): boolean {
  return byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d;
}

class CaptureSource implements Source {
  readonly #queue = new ByteQueue();
  readonly #reader: { next(): CapturedPacket | null };
  readonly #port: number;
  readonly #counts: DecodeCounts;
  readonly #connections = new Connections();
  /** The last packet. */
  #place: PlaceInCapture = { number: 0, time: null };

  constructor(
    reader: (queue: ByteQueue) => { next(): CapturedPacket | null },
    port: number,
    counts: DecodeCounts,
  ) {
    this.#reader = reader(this.#queue);
    this.#port = port;
    this.#counts = counts;
  }

  *push(chunk: Uint8Array): Generator<DecodedRecord> {
    this.#queue.push(chunk);
    for (;;) {
      const packet = this.#nextPacket();
      if (packet instanceof CaptureError) {
        yield* this.#connections.end(this.#place);
        throw packet;
      }
      if (packet === null) return;
      yield* this.#read(packet);
    }
  }

  *end(): Generator<DecodedRecord> {
    yield* this.#connections.end(this.#place);
    if (this.#queue.waitingBytes > 0) {
      const message = `the file ends inside what follows packet ${this.#counts.packets}: it was cut off`;
      throw new CaptureError("DAMAGED_CAPTURE", message);
    }
  }

  #nextPacket(): CapturedPacket | CaptureError | null {
    try {
      return this.#reader.next();
    } catch (error) {
      if (error instanceof CaptureError) return error;
      throw error;
    }
  }

  *#read(packet: CapturedPacket): Generator<DecodedRecord> {
    this.#counts.packets++;
    this.#place = { number: packet.number, time: packet.time };
    const offset = networkOffset(packet.linkType, packet.bytes);
    if (offset === "unknown") {
      const { unknownLinks } = this.#counts;
      unknownLinks.set(packet.linkType, (unknownLinks.get(packet.linkType) ?? 0) + 1);
      return;
    }
    const segment = offset === "other" ? null : readTcpSegment(packet.bytes, offset);
    if (segment === null) return;
    if (segment.kind === "fragment") {
      yield { packet: this.#place, direction: null, item: segment };
      return;
    }
    if (segment.source.port !== this.#port && segment.destination.port !== this.#port) return;
    this.#counts.segments++;
    yield* this.#connections.add(packet, segment);
    this.#counts.connections = this.#connections.count;
  }
}

class HexSource implements Source {
  readonly #reader = new HexReader();
  readonly #decoder = new TextDecoder("latin1");
  readonly #messages = new MessageStream("at a frame");

  *push(chunk: Uint8Array): Generator<DecodedRecord> {
    yield* this.#read(this.#reader.push(this.#decoder.decode(chunk, { stream: true })));
  }

  *end(): Generator<DecodedRecord> {
    yield* this.#read(this.#reader.end());
    yield* this.#records(this.#messages.end());
  }

  *#read(parts: Iterable<Uint8Array>): Generator<DecodedRecord> {
    for (const part of parts) yield* this.#records(this.#messages.push(part));
  }

  *#records(items: Iterable<StreamItem>): Generator<DecodedRecord> {
    for (const item of items) yield { packet: null, direction: null, item };
  }
}
