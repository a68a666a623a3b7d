import { describe, expect, test } from "bun:test";
import { ipCommand } from "../../../src/cli/commands/ip-command.ts";
import { runInProcess } from "../in-process.ts";

async function ip(line: string) {
  return await runInProcess(["ip", ...line.split(" ")], [ipCommand]);
}

const ADDRESS_TEXT = `\
address                 100.64.1.7
expanded                100.064.001.007
integer                 1681916167
hexadecimal             0x64400107
reverse DNS             7.1.64.100.in-addr.arpa
class                   Shared Address Space, 100.64.0.0/10 (RFC 6598)
  as source             yes
  as destination        yes
  forwardable           yes
  globally reachable    no
  reserved by protocol  no
scope                   Shared (RFC 6598)
IPv4-mapped             ::ffff:100.64.1.7 (RFC 4291)
6to4                    2002:6440:107::/48 (RFC 3056)
NAT64                   64:ff9b::6440:107 (RFC 6052)
`;

const BLOCK_TEXT = `\
block                   2001:db8:0:20::/59
network                 2001:db8:0:20::
last address            2001:db8:0:3f:ffff:ffff:ffff:ffff
addresses               590295810358705651712
netmask                 ffff:ffff:ffff:ffe0::
wildcard                ::1f:ffff:ffff:ffff:ffff
hosts                   2001:db8:0:20::1 - 2001:db8:0:3f:ffff:ffff:ffff:ffff
host count              590295810358705651711
reverse zone            2.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa
class                   Documentation, 2001:db8::/32 (RFC 3849)
  as source             no
  as destination        no
  forwardable           no
  globally reachable    no
  reserved by protocol  no
`;

test("an address is described", async () => {
  expect(await ip("100.64.1.7")).toEqual({ exitCode: 0, stdout: ADDRESS_TEXT, stderr: "" });
});

test("a block is described", async () => {
  // A zone of reverse DNS ends at a digit: /59 lies in the zone of /56.
  const text = BLOCK_TEXT.replace("2.0.0.0.0.0.0.8.b.d", "0.0.0.0.0.0.8.b.d");
  expect(await ip("2001:db8:0:20::/59")).toEqual({ exitCode: 0, stdout: text, stderr: "" });
});

test("an address in a block is described, and the block after it", async () => {
  const { stdout } = await ip("192.0.2.7/31");
  expect(stdout).toMatch(/^address +192\.0\.2\.7$/m);
  expect(stdout).toMatch(/^block +192\.0\.2\.6\/31$/m);
  expect(stdout).toMatch(/^hosts +192\.0\.2\.6 - 192\.0\.2\.7$/m);
  expect(stdout).not.toContain("broadcast");
  expect(stdout.match(/^class/gm)).toHaveLength(1);
});

test("JSON lines have one object for each, with large numbers as text", async () => {
  const { stdout } = await ip("::1,10.0.0.0/8 -o jsonl");
  const [loopback, block] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(loopback).toMatchObject({ input: "::1", family: 6, address: { integer: "1" }, block: null });
  expect(block).toMatchObject({
    input: "10.0.0.0/8",
    address: null,
    block: {
      broadcast: "10.255.255.255",
      addressCount: "16777216",
      class: { rfc: "RFC 1918", source: true },
    },
  });
});

/** The command line, its output and its exit code. */
const ACTIONS = [
  ["10.0.0.0/8 --contains 10.1.2.3", "yes: 10.1.2.3/32 is inside\n", 0],
  ["10.0.0.0/8 --contains 11.0.0.0", "no: 11.0.0.0/32 is not inside\n", 1],
  ["10.0.0.0/25 10.0.0.128/25 --contains 10.0.0.0/24", "yes: 10.0.0.0/24 is inside\n", 0],
  ["10.0.0.0/8 --contains 10.0.0.0/7", "no: 10.0.0.0/7 is not inside\n", 1],
  ["::ffff:0:0/96 --contains 10.0.0.1", "no: 10.0.0.1/32 is not inside\n", 1],
  [
    "10.0.0.0/8 --contains 10.1.0.0/16 --json",
    '{"contains":true,"prefix":"10.1.0.0/16","block":"10.0.0.0/8"}\n',
    0,
  ],
  ["10.0.0.0/24 --split 26", "10.0.0.0/26\n10.0.0.64/26\n10.0.0.128/26\n10.0.0.192/26\n", 0],
  ["10.0.0.0/24 --split /25 -o jsonl", '{"prefix":"10.0.0.0/25"}\n{"prefix":"10.0.0.128/25"}\n', 0],
  ["10.0.0.0/31 192.0.2.0/31 --split 32", "10.0.0.0/32\n10.0.0.1/32\n192.0.2.0/32\n192.0.2.1/32\n", 0],
  ["10.0.0.128/25 10.0.0.0/25 2001:db8::/32 --merge", "10.0.0.0/24\n2001:db8::/32\n", 0],
  ["10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.0 --merge", "10.0.0.0/30\n", 0],
  ["10.0.0.0/8 10.1.0.0/16 --overlaps", "10.1.0.0/16 is in 10.0.0.0/8\n", 0],
  ["10.0.0.0/8 10.0.0.0/8 --overlaps", "10.0.0.0/8 is given twice\n", 0],
  ["10.0.0.0/8 11.0.0.0/8 --overlaps", "no two of them overlap\n", 1],
  ["10.0.0.0/31 --split 32 --json", '[\n{"prefix":"10.0.0.0/32"},\n{"prefix":"10.0.0.1/32"}\n]\n', 0],
  ["10.0.0.0/25 10.0.0.128/25 --merge -o yaml", "- prefix: 10.0.0.0/24\n", 0],
  [
    "10.0.0.0/8 10.1.0.0/16 --overlaps --json",
    '{"overlaps":[{"outer":"10.0.0.0/8","inner":"10.1.0.0/16"}]}\n',
    0,
  ],
] as const;

