/** Captures that the test writes, of all formats and link types, and what is decoded of them. */
import { describe, expect, test } from "bun:test";
import { CaptureError } from "../../../src/tools/capture/capture-error.ts";
import { type DecodedRecord, recordJson, recordText } from "../../../src/tools/decode/decoded-record.ts";
import { Decoder } from "../../../src/tools/decode/decoder.ts";
import { encodeMessage } from "../../../src/wire/codec.ts";
import {
  Conversation,
  ipPacket,
  joined,
  LINK_TYPES,
  type PacketSpec,
  pcapFile,
  pcapngFile,
  withIpHeader,
} from "../../support/models/capture-file.ts";
import { SeededRandom } from "../../support/models/random.ts";
import { refusedVectors, wireVectors } from "../../support/models/wire-vectors.ts";

const CLIENT = { host: "2001:db8::7", port: 40112 };
const SERVER = { host: "2001:db8::10", port: 4711 };
const UPDATES = joined(
  ...wireVectors.filter(({ message }) => message.type === "UPDATE").map(({ frame }) => frame),
);
const HELLO = encodeMessage({ type: "HELLO", keepaliveSeconds: 5, isServer: false });
const KEEPALIVE = encodeMessage({ type: "KEEPALIVE" });
const SUBSCRIBE = encodeMessage({ type: "SUBSCRIBE", vni: 100 });
const BAD_UPDATE = refusedVectors.find(({ name }) => name === "IPv4 length 33")?.frame ?? new Uint8Array(0);

const RAW = { linkType: 101, isLittleEndian: true, isNanoseconds: false };

function packetsOf({ segments }: Conversation): PacketSpec[] {
  return segments.map((segment) => ({ bytes: ipPacket(segment) }));
}

function decode(file: Uint8Array, { port = 4711, chunkBytes = 64 << 10 } = {}) {
  const decoder = new Decoder(port);
  const records: DecodedRecord[] = [];
  let fault: CaptureError | null = null;
  try {
    for (let at = 0; at < file.length; at += chunkBytes) {
      for (const record of decoder.push(file.subarray(at, at + chunkBytes))) records.push(record);
    }
    for (const record of decoder.end()) records.push(record);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    fault = error;
  }
  return { records, fault, counts: decoder.counts };
}

const texts = (file: Uint8Array) => decode(file).records.map(recordText);

const CONVERSATION = new Conversation(CLIENT, SERVER)
  .open()
  .send("client", HELLO)
  .send(
    "server",
    encodeMessage({ type: "HELLO", keepaliveSeconds: 5, isServer: true, serverId: "00112233445566aa" }),
  )
  .send("client", joined(KEEPALIVE, SUBSCRIBE), 3)
  .send("server", joined(KEEPALIVE, BAD_UPDATE, UPDATES.subarray(0, 80)))
  .close();

const GOLDEN = `\
2026-01-02T03:04:05.680901Z #3 connection 1: [2001:db8::7]:40112 > [2001:db8::10]:4711 HELLO client keepalive 5 s
2026-01-02T03:04:05.681901Z #4 connection 1: [2001:db8::10]:4711 > [2001:db8::7]:40112 HELLO server keepalive 5 s id 00112233445566aa
2026-01-02T03:04:05.683901Z #6 connection 1: [2001:db8::7]:40112 > [2001:db8::10]:4711 KEEPALIVE
2026-01-02T03:04:05.685901Z #8 connection 1: [2001:db8::7]:40112 > [2001:db8::10]:4711 SUBSCRIBE 100
`;

test("a conversation as text", () => {
  const lines = texts(pcapFile(packetsOf(CONVERSATION), RAW));
  expect(`${lines.slice(0, 4).join("\n")}\n`).toBe(GOLDEN);
  expect(lines.slice(4)).toMatchInlineSnapshot(`
    [
      "2026-01-02T03:04:05.686901Z #9 connection 1: [2001:db8::10]:4711 > [2001:db8::7]:40112 KEEPALIVE",
      "2026-01-02T03:04:05.686901Z #9 connection 1: [2001:db8::10]:4711 > [2001:db8::7]:40112 fault BAD_PREFIX_LENGTH: a prefix length is over 32 (IPv4) or 128 (IPv6); frame 0100200510641a0812040a000100182122120a1020010db8000000000000000000000001",
      "2026-01-02T03:04:05.686901Z #9 connection 1: [2001:db8::10]:4711 > [2001:db8::7]:40112 UPDATE ADD 100 10.0.3.0/24 via 2001:db8::3 type lb",
      "2026-01-02T03:04:05.686901Z #9 connection 1: [2001:db8::10]:4711 > [2001:db8::7]:40112 UPDATE ADD 100 0.0.0.0/0 via 2001:db8::4",
      "2026-01-02T03:04:05.688901Z #11 connection 1: [2001:db8::10]:4711 > [2001:db8::7]:40112 cut: 8 bytes of a message, and its rest is missing",
    ]
  `);
});

