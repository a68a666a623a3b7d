/**
 * Reads capture files of Wireshark's format (draft-ietf-opsawg-pcapng): a sequence of blocks, whose byte order and interfaces begin
 * anew with each section header.
 *
 *     block: type u32 · length u32 · body · length u32 again
 */
import type { ByteQueue } from "./byte-queue.ts";
import { CaptureError } from "./capture-error.ts";
import type { CapturedPacket, CaptureTime } from "./captured-packet.ts";
import { MAX_PACKET_BYTES } from "./pcap.ts";

const BlockType = { SECTION: 0x0a0d0d0a, INTERFACE: 1, OLD_PACKET: 2, SIMPLE_PACKET: 3, PACKET: 6 } as const;
/** It is the same in both byte orders, and so the file's first four bytes. */
export const PCAPNG_MAGIC = BlockType.SECTION;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Type and both lengths. */
const FRAME_BYTES = 12;
/** A block that is read as a whole has at most this much beside a packet: options, such as comments. */
const MAX_BLOCK_BYTES = MAX_PACKET_BYTES + (1 << 20);
const MAX_INTERFACES = 4096;

const Option = { END: 0, TIMESTAMP_RESOLUTION: 9, TIMESTAMP_OFFSET: 14 } as const;

interface CaptureInterface {
  readonly linkType: number;
  /** 0: no limit. */
  readonly snapshotBytes: number;
  readonly ticksPerSecond: bigint;
  /** Seconds to be added to every time. */
  readonly offsetSeconds: bigint;
}

export class PcapngReader {
  readonly #queue: ByteQueue;
  #isLittleEndian = false;
  #interfaces: CaptureInterface[] = [];
  #packets = 0;
  /** Position in the file, for messages. */
  #fileOffset = 0;

  constructor(queue: ByteQueue) {
    this.#queue = queue;
  }

  /**
   * Returns the next packet, or null if more bytes are needed.
   * @throws CaptureError
   */
  next(): CapturedPacket | null {
    for (;;) {
      const head = this.#queue.peek(FRAME_BYTES);
      if (head === null) return null;
      const isSection = head.getUint32(0) === BlockType.SECTION;
      if (isSection) this.#beginSection(head);
      const type = head.getUint32(0, this.#isLittleEndian);
      const length = head.getUint32(4, this.#isLittleEndian);
      if (length < FRAME_BYTES || length % 4 !== 0)
        throw this.#damaged(`a block claims to have ${length} bytes`);
      if (!isRead(type)) {
        this.#skip(length);
        continue;
      }
      if (length > MAX_BLOCK_BYTES) throw this.#damaged(`a block claims to have ${length} bytes`);
      const block = this.#queue.peek(length);
      if (block === null) return null;
      const packet = this.#read(type, new DataView(block.buffer, block.byteOffset + 8, length - FRAME_BYTES));
      this.#skip(length);
      if (packet !== null) return packet;
    }
  }

  #skip(length: number): void {
    this.#queue.skip(length);
    this.#fileOffset += length;
  }

  #beginSection(head: DataView): void {
    const magic = head.getUint32(8);
    this.#isLittleEndian = magic !== BYTE_ORDER_MAGIC;
    if (head.getUint32(8, this.#isLittleEndian) !== BYTE_ORDER_MAGIC) {
      throw this.#damaged("the section header has no byte order");
    }
    this.#interfaces = [];
  }

  #read(type: number, body: DataView): CapturedPacket | null {
    switch (type) {
      case BlockType.INTERFACE:
        this.#addInterface(body);
        return null;
      case BlockType.PACKET:
        return this.#packet(body, body.byteLength < 20 ? -1 : this.#u32(body, 0), 20);
      case BlockType.OLD_PACKET:
        return this.#packet(body, body.byteLength < 20 ? -1 : body.getUint16(0, this.#isLittleEndian), 20);
      case BlockType.SIMPLE_PACKET:
        return this.#simplePacket(body);
      default:
        return null;
    }
  }

