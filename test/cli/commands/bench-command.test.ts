import { describe, expect, test } from "bun:test";
import { availableParallelism } from "node:os";
import type { BenchOptions } from "../../../src/cli/bench/workload.ts";
import { benchCommand, parseBenchOptions } from "../../../src/cli/commands/bench-command.ts";
import { UsageError, type UsageErrorCode } from "../../../src/cli/program/usage-error.ts";
import { runInProcess } from "../in-process.ts";

const DEFAULTS: BenchOptions = {
  server: { host: "::1", port: 4711 },
  workload: { mode: "fanout", subscribers: 50, announcers: 1, routes: 20_000, rounds: 5 },
  vni: 9999,
  family: 4,
  workers: Math.max(1, availableParallelism() - 1),
  paced: false,
  keepaliveSeconds: 5,
  timeoutSeconds: 10,
  serverPid: null,
  json: false,
};
const SERVER = ["--server", "::1"];

describe("parseBenchOptions takes", () => {
  const sync = { mode: "sync", subscribers: 1, announcers: 1, routes: 100_000, rounds: 3 } as const;
  const latency = { mode: "latency", subscribers: 50, updates: 2000, rate: 500 } as const;
  const churn = { mode: "churn", clients: 50, batch: 100, seconds: 5, unpaced: false } as const;
  const TAKEN: [string[], Partial<BenchOptions>][] = [
    [[], {}],
    [["fanout"], {}],
    [["--mode", "fanout"], {}],
    [["sync"], { workload: sync }],
    [["--mode=sync"], { workload: sync }],
    [["latency"], { workload: latency, workers: 1 }],
    [["latency", "--workers", "1"], { workload: latency, workers: 1 }],
    [["churn"], { workload: churn }],
    [["sync", "--subscribers", "20", "--rounds", "1"], { workload: { ...sync, subscribers: 20, rounds: 1 } }],
    [["sync", "--announcers=3", "--routes=100"], { workload: { ...sync, announcers: 3, routes: 102 } }],
    [
      ["latency", "--updates", "5", "--rate", "1000"],
      { workload: { ...latency, updates: 6, rate: 1000 }, workers: 1 },
    ],
    [["churn", "--clients", "2", "--batch", "1"], { workload: { ...churn, clients: 2, batch: 1 } }],
    [["churn", "--seconds", "0.5", "--unpaced"], { workload: { ...churn, seconds: 0.5, unpaced: true } }],
    [["--ipv6", "--paced", "--json"], { family: 6, paced: true, json: true }],
    [["--vni", "0", "--workers", "3"], { vni: 0, workers: 3 }],
    [["--timeout", "2.5", "--keepalive", "1"], { timeoutSeconds: 2.5, keepaliveSeconds: 1 }],
    [["--server-pid", "17"], { serverPid: 17 }],
  ];

  test.each(TAKEN)("%j", (args, expected) => {
    expect(parseBenchOptions([...args, ...SERVER])).toEqual({ ...DEFAULTS, ...expected });
  });
});

describe("parseBenchOptions refuses", () => {
  const REFUSED: [string[], UsageErrorCode, string][] = [
    [[], "MISSING_FLAG", "--server is missing"],
    [["fan", ...SERVER], "BAD_VALUE", "--mode: one of fanout, sync, latency, churn is needed"],
    [["sync", "--mode", "sync", ...SERVER], "REPEATED_FLAG", "--mode is given twice"],
    [["sync", "latency", ...SERVER], "UNEXPECTED_ARGUMENT", `unexpected argument "latency"`],
    [[...SERVER, "sync"], "UNEXPECTED_ARGUMENT", `unexpected argument "sync"`],
    [["sync", "--rate", "5", ...SERVER], "UNKNOWN_FLAG", "--rate is not a flag of sync"],
    [["latency", "--routes", "5", ...SERVER], "UNKNOWN_FLAG", "--routes is not a flag of latency"],
    [["--unpaced", ...SERVER], "UNKNOWN_FLAG", "--unpaced is not a flag of fanout"],
    [["latency", "--workers", "2", ...SERVER], "BAD_VALUE", "--workers: latency uses exactly one thread"],
    [["--routes", "0", ...SERVER], "BAD_VALUE", "--routes: a whole number from 1 to 10000000 is needed"],
    [["--routes", "1e6", ...SERVER], "BAD_VALUE", "--routes: "],
    [["--routes", "9000000", ...SERVER], "BAD_VALUE", "10.0.0.0/8 does not have this many host routes"],
    [
      ["latency", "--rate", "1001", ...SERVER],
      "BAD_VALUE",
      "--rate: a whole number from 1 to 1000 is needed",
    ],
    [["churn", "--seconds", "-1", ...SERVER], "BAD_VALUE", "--seconds: "],
    [["--server-pid", "0", ...SERVER], "BAD_VALUE", "--server-pid: "],
  ];

  test.each(REFUSED)("%j", (args, code, message) => {
    try {
      parseBenchOptions(args);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      expect(error.code).toBe(code);
      expect(error.message).toStartWith(message);
      return;
    }
    throw new Error("taken");
  });
});

test("the examples of --help work as they stand", async () => {
  const modes: string[] = [];
  const command = benchCommand(async ({ workload }) => {
    modes.push(workload.mode);
    return 0;
  });
  for (const { line } of command.examples) {
    const [, ...argv] = line.replaceAll("'", "").split(" ");
    expect(await runInProcess(argv, [command])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  }
  expect(modes).toEqual(["fanout", "sync", "latency", "fanout"]);
});
