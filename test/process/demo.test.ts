/** `bunbond demo`: it shows routes that come and go. */
import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { FROM_SOURCE } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

async function runDemo(command: readonly string[]): Promise<string[]> {
  await using demo = new ChildProcess({ command, cwd: REPOSITORY, env: { NODE_ENV: undefined } });
  expect(await demo.ended).toBe(0);
  return demo.stdoutLines;
}

/** What a route's last line at a hypervisor says. */
function lastSign(lines: readonly string[], hypervisor: string, route: string): string | undefined {
  return lines
    .findLast((line) => line.startsWith(`${hypervisor} `) && line.endsWith(` ${route}`))
    ?.split(/ +/)[1];
}

test("shows routes that come and go, and ends with 0", async () => {
  const lines = await runDemo([...FROM_SOURCE, "demo"]);
  for (const hypervisor of ["hv-2", "hv-3"]) {
    expect(lastSign(lines, hypervisor, "100 10.0.1.0/24 via 2001:db8::1")).toBe("-");
    expect(lastSign(lines, hypervisor, "100 2001:db8:1::/48 via 2001:db8::1")).toBe("-");
  }
  expect(lastSign(lines, "hv-1", "100 10.0.3.0/24 via 2001:db8::2 type lb")).toBe("+");
  expect(lastSign(lines, "hv-1", "200 192.0.2.7/32 via 2001:db8::2 type nat ports 1024-2047")).toBe("+");
  expect(lastSign(lines, "hv-3", "100 10.0.1.0/24 via 2001:db8::2")).toBe("-");
  expect(lines.at(-1)).toEndWith("Everything happened as expected.");
});

const noNpm = Bun.which("npm") === null;
describe.skipIf(noNpm)(`npm run demo${noNpm ? " (skipped: npm is not installed)" : ""}`, () => {
  test("is the same", async () => {
    expect((await runDemo(["npm", "run", "demo"])).at(-1)).toEndWith("Everything happened as expected.");
  });
});