test.each(ACTIONS)("%s", async (line, stdout, exitCode) => {
  expect(await ip(line)).toEqual({ exitCode, stdout, stderr: "" });
});

test("JSON is one object, or a list of several; YAML is the same", async () => {
  const [one, two, yaml] = await Promise.all(["::1 --json", "::1,10.0.0.0/8 --json", "::1 -o yaml"].map(ip));
  const address = JSON.parse(one?.stdout ?? "");
  expect(address).toMatchObject({ input: "::1", address: { class: { name: "Loopback Address" } } });
  expect(JSON.parse(two?.stdout ?? "")).toEqual([address, expect.objectContaining({ input: "10.0.0.0/8" })]);
  expect(Bun.YAML.parse(yaml?.stdout ?? "")).toEqual(address);
});

test("a split into 2^96 parts begins at once, and a limit ends it", async () => {
  const { exitCode, stdout, stderr } = await ip("2001:db8::/32 --split 128 --limit 20000");
  expect(exitCode).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([20000, "2001:db8::/128", "2001:db8::4e1f/128"]);
  expect(stderr).toBe("bunbond ip: 20000 of 79228162514264337593543950336 parts; --limit takes more\n");
});

test("an endless split ends when its reader has gone", async () => {
  const failure = Object.assign(new Error("broken pipe"), { code: "EPIPE" });
  const { exitCode, stdout } = await runInProcess(["ip", "::/0", "--split", "128"], [ipCommand], {
    stdoutFailure: failure,
  });
  expect([exitCode, stdout]).toEqual([0, ""]);
});

describe("refused", () => {
  const REFUSED = [
    [
      "10.0.0.300",
      "ADDRESS|CIDR: the number must not be over 255. Run 'bunbond ip --help'.\n  10.0.0.300\n         ^~~",
    ],
    [
      "10.0.0.0/24 --split 20",
      "--split: a whole number from 24 to 32 is needed. Run 'bunbond ip --help'.\n  20\n  ^~",
    ],
    [
      "10.0.0.0/24 --split 26 --merge",
      "--merge and --split exclude each other; give one. Run 'bunbond ip --help'.",
    ],
    [
      "10.0.0.0/24 --limit 3",
      "--limit is for --split; leave it out, or add --split. Run 'bunbond ip --help'.",
    ],
    [
      "192.0.2.1 --nat64-prefix 2001:db8::/33",
      "--nat64-prefix: an IPv6 prefix of length 32, 40, 48, 56, 64, 96 is needed. Run 'bunbond ip --help'.\n  2001:db8::/33\n  ^~~~~~~~~~~~~",
    ],
    [
      "192.0.2.1 --nat64-prefix 2001:db8:0:0:100::/96",
      "--nat64-prefix: the bits 64 to 71 of the prefix must be 0 (RFC 6052, section 2.2). Run 'bunbond ip --help'.\n  2001:db8:0:0:100::/96\n  ^~~~~~~~~~~~~~~~~~~~~",
    ],
    [
      "10.0.0.0/8 --contains x",
      "--contains: not an IP address: 192.0.2.1 and 2001:db8::1 are. Run 'bunbond ip --help'.\n  x\n  ^",
    ],
  ] as const;

  test.each(REFUSED)("%s", async (line, stderr) => {
    expect(await ip(line)).toEqual({ exitCode: 2, stdout: "", stderr: `bunbond ip: ${stderr}\n` });
  });

  test("as JSON, if JSON was asked for", async () => {
    const { exitCode, stderr } = await ip("10.0.0.300 --json");
    expect([exitCode, JSON.parse(stderr).error]).toEqual([2, "BAD_VALUE"]);
  });
});
