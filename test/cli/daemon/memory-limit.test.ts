import { expect, test } from "bun:test";
import { eventLog } from "../../../src/base/log-event.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { parseAddressSpaceBytes, warnOfAddressSpace } from "../../../src/cli/daemon/memory-limit.ts";
import { builtExecutable } from "../../support/process/built-executable.ts";
import { ChildProcess } from "../../support/process/child-process.ts";

const limits = (soft: string) => `Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 524288               files
Max address space         ${soft.padEnd(20)} unlimited            bytes
`;

test.each([
  ["unlimited", Number.POSITIVE_INFINITY, false],
  [`${8 << 10}000000`, 8_192_000_000, false],
  ["2147483648", 2_147_483_648, true],
])("a limit of %s", (soft, bytes, isWarned) => {
  expect(parseAddressSpaceBytes(limits(soft))).toBe(bytes);
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) };
  warnOfAddressSpace(eventLog(logger), limits(soft));
  expect(warnings).toHaveLength(isWarned ? 1 : 0);
  for (const name of isWarned ? ["LimitAS=", "ulimit -v"] : []) expect(warnings[0]).toContain(name);
});

test("without /proc there is none", () => {
  expect(parseAddressSpaceBytes("")).toBe(Number.POSITIVE_INFINITY);
});

test("a server under ulimit -v says so", async () => {
  const script = 'ulimit -v 3000000; exec "$0" server --listen "[::1]:0" --socket none';
  await using server = new ChildProcess({
    command: ["bash", "--norc", "-c", script, await builtExecutable()],
  });
  await server.logged(/ warn {2}the address space is limited.* limitMib=2929 /);
  expect(await server.stop()).toBe(0);
});
