/** Reads IP and TCP headers of a captured packet. Lengths in a packet are believed only as far as its bytes were captured. */
import { addressFromBytes } from "../../net/address.ts";
import type { IpAddress } from "../../net/ip.ts";

const PROTOCOL_TCP = 6;

/** The extension headers of IPv6 that have a length in their second byte (RFC 8200; RFC 4302; RFC 6275; RFC 7401; RFC 5533). */
const ExtensionHeader = {
  HOP_BY_HOP: 0,
  ROUTING: 43,
  FRAGMENT: 44,
  AUTHENTICATION: 51,
  DESTINATION: 60,
} as const;
const OTHER_EXTENSION_HEADERS: readonly number[] = [135, 139, 140];

const TcpFlag = { FIN: 1, SYN: 2, RST: 4 } as const;

export interface TcpSegment {
  readonly kind: "segment";
  readonly source: TcpEnd;
  readonly destination: TcpEnd;
  readonly sequence: number;
  readonly isSyn: boolean;
  /** FIN or RST. */
  readonly isLast: boolean;
  readonly data: Uint8Array;
  /** Bytes of data that the packet had and the capture has not. */
  readonly missingBytes: number;
}

export interface TcpEnd {
  readonly address: IpAddress;
  readonly port: number;
}

/** A part of an IP packet with TCP. */
export interface TcpFragment {
  readonly kind: "fragment";
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

/** What an IP header says of its payload. */
interface IpPayload {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly isFragment: boolean;
  readonly offset: number;
  /** Where the packet ends; it may be after the captured bytes. */
  readonly end: number;
}

/** Returns the TCP segment, or the fragment of one, in an IP packet at `offset`; null if there is neither. */
export function readTcpSegment(bytes: Uint8Array, offset: number): TcpSegment | TcpFragment | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (offset >= view.byteLength) return null;
  const version = view.getUint8(offset) >>> 4;
  const payload =
    version === 4 ? readIpv4(bytes, view, offset) : version === 6 ? readIpv6(bytes, view, offset) : null;
  if (payload === null || payload.protocol !== PROTOCOL_TCP) return null;
  const { source, destination } = payload;
  return payload.isFragment ? { kind: "fragment", source, destination } : readTcp(bytes, view, payload);
}

function readIpv4(bytes: Uint8Array, view: DataView, offset: number): IpPayload | null {
  if (view.byteLength < offset + 20) return null;
  const headerBytes = (view.getUint8(offset) & 0xf) * 4;
  if (headerBytes < 20) return null;
  // 0: the network card was to divide the packet, and the kernel left the length open.
  const totalBytes = view.getUint16(offset + 2) || view.byteLength - offset;
  return {
    source: addressFromBytes(bytes, offset + 12, 4),
    destination: addressFromBytes(bytes, offset + 16, 4),
    protocol: view.getUint8(offset + 9),
    // More fragments, or an offset.
    isFragment: (view.getUint16(offset + 6) & 0x3fff) !== 0,
    offset: offset + headerBytes,
    end: offset + totalBytes,
  };
}

function readIpv6(bytes: Uint8Array, view: DataView, offset: number): IpPayload | null {
  if (view.byteLength < offset + 40) return null;
  const payloadBytes = view.getUint16(offset + 4) || view.byteLength - offset - 40;
  let protocol = view.getUint8(offset + 6);
  let at = offset + 40;
  let isFragment = false;
  while (isExtensionHeader(protocol)) {
    if (at + 8 > view.byteLength) return null;
    const next = view.getUint8(at);
    if (protocol === ExtensionHeader.FRAGMENT) {
      isFragment = (view.getUint16(at + 2) & 0xfff9) !== 0;
      at += 8;
      // What stands in a fragment is known only of the first one.
      if (isFragment) {
        protocol = next;
        break;
      }
    } else if (protocol === ExtensionHeader.AUTHENTICATION) at += (view.getUint8(at + 1) + 2) * 4;
    else at += (view.getUint8(at + 1) + 1) * 8;
    protocol = next;
  }
  return {
    source: addressFromBytes(bytes, offset + 8, 6),
    destination: addressFromBytes(bytes, offset + 24, 6),
    protocol,
    isFragment,
    offset: at,
    end: offset + 40 + payloadBytes,
  };
}

function isExtensionHeader(protocol: number): boolean {
  return (
    Object.values<number>(ExtensionHeader).includes(protocol) || OTHER_EXTENSION_HEADERS.includes(protocol)
  );
}

function readTcp(
  bytes: Uint8Array,
  view: DataView,
  { source, destination, offset, end }: IpPayload,
): TcpSegment | null {
  if (view.byteLength < offset + 20) return null;
  const headerBytes = (view.getUint8(offset + 12) >>> 4) * 4;
  const dataOffset = offset + headerBytes;
  if (headerBytes < 20 || dataOffset > end) return null;
  const flags = view.getUint8(offset + 13);
  const capturedEnd = Math.min(end, view.byteLength);
  return {
    kind: "segment",
    source: { address: source, port: view.getUint16(offset) },
    destination: { address: destination, port: view.getUint16(offset + 2) },
    sequence: view.getUint32(offset + 4),
    isSyn: (flags & TcpFlag.SYN) !== 0,
    isLast: (flags & (TcpFlag.FIN | TcpFlag.RST)) !== 0,
    data: bytes.subarray(Math.min(dataOffset, capturedEnd), capturedEnd),
    missingBytes: end - Math.max(dataOffset, capturedEnd),
  };
}
