/** The alert rules and the dashboard: names and labels that there are, syntax that Prometheus takes, and alerts that come when they should. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { METRIC_NAMES, METRICS, type Metric, type MetricName } from "../../../src/base/metrics.ts";
import { ALERT_RULES, alertRules } from "../../../src/tools/monitoring/alerts.ts";
import { grafanaDashboard } from "../../../src/tools/monitoring/dashboard.ts";
import { block } from "../../support/process/documents.ts";
import { becauseOfPromtool, noPromtool, promtool } from "../../support/process/promtool.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";

interface Target {
  readonly expr: string;
  readonly legendFormat: string;
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
}

// As it is printed.
const dashboard: { readonly panels: readonly Panel[]; readonly templating: object } = JSON.parse(
  JSON.stringify(grafanaDashboard()),
);
const targets = dashboard.panels.flatMap((panel) => panel.targets ?? []);
const variables = [...JSON.stringify(dashboard.templating).matchAll(/label_values\((.*?), \w+\)/g)].map(
  ([, query = ""]) => query.replaceAll('\\"', '"'),
);
const expressions = [
  ...ALERT_RULES.map(({ expr }) => expr),
  ...targets.map(({ expr }) => expr),
  ...variables,
];

const isName = (text: string): text is MetricName => text in METRICS;

/** The metrics that an expression names; those of a histogram's series, too. */
function namesIn(expr: string): string[] {
  const withoutText = expr.replaceAll(/"[^"]*"/g, '""');
  return [...withoutText.matchAll(/\b(bunbond|process)_\w+/g)].map(([name]) =>
    isName(name) ? name : name.replace(/_(bucket|sum|count)$/, ""),
  );
}

