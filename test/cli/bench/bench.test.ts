/** `bunbond bench` as a user runs it: real processes, small runs. */
import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import {
  FAULTS,
  type Fault,
  FaultyServer,
  type FaultyServerOptions,
} from "../../support/network/faulty-server.ts";
import { freeAddress } from "../../support/network/free-address.ts";
import { builtExecutable } from "../../support/process/built-executable.ts";
import { startBunbondClient, startBunbondServer } from "../../support/process/bunbond-process.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

async function bench(...args: string[]) {
  return run([process.execPath, MAIN, "bench", ...args]);
}

async function run(command: string[]) {
  const child = Bun.spawn(command, {
    env: { ...process.env, NODE_ENV: undefined },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}

async function benchJson(...args: string[]) {
  const { exitCode, stdout, stderr } = await bench(...args, "--json");
  expect(stderr).toBe("");
  return { exitCode, ...JSON.parse(stdout) };
}

const NOTHING_WRONG = { lost: 0, wrong: 0, repeated: 0, outOfTurn: 0, altered: 0, foreign: 0, echoes: 0 };

describe("on a server of ours", () => {
  const RUNS: [string, string[], object][] = [
    [
      "fanout",
      ["fanout", "--subscribers", "3", "--announcers", "2", "--routes", "51", "--rounds", "2"],
      // 52 routes, announced and withdrawn, to 3 subscribers, in 2 rounds and 2 to warm up.
      { deliveries: 52 * 2 * 3 * 4 },
    ],
    [
      "fanout of IPv6 by two threads",
      ["--subscribers", "4", "--routes", "300", "--rounds", "1", "--ipv6", "--workers", "2"],
      { deliveries: 300 * 2 * 4 * 3 },
    ],
    [
      "fanout in paced steps",
      ["--mode=fanout", "--subscribers=1", "--routes=2000", "--rounds=1", "--paced"],
      { deliveries: 2000 * 2 * 3 },
    ],
    [
      "sync",
      ["sync", "--subscribers", "2", "--routes", "3000", "--rounds", "2", "--workers", "2"],
      { loadSeconds: expect.any(Number), syncSeconds: expect.any(Number) },
    ],
    [
      "latency",
      ["latency", "--subscribers", "5", "--updates", "20", "--rate", "1000"],
      { deliveries: 2 * 20 * 5, p50Us: expect.any(Number), maxUs: expect.any(Number) },
    ],
    [
      "churn",
      ["churn", "--clients", "4", "--batch", "5", "--seconds", "0.1", "--workers", "1"],
      { superseded: 0 },
    ],
    ["churn without pace", ["churn", "--clients", "3", "--batch", "50", "--seconds", "0.1", "--unpaced"], {}],
  ];

  test.each(RUNS)("%s: nothing lost, nothing wrong", async (_name, args, figures) => {
    await using server = await startBunbondServer();
    const result = await benchJson(...args, "--server", server.address);
    expect(result).toMatchObject({ exitCode: 0, failure: null, figures: { ...NOTHING_WRONG, ...figures } });
  });

  const LIMITED = ["sync", "--rounds", "2"];

  test("sync: as many routes as the server's limit fit", async () => {
    await using server = await startBunbondServer({ flags: ["--max-routes", "1000"] });
    const result = await benchJson(...LIMITED, "--routes", "1000", "-s", server.address);
    expect(result).toMatchObject({ exitCode: 0, failure: null, figures: NOTHING_WRONG });
  });

  test("sync: more routes than the limit are said at once, long before the time-out", async () => {
    await using server = await startBunbondServer({ flags: ["--max-routes", "1000"] });
    const result = await benchJson(...LIMITED, "--routes", "1500", "--timeout", "600", "-s", server.address);
    expect(result).toMatchObject({
      exitCode: 1,
      failure: `${server.address}: the server has only 1000 of 1500 routes: it refused the others; see its log, and raise its --max-routes or the number of --announcers`,
      figures: { lost: 500, wrong: 0 },
    });
  });

  test("the table is for people, and measures the server's process", async () => {
    await using server = await startBunbondServer();
    const args = ["sync", "-s", server.address, "--routes", "1000", "--rounds", "1"];
    const { exitCode, stdout, stderr } = await bench(...args, "--server-pid", `${server.pid}`);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toStartWith(`sync on ${server.address}: subscribers 1, announcers 1, routes 1000, `);
    expect(stdout).toMatch(/\n {2}routes synced per second +[\d,]+\n/);
    expect(stdout).toMatch(/\n {2}server memory per route +-?[\d,.]+ B\n/);
    expect(stdout).toMatch(/\n {2}lost +0\n {2}wrong +0\n$/);
  });

  test("the built executable has its threads inside", async () => {
    const executable = await builtExecutable();
    await using server = await startBunbondServer({ command: [executable] });
    const args = ["--routes", "100", "--rounds", "1", "--workers", "2", "--server", server.address];
    const { exitCode, stdout, stderr } = await run([executable, "bench", ...args]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/\n {2}deliveries, with warm-up +30,000\n/);
  });

  test("a VNI that is in use is left alone", async () => {
    await using server = await startBunbondServer();
    const servers = [server.address];
    await using announcer = startBunbondClient({ servers, announce: ["9999#10.0.0.0/24@2001:db8::1"] });
    await using watcher = startBunbondClient({ servers, vnis: [9999] });
    await watcher.until("the route", () => (watcher.view().length === 1 ? true : undefined));
    expect(await bench("-s", server.address)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "bunbond bench: the server has routes in VNI 9999: choose another one by --vni\n",
    });
    expect(announcer.describe()).toContain("running");
  });
});

describe("a fault of the server is found", () => {
  const RUN = ["--subscribers", "2", "--routes", "10", "--rounds", "1", "--workers", "1"];
  /** Where something never comes, which is waited for; elsewhere no time decides. */
  const SHORT = ["--timeout", "1"];
  const FOUND: [keyof typeof FAULTS, object, string | null][] = [
    ["drop", { lost: 1 }, "nothing was received or sent for 1 s"],
    ["repeat", { wrong: 1, repeated: 1 }, null],
    ["alter", { lost: 1, wrong: 1, altered: 1 }, "nothing was received or sent for 1 s"],
    ["invent", { wrong: 1, foreign: 1 }, null],
    ["takeBack", { wrong: 1, outOfTurn: 1 }, null],
  ];
  // One of the first ADDs, one of the last REMOVEs: 2 subscribers, 10 routes, 3 rounds.
  const DELIVERIES = [5, 2 * 10 * 2 * 3];

  test.each(FOUND.flatMap((found) => DELIVERIES.map((delivery) => [...found, delivery] as const)))(
    "%s: %j",
    async (fault, figures, failure, delivery) => {
      await using server = await new FaultyServer({ fault: FAULTS[fault], delivery }).start();
      const timeout = failure === null ? [] : SHORT;
      const result = await benchJson(...RUN, ...timeout, "-s", server.address);
      expect(result).toMatchObject({ exitCode: 1, failure, figures: { ...NOTHING_WRONG, ...figures } });
    },
  );

  test("nothing is found where there is none", async () => {
    await using server = await new FaultyServer({ fault: FAULTS.none, delivery: 1 }).start();
    expect(await benchJson(...RUN, "-s", server.address)).toMatchObject({
      exitCode: 0,
      figures: NOTHING_WRONG,
    });
  });

  test("a server that goes away in the middle", async () => {
    const goAway: Fault = (update) => {
      for (const { stream } of server.peers) stream.abort();
      return [update];
    };
    await using server = await new FaultyServer({ fault: goAway, delivery: 5 }).start();
    const { exitCode, failure, figures } = await benchJson(...RUN, "-s", server.address);
    expect({ exitCode, wrong: figures.wrong }).toEqual({ exitCode: 1, wrong: 0 });
    expect(failure).toContain("connection-lost");
    expect(figures.lost).toBeGreaterThan(0);
  });

  test("routes sent back to their announcer are told of, but no fault", async () => {
    const options: FaultyServerOptions = { fault: FAULTS.none, delivery: 1, echoes: true };
    await using server = await new FaultyServer(options).start();
    const result = await benchJson("churn", "--clients", "2", "--seconds", "0.1", "-s", server.address);
    expect(result.figures.echoes).toBeGreaterThan(0);
    expect({ ...result.figures, echoes: 0 }).toMatchObject(NOTHING_WRONG);
    expect(result.exitCode).toBe(0);
  });
});

describe("what cannot be measured is one line", () => {
  test("no server", async () => {
    const address = freeAddress();
    const { exitCode, stdout, stderr } = await bench("-s", address);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(/^bunbond bench: .*cannot connect.*\n$/);
  });
});