test("a conversation as JSON", () => {
  const { records } = decode(pcapFile(packetsOf(CONVERSATION), RAW));
  const update = records.find(({ item }) => item.kind === "message" && item.message.type === "UPDATE");
  const fault = records.find(({ item }) => item.kind === "fault");
  expect([update, fault].map((record) => record && recordJson(record))).toMatchInlineSnapshot(`
    [
      {
        "connection": 1,
        "destination": "[2001:db8::7]:40112",
        "kind": "message",
        "message": {
          "action": "ADD",
          "route": {
            "destination": "10.0.3.0/24",
            "nextHop": {
              "address": "2001:db8::3",
              "natPortFrom": 0,
              "natPortTo": 0,
              "targetVni": 0,
              "type": "LOADBALANCER_TARGET",
            },
            "vni": 100,
          },
          "type": "UPDATE",
        },
        "offset": 58,
        "packet": 9,
        "source": "[2001:db8::10]:4711",
        "time": "2026-01-02T03:04:05.686901Z",
      },
      {
        "connection": 1,
        "destination": "[2001:db8::7]:40112",
        "fault": {
          "closesConnection": false,
          "code": "BAD_PREFIX_LENGTH",
          "frame": "0100200510641a0812040a000100182122120a1020010db8000000000000000000000001",
          "offset": null,
          "text": "a prefix length is over 32 (IPv4) or 128 (IPv6)",
        },
        "kind": "fault",
        "offset": 22,
        "packet": 9,
        "source": "[2001:db8::10]:4711",
        "time": "2026-01-02T03:04:05.686901Z",
      },
    ]
  `);
});

describe("the same is decoded from", () => {
  const expected = decode(pcapFile(packetsOf(CONVERSATION), RAW)).records;
  const items = expected.map(({ direction, item }) => ({ direction, item }));
  const orders = [
    { isLittleEndian: false, isNanoseconds: false },
    { isLittleEndian: false, isNanoseconds: true },
    { isLittleEndian: true, isNanoseconds: false },
    { isLittleEndian: true, isNanoseconds: true },
  ];
  const files = LINK_TYPES.flatMap(({ name, linkType, wrap }) => {
    const packets = packetsOf(CONVERSATION).map(({ bytes }) => ({ bytes: wrap(bytes) }));
    return orders.flatMap((order) => {
      const spec = { ...order, linkType };
      const kind = `${order.isLittleEndian ? "little" : "big"}-endian, ${order.isNanoseconds ? "ns" : "µs"}, ${name}`;
      return [
        { what: `pcap, ${kind}`, file: pcapFile(packets, spec), ...order },
        { what: `pcapng, ${kind}`, file: pcapngFile(packets, spec), ...order },
      ];
    });
  });

  test.each(files)("$what", ({ file, isNanoseconds }) => {
    const { records, fault, counts } = decode(file);
    expect(fault).toBeNull();
    expect(records.map(({ direction, item }) => ({ direction, item }))).toEqual(items);
    const [first] = records.map(recordJson);
    expect(first?.time).toBe(`2026-01-02T03:04:05.${isNanoseconds ? "680901234" : "680901"}Z`);
    expect(counts.connections).toBe(1);
  });

  test("pcapng with simple packet blocks, which have no time", () => {
    const { records } = decode(pcapngFile(packetsOf(CONVERSATION), { ...RAW, isSimple: true }));
    expect(records.map(({ item }) => item)).toEqual(items.map(({ item }) => item));
    expect(records.map(recordJson)[0]).toMatchObject({ packet: 3, time: null });
  });

  /** Options of an interface in little-endian order; a tick is a microsecond in the file if not said otherwise. */
  const RESOLUTIONS = [
    ["10^-6 s by default", "", "2026-01-02T03:04:05.680901Z"],
    ["10^-6 s after a comment", "01000300616263000900010006000000", "2026-01-02T03:04:05.680901Z"],
    ["10^-7 s", "0900010007000000", "1975-08-08T12:18:24.568090100Z"],
    ["2^-20 s", "0900010094000000", "2023-05-30T12:43:17.458745002Z"],
    ["10^-6 s, with an offset of -1 s", "0e000800ffffffffffffffff", "2026-01-02T03:04:04.680901Z"],
  ] as const;

  test.each(RESOLUTIONS)("pcapng with times in %s", (_what, options, time) => {
    const spec = { ...RAW, options: Uint8Array.fromHex(options) };
    const { records } = decode(pcapngFile(packetsOf(CONVERSATION), spec));
    expect(records.map(recordJson)[0]?.time).toBe(time);
  });

  test("a file in pieces of any length", () => {
    for (const file of [pcapFile(packetsOf(CONVERSATION), RAW), pcapngFile(packetsOf(CONVERSATION), RAW)]) {
      for (const chunkBytes of [1, 3, 17, 100])
        expect(decode(file, { chunkBytes }).records).toEqual(expected);
    }
  });

  test("two sections of different byte order, one after the other", () => {
    const [half, rest] = [packetsOf(CONVERSATION).slice(0, 4), packetsOf(CONVERSATION).slice(4)];
    const sections = [
      pcapngFile(half, RAW),
      pcapngFile(rest, { ...RAW, isLittleEndian: false, isNanoseconds: true }),
    ];
    expect(decode(joined(...sections)).records.map(({ item }) => item)).toEqual(
      items.map(({ item }) => item),
    );
  });

  test("IPv4", () => {
    const conversation = new Conversation(
      { host: "192.0.2.7", port: 40112 },
      { host: "192.0.2.10", port: 4711 },
    );
    const ethernet = LINK_TYPES.find(({ name }) => name.endsWith("padded"));
    const packets = packetsOf(conversation.open().send("client", HELLO)).map(({ bytes }) => ({
      bytes: ethernet?.wrap(bytes) ?? bytes,
    }));
    expect(texts(pcapFile(packets, { ...RAW, linkType: 1 }))).toEqual([
      "2026-01-02T03:04:05.680901Z #3 connection 1: 192.0.2.7:40112 > 192.0.2.10:4711 HELLO client keepalive 5 s",
    ]);
  });
});

