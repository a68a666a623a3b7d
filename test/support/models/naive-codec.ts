/**
 * The codec again, slow and obvious, to compare the real one with: lists of bytes, bigint varints, nothing
 * in place. It is written from the protocol's description and shares nothing with src/wire but the shapes.
 */
import type { IpAddress, Prefix } from "../../../src/net/ip.ts";
import type { Message, NextHop } from "../../../src/wire/message.ts";

export type Bytes = readonly number[];

/** What becomes of a frame: a message, or the code of what is wrong with it. */
export type Outcome = { readonly message: Message } | { readonly code: string };

class Refusal extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export function naiveDecode(frame: Bytes): Outcome {
  try {
    return { message: decodeFrame(frame) };
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code };
    throw error;
  }
}

function decodeFrame(frame: Bytes): Message {
  const [version, lengthHigh, lengthLow, type] = frame;
  if (version === undefined) throw new Refusal("FRAME_LENGTH_MISMATCH");
  if (version !== 1) throw new Refusal("UNSUPPORTED_VERSION");
  if (lengthHigh === undefined || lengthLow === undefined) throw new Refusal("FRAME_LENGTH_MISMATCH");
  const payloadBytes = lengthHigh * 256 + lengthLow;
  if (payloadBytes > 1188) throw new Refusal("PAYLOAD_TOO_LONG");
  if (type === undefined) throw new Refusal("FRAME_LENGTH_MISMATCH");
  if (type < 1 || type > 5) throw new Refusal("UNKNOWN_TYPE");
  if (frame.length !== 4 + payloadBytes) throw new Refusal("FRAME_LENGTH_MISMATCH");
  const fields = parseFields(frame.slice(4));
  switch (type) {
    case 1: {
      const keepaliveSeconds = uint32(fields, 1);
      if (keepaliveSeconds === 0) throw new Refusal("KEEPALIVE_INTERVAL_ZERO");
      const id = contents(fields, 15).at(-1) ?? [];
      return {
        type: "HELLO",
        keepaliveSeconds,
        isServer: (lastVarint(fields, 2) ?? 0n) !== 0n,
        ...(id.length === 8 ? { serverId: hexOf(id) } : {}),
      };
    }
    case 2:
      return lastVarint(fields, 1) === undefined
        ? { type: "KEEPALIVE" }
        : { type: "KEEPALIVE", endOfRib: uint32(fields, 1) };
    case 3:
      return { type: "SUBSCRIBE", vni: uint32(fields, 1) };
    case 4:
      return { type: "UNSUBSCRIBE", vni: uint32(fields, 1) };
    default:
      return decodeUpdate(fields);
  }
}

function decodeUpdate(fields: readonly Field[]): Message {
  // Merging sub-messages is the same as joining their lists of fields.
  const destinations = contents(fields, 3);
  const nextHops = contents(fields, 4);
  const destinationFields = destinations.flatMap(parseFields);
  const hopFields = nextHops.flatMap(parseFields);
  const action = oneOf([0, 1] as const, uint32(fields, 1), "UNKNOWN_ACTION");
  if (destinations.length === 0) throw new Refusal("MISSING_DESTINATION");
  const destination = decodeDestination(destinationFields);
  if (nextHops.length === 0) throw new Refusal("MISSING_NEXT_HOP");
  return { type: "UPDATE", action, vni: uint32(fields, 2), destination, nextHop: decodeNextHop(hopFields) };
}

function decodeDestination(fields: readonly Field[]): Prefix {
  const family = oneOf([0, 1] as const, uint32(fields, 1), "BAD_IP_VERSION") === 0 ? 4 : 6;
  const prefix = contents(fields, 2).at(-1) ?? [];
  const lengthBits = uint32(fields, 3);
  if (prefix.length !== (family === 4 ? 4 : 16)) throw new Refusal("BAD_ADDRESS_LENGTH");
  if (lengthBits > prefix.length * 8) throw new Refusal("BAD_PREFIX_LENGTH");
  const bits = prefix.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const masked = bits.slice(0, lengthBits).padEnd(bits.length, "0");
  return {
    ...addressOf(prefix.map((_, i) => Number.parseInt(masked.slice(i * 8, i * 8 + 8), 2))),
    lengthBits,
  };
}

function decodeNextHop(fields: readonly Field[]): NextHop {
  const address = contents(fields, 1).at(-1) ?? [];
  if (address.length !== 4 && address.length !== 16) throw new Refusal("BAD_ADDRESS_LENGTH");
  const type = oneOf([0, 1, 2] as const, uint32(fields, 3), "UNKNOWN_NEXT_HOP_TYPE");
  const natPortFrom = uint32(fields, 4);
  const natPortTo = uint32(fields, 5);
  if (natPortFrom > 65535 || natPortTo > 65535 || natPortFrom > natPortTo) throw new Refusal("BAD_NAT_PORTS");
  return { address: addressOf(address), targetVni: uint32(fields, 2), type, natPortFrom, natPortTo };
}

function addressOf(bytes: Bytes): IpAddress {
  const words = [0, 4, 8, 12].map(
    (at) => bytes.slice(at, at + 4).reduce((word, byte) => word * 256 + byte, 0) | 0,
  );
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
  return { family: bytes.length === 4 ? 4 : 6, w0, w1, w2, w3 };
}

