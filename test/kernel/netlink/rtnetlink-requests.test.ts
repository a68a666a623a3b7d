import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { GroupMember, Operation } from "../../../src/kernel/kernel.ts";
import { NLM_F_ACK } from "../../../src/kernel/netlink/netlink-constants.ts";
import { NetlinkReader } from "../../../src/kernel/netlink/netlink-reader.ts";
import { NetlinkWriter } from "../../../src/kernel/netlink/netlink-writer.ts";
import { readNexthop, readRoute } from "../../../src/kernel/netlink/rtnetlink-messages.ts";
import { type Dump, putDumpRequest, putOperation } from "../../../src/kernel/netlink/rtnetlink-requests.ts";
import { parseAddress } from "../../../src/net/address.ts";
import type { IpAddress, Prefix } from "../../../src/net/ip.ts";
import { maskPrefix, parsePrefix } from "../../../src/net/prefix.ts";

const CONTEXT = { protocol: 254, linkIndex: 3 };
const SEQUENCE = 0x6b011281;

function written(operations: readonly Operation[]): NetlinkWriter {
  const writer = new NetlinkWriter();
  for (const [index, operation] of operations.entries()) {
    putOperation(writer, operation, SEQUENCE + index, CONTEXT);
  }
  return writer;
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(text);
  return parsed.prefix;
}

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

/**
 * As `ip nexthop` and `ip route` of iproute2 6.1 send them (seen by strace), but for: the family of objects, the order of
 * attributes, RTA_TABLE for small tables too, no NLM_F_ACK; and that a delete names type 1, scope 255 and the protocol.
 */
const REQUESTS: readonly (readonly [Operation, string])[] = [
  [
    { type: "add-nexthop", id: 1, address: address("2001:db8::1") },
    `48000000 6800 0106 8112016b 00000000   0a 00 fe 00 00000000
     0800 0100 01000000   0800 0500 03000000   0600 0700 0400 0000
     1800 0880   1400 0200 20010db8 00000000 00000000 00000001`,
  ],
  [
    {
      type: "add-group",
      id: 3,
      members: [
        { id: 1, weight: 1 },
        { id: 2, weight: 255 },
      ],
    },
    `34000000 6800 0106 8112016b 00000000   00 00 fe 00 00000000
     0800 0100 03000000   1400 0200   01000000 00 00 0000   02000000 fe 00 0000`,
  ],
  [
    { type: "delete-nexthop", id: 3 },
    `20000000 6900 0100 8112016b 00000000   00 00 00 00 00000000   0800 0100 03000000`,
  ],
  [
    { type: "add-route", table: 100, destination: prefix("10.0.1.0/24"), nexthopId: 0x4fe00001 },
    `34000000 1800 0106 8112016b 00000000   02 18 00 00 00 fe 00 01 00000000
     0800 0100 0a000100   0800 0f00 64000000   0800 1e00 0100e04f`,
  ],
  [
    { type: "add-route", table: 4_294_967_295, destination: prefix("0.0.0.0/0"), nexthopId: 1 },
    `2c000000 1800 0106 8112016b 00000000   02 00 00 00 00 fe 00 01 00000000
     0800 0f00 ffffffff   0800 1e00 01000000`,
  ],
  [
    {
      type: "replace-route",
      table: 1000,
      destination: prefix("2001:db8:1::/64"),
      priority: 1024,
      nexthopId: 1,
    },
    `48000000 1800 0101 8112016b 00000000   0a 40 00 00 00 fe 00 01 00000000
     1400 0100 20010db8 00010000 00000000 00000000
     0800 0f00 e8030000   0800 0600 00040000   0800 1e00 01000000`,
  ],
  [
    { type: "delete-route", table: 1000, destination: prefix("10.0.1.0/24"), priority: 7, nexthopId: 1 },
    `3c000000 1900 0100 8112016b 00000000   02 18 00 00 00 fe ff 01 00000000
     0800 0100 0a000100   0800 0f00 e8030000   0800 0600 07000000   0800 1e00 01000000`,
  ],
  [
    { type: "delete-route", table: 1000, destination: prefix("10.0.1.0/24"), priority: 0, nexthopId: 0 },
    `34000000 1900 0100 8112016b 00000000   02 18 00 00 00 fe ff 01 00000000
     0800 0100 0a000100   0800 0f00 e8030000   0800 0600 00000000`,
  ],
];

test.each(REQUESTS)("%j", (operation, hex) => {
  expect(written([operation]).bytes().toHex()).toBe(hex.replaceAll(/\s/g, ""));
});