/** What was decoded, without what is the same in every line. */
function brief(packets: readonly PacketSpec[]): string[] {
  return texts(pcapFile(packets, RAW)).map((line) =>
    line.replace(/^\S+ #(\d+) (connection (\d+): \S+ > \S+ )?/, "$1/$3 "),
  );
}

describe("TCP", () => {
  test("out of order and sent again", () => {
    const { segments } = new Conversation(CLIENT, SERVER)
      .open()
      .send("client", joined(HELLO, KEEPALIVE, SUBSCRIBE), 5);
    const [syn, synAck, a, b, c, d] = segments;
    const order = [syn, synAck, c, a, a, d, b, c].flatMap((segment) => segment ?? []);
    expect(brief(order.map((segment) => ({ bytes: ipPacket(segment) })))).toEqual([
      "7/1 HELLO client keepalive 5 s",
      "7/1 KEEPALIVE",
      "7/1 SUBSCRIBE 100",
    ]);
  });

  test("sequence numbers that pass 2^32", () => {
    const conversation = new Conversation(CLIENT, SERVER, 2 ** 32 - 4)
      .open()
      .send("client", joined(HELLO, KEEPALIVE), 4);
    expect(brief(packetsOf(conversation))).toEqual(["4/1 HELLO client keepalive 5 s", "5/1 KEEPALIVE"]);
  });

  test("a packet that the capture lacks", () => {
    const conversation = new Conversation(CLIENT, SERVER).open();
    conversation.send("client", HELLO).send("client", SUBSCRIBE).send("client", KEEPALIVE);
    const packets = packetsOf(conversation).toSpliced(3, 1);
    expect(brief(packets)).toEqual([
      "3/1 HELLO client keepalive 5 s",
      "4/1 gap: 6 bytes are missing in the capture",
      "4/1 KEEPALIVE",
    ]);
  });

  test("packets that were captured in part", () => {
    const conversation = new Conversation(CLIENT, SERVER)
      .open()
      .send("client", joined(HELLO, SUBSCRIBE))
      .send("client", KEEPALIVE);
    const packets = packetsOf(conversation).map((packet, index) =>
      index === 2 ? { ...packet, snapshotBytes: 69 } : packet,
    );
    expect(brief(packets)).toEqual([
      "3/1 HELLO client keepalive 5 s",
      "3/1 cut: 3 bytes of a message, and its rest is missing",
      "3/1 gap: 3 bytes are missing in the capture",
      "4/1 KEEPALIVE",
    ]);
  });

  test("a capture that begins inside a connection", () => {
    const conversation = new Conversation(CLIENT, SERVER)
      .send("client", UPDATES.subarray(11, 60))
      .send("client", joined(SUBSCRIBE, KEEPALIVE));
    const lines = brief(packetsOf(conversation));
    expect(lines[0]).toBe("1/1 the capture begins inside this connection");
    expect(lines.slice(-2)).toEqual(["2/1 SUBSCRIBE 100", "2/1 KEEPALIVE"]);
  });

  test("the same ports for a second connection", () => {
    const first = new Conversation(CLIENT, SERVER)
      .open()
      .send("client", joined(HELLO, UPDATES.subarray(0, 9)));
    const second = new Conversation(CLIENT, SERVER, 777_777, 888_888).open().send("client", HELLO);
    expect(brief([...packetsOf(first), ...packetsOf(second)])).toEqual([
      "3/1 HELLO client keepalive 5 s",
      "4/1 cut: 9 bytes of a message, and its rest is missing",
      "6/2 HELLO client keepalive 5 s",
    ]);
  });

  test("a connection that ends inside a message", () => {
    const conversation = new Conversation(CLIENT, SERVER).open().send("client", HELLO.subarray(0, 5)).close();
    expect(brief(packetsOf(conversation))).toEqual([
      "4/1 cut: 5 bytes of a message, and its rest is missing",
    ]);
  });

  test("SYN with data", () => {
    const segment = { source: CLIENT, destination: SERVER, sequence: 9, flags: "S", data: HELLO } as const;
    expect(brief([{ bytes: ipPacket(segment) }])).toEqual(["1/1 HELLO client keepalive 5 s"]);
  });

  test("another port", () => {
    const file = pcapFile(
      packetsOf(new Conversation(CLIENT, { ...SERVER, port: 5000 }).open().send("client", HELLO)),
      RAW,
    );
    expect(decode(file).counts).toMatchObject({ packets: 3, segments: 0, messages: 0 });
    expect(decode(file, { port: 5000 }).counts).toMatchObject({ packets: 3, segments: 3, messages: 1 });
  });
});

describe("IP", () => {
  const tcp = ipPacket({ source: CLIENT, destination: SERVER, sequence: 1, data: HELLO }).subarray(40);
  /** Extension headers of IPv6, each with the number of the one after it. */
  const EXTENSIONS: readonly (readonly [name: string, protocol: number, header: Uint8Array])[] = [
    ["hop-by-hop options", 0, Uint8Array.of(6, 0, 1, 4, 0, 0, 0, 0)],
    ["routing", 43, joined(Uint8Array.of(6, 2, 4, 0, 0, 0, 0, 0), new Uint8Array(16))],
    [
      "destination options, two of them",
      60,
      joined(Uint8Array.of(60, 0, 1, 4, 0, 0, 0, 0), Uint8Array.of(6, 0, 1, 4, 0, 0, 0, 0)),
    ],
    ["authentication", 51, joined(Uint8Array.of(6, 4, 0, 0), new Uint8Array(20))],
    ["an atomic fragment", 44, Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 1)],
  ];

  test.each(EXTENSIONS)("IPv6 with %s", (_name, protocol, header) => {
    const packet = withIpHeader(CLIENT.host, SERVER.host, protocol, joined(header, tcp));
    expect(brief([{ bytes: packet }]).at(-1)).toBe("1/1 HELLO client keepalive 5 s");
  });

  test("a fragment of IPv6 is named", () => {
    const packet = withIpHeader(
      CLIENT.host,
      SERVER.host,
      44,
      joined(Uint8Array.of(6, 0, 0, 1, 0, 0, 0, 1), tcp),
    );
    expect(brief([{ bytes: packet }])).toEqual([
      "1/ 2001:db8::7 > 2001:db8::10 IP fragment, not reassembled",
    ]);
  });

  test("a fragment of IPv4 is named", () => {
    const packet = withIpHeader("192.0.2.7", "192.0.2.10", 6, tcp);
    packet[6] = 0x20;
    expect(brief([{ bytes: packet }])).toEqual(["1/ 192.0.2.7 > 192.0.2.10 IP fragment, not reassembled"]);
  });

  test.each([
    ["192.0.2.7", "192.0.2.10", 2],
    [CLIENT.host, SERVER.host, 4],
  ])(
    "a packet of %s without a length, which the network card would have divided",
    (source, destination, offset) => {
      const packet = withIpHeader(source, destination, 6, tcp);
      packet.fill(0, offset, offset + 2);
      expect(brief([{ bytes: packet }]).at(-1)).toBe("1/1 HELLO client keepalive 5 s");
    },
  );

  test("UDP of the same port is left out", () => {
    const packet = withIpHeader(CLIENT.host, SERVER.host, 17, tcp);
    expect(decode(pcapFile([{ bytes: packet }], RAW)).counts).toMatchObject({ packets: 1, segments: 0 });
  });

  test("a link type that is not known is counted", () => {
    const file = pcapFile(packetsOf(CONVERSATION), { ...RAW, linkType: 147 });
    expect(decode(file).counts.unknownLinks).toEqual(new Map([[147, CONVERSATION.segments.length]]));
  });
});

