/** `bunbond alerts` and `bunbond grafana` print what Prometheus and Grafana load. They need no daemon. */
import { alertRules } from "../../tools/monitoring/alerts.ts";
import { grafanaDashboard } from "../../tools/monitoring/dashboard.ts";
import type { Command } from "../program/command.ts";
import { parseFlags } from "../program/flags.ts";

export const alertsCommand: Command = {
  definition: {
    meta: {
      name: "alerts",
      description:
        "Print alert rules for Prometheus, as YAML: no session, slow peer, drift in the kernel, not ready, flapping and others.",
    },
    args: {},
  },
  topics: ["metrics"],
  examples: [{ comment: "For rule_files in prometheus.yml", line: "bunbond alerts > bunbond-alerts.yml" }],
  async run({ rawArgs, io }) {
    parseFlags({}, rawArgs);
    io.stdout.write(`${Bun.YAML.stringify(alertRules(), null, 2)}\n`);
    return 0;
  },
};

export const grafanaCommand: Command = {
  definition: {
    meta: {
      name: "grafana",
      description:
        "Print a dashboard for Grafana, as JSON to be imported, of the metrics that Prometheus has scraped.",
    },
    args: {},
  },
  topics: ["metrics"],
  examples: [{ comment: "To be imported in Grafana", line: "bunbond grafana > bunbond-dashboard.json" }],
  async run({ rawArgs, io }) {
    parseFlags({}, rawArgs);
    io.stdout.write(`${JSON.stringify(grafanaDashboard(), null, 2)}\n`);
    return 0;
  },
};
