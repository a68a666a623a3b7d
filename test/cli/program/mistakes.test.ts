/**
 * What people write by mistake, on the program's real commands: each is exit code 2 and one line that leads to the right way.
 * None of them gets as far as doing anything.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { commands } from "../../../src/cli/commands.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";
import { runInProcess } from "../in-process.ts";

/** The command line; what is told, but for the name in front and the advice to run --help. */
const MISTAKES: readonly (readonly [line: string, told: string])[] = [
  ["server drain", 'unexpected argument "drain"; did you mean bunbond client drain?'],
  ["peers reset", 'unexpected argument "reset"; did you mean bunbond peer reset?'],
  ["peers reset 7", 'unexpected argument "reset"; did you mean bunbond peer reset?'],
  ["peer", "unknown command peer; did you mean peer reset?"],
  ["peer list", "unknown command peer list; did you mean peers?"],
  ["peer rest 7", "unknown command peer rest; did you mean peer reset?"],
  ["drain", "unknown command drain; did you mean client drain?"],
  ["client undrain", 'unexpected argument "undrain"; did you mean bunbond client drain?'],
  ["client drian", 'unexpected argument "drian"; did you mean bunbond client drain?'],
  ["client start", 'unexpected argument "start"; this command takes flags only.'],
  ["client status", 'unexpected argument "status"; did you mean bunbond status?'],
  ["start server", "unknown command start; did you mean server?"],
  ["run client -s srv", "unknown command run; did you mean client?"],
  ["server client", 'unexpected argument "client"; did you mean bunbond client?'],
  [
    "status server",
    'unexpected argument "server"; it finds the daemons of this host by itself; --socket names one of several.',
  ],
  [
    "peers server",
    'unexpected argument "server"; it finds the daemons of this host by itself; --socket names one of several.',
  ],
  ["client -s http://[::1]:4711", "--server: host and port are needed, not a URL: [::1]:4711."],
  ["client -s https://srv:4711/path?x#y", "--server: host and port are needed, not a URL: srv:4711."],
  ["client -s tcp://srv", "--server: host and port are needed, not a URL: srv."],
  ["client -s http://", "--server: host and port are needed, not a URL: host.example:4711."],
  ["server -l *:4711", "--listen: to listen on all addresses leave the host out: :4711."],
  ["server -l *", "--listen: to listen on all addresses leave the host out: :4711."],
  [
    "announce 100 10.0.1.0/24 via fd00::1",
    "ROUTE: an announcement has the form VNI#PREFIX@HOP: 100#10.0.1.0/24@fd00::1.",
  ],
  [
    "withdraw 100 10.0.1.0/24 fd00::1",
    "ROUTE: an announcement has the form VNI#PREFIX@HOP: 100#10.0.1.0/24@fd00::1.",
  ],
  ["client --servr srv", "unknown flag --servr; did you mean --server?"],
  ["client -server srv", "unknown flag -server; did you mean --server?"],
  [
    "client -s srv --keepalive 5s",
    "--keepalive: a whole number of seconds from 1 to 3600 is needed, without a unit.",
  ],
  ["client -s srv --vni 4294967296", "--vni: a whole number from 0 to 4294967295 is needed."],
  ["client -s srv --http 4712", "--http: this is a port alone: write :4712 (all addresses) or [::1]:4712."],
  ["client -s", "-s needs a value, as in -s [2001:db8::10]:4711."],
  ["server -l [::]:1 -l [::]:2", "-l is given twice; give it once."],
  ["server --verbose=yes", '--verbose takes no value but true or false, not "yes".'],
];

test.each(MISTAKES)("%s", async (line, told) => {
  const { exitCode, stdout, stderr } = await runInProcess(line.split(" "), commands);
  const [first = ""] = stderr.split("\n");
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(first.replace(/^bunbond[a-z -]*: /, "").replace(/ Run 'bunbond .*'\.$/, "")).toBe(told);
});

test("a client's file for a server: what is said to show all errors does", async () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "client.yaml");
  await Bun.write(file, "server: srv\nvni: 100\n");
  const { stderr } = await runInProcess(["server", "--config", file], commands);
  const command = `check-config ${file} server`;
  expect(stderr).toContain(`\nbunbond ${command} shows all 2 errors in it\n`);
  const shown = await runInProcess(command.split(" "), commands);
  expect(shown).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/server\.(.|\n)*vni\./) });
});
