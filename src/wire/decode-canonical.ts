/**
 * This is the fast decoder of an UPDATE. It reads exactly the canonical bytes (README.md, §1.4) of a valid UPDATE,
 * which every known peer sends, and stops at the first byte that differs. A frame that it accepts may be passed on
 * unchanged; all others are decoded by the tolerant decoder (decode.ts).
 */
import { maskWord } from "../net/prefix.ts";
import type { UpdateFields } from "./message.ts";
import { DESTINATION, NEXT_HOP, UPDATE } from "./proto3.ts";
import { Action, IpVersion, MAX_PORT, NextHopType } from "./protocol.ts";

/** The least length of both sub-messages: key, length, key, length, four bytes of address. */
const MIN_PART_BYTES = 8;

/** The first two bytes of an address field: its key and its length. */
const PREFIX_4 = (DESTINATION.PREFIX << 8) | 4;
const PREFIX_16 = (DESTINATION.PREFIX << 8) | 16;
const ADDRESS_4 = (NEXT_HOP.ADDRESS << 8) | 4;
const ADDRESS_16 = (NEXT_HOP.ADDRESS << 8) | 16;

/** Fills `out` and returns true; or returns false and leaves `out` as it is. */
export function decodeCanonicalUpdate(
  view: DataView,
  offset: number,
  lengthBytes: number,
  out: UpdateFields,
): boolean {
  const end = offset + lengthBytes;
  let at = offset;
  if (lengthBytes < 2 * MIN_PART_BYTES) return false;

  let action: Action = Action.ADD;
  if (view.getUint8(at) === UPDATE.ACTION) {
    if (view.getUint8(at + 1) !== Action.REMOVE) return false;
    action = Action.REMOVE;
    at += 2;
  }
  let vni = 0;
  if (view.getUint8(at) === UPDATE.VNI) {
    vni = shortVarint(view, at + 1, end);
    if (vni === 0) return false;
    at += 1 + varintBytes(vni);
  }

  // At most 8 bytes were read so far, so these two exist. At least 8 bytes of the next hop follow the destination, so
  // the reads of the destination's fixed parts stay inside the payload, whatever length it claims.
  if (view.getUint8(at) !== UPDATE.DESTINATION) return false;
  const destinationEnd = at + 2 + view.getUint8(at + 1);
  if (end - destinationEnd < MIN_PART_BYTES) return false;
  at += 2;
  const isIpv6 = view.getUint8(at) === DESTINATION.IP_VERSION;
  let p1 = 0;
  let p2 = 0;
  let p3 = 0;
  if (isIpv6) {
    if (destinationEnd - at < 20 || view.getUint8(at + 1) !== IpVersion.IPV6) return false;
    at += 2;
    p1 = view.getInt32(at + 6);
    p2 = view.getInt32(at + 10);
    p3 = view.getInt32(at + 14);
  }
  if (view.getUint16(at) !== (isIpv6 ? PREFIX_16 : PREFIX_4)) return false;
  const p0 = view.getInt32(at + 2);
  at += isIpv6 ? 18 : 6;
  let lengthBits = 0;
  if (at < destinationEnd) {
    if (view.getUint8(at) !== DESTINATION.PREFIX_LENGTH) return false;
    lengthBits = shortVarint(view, at + 1, destinationEnd);
    if (lengthBits === 0 || lengthBits > (isIpv6 ? 128 : 32)) return false;
    at += 1 + varintBytes(lengthBits);
  }
  if (at !== destinationEnd) return false;
  const hostBits =
    (p0 & ~maskWord(lengthBits, 0)) |
    (p1 & ~maskWord(lengthBits, 1)) |
    (p2 & ~maskWord(lengthBits, 2)) |
    (p3 & ~maskWord(lengthBits, 3));
  if (hostBits !== 0) return false;

  if (view.getUint8(at) !== UPDATE.NEXT_HOP || at + 2 + view.getUint8(at + 1) !== end) return false;
  at += 2;
  const isIpv4Hop = view.getUint16(at) === ADDRESS_4;
  let h1 = 0;
  let h2 = 0;
  let h3 = 0;
  if (!isIpv4Hop) {
    if (end - at < 18 || view.getUint16(at) !== ADDRESS_16) return false;
    h1 = view.getInt32(at + 6);
    h2 = view.getInt32(at + 10);
    h3 = view.getInt32(at + 14);
  }
  const h0 = view.getInt32(at + 2);
  at += isIpv4Hop ? 6 : 18;
  let targetVni = 0;
  let hopType: NextHopType = NextHopType.STANDARD;
  let natPortFrom = 0;
  let natPortTo = 0;
  if (at < end && view.getUint8(at) === NEXT_HOP.TARGET_VNI) {
    targetVni = shortVarint(view, at + 1, end);
    if (targetVni === 0) return false;
    at += 1 + varintBytes(targetVni);
  }
  if (end - at >= 2 && view.getUint8(at) === NEXT_HOP.TYPE) {
    const type = view.getUint8(at + 1);
    if (type !== NextHopType.NAT && type !== NextHopType.LOADBALANCER_TARGET) return false;
    hopType = type;
    at += 2;
  }
  if (at < end && view.getUint8(at) === NEXT_HOP.NAT_PORT_FROM) {
    natPortFrom = shortVarint(view, at + 1, end);
    if (natPortFrom === 0) return false;
    at += 1 + varintBytes(natPortFrom);
  }
  if (at < end && view.getUint8(at) === NEXT_HOP.NAT_PORT_TO) {
    natPortTo = shortVarint(view, at + 1, end);
    if (natPortTo === 0) return false;
    at += 1 + varintBytes(natPortTo);
  }
  if (at !== end || natPortTo > MAX_PORT || natPortFrom > natPortTo) return false;

  out.action = action;
  out.vni = vni;
  out.family = isIpv6 ? 6 : 4;
  out.p0 = p0;
  out.p1 = p1;
  out.p2 = p2;
  out.p3 = p3;
  out.lengthBits = lengthBits;
  out.hopFamily = isIpv4Hop ? 4 : 6;
  out.h0 = h0;
  out.h1 = h1;
  out.h2 = h2;
  out.h3 = h3;
  out.targetVni = targetVni;
  out.hopType = hopType;
  out.natPortFrom = natPortFrom;
  out.natPortTo = natPortTo;
  out.canonical = true;
  return true;
}

/**
 * Returns a varint in its shortest form that is not 0 and fits in 32 bits; 0 for anything else, since the canonical
 * form has no field of value 0. Its length in bytes follows from its value.
 */
function shortVarint(view: DataView, offset: number, end: number): number {
  let value = 0;
  let unit = 1;
  for (let at = offset; at < end && at < offset + 5; at += 1) {
    const byte = view.getUint8(at);
    // This multiplies instead of shifting, since the fifth byte exceeds 2^31.
    value += (byte & 0x7f) * unit;
    if (byte < 0x80) return (byte === 0 && at > offset) || value > 0xffffffff ? 0 : value;
    unit *= 128;
  }
  return 0;
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  return 5;
}
