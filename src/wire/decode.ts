/**
 * These functions decode messages in place, and allocate nothing except errors. Each reads the payload of `lengthBytes`
 * at `offset` of a view, and throws ProtocolError (MALFORMED_MESSAGE) if it is not proto3. Any valid proto3 is
 * accepted: fields in any order and repeated (the last one counts, sub-messages are merged), unknown fields, long
 * varints. Numbers of more than 32 bits lose the upper bits, as in every protobuf implementation.
 */
import { maskWord } from "../net/prefix.ts";
import { decodeCanonicalUpdate } from "./decode-canonical.ts";
import type { UpdateFields } from "./message.ts";
import { DESTINATION, HELLO, KEEPALIVE, NEXT_HOP, Proto3Reader, SUBSCRIPTION, UPDATE } from "./proto3.ts";
import { Action, IpVersion, MAX_PORT, NextHopType, SERVER_ID_BYTES } from "./protocol.ts";
import { ProtocolError, type SkipCode } from "./protocol-error.ts";

/** The fields of a HELLO, filled in place by {@link decodeHello}. */
export class HelloFields {
  /** The peer's interval, 1 to 2^32-1. */
  keepaliveSeconds = 0;
  isServer = false;
  /** The server id in 16 hex digits; empty if the peer sent none, as Go and rustbond do. */
  serverId = "";
}

/** {@link decodeKeepalive} returns this for a KEEPALIVE that is not an End-of-RIB. */
export const NO_END_OF_RIB = -1;

const message = new Proto3Reader();
const part = new Proto3Reader();

/**
 * Fills `out` with a HELLO.
 * @throws ProtocolError KEEPALIVE_INTERVAL_ZERO or MALFORMED_MESSAGE
 */
export function decodeHello(view: DataView, offset: number, lengthBytes: number, out: HelloFields): void {
  out.keepaliveSeconds = 0;
  out.isServer = false;
  out.serverId = "";
  message.begin(view, offset, lengthBytes);
  while (message.next()) {
    if (message.key === HELLO.KEEPALIVE_INTERVAL) out.keepaliveSeconds = message.low;
    else if (message.key === HELLO.IS_SERVER) out.isServer = message.low !== 0 || message.high !== 0;
    // An id of another length is not BunBond's.
    else if (message.key === HELLO.SERVER_ID) {
      out.serverId = message.contentBytes === SERVER_ID_BYTES ? hexOf(view, message.contentOffset) : "";
    }
  }
  if (out.keepaliveSeconds === 0) throw new ProtocolError("KEEPALIVE_INTERVAL_ZERO");
}

function hexOf(view: DataView, offset: number): string {
  return new Uint8Array(view.buffer, view.byteOffset + offset, SERVER_ID_BYTES).toHex();
}

/** Returns the VNI, 0 to 2^32-1, of a SUBSCRIBE or UNSUBSCRIBE. */
export function decodeSubscription(view: DataView, offset: number, lengthBytes: number): number {
  let vni = 0;
  message.begin(view, offset, lengthBytes);
  while (message.next()) if (message.key === SUBSCRIPTION.VNI) vni = message.low;
  return vni;
}

/** Returns the VNI of an End-of-RIB, or {@link NO_END_OF_RIB}. Nearly all KEEPALIVEs have an empty payload. */
export function decodeKeepalive(view: DataView, offset: number, lengthBytes: number): number {
  let endOfRib = NO_END_OF_RIB;
  message.begin(view, offset, lengthBytes);
  while (message.next()) if (message.key === KEEPALIVE.END_OF_RIB) endOfRib = message.low;
  return endOfRib;
}

/**
 * Fills `out` with an UPDATE. Returns null; or, if the UPDATE is well formed but a value in it is not valid, the code
 * with which it is skipped. Then only `vni` in `out` is valid; after a throw nothing is.
 */
export function decodeUpdate(
  view: DataView,
  offset: number,
  lengthBytes: number,
  out: UpdateFields,
): SkipCode | null {
  return decodeCanonicalUpdate(view, offset, lengthBytes, out)
    ? null
    : decodeTolerantly(view, offset, lengthBytes, out);
}

