/** `--config` and SIGHUP with real processes: what changes in the file changes in the network, and nothing else. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, open, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { announceFlag, routeLine, standardRoute } from "../support/models/text-route.ts";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

const R = standardRoute(100, "10.0.1.0/24", "2001:db8::1");
const Q = standardRoute(100, "10.0.2.0/24", "2001:db8::1");
const OTHER = standardRoute(200, "10.0.3.0/24", "2001:db8::1");

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "bunbond-reload-"));
});
afterAll(() => rm(directory, { recursive: true }));

/** A configuration file of its own for each test. */
class ConfigFile {
  static #count = 0;
  readonly path = join(directory, `${++ConfigFile.#count}.yaml`);

  async write(settings: string | Readonly<Record<string, unknown>>): Promise<void> {
    await Bun.write(
      this.path,
      typeof settings === "string" ? settings : Bun.YAML.stringify(settings, null, 2),
    );
  }

  get flags(): string[] {
    return ["--config", this.path];
  }
}

const RELOADED = / configuration (not )?reloaded/;

/** Sends SIGHUP and waits until it is done with; the lines of the log since then. */
async function reload(program: ChildProcess): Promise<string[]> {
  const before = program.stderrLines.length;
  program.signal("SIGHUP");
  await program.until(
    "a reload",
    () => program.stderrLines.slice(before).some((line) => RELOADED.test(line)) || undefined,
  );
  // Without the time.
  return program.stderrLines.slice(before).map((line) => line.slice(line.indexOf(" ") + 1));
}

test("announcements and VNIs come and go, and a watching client sees the difference alone", async () => {
  await using server = await startBunbondServer();
  const config = new ConfigFile();
  const base = { server: server.address, "stale-time-alone": 5 };
  await config.write({ ...base, vni: [200], announce: [R, Q].map(announceFlag) });
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100, 200] });
  await using other = startBunbondClient({ servers: [server.address], announce: [announceFlag(OTHER)] });
  await using client = startBunbondClient({ servers: [], flags: config.flags });
  await watcher.viewIs([R, Q, OTHER]);
  await client.viewIs([OTHER]);
  const [watched, seen] = [watcher.events.length, client.events.length];

  const third = standardRoute(200, "10.0.4.0/24", "2001:db8::1");
  await config.write({ ...base, vni: [100], announce: [Q, third].map(announceFlag) });
  expect(await reload(client)).toEqual([
    "info  configuration reloaded subscribe=1 announce=1 withdraw=1 unsubscribe=1",
  ]);
  await watcher.viewIs([Q, OTHER, third]);
  expect(watcher.changes(watched).sort()).toEqual([`+ ${routeLine(third)}`, `- ${routeLine(R)}`]);
  await client.viewIs([]);

  await config.write({ ...base, vni: [100, 200], announce: [Q, third].map(announceFlag) });
  expect(await reload(client)).toEqual(["info  configuration reloaded subscribe=1"]);
  await client.viewIs([OTHER]);
  expect(await reload(client)).toEqual(["info  configuration reloaded, nothing to change"]);
  // Only routes have changed: no connection was made anew.
  expect(client.events.slice(seen).filter(({ event }) => event === "server")).toEqual([]);
  expect(server.stderrLines.filter((line) => line.includes("peer established"))).toHaveLength(3);
  expect(await client.stop()).toBe(0);
  await watcher.viewIs([OTHER]);
  expect(await other.stop()).toBe(0);
});

test("a bad file changes nothing, and one line says where it is wrong", async () => {
  await using server = await startBunbondServer();
  const config = new ConfigFile();
  const good = `server: "${server.address}"\nannounce:\n- ${announceFlag(R)}\n`;
  await config.write(good);
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100, 200] });
  await using client = startBunbondClient({ servers: [], flags: config.flags });
  await watcher.viewIs([R]);
  // Its standard error may be read later than the watcher's output.
  await client.until(
    "its own line",
    () => client.stderrLines.some((line) => line.includes("established")) || undefined,
  );
  const watched = watcher.events.length;
  const refused = "error configuration not reloaded, nothing has changed";

  await config.write(`${good}# too long\n- ${announceFlag(Q).replace("/24", "/33")}\n- 200#::/0@::1\n`);
  expect(await reload(client)).toEqual([
    `${refused} file=${config.path} line=5 error="announce: the prefix length must be a number from 0 to 32" value=100#10.0.2.0/33@2001:db8::1`,
  ]);
  await config.write("");
  expect(await reload(client)).toEqual([
    `${refused} file=${config.path} error="there are no settings in it"`,
  ]);
  await config.write(good.slice(0, good.indexOf("-")));
  expect(await reload(client)).toEqual([expect.stringContaining(`line=2 error="announce needs a value`)]);
  await rm(config.path);
  expect(await reload(client)).toEqual([
    `${refused} file=${config.path} error="cannot be read: there is no such file"`,
  ]);
  expect(watcher.changes(watched)).toEqual([]);

  await config.write(`${good}- ${announceFlag(Q)}\n`);
  expect(await reload(client)).toEqual(["info  configuration reloaded announce=1"]);
  await watcher.viewIs([R, Q]);
  expect(watcher.changes(watched)).toEqual([`+ ${routeLine(Q)}`]);
});