test("a batch is one message after the other, and only the last one requests an answer", () => {
  const operations = REQUESTS.map(([operation]) => operation);
  const writer = written(operations);
  writer.addFlag(NLM_F_ACK);
  const message = new NetlinkReader(writer.bytes());
  const found: (readonly [number, boolean])[] = [];
  while (message.next()) found.push([message.sequence - SEQUENCE, (message.flags & NLM_F_ACK) !== 0]);
  expect(found).toEqual(operations.map((_, index) => [index, index === operations.length - 1]));
});

test.each([
  [
    { what: "links" },
    "28000000 1200 0103 01000000 00000000 00000000 00000000 00000000 00000000 0800 1d00 08000000",
  ],
  [{ what: "addresses" }, "18000000 1600 0103 01000000 00000000 00000000 00000000"],
  [{ what: "nexthops", linkIndex: 0 }, "18000000 6a00 0103 01000000 00000000 00000000 00000000"],
  [
    { what: "nexthops", linkIndex: 7 },
    "20000000 6a00 0103 01000000 00000000 00000000 00000000 0800 0500 07000000",
  ],
  [
    { what: "routes", family: 4, protocol: 0, table: 0 },
    "1c000000 1a00 0103 01000000 00000000 02000000 00 00 00 00 00000000",
  ],
  [
    { what: "routes", family: 6, protocol: 254, table: 0 },
    "1c000000 1a00 0103 01000000 00000000 0a000000 00 fe 00 00 00000000",
  ],
  [
    { what: "routes", family: 4, protocol: 254, table: 4000 },
    "24000000 1a00 0103 01000000 00000000 02000000 00 fe 00 00 00000000 0800 0f00 a00f0000",
  ],
] as const satisfies readonly (readonly [Dump, string])[])("dump of %j", (dump, hex) => {
  const writer = new NetlinkWriter();
  putDumpRequest(writer, dump, 1);
  expect(writer.bytes().toHex()).toBe(hex.replaceAll(" ", ""));
});

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const u32 = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const ipv4 = word.map((w0): IpAddress => ({ family: 4, w0, w1: 0, w2: 0, w3: 0 }));
const ipv6 = fc
  .tuple(word, word, word, word)
  .map(([w0, w1, w2, w3]): IpAddress => ({ family: 6, w0, w1, w2, w3 }));
const anyPrefix = fc.oneof(
  fc.tuple(ipv4, fc.nat(32)).map(([base, bits]) => maskPrefix(base, bits)),
  fc.tuple(ipv6, fc.nat(128)).map(([base, bits]) => maskPrefix(base, bits)),
);
const anyMember: fc.Arbitrary<GroupMember> = fc.record({ id: u32, weight: fc.integer({ min: 1, max: 255 }) });

/** The message that is built, read as one of the kernel's. */
function reread(operation: Operation, protocol: number): NetlinkReader {
  const writer = new NetlinkWriter();
  putOperation(writer, operation, 1, { protocol, linkIndex: 3 });
  const message = new NetlinkReader(writer.bytes());
  expect(message.next()).toBe(true);
  expect(message.end).toBe(writer.byteLength);
  return message;
}

describe("what is built is read back:", () => {
  test("routes", () => {
    fc.assert(
      fc.property(
        anyPrefix,
        u32.filter((table) => table !== 255),
        u32,
        u32,
        fc.integer({ min: 1, max: 255 }),
        (destination, table, priority, nexthopId, protocol) => {
          const common = { table, destination, nexthopId };
          const found = { ...common, protocol, tos: 0, type: 1, linkIndex: 0 };
          const replace = reread({ type: "replace-route", ...common, priority }, protocol);
          expect(readRoute(replace)).toEqual({ ...found, priority });
          expect(readRoute(reread({ type: "add-route", ...common }, protocol))).toEqual({
            ...found,
            priority: 0,
          });
        },
      ),
    );
  });

  test("objects and groups", () => {
    fc.assert(
      fc.property(u32, ipv6, fc.array(anyMember, { minLength: 1, maxLength: 256 }), (id, target, members) => {
        const found = { id, protocol: 254, isOdd: false, isResilient: false };
        expect(readNexthop(reread({ type: "add-nexthop", id, address: target }, 254))).toEqual({
          ...found,
          members: null,
          linkIndex: 3,
          encapAddress: target,
        });
        expect(readNexthop(reread({ type: "add-group", id, members }, 254))).toEqual({
          ...found,
          members,
          linkIndex: 0,
          encapAddress: null,
        });
        for (const type of ["add-resilient-group", "replace-resilient-group"] as const) {
          const group = { ...found, isResilient: true, members, linkIndex: 0, encapAddress: null };
          expect(readNexthop(reread({ type, id, members }, 254))).toEqual(group);
        }
      }),
    );
  });
});
