/**
 * Writes netlink messages, one after the other, into one buffer, which is sent to the kernel as a whole and then used
 * again: a message allocates nothing, unless the buffer has to grow for it.
 *
 *     writer.begin(RTM_NEWROUTE, NLM_F_REQUEST, 7);
 *     … the fixed part by u8 and u32, then attributes …
 *     writer.end();
 */
import type { IpAddress } from "../../net/ip.ts";
import { LITTLE_ENDIAN, NLA_F_NESTED, NLA_HDRLEN, NLMSG_HDRLEN } from "./netlink-constants.ts";

const FIRST_CAPACITY_BYTES = 64 * 1024;

export class NetlinkWriter {
  #bytes = new Uint8Array(FIRST_CAPACITY_BYTES);
  #view = new DataView(this.#bytes.buffer);
  /** The offset after the last byte written. */
  #end = 0;
  /** Where the message under way starts, or the last one. */
  #start = 0;

  /** The length of all messages so far. */
  get byteLength(): number {
    return this.#end;
  }

  /** All messages so far; valid until the next call. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#end);
  }

  clear(): void {
    this.#end = 0;
  }

  /** Writes the header of a message; `sequence` is taken modulo 2^32. */
  begin(type: number, flags: number, sequence: number): void {
    this.#start = this.#take(NLMSG_HDRLEN);
    this.#view.setUint32(this.#start, 0, LITTLE_ENDIAN);
    this.#view.setUint16(this.#start + 4, type, LITTLE_ENDIAN);
    this.#view.setUint16(this.#start + 6, flags, LITTLE_ENDIAN);
    this.#view.setUint32(this.#start + 8, sequence, LITTLE_ENDIAN);
    this.#view.setUint32(this.#start + 12, 0, LITTLE_ENDIAN);
  }

  /** Completes the message that `begin` began. All its parts have had lengths that are multiples of 4. */
  end(): void {
    this.#view.setUint32(this.#start, this.#end - this.#start, LITTLE_ENDIAN);
  }

  /** Adds a flag to the message that was written last. */
  addFlag(flag: number): void {
    const at = this.#start + 6;
    this.#view.setUint16(at, this.#view.getUint16(at, LITTLE_ENDIAN) | flag, LITTLE_ENDIAN);
  }

  u8(value: number): void {
    const at = this.#take(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#take(2);
    this.#view.setUint16(at, value, LITTLE_ENDIAN);
  }

  u32(value: number): void {
    const at = this.#take(4);
    this.#view.setUint32(at, value, LITTLE_ENDIAN);
  }

  /** Writes an attribute of 2 bytes, padded to 4. */
  attributeU16(type: number, value: number): void {
    const at = this.#attribute(type, 2, 4);
    this.#view.setUint32(at, value & 0xffff, LITTLE_ENDIAN);
  }

  attributeU32(type: number, value: number): void {
    const at = this.#attribute(type, 4, 4);
    this.#view.setUint32(at, value, LITTLE_ENDIAN);
  }

  /** Writes an attribute of 4 or 16 bytes. */
  attributeAddress(type: number, address: IpAddress): void {
    const length = address.family === 4 ? 4 : 16;
    const at = this.#attribute(type, length, length);
    this.#view.setInt32(at, address.w0);
    if (length === 4) return;
    this.#view.setInt32(at + 4, address.w1);
    this.#view.setInt32(at + 8, address.w2);
    this.#view.setInt32(at + 12, address.w3);
  }

  /** Begins an attribute of all that is written until `endAttribute`, which takes the value that this returns. */
  beginAttribute(type: number): number {
    return this.#attribute(type, 0, 0) - NLA_HDRLEN;
  }

  /** Begins an attribute that has attributes in it, up to `endAttribute`. */
  beginNested(type: number): number {
    return this.beginAttribute(type | NLA_F_NESTED);
  }

  endAttribute(start: number): void {
    this.#view.setUint16(start, this.#end - start, LITTLE_ENDIAN);
  }

  /** Writes an attribute's header and reserves its payload. Returns the payload's offset. */
  #attribute(type: number, length: number, paddedLength: number): number {
    const at = this.#take(NLA_HDRLEN + paddedLength);
    this.#view.setUint16(at, NLA_HDRLEN + length, LITTLE_ENDIAN);
    this.#view.setUint16(at + 2, type, LITTLE_ENDIAN);
    return at + NLA_HDRLEN;
  }

  #take(byteLength: number): number {
    const at = this.#end;
    this.#end += byteLength;
    if (this.#end > this.#bytes.length) this.#grow();
    return at;
  }

  #grow(): void {
    const grown = new Uint8Array(2 * this.#bytes.length);
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
