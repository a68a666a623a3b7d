/**
 * A dashboard for Grafana: an overview, then traffic and propagation, then peers, then the kernel, then the processes. Its variables
 * choose the data source, the job and the daemons. Descriptions and units are those of the catalogue.
 */
import { METRICS, type MetricName } from "../../base/metrics.ts";
import { BY_DAEMON, quantile, rate, series, sumBy } from "./promql.ts";

type PanelType = "stat" | "timeseries" | "table";

interface PanelDefinition {
  readonly title: string;
  readonly type: PanelType;
  /** The metric whose help and unit the panel shows. */
  readonly about: MetricName;
  /** Each with the text of its legend. */
  readonly queries: readonly (readonly [expr: string, legend: string])[];
  /** In Grafana's words, where it is not that of the metric. */
  readonly unit?: string;
}

/** Only daemons that are chosen. */
const chosen = { job: '=~"$job"', instance: '=~"$instance"' } as const;
const RANGE = "$__rate_interval";

const ROWS: readonly (readonly [title: string, panels: readonly PanelDefinition[]])[] = [
  [
    "Overview",
    [
      {
        title: "Not ready",
        type: "stat",
        about: "bunbond_ready",
        queries: [[`count(${series("bunbond_ready", chosen)} == 0) or vector(0)`, "daemons"]],
        unit: "short",
      },
      {
        title: "Established sessions",
        type: "stat",
        about: "bunbond_peers",
        queries: [[`sum(${series("bunbond_peers", { ...chosen, state: '="established"' })})`, "sessions"]],
      },
      {
        title: "Routes",
        type: "timeseries",
        about: "bunbond_routes",
        queries: [[sumBy<"bunbond_routes">(["instance"], series("bunbond_routes", chosen)), "{{instance}}"]],
      },
      {
        title: "Stale routes",
        type: "timeseries",
        about: "bunbond_stale_routes",
        queries: [[series("bunbond_stale_routes", chosen), "{{instance}}"]],
      },
    ],
  ],
  [
    "Updates",
    [
      {
        title: "Updates of routes",
        type: "timeseries",
        about: "bunbond_route_updates_total",
        queries: [
          [
            sumBy<"bunbond_route_updates_total">(
              ["instance", "action"],
              rate("bunbond_route_updates_total", RANGE, chosen),
            ),
            "{{instance}} {{action}}",
          ],
        ],
        unit: "ops",
      },
      {
        title: "Propagation",
        type: "timeseries",
        about: "bunbond_propagation_seconds",
        queries: [0.5, 0.99].map((part) => [
          quantile(part, "bunbond_propagation_seconds", RANGE, chosen),
          `{{instance}} p${part * 100}`,
        ]),
      },
      {
        title: "Messages sent",
        type: "timeseries",
        about: "bunbond_messages_sent_total",
        queries: [
          [
            sumBy<"bunbond_messages_sent_total">(
              ["instance", "type"],
              rate("bunbond_messages_sent_total", RANGE, chosen),
            ),
            "{{instance}} {{type}}",
          ],
        ],
        unit: "ops",
      },
      {
        title: "Bytes sent",
        type: "timeseries",
        about: "bunbond_sent_bytes_total",
        queries: [
          [
            sumBy<"bunbond_sent_bytes_total">(["instance"], rate("bunbond_sent_bytes_total", RANGE, chosen)),
            "{{instance}}",
          ],
        ],
        unit: "Bps",
      },
      {
        title: "Skipped messages",
        type: "timeseries",
        about: "bunbond_updates_skipped_total",
        queries: [
          [
            sumBy<"bunbond_updates_skipped_total">(
              ["instance", "reason"],
              rate("bunbond_updates_skipped_total", RANGE, chosen),
            ),
            "{{instance}} {{reason}}",
          ],
        ],
        unit: "ops",
      },
      {
        title: "VNIs with most routes",
        type: "timeseries",
        about: "bunbond_routes",
        queries: [
          [`topk(10, ${sumBy<"bunbond_routes">(["vni"], series("bunbond_routes", chosen))})`, "VNI {{vni}}"],
        ],
      },
    ],
  ],
  [
    "Peers",
    [
      {
        title: "Sessions that are down",
        type: "table",
        about: "bunbond_peer_up",
        queries: [[`${series("bunbond_peer_up", chosen)} == 0`, ""]],
        unit: "short",
      },
      {
        title: "Ended connections",
        type: "timeseries",
        about: "bunbond_peer_closes_total",
        queries: [
          [
            sumBy<"bunbond_peer_closes_total">(
              ["instance", "reason"],
              `increase(${series("bunbond_peer_closes_total", chosen)}[${RANGE}])`,
            ),
            "{{instance}} {{reason}}",
          ],
        ],
      },
      {
        title: "Slow peers",
        type: "table",
        about: "bunbond_peer_slow",
        queries: [[`${series("bunbond_peer_slow", chosen)} == 1`, ""]],
        unit: "short",
      },
      {
        title: "Blocked peers",
        type: "timeseries",
        about: "bunbond_peer_send_blocked_seconds",
        queries: [
          [`topk(10, ${series("bunbond_peer_send_blocked_seconds", chosen)} > 0)`, "{{instance}} {{peer}}"],
        ],
      },
      {
        title: "Protocol errors",
        type: "timeseries",
        about: "bunbond_protocol_errors_total",
        queries: [
          [
            sumBy<"bunbond_protocol_errors_total">(
              ["instance", "reason"],
              `increase(${series("bunbond_protocol_errors_total", chosen)}[${RANGE}])`,
            ),
            "{{instance}} {{reason}}",
          ],
        ],
      },
    ],
  ],
  [
    "Kernel",
    [
      {
        title: "Destinations",
        type: "timeseries",
        about: "bunbond_fib_routes",
        queries: [
          [
            sumBy<"bunbond_fib_routes">(["instance", "state"], series("bunbond_fib_routes", chosen)),
            "{{instance}} {{state}}",
          ],
        ],
      },
      {
        title: "Failed operations",
        type: "timeseries",
        about: "bunbond_fib_operations_total",
        queries: [
          [
            sumBy<"bunbond_fib_operations_total">(
              ["instance", "op"],
              rate("bunbond_fib_operations_total", RANGE, { ...chosen, result: '="failed"' }),
            ),
            "{{instance}} {{op}}",
          ],
        ],
        unit: "ops",
      },
      {
        title: "Time of an operation",
        type: "timeseries",
        about: "bunbond_fib_operation_seconds",
        queries: [[quantile(0.99, "bunbond_fib_operation_seconds", RANGE, chosen), "{{instance}} p99"]],
      },
      {
        title: "Drift",
        type: "timeseries",
        about: "bunbond_fib_drift_total",
        queries: [
          [
            sumBy<"bunbond_fib_drift_total">(
              ["instance", "kind"],
              `increase(${series("bunbond_fib_drift_total", chosen)}[${RANGE}])`,
            ),
            "{{instance}} {{kind}}",
          ],
        ],
      },
    ],
  ],
  [
    "Processes",
    [
      {
        title: "Processor",
        type: "timeseries",
        about: "process_cpu_seconds_total",
        queries: [
          [
            `${rate("process_cpu_seconds_total", RANGE, chosen)} and on (${BY_DAEMON}) ${series("bunbond_build_info")}`,
            "{{instance}}",
          ],
        ],
        unit: "percentunit",
      },
      {
        title: "Memory",
        type: "timeseries",
        about: "process_resident_memory_bytes",
        queries: [
          [
            `${series("process_resident_memory_bytes", chosen)} and on (${BY_DAEMON}) ${series("bunbond_build_info")}`,
            "{{instance}}",
          ],
        ],
      },
      {
        title: "Lag of the event loop",
        type: "timeseries",
        about: "bunbond_event_loop_lag_seconds",
        queries: [[series("bunbond_event_loop_lag_seconds", chosen), "{{instance}}"]],
      },
      {
        title: "What is running",
        type: "table",
        about: "bunbond_build_info",
        queries: [[series("bunbond_build_info", chosen), ""]],
        unit: "short",
      },
    ],
  ],
];

