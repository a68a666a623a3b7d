import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CaptureError } from "../../../src/tools/capture/capture-error.ts";
import { HexReader } from "../../../src/tools/decode/hex-text.ts";

function bytesIn(text: string, chunkChars = text.length): string {
  const reader = new HexReader();
  const parts: Uint8Array[] = [];
  for (let at = 0; at < text.length; at += Math.max(1, chunkChars)) {
    parts.push(...reader.push(text.slice(at, at + Math.max(1, chunkChars))));
  }
  parts.push(...reader.end());
  return parts.map((part) => part.toHex()).join("");
}

const MESSAGE = "010004010805100101000002010002030864010002020864";

/** The same bytes as several programs and people write them. */
const LAYOUTS: readonly (readonly [name: string, text: string])[] = [
  ["plain", MESSAGE],
  ["plain in lines", "01000401080510010100000201\n000203086401\n0002020864\n"],
  ["words", "01 00 04 01 08 05 10 01 01 00 00 02\n01 00 02 03 08 64 01 00 02 02 08 64"],
  ["words of four digits", "0100 0401 0805 1001 0100 0002\n0100 0203 0864 0100 0202 0864"],
  ["colons", "01:00:04:01:08:05:10:01:01:00:00:02:01:00:02:03:08:64:01:00:02:02:08:64"],
  ["0x", `0x${MESSAGE}`],
  [
    "with comments, blank lines and DOS line ends",
    "# HELLO\r\n01 00 04 01 08 05 10 01\r\n\r\n# and more\r\n0100000201000203 0864 010002020864\r\n",
  ],
  [
    "a string of C",
    `"\\x01\\x00\\x04\\x01\\x08\\x05\\x10\\x01\\x01\\x00\\x00\\x02"\n"\\x01\\x00\\x02\\x03\\x08\\x64\\x01\\x00\\x02\\x02\\x08\\x64";`,
  ],
  [
    "hexdump -C",
    `00000000  01 00 04 01 08 05 10 01  01 00 00 02 01 00 02 03  |................|
00000010  08 64 01 00 02 02 08 64                           |.d.....d|
00000018
`,
  ],
  [
    "xxd",
    `00000000: 0100 0401 0805 1001 0100 0002 0100 0203  ................
00000010: 0864 0100 0202 0864                      .d.....d
`,
  ],
  [
    "xxd with characters that look like hex",
    `00000000: 0100 0401 0805 1001 0100 0002 0100 0203  abcdef0123456789
00000010: 0864 0100 0202 0864                      ab cd ef
`,
  ],
  [
    "xxd -i",
    `unsigned char m_bin[] = {
  0x01, 0x00, 0x04, 0x01, 0x08, 0x05, 0x10, 0x01, 0x01, 0x00, 0x00, 0x02,
  0x01, 0x00, 0x02, 0x03, 0x08, 0x64, 0x01, 0x00, 0x02, 0x02, 0x08, 0x64
};
unsigned int m_bin_len = 24;
`,
  ],
  [
    "od -A x -t x1",
    `000000 01 00 04 01 08 05 10 01 01 00 00 02 01 00 02 03
000010 08 64 01 00 02 02 08 64
000018
`,
  ],
  [
    "od -t x1",
    `0000000 01 00 04 01 08 05 10 01 01 00 00 02 01 00 02 03
0000020 08 64 01 00 02 02 08 64
0000030
`,
  ],
  [
    "od -x",
    `0000000 0001 0104 0508 0110 0001 0200 0001 0302
0000020 6408 0001 0202 6408
0000030
`,
  ],
  [
    "hexdump",
    `0000000 0001 0104 0508 0110 0001 0200 0001 0302
0000010 6408 0001 0202 6408                    
0000018
`,
  ],
  [
    "Wireshark's packet bytes",
    `0000   01 00 04 01 08 05 10 01 01 00 00 02 01 00 02 03   ................
0010   08 64 01 00 02 02 08 64                           .d.....d
`,
  ],
  [
    "tcpdump -x",
    `\t0x0000:  0100 0401 0805 1001 0100 0002 0100 0203
\t0x0010:  0864 0100 0202 0864
`,
  ],
];

test.each(LAYOUTS)("%s", (_name, text) => {
  expect(bytesIn(text)).toBe(MESSAGE);
  expect(bytesIn(text, 7)).toBe(MESSAGE);
});

/** 24 bytes, 64 zeros, "abcdefg", and the 24 bytes again. */
const WITH_ZEROS = `${MESSAGE}${"00".repeat(64)}61626364656667${MESSAGE}`;

test.each([
  [
    "hexdump -C",
    `00000000  01 00 04 01 08 05 10 01  01 00 00 02 01 00 02 03  |................|
00000010  08 64 01 00 02 02 08 64  00 00 00 00 00 00 00 00  |.d.....d........|
00000020  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
*
00000050  00 00 00 00 00 00 00 00  61 62 63 64 65 66 67 01  |........abcdefg.|
00000060  00 04 01 08 05 10 01 01  00 00 02 01 00 02 03 08  |................|
00000070  64 01 00 02 02 08 64                              |d.....d|
00000077
`,
  ],
  [
    "od -t x1",
    `0000000 01 00 04 01 08 05 10 01 01 00 00 02 01 00 02 03
0000020 08 64 01 00 02 02 08 64 00 00 00 00 00 00 00 00
0000040 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
*
0000120 00 00 00 00 00 00 00 00 61 62 63 64 65 66 67 01
0000140 00 04 01 08 05 10 01 01 00 00 02 01 00 02 03 08
0000160 64 01 00 02 02 08 64
0000167
`,
  ],
  [
    "hexdump, with an odd number of bytes",
    `0000000 0001 0104 0508 0110 0001 0200 0001 0302
0000010 6408 0001 0202 6408 0000 0000 0000 0000
0000020 0000 0000 0000 0000 0000 0000 0000 0000
*
0000050 0000 0000 0000 0000 6261 6463 6665 0167
0000060 0400 0801 1005 0101 0000 0102 0200 0803
0000070 0164 0200 0802 0064                    
0000077
`,
  ],
])("lines that repeat in %s", (_name, text) => {
  expect(bytesIn(text)).toBe(WITH_ZEROS);
});

describe("refused", () => {
  const WRONG = [
    ["01 00\n01 0g", "line 2: not a hexadecimal digit", "01 0g\n    ^"],
    ["01 00 021 01", "line 1: an odd number of digits: a byte has two", "01 00 021 01\n      ^~~"],
    ["Hello", "line 1: not a hexadecimal digit", "Hello\n^"],
    [
      "0000  01 00\n*\nffffff00  01 00",
      "line 3: the * before it stands for 4294967038 bytes, which is too much",
      null,
    ],
  ] as const;

  test.each(WRONG)("%j", (text, message, caret) => {
    try {
      bytesIn(text);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      expect([error.code, error.message, error.caret]).toEqual(["BAD_HEX", message, caret]);
    }
  });

  test("a line without end", () => {
    const reader = new HexReader();
    const take = () => {
      for (let i = 0; i < 20; i++) Array.from(reader.push("01".repeat(1 << 19)));
    };
    expect(take).toThrow("line 1 has over 16777216 characters: break it");
  });
});

test("any text ends in bytes or in a CaptureError", () => {
  const piece = fc.constantFrom(
    "0",
    "1",
    "f",
    " ",
    "  ",
    "\n",
    "*",
    "|",
    ":",
    "0x",
    "0000000",
    "00000010",
    "g",
    "\t",
    ",",
    "#",
    "\r",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      try {
        expect(bytesIn(pieces.join("")).length % 2).toBe(0);
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