function hexOf(bytes: Bytes): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function oneOf<T extends number>(choices: readonly T[], value: number, code: string): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new Refusal(code);
  return found;
}

type Field =
  | { readonly kind: "varint"; readonly number: number; readonly value: bigint }
  | { readonly kind: "bytes"; readonly number: number; readonly content: Bytes }
  | { readonly kind: "other"; readonly number: number };

function lastVarint(fields: readonly Field[], number: number): bigint | undefined {
  return fields
    .flatMap((field) => (field.kind === "varint" && field.number === number ? [field.value] : []))
    .at(-1);
}

function uint32(fields: readonly Field[], number: number): number {
  return Number(BigInt.asUintN(32, lastVarint(fields, number) ?? 0n));
}

function contents(fields: readonly Field[], number: number): readonly Bytes[] {
  return fields.flatMap((field) =>
    field.kind === "bytes" && field.number === number ? [field.content] : [],
  );
}

function parseFields(bytes: Bytes): readonly Field[] {
  const rest = [...bytes];
  const fields: Field[] = [];
  while (rest.length > 0) {
    const field = takeField(rest);
    if (field === "end of group") throw new Refusal("MALFORMED_MESSAGE");
    fields.push(field);
  }
  return fields;
}

/** Takes one field off the front of `rest`; inside the group `group` it may be that group's end. */
function takeField(rest: number[], group?: number): Field | "end of group" {
  const key = takeVarint(rest);
  if (key >= 2n ** 32n || key < 8n) throw new Refusal("MALFORMED_MESSAGE");
  const number = Number(key / 8n);
  switch (Number(key % 8n)) {
    case 0:
      return { kind: "varint", number, value: takeVarint(rest) };
    case 1:
      take(rest, 8n);
      return { kind: "other", number };
    case 2:
      return { kind: "bytes", number, content: take(rest, takeVarint(rest)) };
    case 3:
      while (takeField(rest, number) !== "end of group");
      return { kind: "other", number };
    case 4:
      if (number !== group) throw new Refusal("MALFORMED_MESSAGE");
      return "end of group";
    case 5:
      take(rest, 4n);
      return { kind: "other", number };
    default:
      throw new Refusal("MALFORMED_MESSAGE");
  }
}

function takeVarint(rest: number[]): bigint {
  let value = 0n;
  for (let place = 0n; place < 10n; place += 1n) {
    const byte = BigInt(take(rest, 1n)[0] ?? 0);
    value += (byte % 128n) * 128n ** place;
    if (byte < 128n) {
      if (value >= 2n ** 64n) throw new Refusal("MALFORMED_MESSAGE");
      return value;
    }
  }
  throw new Refusal("MALFORMED_MESSAGE");
}

function take(rest: number[], count: bigint): Bytes {
  if (count > BigInt(rest.length)) throw new Refusal("MALFORMED_MESSAGE");
  return rest.splice(0, Number(count));
}

/** The message's canonical frame. */
export function naiveEncode(message: Message): Bytes {
  switch (message.type) {
    case "HELLO":
      return frameOf(1, [
        ...scalar(1, message.keepaliveSeconds),
        ...scalar(2, message.isServer ? 1 : 0),
        ...(message.serverId === undefined ? [] : [0x7a, 8, ...Uint8Array.fromHex(message.serverId)]),
      ]);
    case "KEEPALIVE":
      return frameOf(2, message.endOfRib === undefined ? [] : [...varint(8), ...varint(message.endOfRib)]);
    case "SUBSCRIBE":
      return frameOf(3, scalar(1, message.vni));
    case "UNSUBSCRIBE":
      return frameOf(4, scalar(1, message.vni));
    case "UPDATE": {
      const { action, vni, destination, nextHop } = message;
      return frameOf(5, [
        ...scalar(1, action),
        ...scalar(2, vni),
        ...block(3, [
          ...scalar(1, destination.family === 6 ? 1 : 0),
          ...block(2, addressBytes(destination)),
          ...scalar(3, destination.lengthBits),
        ]),
        ...block(4, [
          ...block(1, addressBytes(nextHop.address)),
          ...scalar(2, nextHop.targetVni),
          ...scalar(3, nextHop.type),
          ...scalar(4, nextHop.natPortFrom),
          ...scalar(5, nextHop.natPortTo),
        ]),
      ]);
    }
  }
}

export function frameOf(type: number, payload: Bytes): Bytes {
  return [1, Math.floor(payload.length / 256), payload.length % 256, type, ...payload];
}

export function varint(value: number | bigint): Bytes {
  const rest = BigInt(value);
  return rest < 128n ? [Number(rest)] : [Number(rest % 128n) + 128, ...varint(rest / 128n)];
}

function scalar(number: number, value: number): Bytes {
  return value === 0 ? [] : [...varint(number * 8), ...varint(value)];
}

/** A field of bytes, or a sub-message. */
export function block(number: number, content: Bytes): Bytes {
  return [...varint(number * 8 + 2), ...varint(content.length), ...content];
}

function addressBytes({ family, w0, w1, w2, w3 }: IpAddress): Bytes {
  const words = family === 4 ? [w0] : [w0, w1, w2, w3];
  return words.flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 255));
}
