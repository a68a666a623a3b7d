/** `bunbond diff` on the command line: what it refuses, and a client's kernel. Daemons are in test/process/diff.test.ts. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { diffCommand } from "../../../src/cli/commands/diff-command.ts";
import type { FibDrift, FibEntry } from "../../../src/http/queries/api.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";
import { runInProcess } from "../in-process.ts";

function entry(
  destination: string,
  desired: readonly string[],
  observed: readonly string[] | null,
): FibEntry {
  return {
    table: 100,
    vnis: [7],
    destination,
    state: "missing",
    desired,
    observed,
    nexthopId: null,
    reason: null,
  };
}

const ALWAYS = [
  entry("10.0.1.0/24", ["2001:db8::1", "2001:db8::2"], ["2001:db8::2", "2001:db8::3"]),
  entry("10.0.3.0/24", [], []),
];

/** What the client answers, one look after the other. */
async function diffKernel(looks: readonly (readonly FibEntry[])[], ...args: readonly string[]) {
  using directory = temporaryDirectory();
  const left = [...looks];
  await using daemon = Bun.serve({
    unix: join(directory.path, "client.sock"),
    fetch: (request) => {
      expect(new URL(request.url).pathname).toBe("/v1/fib/drift");
      const entries = left.shift() ?? [];
      return Response.json({
        entries,
        count: entries.length,
        compared: 9,
        complete: true,
      } satisfies FibDrift);
    },
  });
  const slept: number[] = [];
  const command = diffCommand([directory.path], async (ms) => void slept.push(ms));
  const { exitCode, stdout } = await runInProcess(["diff", ...args, "-o", "json"], [command]);
  expect(daemon.pendingRequests).toBe(0);
  return { exitCode, slept, report: JSON.parse(stdout) };
}

test("a client and its kernel: what differs at both looks, by next hop", async () => {
  const gone = entry("10.0.2.0/24", ["2001:db8::1"], null);
  for (const words of [
    ["client", "kernel"],
    ["kernel", "client"],
  ]) {
    const { exitCode, slept, report } = await diffKernel([[...ALWAYS, gone], ALWAYS], ...words);
    expect([exitCode, slept]).toEqual([1, [1000]]);
    expect(report).toMatchObject({ equal: false, compared: 9, count: 3 });
    const rows = report.differences.map(
      ({ destination, nextHop, has }: Record<string, string>) => `${has} ${destination} ${nextHop}`,
    );
    expect(rows).toEqual([
      "client 10.0.1.0/24 2001:db8::1",
      "kernel 10.0.1.0/24 2001:db8::3",
      "kernel 10.0.3.0/24 unknown",
    ]);
  }
});

test("a right kernel is looked at once", async () => {
  const { exitCode, slept, report } = await diffKernel([[]], "client", "kernel");
  expect([exitCode, slept, report.equal]).toEqual([0, [], true]);
});

test.each([
  [["one"], "B is missing"],
  [[], "A and B are missing"],
  [["one", "two", "three"], "three"],
  [["kernel", "kernel"], "named by its control socket"],
  [["http://[::1]:1", "kernel"], "named by its control socket"],
  [["one", "two", "--socket", "three"], "--socket is only for --servers"],
  [["one", "--servers"], "--servers and one exclude each other"],
  [["one", "two", "--limit", "many"], "--limit"],
])("refuses %p", async (args, message) => {
  const { exitCode, stderr } = await runInProcess(["diff", ...args], [diffCommand([])]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(message);
});
