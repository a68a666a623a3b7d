/** The commands that need no daemon, at the edges of their processes: standard input, and a reader that goes. */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { encodeMessage } from "../../src/wire/codec.ts";
import { Conversation, ipPacket, joined, pcapFile } from "../support/models/capture-file.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

function start(...args: readonly string[]) {
  return Bun.spawn([process.execPath, MAIN, ...args], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
}

const HELLO = encodeMessage({ type: "HELLO", keepaliveSeconds: 5, isServer: false });
const UPDATE = encodeMessage({
  type: "UPDATE",
  action: 0,
  vni: 100,
  destination: { family: 4, w0: 0x0a000100, w1: 0, w2: 0, w3: 0, lengthBits: 24 },
  nextHop: {
    address: { family: 6, w0: 0x20010db8, w1: 0, w2: 0, w3: 1 },
    targetVni: 0,
    type: 0,
    natPortFrom: 0,
    natPortTo: 0,
  },
});

test("bunbond ip takes its words from standard input", async () => {
  const text = "# the first half\n10.0.0.0/25 # and the second\n10.0.0.128/25,\n192.0.2.1\n";
  const child = start("ip", "-", "--merge");
  child.stdin.write(text);
  child.stdin.end();
  const [stdout, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  expect([exitCode, stdout]).toEqual([0, "10.0.0.0/24\n192.0.2.1/32\n"]);
});

test("bunbond ip --split ends when its reader goes", async () => {
  const pipeline = `"$0" "$1" ip ::/0 --split 128 | head -n 2`;
  const child = Bun.spawn(["bash", "--norc", "-c", pipeline, process.execPath, MAIN], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect([stdout, stderr]).toEqual(["::/128\n::1/128\n", ""]);
});

test("bunbond decode reads a capture from a pipe, and prints a message when its packet has come", async () => {
  const conversation = new Conversation({ host: "::1", port: 40112 }, { host: "::1", port: 4711 });
  const packets = conversation
    .open()
    .send("client", joined(HELLO, UPDATE))
    .segments.map((segment) => ({ bytes: ipPacket(segment) }));
  const file = pcapFile(packets, { linkType: 101, isLittleEndian: true, isNanoseconds: false });
  const child = start("decode", "-");
  child.stdin.write(file);
  child.stdin.flush();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("UPDATE")) text += (await reader.read()).value ?? "";
  expect(text).toContain("HELLO client keepalive 5 s\n");
  child.stdin.end();
  expect(await child.exited).toBe(0);
});