describe("a damaged file", () => {
  const packets = packetsOf(CONVERSATION);
  const file = pcapFile(packets, RAW);

  test("that is cut off gives what is before, and says so", () => {
    const { records, fault } = decode(file.subarray(0, file.length - 3));
    expect(records.length).toBeGreaterThan(4);
    expect(fault?.message).toBe(
      `the file ends inside what follows packet ${packets.length - 1}: it was cut off`,
    );
  });

  test("with a packet of an impossible length", () => {
    const damaged = joined(
      pcapFile(packets.slice(0, 3), RAW),
      new Uint8Array(16).fill(0xff),
      new Uint8Array(1000),
    );
    const { records, fault } = decode(damaged);
    expect(records).toHaveLength(1);
    expect(fault?.message).toBe("packet 4 claims to have 4294967295 bytes: the file is damaged there");
  });

  test("of pcapng with a section that describes no interface", () => {
    const { fault } = decode(
      joined(pcapngFile(packets, RAW), pcapngFile(packets, { ...RAW, hasInterface: false })),
    );
    expect(fault?.message).toMatch(/^interface 0 has no description: the file is damaged at byte \d+$/);
  });

  test("of pcapng with a block of an impossible length", () => {
    const whole = pcapngFile(packets, RAW);
    const damaged = joined(whole, Uint8Array.of(6, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f), new Uint8Array(100));
    expect(decode(damaged).fault?.message).toBe(
      `a block claims to have 2147483647 bytes: the file is damaged at byte ${whole.length}`,
    );
  });

  test.each([
    ["1f8b0800", "the file is compressed: zcat FILE | bunbond decode -"],
    ["28b52ffd", "the file is compressed: zstdcat FILE | bunbond decode -"],
    ["7f454c46", "line 1: not a hexadecimal digit"],
    ["00000000", "the file is neither a capture (pcap, pcapng) nor hex text"],
  ])("that begins with %s", (start, message) => {
    expect(decode(joined(Uint8Array.fromHex(start), new Uint8Array(100))).fault?.message).toBe(message);
  });
});

