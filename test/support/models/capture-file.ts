/**
 * Captures as bytes, for tests: packets of a TCP conversation, the headers of each link type around them, and the file formats.
 * Checksums are 0, as a capture has them where the network card computes them.
 */
import { addressToBytes, parseAddress } from "../../../src/net/address.ts";

export interface End {
  readonly host: string;
  readonly port: number;
}

export interface SegmentSpec {
  readonly source: End;
  readonly destination: End;
  readonly sequence: number;
  readonly flags?: "S" | "SA" | "A" | "F" | "R";
  readonly data?: Uint8Array;
}

const FLAGS = { S: 0x02, SA: 0x12, A: 0x18, F: 0x11, R: 0x14 } as const;

/** Returns an IP packet with a TCP segment. */
export function ipPacket({
  source,
  destination,
  sequence,
  flags = "A",
  data = new Uint8Array(0),
}: SegmentSpec): Uint8Array {
  const tcp = new Uint8Array(20 + data.length);
  const view = new DataView(tcp.buffer);
  view.setUint16(0, source.port);
  view.setUint16(2, destination.port);
  view.setUint32(4, sequence);
  view.setUint8(12, 5 << 4);
  view.setUint8(13, FLAGS[flags]);
  view.setUint16(14, 0xffff);
  tcp.set(data, 20);
  return withIpHeader(source.host, destination.host, 6, tcp);
}

export function withIpHeader(
  source: string,
  destination: string,
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  const [from, to] = [parseAddress(source), parseAddress(destination)];
  if (from === null || to === null || from.family !== to.family)
    throw new Error("two addresses of one family are needed");
  const isIpv4 = from.family === 4;
  const header = new Uint8Array(isIpv4 ? 20 : 40);
  const view = new DataView(header.buffer);
  if (isIpv4) {
    view.setUint8(0, 0x45);
    view.setUint16(2, 20 + payload.length);
    view.setUint8(8, 64);
    view.setUint8(9, protocol);
  } else {
    view.setUint32(0, 0x60000000);
    view.setUint16(4, payload.length);
    view.setUint8(6, protocol);
    view.setUint8(7, 64);
  }
  addressToBytes(from, header, isIpv4 ? 12 : 8);
  addressToBytes(to, header, isIpv4 ? 16 : 24);
  return joined(header, payload);
}

/** The link types by the names of tcpdump.org, with a maker of what stands before an IP packet. */
export const LINK_TYPES: readonly { name: string; linkType: number; wrap(ip: Uint8Array): Uint8Array }[] = [
  { name: "NULL", linkType: 0, wrap: (ip) => joined(Uint8Array.of(isIpv6(ip) ? 30 : 2, 0, 0, 0), ip) },
  { name: "ETHERNET", linkType: 1, wrap: (ip) => joined(new Uint8Array(12), etherType(ip), ip) },
  {
    name: "ETHERNET with a VLAN tag",
    linkType: 1,
    wrap: (ip) => joined(new Uint8Array(12), Uint8Array.of(0x81, 0, 0, 100), etherType(ip), ip),
  },
  {
    name: "ETHERNET with two VLAN tags, padded",
    linkType: 1,
    wrap: (ip) => {
      const tags = Uint8Array.of(0x88, 0xa8, 0, 200, 0x81, 0, 0, 100);
      return joined(new Uint8Array(12), tags, etherType(ip), ip, new Uint8Array(6).fill(1));
    },
  },
  {
    name: "ETHERNET with an old service VLAN tag",
    linkType: 1,
    wrap: (ip) => joined(new Uint8Array(12), Uint8Array.of(0x91, 0, 0, 200), etherType(ip), ip),
  },
  { name: "RAW", linkType: 101, wrap: (ip) => ip },
  { name: "LOOP", linkType: 108, wrap: (ip) => joined(Uint8Array.of(0, 0, 0, isIpv6(ip) ? 24 : 2), ip) },
  { name: "LINUX_SLL", linkType: 113, wrap: (ip) => joined(new Uint8Array(14), etherType(ip), ip) },
  { name: "IPV4 or IPV6", linkType: 228, wrap: (ip) => ip },
  { name: "LINUX_SLL2", linkType: 276, wrap: (ip) => joined(etherType(ip), new Uint8Array(18), ip) },
];

export interface PacketSpec {
  readonly bytes: Uint8Array;
  /** Captured of it; all if left out. */
  readonly snapshotBytes?: number;
}

export interface FileSpec {
  readonly linkType: number;
  readonly isLittleEndian: boolean;
  readonly isNanoseconds: boolean;
}

/** The first packet's time: 2026-01-02T03:04:05.678901234Z, and each one is a millisecond later than the one before. */
const FIRST_SECONDS = 1767323045;
const FIRST_NANOSECONDS = 678_901_234;

function nanosecondsOf(index: number): number {
  return FIRST_NANOSECONDS + index * 1_000_000;
}

