/**
 * Reads capture files of tcpdump's format (draft-ietf-opsawg-pcap), of either byte order, with times in micro- or nanoseconds:
 *
 *     file header, 24 bytes: magic u32 · version u16, u16 · 0 u32 · 0 u32 · most bytes of a packet u32 · link type u32
 *     packet, 16 bytes:      seconds u32 · micro- or nanoseconds u32 · captured bytes u32 · original bytes u32; the bytes
 */
import type { ByteQueue } from "./byte-queue.ts";
import { CaptureError } from "./capture-error.ts";
import type { CapturedPacket } from "./captured-packet.ts";

const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;

/** The largest packet that tcpdump and Wireshark write. A longer one means that the file is damaged. */
export const MAX_PACKET_BYTES = 256 << 10;

/** The magic number as the file's first four bytes in big-endian order. */
const MAGICS: ReadonlyMap<number, { readonly isLittleEndian: boolean; readonly nanosecondsPerTick: number }> =
  new Map([
    [0xa1b2c3d4, { isLittleEndian: false, nanosecondsPerTick: 1000 }],
    [0xd4c3b2a1, { isLittleEndian: true, nanosecondsPerTick: 1000 }],
    [0xa1b23c4d, { isLittleEndian: false, nanosecondsPerTick: 1 }],
    [0x4d3cb2a1, { isLittleEndian: true, nanosecondsPerTick: 1 }],
  ]);

export function isPcapMagic(magic: number): boolean {
  return MAGICS.has(magic);
}

export class PcapReader {
  readonly #queue: ByteQueue;
  #isLittleEndian = false;
  #nanosecondsPerTick = 1000;
  /** Null until the file header has been read. */
  #linkType: number | null = null;
  #packets = 0;

  constructor(queue: ByteQueue) {
    this.#queue = queue;
  }

  /**
   * Returns the next packet, or null if more bytes are needed.
   * @throws CaptureError
   */
  next(): CapturedPacket | null {
    if (this.#linkType === null && !this.#readFileHeader()) return null;
    const header = this.#queue.peek(PACKET_HEADER_BYTES);
    if (header === null) return null;
    const capturedBytes = header.getUint32(8, this.#isLittleEndian);
    if (capturedBytes > MAX_PACKET_BYTES) {
      const message = `packet ${this.#packets + 1} claims to have ${capturedBytes} bytes: the file is damaged there`;
      throw new CaptureError("DAMAGED_CAPTURE", message);
    }
    const record = this.#queue.peek(PACKET_HEADER_BYTES + capturedBytes);
    if (record === null) return null;
    this.#queue.skip(record.byteLength);
    this.#packets++;
    const ticks = record.getUint32(4, this.#isLittleEndian);
    const nanoseconds = ticks * this.#nanosecondsPerTick;
    return {
      number: this.#packets,
      // A damaged file may have more ticks than a second has.
      time: {
        seconds: record.getUint32(0, this.#isLittleEndian) + Math.floor(nanoseconds / 1e9),
        nanoseconds: nanoseconds % 1e9,
      },
      linkType: this.#linkType ?? 0,
      bytes: new Uint8Array(record.buffer, record.byteOffset + PACKET_HEADER_BYTES, capturedBytes),
    };
  }

  #readFileHeader(): boolean {
    const header = this.#queue.peek(FILE_HEADER_BYTES);
    if (header === null) return false;
    const kind = MAGICS.get(header.getUint32(0));
    if (kind === undefined) throw new CaptureError("NOT_A_CAPTURE", "the file is no pcap file");
    this.#isLittleEndian = kind.isLittleEndian;
    this.#nanosecondsPerTick = kind.nanosecondsPerTick;
    // The upper 16 bits are for the length of a frame check sequence.
    this.#linkType = header.getUint32(20, kind.isLittleEndian) & 0xffff;
    this.#queue.skip(FILE_HEADER_BYTES);
    return true;
  }
}
