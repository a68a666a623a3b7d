/** Frames that are wrong in all ways that chance finds: from known frames bent a little to plain noise. */
import { type Bytes, block, frameOf, varint } from "./naive-codec.ts";
import type { SeededRandom } from "./random.ts";

/** A frame, or what was one: mostly with a right header, so that the decoders behind it get their share. */
export function hostileFrame(random: SeededRandom, known: readonly Bytes[]): Bytes {
  const kind = random.below(10);
  if (kind < 5) return mutated(random, known);
  if (kind < 8) return frameOf(5, updateSoup(random));
  if (kind < 9) return frameOf(1 + random.below(5), soup(random, 0, []));
  const noise = random.bytes(random.below(80));
  return random.chance(0.5) ? frameOf(1 + random.below(5), noise) : noise;
}

function mutated(random: SeededRandom, known: readonly Bytes[]): Bytes {
  const bytes = [...random.pick(known)];
  for (let left = 1 + random.below(3); left > 0; left -= 1) mutate(random, bytes, random.pick(known));
  if (random.chance(0.8)) {
    bytes[0] = 1;
    bytes[1] = (bytes.length - 4) >> 8;
    bytes[2] = bytes.length - 4;
    if (bytes.length < 4) bytes.length = 3;
  }
  return bytes.map((byte) => byte & 255);
}

function mutate(random: SeededRandom, bytes: number[], other: Bytes): void {
  const at = random.below(bytes.length + 1);
  const count = random.below(8);
  switch (random.below(7)) {
    case 0:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      break;
    case 1:
      if (at < bytes.length) bytes[at] = random.pick([0, 1, 2, 4, 16, 0x7f, 0x80, 0xff]);
      break;
    case 2:
      bytes.length = at;
      break;
    case 3:
      bytes.splice(at, 0, ...random.bytes(count));
      break;
    case 4:
      bytes.splice(at, count);
      break;
    case 5:
      bytes.splice(at, 0, ...bytes.slice(at, at + count * 4));
      break;
    default: {
      const from = random.below(other.length + 1);
      bytes.splice(at, count, ...other.slice(from, from + count * 4));
    }
  }
}

/** An UPDATE that would be good, but for what chance makes of it. */
function updateSoup(random: SeededRandom): Bytes {
  const isIpv6 = random.chance(0.5);
  const destination = soup(random, 1, [
    ...(isIpv6 ? [[0x08, 1]] : []),
    block(2, random.bytes(isIpv6 ? 16 : 4)),
    [0x18, random.below(isIpv6 ? 127 : 33)],
  ]);
  const nextHop = soup(random, 1, [
    block(1, random.bytes(random.chance(0.8) ? 16 : 4)),
    ...(random.chance(0.3)
      ? [
          [0x18, 1],
          [0x20, ...varint(random.below(66_000))],
          [0x28, ...varint(65_535)],
        ]
      : []),
  ]);
  return soup(random, 0, [[0x10, ...varint(random.word())], block(3, destination), block(4, nextHop)]);
}

/** Valid proto3 for the most part: the given fields, mostly, and others, in any order and form. */
function soup(random: SeededRandom, depth: number, given: readonly Bytes[]): Bytes {
  const fields = given.filter(() => random.chance(0.98));
  for (let left = random.below(given.length > 0 ? 3 : 8); left > 0; left -= 1)
    fields.push(field(random, depth));
  return (random.chance(0.5) ? random.shuffled(fields) : fields).flat();
}

function field(random: SeededRandom, depth: number): Bytes {
  const number = random.chance(0.95) ? 1 + random.below(6) : random.pick([0, 16, 2 ** 29 - 1, 2 ** 29]);
  // The wire types that the protocol uses come most often.
  const wireType = random.pick([0, 0, 0, 0, 2, 2, 2, 2, 2, 1, 3, 5, random.below(8)]);
  const key = stretched(random, varint(number * 8 + wireType));
  switch (wireType) {
    case 0:
      return [...key, ...stretched(random, varint(interestingNumber(random)))];
    case 1:
      return [...key, ...random.bytes(8)];
    case 2: {
      const content = depth < 3 && random.chance(0.6) ? soup(random, depth + 1, []) : address(random);
      if (random.chance(0.02)) return [...key, ...varint(interestingNumber(random)), ...content];
      return [...key, ...block(0, content).slice(1)];
    }
    case 3:
      return [...key, ...soup(random, depth + 1, []), ...varint((random.chance(0.95) ? number : 7) * 8 + 4)];
    case 5:
      return [...key, ...random.bytes(4)];
    default:
      return key;
  }
}

function address(random: SeededRandom): Bytes {
  return random.bytes(random.pick([4, 4, 4, 16, 16, 16, 0, 3, 5, 15, 17]));
}

function interestingNumber(random: SeededRandom): bigint {
  const near = random.pick([0n, 0n, 0n, 8n, 24n, 32n, 64n, 128n, 2n ** 14n, 2n ** 16n, 2n ** 32n, 2n ** 63n]);
  return BigInt.asUintN(64, near + BigInt(random.below(4)) - 1n);
}

/** Now and then a varint in more bytes than it needs, up to eleven. */
function stretched(random: SeededRandom, shortest: Bytes): Bytes {
  if (random.chance(0.9)) return shortest;
  const zeros = random.below(12 - shortest.length);
  return zeros === 0
    ? shortest
    : [...shortest.map((byte) => byte | 0x80), ...Array<number>(zeros - 1).fill(0x80), 0];
}
