/**
 * Frames as an attacker writes them: by the protocol's description, with no code of the program under attack. Each is an
 * array of bytes, since attackers build their chunks once and write them over and over.
 */
export type Bytes = readonly number[];

export function frame(type: number, payload: Bytes): number[] {
  return [1, payload.length >> 8, payload.length & 255, type, ...payload];
}

export function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

export const KEEPALIVE: Bytes = frame(2, []);

export function hello(keepaliveSeconds: number, isServer = false): number[] {
  return frame(1, [8, ...varint(keepaliveSeconds), ...(isServer ? [16, 1] : [])]);
}

export function subscribe(vni: number): number[] {
  return frame(3, vni === 0 ? [] : [8, ...varint(vni)]);
}

export function unsubscribe(vni: number): number[] {
  return frame(4, vni === 0 ? [] : [8, ...varint(vni)]);
}

export interface Update {
  readonly vni: number;
  /** 4 or 16 bytes; other lengths make an UPDATE that is to be skipped. */
  readonly prefix: Bytes;
  readonly lengthBits: number;
  readonly hop: Bytes;
}

export const announce = (update: Update): number[] => updateFrame([], update);
export const withdraw = (update: Update): number[] => updateFrame([8, 1], update);

function updateFrame(action: Bytes, { vni, prefix, lengthBits, hop }: Update): number[] {
  const destination = [
    ...(prefix.length === 16 ? [8, 1] : []),
    ...[18, prefix.length, ...prefix],
    ...(lengthBits === 0 ? [] : [24, ...varint(lengthBits)]),
  ];
  return frame(5, [
    ...action,
    ...(vni === 0 ? [] : [16, ...varint(vni)]),
    ...[26, destination.length, ...destination],
    ...[34, hop.length + 2, 10, hop.length, ...hop],
  ]);
}

/** An IPv4 address, or a word of an IPv6 address. */
export function word(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** 2001:db8::NUMBER */
export function hop(number: number): number[] {
  return [...word(0x20010db8), ...word(0), ...word(0), ...word(number)];
}