test("hex text has offsets instead of packets", () => {
  const text = Buffer.from(`${joined(HELLO, BAD_UPDATE, SUBSCRIBE).toHex()}\n`);
  expect(texts(text).map((line) => line.slice(0, 60))).toMatchInlineSnapshot(`
    [
      "0x0000 HELLO client keepalive 5 s",
      "0x0006 fault BAD_PREFIX_LENGTH: a prefix length is over 32 (",
      "0x002a SUBSCRIBE 100",
    ]
  `);
});

const { BUNBOND_FUZZ, BUNBOND_FUZZ_SEED } = process.env;
const SEED = Number(BUNBOND_FUZZ_SEED ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const RUNS = Math.min(100_000, Number(BUNBOND_FUZZ ?? 1500));

test(`any damage ends in records or in a CaptureError (BUNBOND_FUZZ_SEED=${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const conversation = new Conversation(CLIENT, SERVER)
    .open()
    .send("client", joined(HELLO, KEEPALIVE, UPDATES), 100)
    .close();
  const files = LINK_TYPES.flatMap(({ linkType, wrap }) => {
    const packets = packetsOf(conversation).map(({ bytes }) => ({ bytes: wrap(bytes) }));
    const spec = { linkType, isLittleEndian: random.chance(0.5), isNanoseconds: random.chance(0.5) };
    return [pcapFile(packets, spec), pcapngFile(packets, spec)];
  });
  for (let run = 0; run < RUNS; run++) {
    const file = random.pick(files).slice();
    for (let i = 0; i <= random.below(12); i++) {
      // The headers are where damage leads to wrong lengths.
      const at = random.below(random.chance(0.4) ? Math.min(160, file.length) : file.length);
      file[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
    }
    const cut = random.chance(0.3) ? random.below(file.length) : file.length;
    const { records } = decode(file.subarray(0, cut), { chunkBytes: 1 + random.below(3000) });
    for (const record of records) {
      expect(recordText(record)).not.toContain("undefined");
      JSON.stringify(recordJson(record));
    }
  }
});
