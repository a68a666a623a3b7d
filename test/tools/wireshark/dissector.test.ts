/** The dissector has the wire's own numbers and texts; what it does is in test/process/wireshark.test.ts. */
import { expect, test } from "bun:test";
import { wiresharkDissector } from "../../../src/tools/wireshark/dissector.ts";
import { HELLO, NEXT_HOP } from "../../../src/wire/proto3.ts";
import { DEFAULT_PORT, MAX_PAYLOAD_BYTES, MessageType } from "../../../src/wire/protocol.ts";
import { CLOSING_CODES, describeCode, SKIP_CODES } from "../../../src/wire/protocol-error.ts";

const SCRIPT = wiresharkDissector();

test("it has every message type, limit and port", () => {
  for (const [name, number] of Object.entries(MessageType))
    expect(SCRIPT).toContain(`[${number}] = "${name}",\n`);
  expect(SCRIPT).toContain(`local MAX_PAYLOAD_BYTES = ${MAX_PAYLOAD_BYTES}\n`);
  expect(SCRIPT).toContain(`local PORT = ${DEFAULT_PORT}\n`);
});

test("it has every field by its key", () => {
  expect(SCRIPT).toContain(`    [${HELLO.SERVER_ID}] = {\n      name = "server_id",\n`);
  expect(SCRIPT).toContain(`    [${NEXT_HOP.NAT_PORT_TO}] = {\n      name = "nat_port_to",\n`);
});

test("it has every code of a fault, with its text", () => {
  for (const code of [...CLOSING_CODES, ...SKIP_CODES]) {
    expect(SCRIPT).toContain(`  ${code} = {\n    text = ${JSON.stringify(describeCode(code))},\n`);
  }
});

test("nothing in it is left to be filled in, and its texts are ASCII, as Lua's strings need no escapes then", () => {
  expect(SCRIPT).not.toMatch(/\{\{|undefined|\[object/);
  expect(SCRIPT).toMatch(/^[\t\n\x20-\x7e]*$/);
});
