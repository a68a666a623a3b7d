import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { decodeCommand } from "../../../src/cli/commands/decode-command.ts";
import { encodeMessage } from "../../../src/wire/codec.ts";
import { Conversation, ipPacket, joined, pcapFile } from "../../support/models/capture-file.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";
import { runInProcess } from "../in-process.ts";

const HELLO = encodeMessage({ type: "HELLO", keepaliveSeconds: 5, isServer: false });
const BAD = Uint8Array.fromHex("0100030308");
const FILE = { linkType: 101, isLittleEndian: true, isNanoseconds: false };

let directory: ReturnType<typeof temporaryDirectory>;
const capture = (data: Uint8Array, port = 4711) => {
  const conversation = new Conversation({ host: "::1", port: 40112 }, { host: "::1", port });
  const packets = conversation
    .open()
    .send("client", data)
    .segments.map((segment) => ({ bytes: ipPacket(segment) }));
  return pcapFile(packets, FILE);
};

beforeAll(async () => {
  directory = temporaryDirectory();
  const files: Readonly<Record<string, Uint8Array | string>> = {
    "good.pcap": capture(HELLO),
    "other-port.pcap": capture(HELLO, 5000),
    "cut.pcap": capture(joined(HELLO, HELLO)).subarray(0, -1),
    "link.pcap": pcapFile([{ bytes: HELLO }], { ...FILE, linkType: 147 }),
    "good.hex": "01 00 02 01 08 05\n01 00 00 02\n",
    "bad.hex": "01 00 02 01 08 05\n01 00 0x zz\n",
    "empty.hex": "",
    "fault.hex": `${BAD.toHex()}08ff 01000002`,
  };
  for (const [name, content] of Object.entries(files)) await Bun.write(join(directory.path, name), content);
});
afterAll(() => directory[Symbol.dispose]());

async function decode(name: string, ...flags: readonly string[]) {
  const path = name === "" ? directory.path : join(directory.path, name);
  const { exitCode, stdout, stderr } = await runInProcess(["decode", path, ...flags], [decodeCommand]);
  return { exitCode, stdout, stderr: stderr.replaceAll(directory.path, "DIR") };
}

/** The file and the flags; exit code, output, and what is printed to stderr. */
const CASES: readonly (readonly [line: string, exitCode: number, stdout: string, stderr: string])[] = [
  [
    "good.pcap",
    0,
    "2026-01-02T03:04:05.680901Z #3 connection 1: [::1]:40112 > [::1]:4711 HELLO client keepalive 5 s\n",
    "1 message, 0 faults; 3 packets, 3 of port 4711 in 1 connection\n",
  ],
  ["good.hex", 0, "0x0000 HELLO client keepalive 5 s\n0x0006 KEEPALIVE\n", "2 messages, 0 faults\n"],
  [
    "other-port.pcap",
    1,
    "",
    "0 messages, 0 faults; 3 packets, 0 of port 4711 in 0 connections\nbunbond decode: DIR/other-port.pcap: no packet is of TCP port 4711; --port takes another one\n",
  ],
  [
    "other-port.pcap --port 5000",
    0,
    "2026-01-02T03:04:05.680901Z #3 connection 1: [::1]:40112 > [::1]:5000 HELLO client keepalive 5 s\n",
    "1 message, 0 faults; 3 packets, 3 of port 5000 in 1 connection\n",
  ],
  [
    "link.pcap",
    1,
    "",
    "0 messages, 0 faults; 1 packet, 0 of port 4711 in 0 connections\nbunbond decode: DIR/link.pcap: packets of link type 147 cannot be read\n",
  ],
  [
    "cut.pcap",
    1,
    "",
    "0 messages, 0 faults; 2 packets, 2 of port 4711 in 1 connection\nbunbond decode: DIR/cut.pcap: the file ends inside what follows packet 2: it was cut off\n",
  ],
  [
    "bad.hex",
    1,
    "0x0000 HELLO client keepalive 5 s\n",
    "1 message, 0 faults\nbunbond decode: DIR/bad.hex: line 2: not a hexadecimal digit\n  01 00 0x zz\n           ^\n",
  ],
  ["empty.hex", 1, "", "0 messages, 0 faults\nbunbond decode: DIR/empty.hex: there is no message in it\n"],
  ["missing.pcap", 1, "", "bunbond decode: DIR/missing.pcap cannot be read: there is no such file\n"],
  [
    "good.hex --port 0",
    2,
    "",
    "bunbond decode: --port: a whole number from 1 to 65535 is needed. Run 'bunbond decode --help'.\n  0\n  ^\n",
  ],
];

test.each(CASES)("%s", async (line, exitCode, stdout, stderr) => {
  const [name = "", ...flags] = line.split(" ");
  expect(await decode(name, ...flags)).toEqual({ exitCode, stdout, stderr });
});

describe("as JSON", () => {
  test("each record is a line, and nothing else is printed", async () => {
    const { exitCode, stdout, stderr } = await decode("good.hex", "-o", "jsonl");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const none = { packet: null, time: null, connection: null, source: null, destination: null };
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        ...none,
        kind: "message",
        offset: 0,
        message: { type: "HELLO", keepaliveSeconds: 5, isServer: false },
      },
      { ...none, kind: "message", offset: 6, message: { type: "KEEPALIVE" } },
    ]);
  });

  test("or one list of all, or YAML", async () => {
    const [lines, list, yaml] = await Promise.all(
      ["jsonl", "json", "yaml"].map((form) => decode("good.hex", "-o", form)),
    );
    const records = lines?.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(JSON.parse(list?.stdout ?? "")).toEqual(records);
    expect(Bun.YAML.parse(yaml?.stdout ?? "")).toEqual(records);
  });

  test("a file that cannot be read is a JSON error", async () => {
    const { exitCode, stderr } = await decode("missing.pcap", "--json");
    expect([exitCode, JSON.parse(stderr)]).toEqual([
      1,
      { error: "INPUT_UNREADABLE", message: "DIR/missing.pcap cannot be read: there is no such file" },
    ]);
  });

  test("hex that is none is a JSON error after what was decoded", async () => {
    const { exitCode, stdout, stderr } = await decode("bad.hex", "-o", "jsonl");
    expect([exitCode, stdout.split("\n").length, JSON.parse(stderr).error]).toEqual([1, 2, "BAD_HEX"]);
  });
});

test("a directory is refused in one line", async () => {
  const { exitCode, stderr } = await decode("");
  expect([exitCode, stderr]).toEqual([1, "bunbond decode: DIR cannot be read: it is a directory\n"]);
});

test("a fault does not make the command fail: it has done what it is for", async () => {
  const { exitCode, stdout } = await decode("fault.hex");
  expect([exitCode, stdout.split("\n").map((line) => line.split(":")[0])]).toEqual([
    0,
    ["0x0000 fault MALFORMED_MESSAGE", "0x0007 KEEPALIVE", ""],
  ]);
});