test("servers come and go", async () => {
  await using first = await startBunbondServer();
  await using second = await startBunbondServer();
  const config = new ConfigFile();
  const rest = { vni: 100, announce: announceFlag(Q) };
  await config.write({ server: first.address, ...rest });
  await using both = startBunbondClient({
    servers: [first.address, second.address],
    announce: [announceFlag(R)],
  });
  await using atFirst = startBunbondClient({ servers: [first.address], vnis: [100] });
  await using atSecond = startBunbondClient({ servers: [second.address], vnis: [100] });
  await using client = startBunbondClient({ servers: [], flags: config.flags });
  await both.established(second.address);
  await client.viewIs([R]);
  await atFirst.viewIs([R, Q]);

  await config.write({ server: [first.address, second.address], ...rest });
  expect(await reload(client)).toContain("info  configuration reloaded add-server=1");
  await atSecond.viewIs([R, Q]);
  await config.write({ server: second.address, ...rest });
  expect(await reload(client)).toContain("info  configuration reloaded remove-server=1");
  await atFirst.viewIs([R]);
  await client.serverState("stopped", first.address);
  // One takes the other one's place in one go: what it had is held until the other one has told it.
  await config.write({ server: first.address, ...rest });
  expect(await reload(client)).toContain("info  configuration reloaded add-server=1 remove-server=1");
  await client.serverState("stopped", second.address);
  await atFirst.viewIs([R, Q]);
  // Both servers had the same route, so nothing was seen of all this.
  expect(client.changes()).toEqual([`+ ${routeLine(R)}`]);
  await atSecond.viewIs([R]);
  const added = [R, Q].map((route) => `+ ${routeLine(route)}`);
  expect(atSecond.changes().sort()).toEqual([...added, `- ${routeLine(Q)}`]);
});

test("the command line stays before the file, also when the file changes", async () => {
  await using server = await startBunbondServer();
  const config = new ConfigFile();
  await config.write({ vni: 100, announce: announceFlag(Q) });
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100] });
  await using client = startBunbondClient({
    servers: [server.address],
    announce: [announceFlag(R)],
    flags: config.flags,
  });
  await watcher.viewIs([R]);
  await config.write({
    vni: 200,
    announce: [announceFlag(Q), announceFlag(OTHER)],
    server: "nowhere.invalid",
  });
  expect(await reload(client)).toEqual(["info  configuration reloaded subscribe=1 unsubscribe=1"]);
});

test("what takes effect at the next start is named, each time", async () => {
  const config = new ConfigFile();
  await config.write({ settle: 1 });
  await using server = await startBunbondServer({ flags: config.flags });
  await config.write({
    settle: 1,
    pacing: "never",
    http: "[::1]:0",
    keepalive: 3,
    retain: 10,
    verbose: true,
  });
  for (const outcome of [" configure=keepaliveSeconds,retainSeconds log-level=1", ", nothing to change"]) {
    expect(await reload(server)).toEqual([
      "warn  changed settings that take effect at the next start settings=http,pacing",
      `info  configuration reloaded${outcome}`,
    ]);
  }
  // The new settings are in force: the interval, the log's level, and what becomes of a lost client's routes.
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100] });
  await using client = startBunbondClient({ servers: [server.address], announce: [announceFlag(R)] });
  await watcher.viewIs([R]);
  await server.logged(/peer established .*keepaliveSeconds=3/);
  await server.logged(/ debug peer subscribed/);
  await client.kill();
  await server.logged(/routes are retained/);
});

test("--on-stop is looked at when the client stops", async () => {
  await using server = await startBunbondServer({ flags: ["--retain", "60"] });
  const config = new ConfigFile();
  await config.write({ server: server.address, announce: announceFlag(R) });
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100] });
  await using client = startBunbondClient({ servers: [], flags: config.flags });
  await watcher.viewIs([R]);
  await config.write({ server: server.address, announce: announceFlag(R), "on-stop": "keep" });
  await reload(client);
  expect(await client.stop()).toBe(0);
  await server.logged(/routes are retained/);
  expect(watcher.changes()).toEqual([`+ ${routeLine(R)}`]);
});

test("many SIGHUPs at once are no fault", async () => {
  await using server = await startBunbondServer();
  const config = new ConfigFile();
  await config.write({ server: server.address, announce: announceFlag(R) });
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100] });
  await using client = startBunbondClient({ servers: [], flags: config.flags });
  await watcher.viewIs([R]);
  await config.write({ server: server.address, announce: announceFlag(Q) });
  for (let n = 0; n < 50; n++) client.signal("SIGHUP");
  await watcher.viewIs([Q]);
  expect(watcher.changes()).toEqual([`+ ${routeLine(R)}`, `+ ${routeLine(Q)}`, `- ${routeLine(R)}`]);
});

