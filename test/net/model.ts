/** The slow, obvious model of addresses: whole numbers. Beside it, random addresses and prefixes that meet the edges. */

import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import { addressFromBytes, parseAddress } from "../../src/net/address.ts";
import { familyBits, type IpAddress, type Prefix } from "../../src/net/ip.ts";
import { maskPrefix, parsePrefix } from "../../src/net/prefix.ts";

export function addressToNumber({ family, w0, w1, w2, w3 }: IpAddress): bigint {
  const words = family === 4 ? [w0] : [w0, w1, w2, w3];
  return words.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
}

export function numberToAddress(number: bigint, family: 4 | 6): IpAddress {
  const bytes =
    family === 4 ? Address4.fromBigInt(number).toArray() : Address6.fromBigInt(number).toByteArray();
  return addressFromBytes(Uint8Array.from(bytes), 0, family);
}

/** First and last address of a block, as numbers. */
export function blockBounds(prefix: Prefix): { first: bigint; last: bigint } {
  const hostBits = BigInt(familyBits(prefix.family) - prefix.lengthBits);
  const first = (addressToNumber(prefix) >> hostBits) << hostBits;
  return { first, last: first + (1n << hostBits) - 1n };
}

/** For texts that a test has written itself. */
export function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(`${text} is no prefix`);
  return parsed.prefix;
}

/** Often 0 or all ones, so that runs of zero groups, sign bits and carries come up. */
const anyGroup = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(1, 0x7fff, 0x8000, 0xffff) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
);

export function anyAddressOf(family: 4 | 6): fc.Arbitrary<IpAddress> {
  const groupCount = familyBits(family) / 16;
  return fc.array(anyGroup, { minLength: groupCount, maxLength: groupCount }).map((groups) =>
    numberToAddress(
      groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n),
      family,
    ),
  );
}

export const anyAddress = fc.oneof(anyAddressOf(4), anyAddressOf(6));

export const anyPrefix = anyAddress.chain((network) =>
  fc
    .integer({ min: 0, max: familyBits(network.family) })
    .map((lengthBits) => maskPrefix(network, lengthBits)),
);

/** A prefix and an address that shares some of its leading bits: often inside, often just outside. */
export const prefixAndNearAddress = anyPrefix.chain((block) =>
  fc
    .record({
      sharedBits: fc.integer({ min: 0, max: familyBits(block.family) }),
      other: anyAddressOf(block.family),
    })
    .map(({ sharedBits, other }) => {
      const hostBits = addressToNumber(other) - addressToNumber(maskPrefix(other, sharedBits));
      const near = addressToNumber(maskPrefix(block, sharedBits)) + hostBits;
      return { block, near: numberToAddress(near, block.family) };
    }),
);
