/** Words as systemd.service(5) reads them back. */
import { expect, test } from "bun:test";
import { unitCommandLine } from "../../../src/tools/install/command-line.ts";

test.each([
  ["a plain word", "--listen=[::]:4711", "--listen=[::]:4711"],
  ["a route", "--announce=100#10.0.1.0/24@2001:db8::1", "--announce=100#10.0.1.0/24@2001:db8::1"],
  ["a zone: % begins a specifier", "--listen=[fe80::1%eth0]:4711", '"--listen=[fe80::1%%eth0]:4711"'],
  ["a variable", "--config=/etc/$HOME", '"--config=/etc/$$HOME"'],
  ["a space", "a b", '"a b"'],
  ["quotes", `a"b'c`, `"a\\"b'c"`],
  ["a backslash", "a\\b", '"a\\\\b"'],
  ["a line feed, which would end the line", "a\nExecStart=b", '"a\\nExecStart=b"'],
  ["a semicolon, which would end the command", ";", '";"'],
  ["no letter", "", '""'],
])("%s", (_, word, expected) => {
  expect(unitCommandLine(["/bin/x", word])).toBe(`/bin/x ${expected}`);
});
