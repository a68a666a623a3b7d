/**
 * Walks through the messages of a datagram, and through the attributes of a message. Lengths are trusted as far as they
 * stay inside the datagram: one that leads out of it ends the walk.
 */
import type { IpAddress } from "../../net/ip.ts";
import {
  LITTLE_ENDIAN,
  NLA_HDRLEN,
  NLA_TYPE_MASK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_HDRLEN,
  NLMSGERR_ATTR_MSG,
} from "./netlink-constants.ts";

/**
 *     const reader = new NetlinkReader(bytes);
 *     while (reader.next()) … reader.type, reader.start, reader.end …
 */
export class NetlinkReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** The type of the present message. */
  type = 0;
  flags = 0;
  sequence = 0;
  /** Where its payload starts and ends: offsets in `view`. */
  start = 0;
  end = 0;
  #nextAt = 0;
  readonly #limit: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#limit = bytes.length;
  }

  /** Goes to the next message. Returns false if there is none. */
  next(): boolean {
    const at = this.#nextAt;
    if (at + NLMSG_HDRLEN > this.#limit) return false;
    const length = this.view.getUint32(at, LITTLE_ENDIAN);
    if (length < NLMSG_HDRLEN || at + length > this.#limit) return false;
    this.type = this.view.getUint16(at + 4, LITTLE_ENDIAN);
    this.flags = this.view.getUint16(at + 6, LITTLE_ENDIAN);
    this.sequence = this.view.getUint32(at + 8, LITTLE_ENDIAN);
    this.start = at + NLMSG_HDRLEN;
    this.end = at + length;
    this.#nextAt = at + align4(length);
    return true;
  }

  /** Whether the payload has a fixed part of this length. */
  holds(byteLength: number): boolean {
    return this.end - this.start >= byteLength;
  }
}

/** Finds the attributes of a message or of a nest by their types; it is used again for the next one. */
export class Attributes {
  readonly maxType: number;
  view: DataView = new DataView(new ArrayBuffer(0));
  /** type → offset of the payload; 0: the attribute is missing. */
  readonly #offsets: Int32Array;
  /** type → length of the payload in bytes. */
  readonly #lengths: Int32Array;

  /** Attributes of types above `maxType` are skipped. */
  constructor(maxType: number) {
    this.maxType = maxType;
    this.#offsets = new Int32Array(maxType + 1);
    this.#lengths = new Int32Array(maxType + 1);
  }

  /** Reads those from `start` to `end`. Where a type stands twice, the last one counts. */
  read(view: DataView, start: number, end: number): this {
    this.view = view;
    this.#offsets.fill(0);
    let at = start;
    while (at + NLA_HDRLEN <= end) {
      const length = view.getUint16(at, LITTLE_ENDIAN);
      if (length < NLA_HDRLEN || at + length > end) break;
      const type = view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK;
      if (type <= this.maxType) {
        this.#offsets[type] = at + NLA_HDRLEN;
        this.#lengths[type] = length - NLA_HDRLEN;
      }
      at += align4(length);
    }
    return this;
  }

  has(type: number): boolean {
    return this.offset(type) !== 0;
  }

  /** The offset of its payload; 0 if it is missing. */
  offset(type: number): number {
    return this.#offsets[type] ?? 0;
  }

  /** The length of an attribute that is not missing. */
  byteLength(type: number): number {
    return this.#lengths[type] ?? 0;
  }

  /** Its value; 0 if it is missing or too short. */
  u8(type: number): number {
    return this.#holds(type, 1) ? this.view.getUint8(this.offset(type)) : 0;
  }

  u16(type: number): number {
    return this.#holds(type, 2) ? this.view.getUint16(this.offset(type), LITTLE_ENDIAN) : 0;
  }

  u32(type: number): number {
    return this.#holds(type, 4) ? this.view.getUint32(this.offset(type), LITTLE_ENDIAN) : 0;
  }

  /** An address of 4 or 16 bytes; null if it is missing or of another length. */
  address(type: number): IpAddress | null {
    if (!this.has(type)) return null;
    const length = this.byteLength(type);
    if (length !== 4 && length !== 16) return null;
    const at = this.offset(type);
    const w0 = this.view.getInt32(at);
    if (length === 4) return { family: 4, w0, w1: 0, w2: 0, w3: 0 };
    const w1 = this.view.getInt32(at + 4);
    return { family: 6, w0, w1, w2: this.view.getInt32(at + 8), w3: this.view.getInt32(at + 12) };
  }

  /** A text up to its zero byte; null if it is missing. */
  text(type: number): string | null {
    if (!this.has(type)) return null;
    const { buffer, byteOffset } = this.view;
    const bytes = new Uint8Array(buffer, byteOffset + this.offset(type), this.byteLength(type));
    const zero = bytes.indexOf(0);
    return new TextDecoder().decode(zero < 0 ? bytes : bytes.subarray(0, zero));
  }

  /** Reads the attributes inside one into `inner`; where it is missing, `inner` has none. */
  nested(type: number, inner: Attributes): Attributes {
    const start = this.offset(type);
    return inner.read(this.view, start, start === 0 ? 0 : start + this.byteLength(type));
  }

  #holds(type: number, byteLength: number): boolean {
    return this.has(type) && this.byteLength(type) >= byteLength;
  }
}

export interface NetlinkError {
  /** A positive number of errno.h; 0: the request succeeded. */
  readonly errno: number;
  /** The text of the extended ACK; null if there is none. */
  readonly text: string | null;
}

const errorAttributes = new Attributes(NLMSGERR_ATTR_MSG);

/** Reads an NLMSG_ERROR, which is also the acknowledgement: error, the request's header, its payload unless capped, text. */
export function readError(message: NetlinkReader): NetlinkError {
  if (!message.holds(4)) return { errno: 0, text: null };
  const errno = 0 - message.view.getInt32(message.start, LITTLE_ENDIAN);
  if ((message.flags & NLM_F_ACK_TLVS) === 0 || !message.holds(4 + NLMSG_HDRLEN)) {
    return { errno, text: null };
  }
  const request = message.start + 4;
  const isCapped = (message.flags & NLM_F_CAPPED) !== 0;
  const requestBytes = isCapped ? NLMSG_HDRLEN : align4(message.view.getUint32(request, LITTLE_ENDIAN));
  errorAttributes.read(message.view, request + requestBytes, message.end);
  return { errno, text: errorAttributes.text(NLMSGERR_ATTR_MSG) };
}

/** Reads an NLMSG_DONE: why a dump ended, as a positive errno; 0 if it is complete. */
export function readDone(message: NetlinkReader): number {
  return message.holds(4) ? 0 - message.view.getInt32(message.start, LITTLE_ENDIAN) : 0;
}

function align4(byteLength: number): number {
  return (byteLength + 3) & ~3;
}
