/** Commands that ask real daemons about routes and changes, and those that go on until a signal. */
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { REPOSITORY } from "../support/process/documents.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const temporary = temporaryDirectory();
afterAll(() => temporary[Symbol.dispose]());
const at = (name: string) => join(temporary.path, `${name}.sock`);

function run(...words: readonly string[]) {
  const { exitCode, stdout } = Bun.spawnSync([...FROM_SOURCE, ...words], { cwd: REPOSITORY });
  return { exitCode, stdout: stdout.toString() };
}

function startCommand(...words: readonly string[]): ChildProcess {
  return new ChildProcess({ command: [...FROM_SOURCE, ...words], cwd: REPOSITORY });
}

/** Waits for a line on stdout. */
async function printed(child: ChildProcess, pattern: RegExp): Promise<string> {
  for (let i = 0; i < 600; i++) {
    const line = child.stdoutLines.find((one) => pattern.test(one));
    if (line !== undefined) return line;
    await Bun.sleep(50);
  }
  throw new Error(`no line ${pattern}\n${child.describe()}`);
}

test("the questions of an operator are answered by real daemons", async () => {
  const socket = at("server-ask");
  await using server = await startBunbondServer({ socket });
  const announce = ["100#10.0.1.0/24@2001:db8::1", "100#10.0.0.0/8@2001:db8::2"];
  await using announcer = startBunbondClient({ servers: [server.address], announce, socket: at("client-a") });
  // The announcer is peer 1.
  await server.logged(/peer established/);
  await using reader = startBunbondClient({ servers: [server.address], vnis: [100], socket: at("client-r") });
  await printed(reader, /10\.0\.1\.0/);
  const clientSocket = at("client-r");

  // Who announces it, and since when?
  const routes = run("routes", "10.0.1.0/24", "--socket", socket);
  expect(routes.stdout).toMatch(/100 {2}10\.0\.1\.0\/24 {2}2001:db8::1 .*\[::1\]:\d+ \(1\).*live/);
  expect(run("routes", "10.2.0.0/16", "--socket", socket).exitCode).toBe(3);
  // Does it work from here?
  for (const path of [socket, clientSocket]) {
    const { exitCode, stdout } = run("explain", "10.0.1.7", "--socket", path);
    expect(stdout).toMatch(/^verdict +works: 10\.0\.1\.0\/24 in VNI 100 has 1 next hop/);
    expect(exitCode).toBe(0);
  }
  expect(run("explain", "192.0.2.1", "--socket", clientSocket)).toEqual({
    exitCode: 3,
    stdout: expect.stringContaining("not-announced: no server has a route to 192.0.2.1"),
  });
  // Do they agree?
  const digests = [socket, clientSocket].map(
    (path) => /[0-9a-f]{16}/.exec(run("vnis", "--socket", path).stdout)?.[0],
  );
  expect(digests[0]).toBe(digests[1] ?? "none");
  // What has changed, and who is missing?
  expect(await announcer.stop()).toBe(0);
  const history = run("history", "10.0.1.0/24", "--socket", clientSocket, "-o", "jsonl").stdout;
  expect(
    history
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).change),
  ).toEqual(["add", "remove"]);
  expect(run("peers", "--gone", "--socket", socket).stdout).toMatch(/\n *1 +\[::1\]:\d+ /);
  expect(JSON.parse(run("peers", "1", "--socket", socket, "--json").stdout)).toMatchObject({
    id: 1,
    state: "gone",
  });
  const top = run("top", "--interval", "1", "--count", "1", "--socket", socket, "-o", "json");
  expect(JSON.parse(top.stdout).peers).toMatchObject([{ id: 2 }]);
});

test("watch prints the state, each change, and goes on after a restart of the daemon", async () => {
  const socket = at("server-watch");
  const server = await startBunbondServer({ socket });
  await using announcer = startBunbondClient({
    servers: [server.address],
    announce: ["100#10.0.1.0/24@2001:db8::1"],
    socket: at("client-w"),
  });
  await using watch = startCommand("watch", "--socket", socket);
  await printed(watch, /^\S+ [=+] 100 10\.0\.1\.0\/24 via 2001:db8::1 /);
  expect(run("announce", "100#10.0.2.0/24@2001:db8::1", "--socket", at("client-w")).exitCode).toBe(0);
  await printed(watch, /^\S+ \+ 100 10\.0\.2\.0\/24 via 2001:db8::1 announced by /);
  const lines = watch.stdoutLines.length;
  expect(await server.stop()).toBe(0);
  await using again = await startBunbondServer({ socket, listen: server.address });
  await again.logged(/peer established/);
  for (let i = 0; i < 600 && watch.stdoutLines.length < lines + 2; i++) await Bun.sleep(50);
  const after = watch.stdoutLines.slice(lines).join("\n");
  expect(after).toMatch(/10\.0\.1\.0\/24/);
  watch.signal("SIGINT");
  await watch.ended;
  expect(announcer.describe()).not.toContain("unexpected line");
});
