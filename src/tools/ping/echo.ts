/**
 * ICMP echo messages (RFC 792, RFC 4443 section 4), and what a series of them says.
 *
 *     0       1       2       3       4       5       6       7       8
 *     | type  | code  |   checksum    |  identifier   |   sequence    |  token (8 bytes), then zeros
 *
 * The kernel fills in the checksum of ICMPv6, and the identifier of sockets that need no privilege; so an answer is known by the
 * token, which is random.
 */

export const ECHO_HEADER_BYTES = 8;
export const TOKEN_BYTES = 8;
/** The headers of IPv4 without options (RFC 791) and of IPv6. */
export const IP_HEADER_BYTES = { 4: 20, 6: 40 } as const;

const REQUEST = { 4: 8, 6: 128 } as const;
const REPLY = { 4: 0, 6: 129 } as const;

/** The smallest packet that has the token. */
export function leastPacketBytes(family: 4 | 6): number {
  return IP_HEADER_BYTES[family] + ECHO_HEADER_BYTES + TOKEN_BYTES;
}

export interface EchoRequest {
  readonly family: 4 | 6;
  readonly identifier: number;
  readonly sequence: number;
  readonly token: Uint8Array;
  /** With the IP header. */
  readonly packetBytes: number;
}

/** Returns the message, without the IP header. */
export function echoRequest({ family, identifier, sequence, token, packetBytes }: EchoRequest): Uint8Array {
  const message = new Uint8Array(packetBytes - IP_HEADER_BYTES[family]);
  const view = new DataView(message.buffer);
  message[0] = REQUEST[family];
  view.setUint16(4, identifier);
  view.setUint16(6, sequence);
  message.set(token, ECHO_HEADER_BYTES);
  if (family === 4) view.setUint16(2, checksum(message));
  return message;
}

/** Returns the sequence number of an answer with this token; null if the message is another one. */
export function replySequence(message: Uint8Array, family: 4 | 6, token: Uint8Array): number | null {
  if (message.length < ECHO_HEADER_BYTES + TOKEN_BYTES || message[0] !== REPLY[family]) return null;
  const isOurs = token.every((byte, i) => message[ECHO_HEADER_BYTES + i] === byte);
  if (!isOurs) return null;
  return new DataView(message.buffer, message.byteOffset, message.length).getUint16(6);
}

/** The Internet checksum (RFC 1071); the field itself must be 0. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export interface RoundTrips {
  readonly sent: number;
  readonly received: number;
  readonly lossPercent: number;
  /** Null without an answer. */
  readonly minMs: number | null;
  readonly avgMs: number | null;
  readonly maxMs: number | null;
}

/** @param timesMs of each request the round trip; null: there was no answer */
export function roundTrips(timesMs: readonly (number | null)[]): RoundTrips {
  const answered = timesMs.filter((ms) => ms !== null);
  const [sent, received] = [timesMs.length, answered.length];
  const rounded = (ms: number) => Math.round(ms * 1000) / 1000;
  return {
    sent,
    received,
    lossPercent: sent === 0 ? 0 : Math.round(((sent - received) / sent) * 1000) / 10,
    minMs: received === 0 ? null : rounded(Math.min(...answered)),
    avgMs: received === 0 ? null : rounded(answered.reduce((sum, ms) => sum + ms, 0) / received),
    maxMs: received === 0 ? null : rounded(Math.max(...answered)),
  };
}

/** What has become of a packet that may not be fragmented. */
export type ProbeResult =
  | { readonly kind: "answered" }
  /** The packet is too large: a router or this host has said which size fits. */
  | { readonly kind: "too-big"; readonly fitsBytes: number }
  | { readonly kind: "lost" };

export interface PathMtu {
  /** The largest packet that was answered; null if none was. */
  readonly bytes: number | null;
  /** Larger packets are lost without a message, so that a sender cannot learn the size (RFC 4459, RFC 8899). */
  readonly isBlackHole: boolean;
}

/**
 * Finds the largest packet that is answered, between `leastBytes` and `mostBytes`: as large as the host and the routers say, or where
 * they say nothing, by halving. A probe that is lost is sent once more.
 */
export async function findPathMtu(
  leastBytes: number,
  mostBytes: number,
  probe: (packetBytes: number) => Promise<ProbeResult>,
): Promise<PathMtu> {
  const tryTwice = async (packetBytes: number): Promise<ProbeResult> => {
    const result = await probe(packetBytes);
    return result.kind === "lost" ? await probe(packetBytes) : result;
  };
  let size = mostBytes;
  let result = await tryTwice(size);
  while (result.kind === "too-big" && result.fitsBytes < size && result.fitsBytes >= leastBytes) {
    size = result.fitsBytes;
    result = await tryTwice(size);
  }
  if (result.kind === "answered") return { bytes: size, isBlackHole: false };
  if (size <= leastBytes || (await tryTwice(leastBytes)).kind !== "answered") {
    return { bytes: null, isBlackHole: false };
  }
  let [answered, lost] = [leastBytes, size];
  while (lost - answered > 1) {
    const middle = (answered + lost) >> 1;
    if ((await tryTwice(middle)).kind === "answered") answered = middle;
    else lost = middle;
  }
  return { bytes: answered, isBlackHole: true };
}