export function pcapFile(
  packets: readonly PacketSpec[],
  { linkType, isLittleEndian, isNanoseconds }: FileSpec,
): Uint8Array {
  const header = new DataView(new ArrayBuffer(24));
  header.setUint32(0, isNanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, isLittleEndian);
  header.setUint16(4, 2, isLittleEndian);
  header.setUint16(6, 4, isLittleEndian);
  header.setUint32(16, 262144, isLittleEndian);
  header.setUint32(20, linkType, isLittleEndian);
  const records = packets.map(({ bytes, snapshotBytes = bytes.length }, index) => {
    const record = new DataView(new ArrayBuffer(16));
    record.setUint32(0, FIRST_SECONDS, isLittleEndian);
    const nanoseconds = nanosecondsOf(index);
    record.setUint32(4, isNanoseconds ? nanoseconds : Math.floor(nanoseconds / 1000), isLittleEndian);
    record.setUint32(8, snapshotBytes, isLittleEndian);
    record.setUint32(12, bytes.length, isLittleEndian);
    return joined(bytesOf(record), bytes.subarray(0, snapshotBytes));
  });
  return joined(bytesOf(header), ...records);
}

/** How a pcapng file differs from the usual one. */
export interface PcapngSpec extends FileSpec {
  /** Simple packet blocks, which have no time. */
  readonly isSimple?: boolean;
  /** Default true; without it, packets name an interface that is not described. */
  readonly hasInterface?: boolean;
  /** Options of the interface, in the file's byte order; ticks are counted as if there were none. */
  readonly options?: Uint8Array;
}

/** A section with one interface; its resolution is 10^-9 or, by default, 10^-6 seconds. */
export function pcapngFile(packets: readonly PacketSpec[], spec: PcapngSpec): Uint8Array {
  const { linkType, isLittleEndian, isNanoseconds, isSimple = false, hasInterface = true } = spec;
  const u16 = (...values: number[]) => numbers(values, 2, isLittleEndian);
  const u32 = (...values: number[]) => numbers(values, 4, isLittleEndian);
  const block = (type: number, body: Uint8Array) => {
    const padded = joined(body, new Uint8Array(-body.length & 3));
    const length = u32(padded.length + 12);
    return joined(u32(type), length, padded, length);
  };
  const section = block(0x0a0d0d0a, joined(u32(0x1a2b3c4d), u16(1, 0), u32(0xffffffff, 0xffffffff)));
  const resolution = isNanoseconds
    ? joined(u16(9, 1), Uint8Array.of(9, 0, 0, 0), u16(0, 0))
    : new Uint8Array(0);
  const description = block(1, joined(u16(linkType, 0), u32(0), spec.options ?? resolution));
  const unknown = block(0x0bad0bad, Uint8Array.of(1, 2, 3, 4));
  const records = packets.map(({ bytes, snapshotBytes = bytes.length }, index) => {
    const captured = bytes.subarray(0, snapshotBytes);
    if (isSimple) return block(3, joined(u32(bytes.length), captured));
    const perSecond = isNanoseconds ? 1_000_000_000n : 1_000_000n;
    const fraction = isNanoseconds ? nanosecondsOf(index) : Math.floor(nanosecondsOf(index) / 1000);
    const ticks = BigInt(FIRST_SECONDS) * perSecond + BigInt(fraction);
    const halves = u32(Number(ticks >> 32n), Number(ticks & 0xffffffffn));
    return block(6, joined(u32(0), halves, u32(captured.length, bytes.length), captured));
  });
  return joined(section, hasInterface ? description : new Uint8Array(0), unknown, ...records);
}

/** Two ends that send to each other, in segments of at most `segmentBytes`. */
export class Conversation {
  readonly segments: SegmentSpec[] = [];
  readonly #client: End;
  readonly #server: End;
  #clientSequence: number;
  #serverSequence: number;

  constructor(client: End, server: End, clientSequence = 1000, serverSequence = 5000) {
    this.#client = client;
    this.#server = server;
    this.#clientSequence = clientSequence;
    this.#serverSequence = serverSequence;
  }

  open(): this {
    this.#add("client", "S", new Uint8Array(0));
    this.#add("server", "SA", new Uint8Array(0));
    return this;
  }

  send(from: "client" | "server", data: Uint8Array, segmentBytes = 1400): this {
    for (let at = 0; at < data.length; at += segmentBytes) {
      this.#add(from, "A", data.subarray(at, at + segmentBytes));
    }
    return this;
  }

  close(): this {
    this.#add("client", "F", new Uint8Array(0));
    this.#add("server", "F", new Uint8Array(0));
    return this;
  }

  #add(from: "client" | "server", flags: NonNullable<SegmentSpec["flags"]>, data: Uint8Array): void {
    const isClient = from === "client";
    const [source, destination] = isClient ? [this.#client, this.#server] : [this.#server, this.#client];
    const sequence = isClient ? this.#clientSequence : this.#serverSequence;
    this.segments.push({ source, destination, sequence, flags, data });
    const next = (sequence + data.length + (flags === "A" ? 0 : 1)) >>> 0;
    if (isClient) this.#clientSequence = next;
    else this.#serverSequence = next;
  }
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function numbers(values: readonly number[], size: 2 | 4, isLittleEndian: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * size));
  for (const [index, value] of values.entries()) {
    if (size === 2) view.setUint16(index * 2, value, isLittleEndian);
    else view.setUint32(index * 4, value, isLittleEndian);
  }
  return bytesOf(view);
}

function bytesOf({ buffer, byteOffset, byteLength }: DataView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function isIpv6(ip: Uint8Array): boolean {
  return (ip[0] ?? 0) >>> 4 === 6;
}

function etherType(ip: Uint8Array): Uint8Array {
  return isIpv6(ip) ? Uint8Array.of(0x86, 0xdd) : Uint8Array.of(0x08, 0x00);
}
