/** Alert rules for Prometheus. Each says what is wrong, and which command of BunBond says more. */
import { BY_DAEMON, series, sumBy } from "./promql.ts";

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  /** How long the expression must hold. */
  readonly for: string;
  /** critical: tenants lose packets, or soon will. warning: something is to be done today. */
  readonly labels: { readonly severity: "critical" | "warning" };
  readonly annotations: { readonly summary: string; readonly description: string };
}

export interface RuleGroups {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

const established = series("bunbond_peers", { state: '="established"' });
/** True for clients: only their servers have this state. */
const isClient = `on (${BY_DAEMON}) ${series("bunbond_peers", { state: '="retry"' })} >= 0`;
const isServer = `on (${BY_DAEMON}) ${series("bunbond_peers", { state: '="hello-awaited"' })} >= 0`;
const isBunBond = `on (${BY_DAEMON}) ${series("bunbond_build_info")}`;

export const ALERT_RULES: readonly AlertRule[] = [
  {
    alert: "BunBondMissing",
    expr: `absent(${series("bunbond_build_info")})`,
    for: "5m",
    ...critical(
      "No BunBond daemon is scraped",
      "Prometheus gets no metrics of any daemon: they are down, or the scrape configuration is wrong.",
    ),
  },
  {
    alert: "BunBondClientHasNoServer",
    expr: `${established} == 0 and ${isClient}`,
    for: "1m",
    ...critical(
      "The client {{ $labels.instance }} has no server",
      "It keeps the routes that it has, but learns of no change. 'bunbond status' on that host says why each connection ended.",
    ),
  },
  {
    alert: "BunBondServerHasNoClients",
    expr: `${established} == 0 and ${isServer}`,
    for: "5m",
    ...critical(
      "The server {{ $labels.instance }} has no clients",
      "It runs, but no client reaches it: look at the network, the firewall and the address that it listens on.",
    ),
  },
  {
    alert: "BunBondSessionDown",
    expr: `${series("bunbond_peer_up", { direction: '="outbound"' })} == 0`,
    for: "5m",
    ...warning(
      "The client {{ $labels.instance }} has no session with {{ $labels.peer }}",
      "While the client has another server its routes are up to date, but nothing is redundant. 'bunbond status' says why it ended.",
    ),
  },
  {
    alert: "BunBondFlapping",
    expr: `changes(${series("bunbond_peer_established_timestamp_seconds")}[15m]) > 3`,
    for: "0m",
    ...warning(
      "The session with {{ $labels.peer }} comes and goes at {{ $labels.instance }}",
      "It was established anew more than three times in 15 minutes. bunbond_peer_closes_total has the reasons, 'bunbond help close-reasons' explains them.",
    ),
  },
  {
    alert: "BunBondNotReady",
    expr: `${series("bunbond_ready")} == 0`,
    for: "5m",
    ...warning(
      "{{ $labels.instance }} is not ready",
      "'curl http://{{ $labels.instance }}/readyz' gives the reasons, 'bunbond help http' explains them.",
    ),
  },
  {
    alert: "BunBondSlowPeer",
    expr: `${series("bunbond_peer_slow")} == 1`,
    for: "5m",
    ...warning(
      "{{ $labels.peer }} is slow at {{ $labels.instance }}",
      "For five minutes there was always something left to be sent to it: it gets changes late. 'bunbond peers' shows it.",
    ),
  },
  {
    alert: "BunBondBlockedPeer",
    expr: `${series("bunbond_peer_send_blocked_seconds")} > 30`,
    for: "0m",
    ...warning(
      "{{ $labels.peer }} reads nothing from {{ $labels.instance }}",
      "It has taken no byte for half a minute, and its connection is closed when --send-hold has passed: its process hangs, or its network is cut.",
    ),
  },
  {
    alert: "BunBondServersDisagree",
    expr: `${series("bunbond_vni_disagreements")} > 0`,
    for: "0m",
    ...warning(
      "The servers of {{ $labels.instance }} disagree about routes",
      "In {{ $value }} VNIs one server has sent routes that another one has not: should the first one fail, they are lost. 'bunbond diff --servers' on that host names them, 'bunbond help agreement' the usual reasons.",
    ),
  },
  {
    alert: "BunBondKernelDrift",
    expr: `${sumBy<"bunbond_fib_drift_total">(["job", "instance"], `increase(${series("bunbond_fib_drift_total")}[15m])`)} > 0`,
    for: "0m",
    ...warning(
      "Something changes BunBond's kernel routes on {{ $labels.instance }}",
      "Another program has changed or removed routes or nexthops. They are repaired; the log names them, and 'bunbond help kernel' the usual causes.",
    ),
  },
  {
    alert: "BunBondKernelRoutesMissing",
    expr: `${sumBy<"bunbond_fib_routes">(["job", "instance", "table"], series("bunbond_fib_routes", { state: '=~"failed|collided"' }))} > 0`,
    for: "5m",
    ...critical(
      "Routes are missing in table {{ $labels.table }} of {{ $labels.instance }}",
      "The kernel refuses them, or a foreign route is in their place. 'bunbond status' on that host names the first ones.",
    ),
  },
  {
    alert: "BunBondLimitHit",
    expr: `${sumBy<"bunbond_route_limit_hits_total">(["job", "instance"], `increase(${series("bunbond_route_limit_hits_total")}[15m])`)} > 0`,
    for: "0m",
    ...warning(
      "A limit was exceeded at {{ $labels.instance }}",
      "Announcements or subscriptions are skipped. 'bunbond peers' shows which peer meets which limit, 'bunbond help limits' explains them.",
    ),
  },
  {
    alert: "BunBondConfigurationNotReloaded",
    expr: `${series("bunbond_config_last_reload_successful")} == 0`,
    for: "0m",
    ...warning(
      "{{ $labels.instance }} runs with an old configuration",
      "The configuration could not be read at the last SIGHUP. 'bunbond check-config' says what is wrong with it.",
    ),
  },
  {
    alert: "BunBondEventLoopLate",
    expr: `${series("bunbond_event_loop_lag_seconds")} > 1`,
    for: "5m",
    ...warning(
      "The event loop of {{ $labels.instance }} is late",
      "The daemon does not get the processor when it needs it, and KEEPALIVEs are at risk: look at the load of the host.",
    ),
  },
  {
    alert: "BunBondRestarting",
    expr: `changes(${series("process_start_time_seconds")}[30m]) > 2 and ${isBunBond}`,
    for: "0m",
    ...critical(
      "{{ $labels.instance }} was started anew more than twice in half an hour",
      "The log of the service says why it ended.",
    ),
  },
];

export function alertRules(): RuleGroups {
  return { groups: [{ name: "bunbond", rules: ALERT_RULES }] };
}

type Severity = Pick<AlertRule, "labels" | "annotations">;

function critical(summary: string, description: string): Severity {
  return { labels: { severity: "critical" }, annotations: { summary, description } };
}

function warning(summary: string, description: string): Severity {
  return { labels: { severity: "warning" }, annotations: { summary, description } };
}
