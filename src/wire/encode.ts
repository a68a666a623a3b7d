/**
 * These functions encode messages in canonical form: fields in order of number, default values left out, shortest
 * varints, as the Go and Rust implementations write them. Each writes a whole frame into the caller's buffer, which
 * must have room for it, and returns the offset after it. Nothing is allocated.
 */
import type { UpdateFields } from "./message.ts";
import { DESTINATION, HELLO, KEEPALIVE, NEXT_HOP, SUBSCRIPTION, UPDATE } from "./proto3.ts";
import { Action, HEADER_BYTES, IpVersion, MessageType, PROTOCOL_VERSION } from "./protocol.ts";

/**
 *     header                                                     4
 *     action 2, vni 1 + 5                                        8
 *     destination 2 + ipVersion 2 + prefix 2 + 16 + length 3    25
 *     next hop 2 + address 2 + 16 + target VNI 1 + 5 + type 2
 *                + first port 1 + 3 + last port 1 + 3           36
 *     --------------------------------------------------------- --
 *                                                               73
 */
export const MAX_UPDATE_FRAME_BYTES = 73;

/** The longest frame that is neither an UPDATE nor a HELLO: header 4, VNI 1 + 5. */
export const MAX_CONTROL_FRAME_BYTES = 10;

/** The longest HELLO: header 4, interval 1 + 5, isServer 2, server id 2 + 8. */
export const MAX_HELLO_FRAME_BYTES = 22;

/**
 * Writes a HELLO of up to {@link MAX_HELLO_FRAME_BYTES}. `keepaliveSeconds` is 1 to 2^32-1; `serverId` has 16 hex
 * digits, or is empty for none.
 */
export function encodeHello(
  view: DataView,
  offset: number,
  keepaliveSeconds: number,
  isServer: boolean,
  serverId = "",
): number {
  let at = putOptional(view, offset + HEADER_BYTES, HELLO.KEEPALIVE_INTERVAL, keepaliveSeconds);
  at = putOptional(view, at, HELLO.IS_SERVER, isServer ? 1 : 0);
  if (serverId !== "") at = putBytes(view, at, HELLO.SERVER_ID, Uint8Array.fromHex(serverId));
  return putHeader(view, offset, MessageType.HELLO, at);
}

/** Writes a KEEPALIVE, which takes 4 bytes. */
export function encodeKeepalive(view: DataView, offset: number): number {
  return putHeader(view, offset, MessageType.KEEPALIVE, offset + HEADER_BYTES);
}

/**
 * Writes an End-of-RIB, which is a KEEPALIVE with a VNI. VNI 0 is written, too: the field's presence distinguishes an
 * End-of-RIB.
 */
export function encodeEndOfRib(view: DataView, offset: number, vni: number): number {
  const at = putVarintField(view, offset + HEADER_BYTES, KEEPALIVE.END_OF_RIB, vni);
  return putHeader(view, offset, MessageType.KEEPALIVE, at);
}

/** Writes a SUBSCRIBE or UNSUBSCRIBE. `vni` is 0 to 2^32-1. */
export function encodeSubscription(
  view: DataView,
  offset: number,
  type: typeof MessageType.SUBSCRIBE | typeof MessageType.UNSUBSCRIBE,
  vni: number,
): number {
  return putHeader(view, offset, type, putOptional(view, offset + HEADER_BYTES, SUBSCRIPTION.VNI, vni));
}

/** Writes an UPDATE of up to {@link MAX_UPDATE_FRAME_BYTES} with this action, whatever `fields.action` is. */
export function encodeUpdate(view: DataView, offset: number, fields: UpdateFields, action: Action): number {
  let at = offset + HEADER_BYTES;
  if (action === Action.REMOVE) at = putTwo(view, at, UPDATE.ACTION, Action.REMOVE);
  at = putOptional(view, at, UPDATE.VNI, fields.vni);

  const destination = at;
  at += 2;
  if (fields.family === 6) at = putTwo(view, at, DESTINATION.IP_VERSION, IpVersion.IPV6);
  at = putAddress(view, at, DESTINATION.PREFIX, fields.family, fields.p0, fields.p1, fields.p2, fields.p3);
  at = putOptional(view, at, DESTINATION.PREFIX_LENGTH, fields.lengthBits);
  // Neither sub-message reaches 128 bytes, so their lengths are one byte each.
  putTwo(view, destination, UPDATE.DESTINATION, at - destination - 2);

  const nextHop = at;
  at = putAddress(
    view,
    at + 2,
    NEXT_HOP.ADDRESS,
    fields.hopFamily,
    fields.h0,
    fields.h1,
    fields.h2,
    fields.h3,
  );
  at = putOptional(view, at, NEXT_HOP.TARGET_VNI, fields.targetVni);
  at = putOptional(view, at, NEXT_HOP.TYPE, fields.hopType);
  at = putOptional(view, at, NEXT_HOP.NAT_PORT_FROM, fields.natPortFrom);
  at = putOptional(view, at, NEXT_HOP.NAT_PORT_TO, fields.natPortTo);
  putTwo(view, nextHop, UPDATE.NEXT_HOP, at - nextHop - 2);

  return putHeader(view, offset, MessageType.UPDATE, at);
}

function putHeader(view: DataView, offset: number, type: MessageType, end: number): number {
  view.setUint32(offset, (PROTOCOL_VERSION << 24) | ((end - offset - HEADER_BYTES) << 8) | type);
  return end;
}

/** Writes a scalar field, unless it has its default value. */
function putOptional(view: DataView, offset: number, key: number, value: number): number {
  return value === 0 ? offset : putVarintField(view, offset, key, value);
}

/** Writes a field whose value is an unsigned 32-bit integer. */
function putVarintField(view: DataView, offset: number, key: number, value: number): number {
  view.setUint8(offset, key);
  let at = offset + 1;
  let rest = value;
  while (rest > 0x7f) {
    view.setUint8(at, (rest & 0x7f) | 0x80);
    at += 1;
    rest >>>= 7;
  }
  view.setUint8(at, rest);
  return at + 1;
}

function putAddress(
  view: DataView,
  offset: number,
  key: number,
  family: 4 | 6,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): number {
  const at = offset + 2;
  view.setInt32(at, w0);
  if (family === 4) {
    putTwo(view, offset, key, 4);
    return at + 4;
  }
  putTwo(view, offset, key, 16);
  view.setInt32(at + 4, w1);
  view.setInt32(at + 8, w2);
  view.setInt32(at + 12, w3);
  return at + 16;
}

/** Writes a field of at most 127 bytes. */
function putBytes(view: DataView, offset: number, key: number, bytes: Uint8Array): number {
  putTwo(view, offset, key, bytes.length);
  new Uint8Array(view.buffer, view.byteOffset + offset + 2, bytes.length).set(bytes);
  return offset + 2 + bytes.length;
}

function putTwo(view: DataView, offset: number, first: number, second: number): number {
  view.setUint16(offset, (first << 8) | second);
  return offset + 2;
}