/** The labels that conditions, sums and comparisons name. */
function labelsIn(expr: string): string[] {
  const conditions = [...expr.matchAll(/(\w+)(=~|!~|=|!=)"/g)].map(([, label = ""]) => label);
  const lists = [...expr.matchAll(/\b(?:by|on|without) \(([^)]*)\)/g)].flatMap(([, list = ""]) =>
    list.split(", "),
  );
  return [...conditions, ...lists];
}

describe("names", () => {
  test("are the catalogue's, in all expressions", () => {
    const names = expressions.flatMap(namesIn);
    expect(names.filter((name) => !isName(name))).toEqual([]);
    expect(new Set(names).size).toBeGreaterThan(20);
  });

  test("of labels are those of the metrics in the expression", () => {
    for (const expr of expressions) {
      const known = namesIn(expr).flatMap((name): readonly string[] =>
        isName(name) ? METRICS[name].labels : [],
      );
      const others = labelsIn(expr).filter((label) => ![...known, "job", "instance", "le"].includes(label));
      expect({ expr, others }).toEqual({ expr, others: [] });
    }
  });

  test("in texts of alerts and legends are labels that the expression leaves", () => {
    const texts = [
      ...ALERT_RULES.map(({ expr, annotations }) => [expr, Object.values(annotations).join()] as const),
      ...targets.map(({ expr, legendFormat }) => [expr, legendFormat] as const),
    ];
    for (const [expr, text] of texts) {
      const [, kept] = /^(?:topk\(10, )?(?:sum by|histogram_quantile\(.*?by) \(([^)]*)\)/.exec(expr) ?? [];
      const labels = namesIn(expr).flatMap((name): readonly string[] =>
        isName(name) ? METRICS[name].labels : [],
      );
      const left = kept?.split(", ") ?? [...labels, "job", "instance"];
      const used = [...text.matchAll(/\{\{ ?(?:\$labels\.)?(\w+) ?\}\}/g)].map(([, label = ""]) => label);
      expect({ expr, missing: used.filter((label) => !left.includes(label)) }).toEqual({ expr, missing: [] });
    }
  });

  test("of alerts are each used once, and name what they are about", () => {
    const names = ALERT_RULES.map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^BunBond[A-Z]\w+$/);
  });
});

test("commands that alerts tell to run are there", async () => {
  const { commands } = await import("../../../src/cli/commands.ts");
  const known = ["help", ...commands.map(({ definition }) => definition.meta.name)];
  const told = ALERT_RULES.flatMap(({ annotations }) => [
    ...annotations.description.matchAll(/bunbond ([a-z-]+)/g),
  ]);
  expect(told.length).toBeGreaterThan(5);
  expect(told.map(([, name = ""]) => name).filter((name) => !known.includes(name))).toEqual([]);
});

test("panels have ids of their own and do not lie on each other", () => {
  const { panels } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
});

test("every metric but the few without a use of their own is in the dashboard or in an alert", () => {
  const used = new Set(expressions.flatMap(namesIn));
  const families = METRIC_NAMES.filter(
    (name) => !used.has(name) && (METRICS[name] as Metric).type !== "histogram",
  );
  // The rest is for those who look for a cause.
  expect(families.length).toBeLessThan(METRIC_NAMES.length / 2);
});

describe.skipIf(noPromtool)(`promtool${becauseOfPromtool}`, () => {
  async function checked(rules: object, command = ["check", "rules"], file = "rules.yml"): Promise<string> {
    using directory = temporaryDirectory();
    await Bun.write(join(directory.path, "alerts.yml"), Bun.YAML.stringify(alertRules()));
    const path = join(directory.path, file);
    await Bun.write(path, Bun.YAML.stringify(rules));
    return promtool([...command, path]);
  }

  test("takes the alerts", async () => {
    expect(await checked(alertRules())).toBe("");
    expect(await checked({ groups: [{ name: "a", rules: [{ alert: "A", expr: "sum by (" }] }] })).not.toBe(
      "",
    );
  });

  test("takes the configuration that help shows", () => {
    using directory = temporaryDirectory();
    const write = (name: string, text: string) => writeFileSync(join(directory.path, name), text);
    write("bunbond-alerts.yml", Bun.YAML.stringify(alertRules()));
    write("prometheus.yml", block("yaml", "Prometheus and Grafana"));
    expect(promtool(["check", "config", join(directory.path, "prometheus.yml")])).toBe("");
  });

  test("takes every expression of the dashboard", async () => {
    const rules = [...targets.map(({ expr }) => expr), ...variables].map((expr, i) => {
      return { record: `panel_${i}`, expr: expr.replaceAll("$__rate_interval", "5m") };
    });
    expect(rules.length).toBeGreaterThan(20);
    expect(await checked({ groups: [{ name: "panels", rules }] })).toBe("");
  });

  test("sees alerts come when something is wrong, and no others", async () => {
    const client = 'job="b", instance="client"';
    const server = 'job="b", instance="server"';
    const fine = [
      { series: `bunbond_build_info{${client}}`, values: "1x60" },
      { series: `bunbond_build_info{${server}}`, values: "1x60" },
      { series: `bunbond_ready{${server}}`, values: "1x60" },
      { series: `bunbond_peers{${server}, state="established"}`, values: "1x60" },
      { series: `bunbond_peers{${server}, state="hello-awaited"}`, values: "0x60" },
      { series: `process_start_time_seconds{${server}}`, values: "1000x60" },
      { series: `process_start_time_seconds{job="other", instance="x"}`, values: "0+60x60" },
      { series: `bunbond_peer_up{${client}, peer="s:1", direction="outbound"}`, values: "1x60" },
      { series: `bunbond_peers{${client}, state="established"}`, values: "1x60" },
      { series: `bunbond_peers{${client}, state="retry"}`, values: "0x60" },
      { series: `bunbond_fib_drift_total{${client}, kind="routeMissing"}`, values: "7x60" },
    ];
    const wrong = [
      ["BunBondClientHasNoServer", `bunbond_peers{${client}, state="established"}`, "0x60"],
      ["BunBondServerHasNoClients", `bunbond_peers{${server}, state="established"}`, "0x60"],
      ["BunBondSessionDown", `bunbond_peer_up{${client}, peer="s:1", direction="outbound"}`, "0x60"],
      ["BunBondNotReady", `bunbond_ready{${server}}`, "0x60"],
      ["BunBondKernelDrift", `bunbond_fib_drift_total{${client}, kind="routeMissing"}`, "7+1x60"],
      ["BunBondRestarting", `process_start_time_seconds{${server}}`, "1000+60x60"],
      [
        "BunBondFlapping",
        `bunbond_peer_established_timestamp_seconds{${server}, peer="p"}`,
        "1000+60x60",
        {},
      ],
      ["BunBondSlowPeer", `bunbond_peer_slow{${server}, peer="p"}`, "1x60"],
    ] as const;
    const names = ALERT_RULES.map(({ alert }) => alert);
    // Whoever fires has one alert; what it says is not what is tested here.
    const expected = (firing: string | null) =>
      names.map((alertname) => ({
        expr: `count(ALERTS{alertname="${alertname}", alertstate="firing"}) or vector(0)`,
        eval_time: "40m",
        exp_samples: [{ value: alertname === firing ? 1 : 0, labels: "{}" }],
      }));
    const tests = [
      { interval: "1m", input_series: fine, promql_expr_test: expected(null) },
      ...wrong.map(([alert, series, values]) => ({
        interval: "1m",
        input_series: [...fine.filter((one) => one.series !== series), { series, values }],
        promql_expr_test: expected(alert),
      })),
    ];
    const rules = { rule_files: ["alerts.yml"], evaluation_interval: "1m", tests };
    expect(await checked(rules, ["test", "rules"], "tests.yml")).toBe("");
  });
});
