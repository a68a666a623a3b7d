/** The log of real processes: its level while they run, and its form by where stderr goes. */
import { afterAll, expect, test } from "bun:test";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FROM_SOURCE, startBunbondServer } from "../support/process/bunbond-process.ts";
import { REPOSITORY } from "../support/process/documents.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const temporary = temporaryDirectory();
const directory = temporary.path;
afterAll(() => temporary[Symbol.dispose]());

function run(...words: readonly string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...FROM_SOURCE, ...words], {
    cwd: REPOSITORY,
    env: { ...process.env, NODE_ENV: undefined },
  });
  return [exitCode, stdout.toString(), stderr.toString()];
}

test("bunbond log changes the level, and SIGUSR1 switches debug on and off", async () => {
  const socket = join(directory, "server-1.sock");
  await using server = await startBunbondServer({ socket });
  expect(run("log", "warn", "--socket", socket)).toEqual([0, "log level: warn, before info\n", ""]);
  await server.logged(/ info {2}the log level has changed from=info to=warn by="bunbond log"$/);
  server.signal("SIGUSR1");
  await server.logged(/ info {2}the log level has changed from=warn to=debug by=SIGUSR1$/);
  server.signal("SIGUSR2");
  await server.logged(/ debug SIGUSR2 is ignored$/);
  server.signal("SIGUSR1");
  await server.logged(/ info {2}the log level has changed from=debug to=warn by=SIGUSR1$/);
  expect(run("log", "error", "--socket", socket, "-o", "json")).toEqual([
    0,
    `{"level":"error","before":"warn"}\n`,
    "",
  ]);
  const [exitCode, , stderr] = run("log", "loud", "--socket", socket);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("error, warn, info, debug")]);
  expect(await server.stop()).toBe(0);
});

/** Runs a server until it listens, its stderr in a file, and returns the file's text. */
async function logIn(environment: (path: string, fd: number) => Record<string, string>, ...flags: string[]) {
  const path = join(directory, `log-${Bun.nanoseconds()}`);
  const fd = openSync(path, "w");
  const server = Bun.spawn(
    [...FROM_SOURCE, "server", "--listen", "[::1]:0", "--socket", "none", "--settle", "0", ...flags],
    {
      cwd: REPOSITORY,
      stderr: fd,
      env: { ...process.env, NODE_ENV: undefined, ...environment(path, fd) },
    },
  );
  // A file tells nobody of changes.
  while (!readFileSync(path, "utf8").includes("started")) await Bun.sleep(5);
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  closeSync(fd);
  return readFileSync(path, "utf8");
}

const journalOf = (_path: string, fd: number) => {
  const { dev, ino } = fstatSync(fd);
  return { JOURNAL_STREAM: `${dev}:${ino}` };
};

test("a log that goes to the journal has priorities, and no time", async () => {
  const log = await logIn(journalOf);
  for (const line of log.trimEnd().split("\n")) expect(line).toMatch(/^<[3467]>(error|warn |info |debug) /);
});

test("one that goes elsewhere has times, also under systemd", async () => {
  const log = await logIn(() => ({ JOURNAL_STREAM: "8:1" }));
  for (const line of log.trimEnd().split("\n"))
    expect(line).toMatch(/^\d{4}-\S+Z (error|warn |info |debug) /);
  expect(await logIn(journalOf, "--log-format", "text")).toMatch(/^\d{4}-\S+Z info /);
});

test("as JSON each line is an object", async () => {
  const log = await logIn(journalOf, "--log-format", "json");
  const lines = log
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({ level: "info", message: "started", program: "server" }),
  );
});

test("--log-level warn hides normal events", async () => {
  const socket = join(directory, "server-2.sock");
  const server = Bun.spawn(
    [...FROM_SOURCE, "server", "--listen", "[::1]:0", "--socket", socket, "--log-level", "warn"],
    { cwd: REPOSITORY, stderr: "pipe", env: { ...process.env, NODE_ENV: undefined } },
  );
  while (run("log", "error", "--socket", socket)[0] !== 0);
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(await new Response(server.stderr).text()).not.toMatch(/ (info|debug) /);
});
