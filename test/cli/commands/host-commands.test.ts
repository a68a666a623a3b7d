/**
 * Command lines of `bunbond fib`, `doctor` and `ping` that are wrong, or find no daemon. What they do is in test/http/queries/fib.test.ts
 * and test/kernel/namespace/.
 */
import { expect, test } from "bun:test";
import { doctorCommands } from "../../../src/cli/commands/doctor-commands.ts";
import { fibCommand } from "../../../src/cli/commands/fib-command.ts";
import { pingCommand } from "../../../src/cli/commands/ping-command.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";
import { runInProcess } from "../in-process.ts";

const NOBODY = "/nonexistent/bunbond";
const COMMANDS = [fibCommand([NOBODY]), pingCommand([NOBODY]), ...doctorCommands([NOBODY])];

test.each([
  ["fib --drift --state refused", "--drift and --state exclude each other"],
  ["fib --table 0", "--table: a whole number from 1 to 4294967295 is needed"],
  ["fib --vni x", "--vni: a whole number from 0 to 4294967295 is needed"],
  ["ping", "HOP|ADDRESS is missing"],
  ["ping server-1.example", 'HOP|ADDRESS: "server-1.example" is no address'],
  ["ping 10.0.1.7 --source 2001:db8::1", "--source and the destination must be of one family"],
  ["ping ::1 --count 0", "--count: a whole number from 1 to 1000 is needed"],
  ["doctor client", "--server is missing"],
  ["doctor client --server ::1 --install-routes 100#255", "--install-routes: table 255"],
  ["doctor server --listen", "--listen"],
  ["doctor server --server ::1", "unknown flag --server"],
  ["doctor client --config /nonexistent.yaml", "/nonexistent.yaml"],
])("%s is a wrong command line", async (line, message) => {
  const { exitCode, stdout, stderr } = await runInProcess(line.split(" "), COMMANDS);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toContain(message);
});

test.each(["fib", "fib --drift", "ping 10.0.1.7 --vni 100", "doctor"])(
  "%s needs a daemon: exit code 4",
  async (line) => {
    const { exitCode, stderr } = await runInProcess(line.split(" "), COMMANDS);
    expect(exitCode).toBe(4);
    expect(stderr).toContain("answers");
    const json = await runInProcess([...line.split(" "), "-o", "json"], COMMANDS);
    expect(JSON.parse(json.stderr)).toMatchObject({ error: "DAEMON_AWAY" });
  },
);

test("doctor takes the flags of a daemon from its configuration file, and the form of its answer from its own", async () => {
  using directory = temporaryDirectory();
  const file = `${directory.path}/client.yaml`;
  await Bun.write(file, "server: ['[::1]:1']\njson: true\n");
  const words = ["doctor", "client", "--config", file];
  const text = await runInProcess(words, COMMANDS);
  expect(text.exitCode).toBe(1);
  expect(text.stdout).toStartWith("a client with these flags:\n");
  const line = "fail  server      no connection to [::1]:1 (ECONNREFUSED: ";
  expect(text.stdout).toContain(line);
  const json = await runInProcess([...words, "--json"], COMMANDS);
  const { reports, counts } = JSON.parse(json.stdout);
  expect(reports).toMatchObject([{ program: "client", from: "flags" }]);
  expect(counts.fail).toBe(1);
  const rows = await runInProcess([...words, "-o", "jsonl"], COMMANDS);
  const findings = rows.stdout
    .trim()
    .split("\n")
    .map((row) => JSON.parse(row));
  // Each finding is in the text, too.
  for (const { state, check, text: said } of findings.filter(({ check: name }) => name !== "server")) {
    expect(text.stdout).toMatch(new RegExp(`^${state} +${check} +${RegExp.escape(said)}$`, "m"));
  }
  expect(findings).toHaveLength(reports[0].findings.length);
});
