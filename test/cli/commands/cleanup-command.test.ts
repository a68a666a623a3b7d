/** What it does is in test/process/kernel-routes.test.ts, for the kernel is not here. */
import { expect, test } from "bun:test";
import { cleanupCommand } from "../../../src/cli/commands/cleanup-command.ts";
import { runInProcess } from "../in-process.ts";

test.each([
  [["--route-protocol", "3"], "--route-protocol: a whole number from 5 to 255 is needed"],
  [["--table", "100,255"], '--table: table 255 ("local") belongs to the kernel'],
  [["--table", "0x10"], "--table: the table must be a number from 1 to 4294967295"],
  [["--tun", "tun"], "unknown flag --tun"],
])("%j is a wrong command line", async (flags, message) => {
  const { exitCode, stdout, stderr } = await runInProcess(["cleanup", ...flags], [cleanupCommand]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toStartWith(`bunbond cleanup: ${message}`);
});