/** Grafana's grid is 24 units wide. */
const GRID_WIDTH = 24;
const PANEL = { w: 12, h: 8 } as const;
const DATASOURCE = { type: "prometheus", uid: "$datasource" } as const;

/** Returns the dashboard as Grafana imports it. */
export function grafanaDashboard() {
  let y = 0;
  let id = 1;
  const panels: object[] = [];
  for (const [title, definitions] of ROWS) {
    panels.push({
      id: id++,
      type: "row",
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: GRID_WIDTH, h: 1 },
    });
    y += 1;
    for (const [index, definition] of definitions.entries()) {
      const x = (index % 2) * PANEL.w;
      panels.push({ id: id++, ...panelOf(definition), gridPos: { x, y, ...PANEL } });
      if (x > 0 || index === definitions.length - 1) y += PANEL.h;
    }
  }
  return {
    title: "BunBond",
    uid: "bunbond",
    tags: ["bunbond", "metalbond"],
    schemaVersion: 38,
    editable: true,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
        variable("job", "Job", `label_values(${series("bunbond_build_info")}, job)`),
        variable(
          "instance",
          "Daemon",
          `label_values(${series("bunbond_build_info", { job: '=~"$job"' })}, instance)`,
        ),
      ],
    },
    panels,
  };
}

function variable(name: string, label: string, query: string) {
  const all = { text: "All", value: "$__all" };
  return {
    name,
    label,
    type: "query",
    datasource: DATASOURCE,
    query: { query, refId: name },
    refresh: 2,
    multi: true,
    includeAll: true,
    current: all,
  };
}

function panelOf({ title, type, about, queries, unit = grafanaUnit(about) }: PanelDefinition) {
  const isTable = type === "table";
  return {
    type,
    title,
    description: METRICS[about].help,
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit }, overrides: [] },
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      ...(isTable && { format: "table", instant: true }),
    })),
  };
}

function grafanaUnit(name: MetricName): string {
  const { unit } = METRICS[name];
  return unit === "seconds" ? "s" : unit === "bytes" ? "bytes" : "short";
}