function decodeTolerantly(
  view: DataView,
  offset: number,
  lengthBytes: number,
  out: UpdateFields,
): SkipCode | null {
  let action: number = Action.ADD;
  let vni = 0;
  let hasDestination = false;
  let hasNextHop = false;
  let ipVersion: number = IpVersion.IPV4;
  let prefixOffset = 0;
  let prefixBytes = 0;
  let lengthBits = 0;
  let addressOffset = 0;
  let addressBytes = 0;
  let targetVni = 0;
  let hopType: number = NextHopType.STANDARD;
  let natPortFrom = 0;
  let natPortTo = 0;

  message.begin(view, offset, lengthBytes);
  while (message.next()) {
    switch (message.key) {
      case UPDATE.ACTION:
        action = message.low;
        break;
      case UPDATE.VNI:
        vni = message.low;
        break;
      case UPDATE.DESTINATION:
        hasDestination = true;
        part.enter(message);
        while (part.next()) {
          if (part.key === DESTINATION.IP_VERSION) ipVersion = part.low;
          else if (part.key === DESTINATION.PREFIX) {
            prefixOffset = part.contentOffset;
            prefixBytes = part.contentBytes;
          } else if (part.key === DESTINATION.PREFIX_LENGTH) lengthBits = part.low;
        }
        break;
      case UPDATE.NEXT_HOP:
        hasNextHop = true;
        part.enter(message);
        while (part.next()) {
          if (part.key === NEXT_HOP.ADDRESS) {
            addressOffset = part.contentOffset;
            addressBytes = part.contentBytes;
          } else if (part.key === NEXT_HOP.TARGET_VNI) targetVni = part.low;
          else if (part.key === NEXT_HOP.TYPE) hopType = part.low;
          else if (part.key === NEXT_HOP.NAT_PORT_FROM) natPortFrom = part.low;
          else if (part.key === NEXT_HOP.NAT_PORT_TO) natPortTo = part.low;
        }
        break;
    }
  }

  // The fast decoder did not accept the UPDATE, so it is not canonical, or not valid.
  out.canonical = false;
  out.vni = vni;
  if (action !== Action.ADD && action !== Action.REMOVE) return "UNKNOWN_ACTION";
  out.action = action;

  if (!hasDestination) return "MISSING_DESTINATION";
  if (ipVersion !== IpVersion.IPV4 && ipVersion !== IpVersion.IPV6) return "BAD_IP_VERSION";
  const isIpv6 = ipVersion === IpVersion.IPV6;
  if (prefixBytes !== (isIpv6 ? 16 : 4)) return "BAD_ADDRESS_LENGTH";
  if (lengthBits > (isIpv6 ? 128 : 32)) return "BAD_PREFIX_LENGTH";
  out.family = isIpv6 ? 6 : 4;
  out.p0 = view.getInt32(prefixOffset) & maskWord(lengthBits, 0);
  out.p1 = isIpv6 ? view.getInt32(prefixOffset + 4) & maskWord(lengthBits, 1) : 0;
  out.p2 = isIpv6 ? view.getInt32(prefixOffset + 8) & maskWord(lengthBits, 2) : 0;
  out.p3 = isIpv6 ? view.getInt32(prefixOffset + 12) & maskWord(lengthBits, 3) : 0;
  out.lengthBits = lengthBits;

  if (!hasNextHop) return "MISSING_NEXT_HOP";
  if (addressBytes !== 16 && addressBytes !== 4) return "BAD_ADDRESS_LENGTH";
  const isIpv4Hop = addressBytes === 4;
  out.hopFamily = isIpv4Hop ? 4 : 6;
  out.h0 = view.getInt32(addressOffset);
  out.h1 = isIpv4Hop ? 0 : view.getInt32(addressOffset + 4);
  out.h2 = isIpv4Hop ? 0 : view.getInt32(addressOffset + 8);
  out.h3 = isIpv4Hop ? 0 : view.getInt32(addressOffset + 12);
  out.targetVni = targetVni;
  if (
    hopType !== NextHopType.STANDARD &&
    hopType !== NextHopType.NAT &&
    hopType !== NextHopType.LOADBALANCER_TARGET
  ) {
    return "UNKNOWN_NEXT_HOP_TYPE";
  }
  out.hopType = hopType;
  if (natPortTo > MAX_PORT || natPortFrom > natPortTo) return "BAD_NAT_PORTS";
  out.natPortFrom = natPortFrom;
  out.natPortTo = natPortTo;
  return null;
}
