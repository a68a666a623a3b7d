/**
 * This file reads Protobuf's wire format (https://protobuf.dev/programming-guides/encoding). A message is a sequence of
 * fields. Each field has a key (`field number << 3 | wire type`, a varint) and a value whose form the wire type
 * defines:
 *
 *     0 varint · 1 eight bytes · 2 length (varint) and bytes · 3, 4 begin and end of a group · 5 four bytes
 *
 * It also has the keys of MetalBond's fields. A field with a wrong wire type has another key, and so is an unknown
 * field, as in every protobuf implementation.
 */
import { HEADER_BYTES } from "./protocol.ts";
import { ProtocolError } from "./protocol-error.ts";

const WireType = { VARINT: 0, I64: 1, LEN: 2, GROUP: 3, END_GROUP: 4, I32: 5 } as const;

const varint = (fieldNumber: number) => (fieldNumber << 3) | WireType.VARINT;
const bytes = (fieldNumber: number) => (fieldNumber << 3) | WireType.LEN;

/**
 * SERVER_ID is BunBond's own field. Its number is far from those that other implementations may add next, and its key
 * still has one byte.
 */
export const HELLO = { KEEPALIVE_INTERVAL: varint(1), IS_SERVER: varint(2), SERVER_ID: bytes(15) } as const;
export const KEEPALIVE = { END_OF_RIB: varint(1) } as const;
export const SUBSCRIPTION = { VNI: varint(1) } as const;
export const UPDATE = {
  ACTION: varint(1),
  VNI: varint(2),
  DESTINATION: bytes(3),
  NEXT_HOP: bytes(4),
} as const;
export const DESTINATION = { IP_VERSION: varint(1), PREFIX: bytes(2), PREFIX_LENGTH: varint(3) } as const;
export const NEXT_HOP = {
  ADDRESS: bytes(1),
  TARGET_VNI: varint(2),
  TYPE: varint(3),
  NAT_PORT_FROM: varint(4),
  NAT_PORT_TO: varint(5),
} as const;

/**
 * Reads the fields of a message, which may be any valid proto3, in place and one after the other:
 *
 *     reader.begin(view, offset, lengthBytes, frameOffset);
 *     while (reader.next()) if (reader.key === SUBSCRIPTION.VNI) vni = reader.low;
 *
 * The caller can ignore unknown fields: when `next()` returns, their values were checked and passed. One reader is used
 * again and again; nothing is allocated. Everything that is not proto3 throws MALFORMED_MESSAGE.
 */
export class Proto3Reader {
  key = 0;
  /** A varint's value, 64 bits in two unsigned halves. A uint32 field is `low`, an enum `low | 0`. */
  low = 0;
  high = 0;
  /** Where a LEN field's content begins. */
  contentOffset = 0;
  contentBytes = 0;

  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  #end = 0;
  #frameOffset = 0;

  /** Begins a message. `frameOffset` is where the frame begins in the view, for the positions in errors. */
  begin(
    view: DataView,
    offset: number,
    lengthBytes: number,
    frameOffset: number = offset - HEADER_BYTES,
  ): void {
    this.#view = view;
    this.#at = offset;
    this.#end = offset + lengthBytes;
    this.#frameOffset = frameOffset;
  }

  /** Begins a sub-message: the content of `parent`'s current field. */
  enter(parent: Proto3Reader): void {
    this.begin(parent.#view, parent.contentOffset, parent.contentBytes, parent.#frameOffset);
  }

  next(): boolean {
    if (this.#at === this.#end) return false;
    const key = this.#readKey();
    this.#readValue(key);
    this.key = key;
    return true;
  }

  #readKey(): number {
    const start = this.#at;
    this.#readVarint();
    // A key is a uint32: field numbers have 29 bits.
    if (this.high !== 0) this.#fail(start, "field number over 2^29-1");
    if (this.low >>> 3 === 0) this.#fail(start, "field number 0");
    return this.low;
  }

  #readValue(key: number): void {
    const start = this.#at;
    switch (key & 7) {
      case WireType.VARINT:
        this.#readVarint();
        return;
      case WireType.I64:
        this.#pass(8);
        return;
      case WireType.I32:
        this.#pass(4);
        return;
      case WireType.LEN:
        this.#readVarint();
        if (this.high !== 0) this.#fail(start, "length beyond the end");
        this.contentOffset = this.#at;
        this.contentBytes = this.low;
        this.#pass(this.low);
        return;
      case WireType.GROUP:
        this.#passGroup(key >>> 3);
        return;
      case WireType.END_GROUP:
        this.#fail(start, "end of a group that has no beginning");
        return;
      default:
        this.#fail(start, "unknown wire type");
    }
  }

  /** Passes a group. Groups nest at most 594 times in a payload of 1188 bytes, so recursion is safe. */
  #passGroup(fieldNumber: number): void {
    for (;;) {
      const start = this.#at;
      const key = this.#readKey();
      if ((key & 7) === WireType.END_GROUP) {
        if (key >>> 3 !== fieldNumber) this.#fail(start, "end of another group");
        return;
      }
      this.#readValue(key);
    }
  }

  #pass(count: number): void {
    if (count > this.#end - this.#at) this.#fail(this.#at, "length beyond the end");
    this.#at += count;
  }

  /**
   * Reads a varint: seven bits per byte, lowest first, at most ten bytes. The fifth byte's bits 0 to 3 belong to the
   * low half, 4 to 6 to the high half; of the tenth byte only bit 63 is used.
   */
  #readVarint(): void {
    const start = this.#at;
    if (start < this.#end) {
      const byte = this.#view.getUint8(start);
      if (byte < 0x80) {
        this.#at = start + 1;
        this.low = byte;
        this.high = 0;
        return;
      }
    }
    this.#readLongVarint(start);
  }

  #readLongVarint(start: number): void {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index += 1) {
      if (start + index >= this.#end) this.#fail(start, "varint cut off");
      const byte = this.#view.getUint8(start + index);
      const bits = byte & 0x7f;
      const shift = index * 7;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high = bits >>> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (byte < 0x80) {
        if (shift === 63 && bits > 1) break;
        this.#at = start + index + 1;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    this.#fail(start, "varint over 64 bits");
  }

  #fail(at: number, reason: string): never {
    throw new ProtocolError("MALFORMED_MESSAGE", { offset: at - this.#frameOffset, reason });
  }
}