  #addInterface(body: DataView): void {
    if (body.byteLength < 8) throw this.#damaged("an interface description is too short");
    if (this.#interfaces.length >= MAX_INTERFACES) {
      throw this.#damaged(`there are more than ${MAX_INTERFACES} interfaces`);
    }
    let ticksPerSecond = 1_000_000n;
    let offsetSeconds = 0n;
    let at = 8;
    while (at + 4 <= body.byteLength) {
      const code = body.getUint16(at, this.#isLittleEndian);
      const length = body.getUint16(at + 2, this.#isLittleEndian);
      if (code === Option.END || at + 4 + length > body.byteLength) break;
      if (code === Option.TIMESTAMP_RESOLUTION && length === 1) {
        const resolution = body.getUint8(at + 4);
        ticksPerSecond = (resolution < 0x80 ? 10n : 2n) ** BigInt(resolution & 0x7f);
      } else if (code === Option.TIMESTAMP_OFFSET && length === 8) {
        offsetSeconds = body.getBigInt64(at + 4, this.#isLittleEndian);
      }
      at += 4 + Math.ceil(length / 4) * 4;
    }
    const linkType = body.getUint16(0, this.#isLittleEndian);
    this.#interfaces.push({ linkType, snapshotBytes: this.#u32(body, 4), ticksPerSecond, offsetSeconds });
  }

  /** The fields of packet blocks: interface · time, upper and lower half · captured bytes · original bytes; the bytes. */
  #packet(body: DataView, interfaceId: number, headerBytes: number): CapturedPacket {
    const capturedBytes = interfaceId < 0 ? 0 : this.#u32(body, 12);
    if (
      interfaceId < 0 ||
      capturedBytes > body.byteLength - headerBytes ||
      capturedBytes > MAX_PACKET_BYTES
    ) {
      throw this.#damaged(`packet ${this.#packets + 1} is longer than its block`);
    }
    const { linkType, ticksPerSecond, offsetSeconds } = this.#interface(interfaceId);
    const ticks = (BigInt(this.#u32(body, 4)) << 32n) | BigInt(this.#u32(body, 8));
    const time: CaptureTime = {
      seconds: Number(ticks / ticksPerSecond + offsetSeconds),
      nanoseconds: Number(((ticks % ticksPerSecond) * 1_000_000_000n) / ticksPerSecond),
    };
    return this.#numbered(time, linkType, body, headerBytes, capturedBytes);
  }

  /** It has only the original length; how much was captured follows from the interface's limit. */
  #simplePacket(body: DataView): CapturedPacket {
    if (body.byteLength < 4) throw this.#damaged("a packet block is too short");
    const { linkType, snapshotBytes } = this.#interface(0);
    const limit = snapshotBytes === 0 ? Number.POSITIVE_INFINITY : snapshotBytes;
    const capturedBytes = Math.min(this.#u32(body, 0), limit, body.byteLength - 4);
    return this.#numbered(null, linkType, body, 4, capturedBytes);
  }

  #numbered(
    time: CaptureTime | null,
    linkType: number,
    body: DataView,
    offset: number,
    capturedBytes: number,
  ): CapturedPacket {
    this.#packets++;
    const bytes = new Uint8Array(body.buffer, body.byteOffset + offset, capturedBytes);
    return { number: this.#packets, time, linkType, bytes };
  }

  #interface(id: number): CaptureInterface {
    const found = this.#interfaces[id];
    if (found === undefined) throw this.#damaged(`interface ${id} has no description`);
    return found;
  }

  #u32(view: DataView, offset: number): number {
    return view.getUint32(offset, this.#isLittleEndian);
  }

  #damaged(what: string): CaptureError {
    return new CaptureError("DAMAGED_CAPTURE", `${what}: the file is damaged at byte ${this.#fileOffset}`);
  }
}

function isRead(type: number): boolean {
  return Object.values<number>(BlockType).includes(type);
}