test.each(["server", "client"] as const)(
  "a %s that gets SIGHUP while it starts reloads when it is up",
  async (kind) => {
    await using server = await startBunbondServer();
    // Whoever opens it waits until there is a reader: then the daemon has begun, and reads its file.
    const path = join(directory, `${kind}.fifo`);
    expect(Bun.spawnSync(["mkfifo", path]).success).toBe(true);
    const base = kind === "server" ? { listen: "[::1]:0" } : { server: server.address };
    const settings = (keepalive: number) => Bun.YAML.stringify({ ...base, keepalive }, null, 2);
    await using daemon = new ChildProcess({
      command: [...FROM_SOURCE, kind, "--config", path, "--socket", "none"],
      cwd: REPOSITORY,
      env: { NODE_ENV: undefined },
    });
    const fifo = await open(path, "w");
    daemon.signal("SIGHUP");
    await fifo.writeFile(settings(2));
    // What it reads the second time, from an ordinary file.
    await Bun.write(`${path}.new`, settings(3));
    await rename(`${path}.new`, path);
    await fifo.close();
    await daemon.logged(/ configuration reloaded configure=keepaliveSeconds$/);
    expect(await daemon.stop()).toBe(0);
  },
);

/** Runs a daemon in a terminal of its own, which `terminal.close()` hangs up. */
function startInTerminal(...words: readonly string[]) {
  let text = "";
  let lookAgain = () => {};
  const daemon = Bun.spawn([...FROM_SOURCE, ...words, "--socket", "none"], {
    cwd: REPOSITORY,
    env: { ...process.env, NODE_ENV: undefined, TERM: "dumb" },
    terminal: {
      cols: 200,
      rows: 50,
      data(_terminal, data) {
        text += new TextDecoder().decode(data);
        lookAgain();
      },
    },
  });
  const logged = async (part: RegExp): Promise<string> => {
    for (;;) {
      const [found] = part.exec(text) ?? [];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        lookAgain = resolve;
      });
    }
  };
  return { daemon, logged };
}

test("without --config, SIGHUP ends a program of a terminal in order, and the log says why", async () => {
  await using server = await startBunbondServer();
  await using watcher = startBunbondClient({ servers: [server.address], vnis: [100] });
  const { daemon, logged } = startInTerminal(
    "client",
    ...["--server", server.address, "--announce", announceFlag(R)],
  );
  await watcher.viewIs([R]);
  daemon.kill("SIGHUP");
  await logged(/SIGHUP ends this process: there is no --config to read again/);
  expect(await daemon.exited).toBe(0);
  await watcher.viewIs([]);
});

test("so does a terminal that is closed", async () => {
  const { daemon, logged } = startInTerminal("server", "--listen", "[::1]:0");
  await logged(/listening/);
  daemon.terminal?.close();
  expect(await daemon.exited).toBe(0);
});

test("without a terminal, SIGHUP is ignored, and the log says so", async () => {
  await using server = new ChildProcess({
    command: ["setsid", ...FROM_SOURCE, "server", "--listen", "[::1]:0", "--socket", "none"],
    cwd: REPOSITORY,
    env: { NODE_ENV: undefined },
  });
  await server.logged(/listening/);
  server.signal("SIGHUP");
  await server.logged(/ info {2}SIGHUP is ignored: there is no --config to read again, and no terminal$/);
  expect(await server.stop()).toBe(0);
});

test("under nohup it goes on", async () => {
  const command = ["nohup", ...FROM_SOURCE];
  await using server = await startBunbondServer({ command, flags: ["--verbose"] });
  server.signal("SIGHUP");
  await server.logged(/ debug SIGHUP is ignored/);
  expect(await server.stop()).toBe(0);
});

test("a file that is wrong at the start, and check-config, which says the same and more", async () => {
  const config = new ConfigFile();
  await config.write("server: a\nvni: x\nannounce: y\n");
  const run = (...args: string[]) =>
    new ChildProcess({ command: [...FROM_SOURCE, ...args], cwd: REPOSITORY, env: { NODE_ENV: undefined } });
  await using client = run("client", ...config.flags);
  expect(await client.ended).toBe(2);
  const fault = `${config.path}:2: vni: a whole number from 0 to 4294967295 is needed.`;
  expect(client.stderrLines).toEqual([
    `bunbond client: ${fault}`,
    "  x",
    "  ^",
    `bunbond check-config ${config.path} client shows all 2 errors in it`,
  ]);
  await using check = run("check-config", config.path);
  expect(await check.ended).toBe(2);
  expect(check.stderrLines).toEqual([
    fault,
    "  x",
    "  ^",
    `${config.path}:3: announce: the VNI must be a number from 0 to 4294967295.`,
    "  y",
    "  ^",
  ]);
  await config.write("server: a\nvni: 1\n");
  await using good = run("check-config", config.path);
  expect(await good.ended).toBe(0);
  expect(good.stdoutLines).toEqual([`${config.path}: ok, client: 1 server, 1 VNI, 0 announcements`]);
  await using missing = run("client", "--config", `${config.path}.none`);
  expect(await missing.ended).toBe(2);
  expect(missing.stderrLines).toEqual([
    `bunbond client: ${config.path}.none: cannot be read: there is no such file.`,
  ]);
});
