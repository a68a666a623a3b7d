/** What cannot be done is said in one line, with an exit code that tells a wrong command line (2) from the rest (1). */
import { expect, test } from "bun:test";
import { FROM_SOURCE, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";

/** Runs BunBond to its end. */
async function run(...args: readonly string[]) {
  await using program = new ChildProcess({
    command: [...FROM_SOURCE, ...args, "--socket", "none"],
    env: { NODE_ENV: undefined },
  });
  const exitCode = await program.ended;
  return { exitCode, stdout: program.stdoutLines, stderr: program.stderrLines };
}

const FOREIGN = "192.0.2.1"; // for documentation (RFC 5737): no machine has it

test.each([
  [
    ["server", "--listne", "[::1]:0"],
    ["bunbond server: unknown flag --listne; did you mean --listen? Run 'bunbond server --help'."],
  ],
  [
    ["client", "-s", "::1", "--annonce", "x"],
    ["bunbond client: unknown flag --annonce; did you mean --announce? Run 'bunbond client --help'."],
  ],
  [
    ["client", "-s", "::1", "-a", "100#10.0.1.0/24@2001:db8::1#nat#1024#70000"],
    [
      "bunbond client: --announce: the port must be a number from 1 to 65535. Run 'bunbond client --help'.",
      "  100#10.0.1.0/24@2001:db8::1#nat#1024#70000",
      "                                       ^~~~~",
    ],
  ],
  [
    ["client", "-s", "::1", "-a", "100#10.0.1.0/24@2001:db8::1,4294967296#::/0@2001:db8::1"],
    [
      "bunbond client: --announce: the VNI must be a number from 0 to 4294967295. Run 'bunbond client --help'.",
      "  4294967296#::/0@2001:db8::1",
      "  ^~~~~~~~~~",
    ],
  ],
] as const)("%j is a wrong command line", async (args, stderr) => {
  expect(await run(...args)).toEqual({ exitCode: 2, stdout: [], stderr: [...stderr] });
});

test("a port in use, for MetalBond or HTTP", async () => {
  await using server = await startBunbondServer({ flags: ["--http", "[::1]:0"] });
  const { address } = server;
  const [, http = ""] = await server.logged(/serving HTTP address=(\S+)/);
  const why = "stop the other program (ss -ltnp shows it) or choose another port";
  expect(await run("server", "--listen", address)).toEqual({
    exitCode: 1,
    stdout: [],
    stderr: [`bunbond server: cannot listen on ${address}: the port is in use: ${why}`],
  });
  for (const command of [
    ["server", "--listen", "[::1]:0"],
    ["client", "--server", address],
  ]) {
    const { exitCode, stdout, stderr } = await run(...command, "--http", http);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: [] });
    const line = `bunbond ${command[0]}: cannot serve HTTP on ${http}: the port is in use: ${why}`;
    expect(stderr.at(-1)).toBe(line);
    expect(stderr.slice(0, -1).filter((other) => !/ (info|warn) /.test(other))).toEqual([]);
  }
});

test("an address that this machine does not have", async () => {
  expect(await run("server", "--listen", `${FOREIGN}:0`)).toEqual({
    exitCode: 1,
    stdout: [],
    stderr: [
      `bunbond server: cannot listen on ${FOREIGN}:0: this machine does not have the address (ip address lists those it has)`,
    ],
  });
});
