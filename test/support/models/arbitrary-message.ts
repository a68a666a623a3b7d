/** Good messages for fast-check. VNIs and ports lean towards the values at which a varint grows. */
import fc from "fast-check";
import type { IpAddress, Prefix } from "../../../src/net/ip.ts";
import { maskPrefix } from "../../../src/net/prefix.ts";
import type { Message, NextHop } from "../../../src/wire/message.ts";
import { Action, NextHopType } from "../../../src/wire/protocol.ts";

const VARINT_STEPS = [
  0,
  1,
  127,
  128,
  16383,
  16384,
  2097151,
  2097152,
  268435455,
  268435456,
  2 ** 31,
  2 ** 32 - 1,
];
const uint32 = fc.oneof(fc.constantFrom(...VARINT_STEPS), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const port = fc.oneof(
  fc.constantFrom(...VARINT_STEPS.filter((n) => n < 65536), 65535),
  fc.integer({ min: 0, max: 65535 }),
);
const word = fc.oneof(fc.constantFrom(0, -1, -(2 ** 31)), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));

const ipv4: fc.Arbitrary<IpAddress> = word.map((w0) => ({ family: 4, w0, w1: 0, w2: 0, w3: 0 }));
const ipv6: fc.Arbitrary<IpAddress> = fc
  .tuple(word, word, word, word)
  .map(([w0, w1, w2, w3]) => ({ family: 6, w0, w1, w2, w3 }));
export const arbitraryAddress = fc.oneof(ipv4, ipv6);

export const arbitraryPrefix: fc.Arbitrary<Prefix> = fc.oneof(
  fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([address, bits]) => maskPrefix(address, bits)),
  fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })).map(([address, bits]) => maskPrefix(address, bits)),
);

export const arbitraryNextHop: fc.Arbitrary<NextHop> = fc
  .record({
    address: arbitraryAddress,
    targetVni: uint32,
    type: fc.constantFrom(...Object.values(NextHopType)),
    ports: fc.tuple(port, port),
  })
  .map(({ ports: [a, b], ...hop }) => ({ ...hop, natPortFrom: Math.min(a, b), natPortTo: Math.max(a, b) }));

export const arbitraryUpdate = fc.record({
  type: fc.constant("UPDATE" as const),
  action: fc.constantFrom(...Object.values(Action)),
  vni: uint32,
  destination: arbitraryPrefix,
  nextHop: arbitraryNextHop,
});

export const arbitraryMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant("HELLO" as const),
    keepaliveSeconds: uint32.map((n) => n || 5),
    isServer: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("HELLO" as const),
    keepaliveSeconds: uint32.map((n) => n || 5),
    isServer: fc.boolean(),
    serverId: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => bytes.toHex()),
  }),
  fc.constant({ type: "KEEPALIVE" as const }),
  uint32.map((endOfRib) => ({ type: "KEEPALIVE" as const, endOfRib })),
  fc.record({ type: fc.constantFrom("SUBSCRIBE" as const, "UNSUBSCRIBE" as const), vni: uint32 }),
  arbitraryUpdate,
);
