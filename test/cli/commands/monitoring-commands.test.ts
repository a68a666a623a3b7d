import { expect, test } from "bun:test";
import { alertsCommand, grafanaCommand } from "../../../src/cli/commands/monitoring-commands.ts";
import { ALERT_RULES, alertRules } from "../../../src/tools/monitoring/alerts.ts";
import { grafanaDashboard } from "../../../src/tools/monitoring/dashboard.ts";
import { runInProcess } from "../in-process.ts";

const run = (...words: readonly string[]) => runInProcess(words, [alertsCommand, grafanaCommand]);

test("bunbond alerts prints the rules as YAML", async () => {
  const { exitCode, stdout } = await run("alerts");
  expect(exitCode).toBe(0);
  expect(Bun.YAML.parse(stdout)).toEqual(JSON.parse(JSON.stringify(alertRules())));
  expect(stdout.match(/- alert: /g)).toHaveLength(ALERT_RULES.length);
});

test("bunbond grafana prints the dashboard as JSON", async () => {
  const { exitCode, stdout } = await run("grafana");
  expect([exitCode, JSON.parse(stdout)]).toEqual([0, JSON.parse(JSON.stringify(grafanaDashboard()))]);
});

test.each(["alerts", "grafana"])("bunbond %s takes no words", async (name) => {
  const { exitCode, stderr } = await run(name, "more");
  expect(exitCode).toBe(2);
  expect(stderr).toContain("more");
});
