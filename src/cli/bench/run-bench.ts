import type { CommandContext } from "../program/command.ts";
import { Churn } from "./churn.ts";
import { wrongDeliveries } from "./delivery-check.ts";
import { Fanout } from "./fanout.ts";
import { formatNumber, perSecond } from "./figures.ts";
import { Latency } from "./latency.ts";
import type { Totals } from "./messages.ts";
import { ProgressBar } from "./progress-bar.ts";
import { jsonReport, type Result, textReport } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { ServerProcess } from "./server-process.ts";
import { Sync } from "./sync.ts";
import { RunAborted, WorkerPool } from "./worker-pool.ts";
import type { BenchOptions, Workload } from "./workload.ts";

/** Runs the benchmark. Resolves to the exit code: 1 if anything was lost or wrong, or the run could not be completed. */
export async function runBench(options: BenchOptions, { io }: CommandContext): Promise<number> {
  const bar = new ProgressBar(io.stderrIsTty ? (text) => io.stderr.write(text) : null);
  const result = await measure(options, bar);
  bar.clear();
  // Both streams may be one terminal.
  await io.stderr.drained();
  io.stdout.write(options.json ? jsonReport(options, result) : textReport(options, result));
  return result.failure === null && result.lost === 0 && result.wrong === 0 ? 0 : 1;
}

async function measure(options: BenchOptions, bar: ProgressBar): Promise<Result> {
  const time = new Date();
  const scenario = scenarioOf(options.workload);
  const { vni, family, server, keepaliveSeconds, paced, workers, timeoutSeconds } = options;
  const { announcers, routesPerAnnouncer, encode } = scenario;
  const routes = { vni, family, announcers, routesPerAnnouncer };
  const process = options.serverPid === null ? null : new ServerProcess(options.serverPid);
  const idle = process?.sample() ?? null;
  const pool = new WorkerPool({
    settings: { server, keepaliveSeconds, paced, encode, routes },
    workers,
    timeoutSeconds,
    onProgress: progressOn(bar, scenario),
  });
  let failure: string | null = null;
  let lost = 0;
  try {
    await scenario.run({ pool, bar, vni, server: process, idle });
  } catch (error) {
    if (!(error instanceof RunAborted)) throw error;
    failure = error.message;
    lost = error.missing;
  } finally {
    pool.end();
  }
  const totals = pool.totals();
  const { deliveries } = totals;
  return {
    time,
    failure,
    lost,
    wrong: wrongDeliveries(deliveries),
    deliveries,
    figures: scenario.figures(totals),
  };
}

export function scenarioOf(workload: Workload): Scenario {
  switch (workload.mode) {
    case "fanout":
      return new Fanout(workload);
    case "sync":
      return new Sync(workload);
    case "latency":
      return new Latency(workload);
    case "churn":
      return new Churn(workload);
  }
}

/** Draws the bar, with the rate since it was last drawn. */
function progressOn(bar: ProgressBar, scenario: Scenario): (totals: Totals) => void {
  let last = { ms: performance.now(), count: 0 };
  return (totals) => {
    const now = { ms: performance.now(), count: totals.deliveries.received };
    if (now.ms - last.ms < 200) return;
    const rate = perSecond(now.count - last.count, (now.ms - last.ms) / 1000);
    last = now;
    const wrong = wrongDeliveries(totals.deliveries);
    const details = `${formatNumber(now.count)} deliveries  ${formatNumber(rate / 1e6, 2)} M/s`;
    bar.show(scenario.shareDone(totals), wrong === 0 ? details : `${details}  ${formatNumber(wrong)} wrong`);
  };
}
