/**
 * The catalogue of all metrics. A metric has one name, that of Prometheus; `bunbond status` shows the counters under the same
 * name, shortened by a rule ({@link statusKey}). What a daemon reports is typed by this catalogue: each of its metrics has values,
 * and nothing has that is not here (http/monitoring/families.ts). Help, the man page, the dashboard and the alerts come from it, too.
 */

export interface Metric {
  /** The daemons that report it. */
  readonly of: readonly ("server" | "client")[];
  /** A counter only rises, from 0 at the start of the daemon; a gauge goes up and down; a histogram counts by size. */
  readonly type: "counter" | "gauge" | "histogram";
  /** Names of its labels, in the order in which they are written. */
  readonly labels: readonly string[];
  /** What it is measured in: "seconds" and "bytes", or what one is, in the plural; "1" for yes and no. */
  readonly unit: string;
  /** In Markdown, without a full stop. */
  readonly help: string;
}

const BOTH = ["server", "client"] as const;
const SERVER = ["server"] as const;
const CLIENT = ["client"] as const;

/** In the order in which they are reported. */
export const METRICS = {
  bunbond_build_info: {
    of: BOTH,
    type: "gauge",
    labels: ["version", "commit", "bun"],
    unit: "1",
    help: "always 1; the labels say what is running",
  },
  bunbond_ready: {
    of: BOTH,
    type: "gauge",
    labels: [],
    unit: "1",
    help: "1 if `/readyz` answers with 200",
  },
  bunbond_config_last_reload_successful: {
    of: BOTH,
    type: "gauge",
    labels: [],
    unit: "1",
    help: "0 if the configuration could not be read at the last SIGHUP, so that an older one is in force",
  },
  bunbond_event_loop_lag_seconds: {
    of: BOTH,
    type: "gauge",
    labels: [],
    unit: "seconds",
    help: "the most by which a timer was late in the last 15 to 30 seconds: the program had other things to do, or no processor",
  },
  bunbond_peers: {
    of: BOTH,
    type: "gauge",
    labels: ["state"],
    unit: "connections",
    help: "at a server its connections, at a client its servers, by the state of the session",
  },
  bunbond_peer_up: {
    of: BOTH,
    type: "gauge",
    labels: ["peer", "direction"],
    unit: "1",
    help: "1 if the session is established; a client is listed at its server (`inbound`) only while it is, a server at its client (`outbound`) always",
  },
  bunbond_peer_established_timestamp_seconds: {
    of: BOTH,
    type: "gauge",
    labels: ["peer"],
    unit: "seconds",
    help: "when the session was established, in seconds since 1970",
  },
  bunbond_peer_last_keepalive_timestamp_seconds: {
    of: BOTH,
    type: "gauge",
    labels: ["peer"],
    unit: "seconds",
    help: "when the last KEEPALIVE of the peer was read, in seconds since 1970",
  },
  bunbond_peer_send_queue_bytes: {
    of: BOTH,
    type: "gauge",
    labels: ["peer"],
    unit: "bytes",
    help: "the part of the last write that the kernel has not taken; what a peer has not been sent yet is no queue of bytes",
  },
  bunbond_peer_send_blocked_seconds: {
    of: BOTH,
    type: "gauge",
    labels: ["peer"],
    unit: "seconds",
    help: "how long the peer's socket has taken no byte although some are waiting; 0 if none are",
  },
  bunbond_peer_slow: {
    of: BOTH,
    type: "gauge",
    labels: ["peer"],
    unit: "1",
    help: "1 if for more than 10 seconds there was always something left to be sent to the peer, as during a long synchronization",
  },
  bunbond_peer_subscriptions: {
    of: SERVER,
    type: "gauge",
    labels: ["peer"],
    unit: "VNIs",
    help: "VNIs that the peer subscribes to",
  },
  bunbond_peer_closes_total: {
    of: BOTH,
    type: "counter",
    labels: ["reason"],
    unit: "connections",
    help: "connections that ended, and attempts that failed (`bunbond help close-reasons`)",
  },
  bunbond_protocol_errors_total: {
    of: BOTH,
    type: "counter",
    labels: ["reason"],
    unit: "connections",
    help: "connections that were closed because the peer broke the protocol (`bunbond help protocol-errors`)",
  },
  bunbond_connections_accepted_total: {
    of: SERVER,
    type: "counter",
    labels: [],
    unit: "connections",
    help: "connections that were accepted",
  },
  bunbond_connections_refused_total: {
    of: SERVER,
    type: "counter",
    labels: ["reason"],
    unit: "connections",
    help: "connections that were refused, or reset before their handshake (`bunbond help limits`)",
  },
  bunbond_messages_received_total: {
    of: BOTH,
    type: "counter",
    labels: ["peer", "type"],
    unit: "messages",
    help: "messages that were read, by type; `end-of-rib` is not counted as `keepalive`",
  },
  bunbond_messages_sent_total: {
    of: BOTH,
    type: "counter",
    labels: ["peer", "type"],
    unit: "messages",
    help: "messages that were written, by type",
  },
  bunbond_received_bytes_total: {
    of: BOTH,
    type: "counter",
    labels: ["peer"],
    unit: "bytes",
    help: "bytes that were received",
  },
  bunbond_sent_bytes_total: {
    of: BOTH,
    type: "counter",
    labels: ["peer"],
    unit: "bytes",
    help: "bytes that the kernel took to be sent",
  },
  bunbond_repeated_hellos_total: {
    of: SERVER,
    type: "counter",
    labels: [],
    unit: "messages",
    help: "HELLOs after the first one of a connection, which Go's client sends after a suspension; they are answered",
  },
  bunbond_routes: {
    of: BOTH,
    type: "gauge",
    labels: ["vni", "family"],
    unit: "routes",
    help: "routes in the server's table, or in the client's view; beyond 1,000 VNIs the rest is summed up as `vni=\"other\"`",
  },
  bunbond_vni_digest: {
    of: BOTH,
    type: "gauge",
    labels: ["vni"],
    unit: "digests, of which this is the upper 52 bits as a number",
    help: "digest of a VNI's routes, which is equal where the routes are (`bunbond vnis`); of the first 1,000 VNIs",
  },
  bunbond_stale_routes: {
    of: BOTH,
    type: "gauge",
    labels: [],
    unit: "routes",
    help: "routes of lost peers or servers that are kept for now",
  },
  bunbond_vni_disagreements: {
    of: CLIENT,
    type: "gauge",
    labels: [],
    unit: "VNIs",
    help: "VNIs about whose routes servers disagree (`bunbond help agreement`)",
  },
  bunbond_vni_disagreements_found_total: {
    of: CLIENT,
    type: "counter",
    labels: [],
    unit: "disagreements",
    help: "how often a disagreement about a VNI was found",
  },
  bunbond_nexthops: {
    of: BOTH,
    type: "gauge",
    labels: ["type"],
    unit: "next hops",
    help: "different next hops of the routes",
  },
  bunbond_route_updates_total: {
    of: BOTH,
    type: "counter",
    labels: ["action"],
    unit: "routes",
    help: "at a server the UPDATEs of its peers, by what they did: `added`, `removed`, `repeated` (announced before), `unmatched` (a withdrawal of what the peer had not announced), `skipped`; at a client the routes that came into its view or left it",
  },
  bunbond_updates_skipped_total: {
    of: BOTH,
    type: "counter",
    labels: ["reason"],
    unit: "messages",
    help: "announcements and withdrawals that were skipped: those that are not a route, or exceed a limit (`bunbond help protocol-errors`)",
  },
  bunbond_subscribes_skipped_total: {
    of: SERVER,
    type: "counter",
    labels: ["reason"],
    unit: "messages",
    help: "subscriptions that exceed a limit (`bunbond help protocol-errors`)",
  },
  bunbond_route_limit_hits_total: {
    of: BOTH,
    type: "counter",
    labels: ["action"],
    unit: "messages",
    help: "those of the skipped messages that exceed a limit (`bunbond help limits`)",
  },
  bunbond_propagation_seconds: {
    of: SERVER,
    type: "histogram",
    labels: [],
    unit: "seconds",
    help: "from the reading of a change to the write after which a subscription that was up to date is so again; one observation per subscription and batch of changes",
  },
  bunbond_fib_routes: {
    of: CLIENT,
    type: "gauge",
    labels: ["table", "family", "state"],
    unit: "destinations",
    help: "destinations of the kernel's routing tables, by state (`bunbond help kernel`)",
  },
  bunbond_fib_skipped_routes: {
    of: CLIENT,
    type: "gauge",
    labels: ["table", "family", "reason"],
    unit: "routes",
    help: "routes that are not installed, by reason (`bunbond help kernel`)",
  },
  bunbond_fib_nexthops: {
    of: CLIENT,
    type: "gauge",
    labels: ["type"],
    unit: "nexthop objects",
    help: "nexthop objects of this client in the kernel: `nexthop`, `group` and `resilient-group`",
  },
  bunbond_fib_operations_total: {
    of: CLIENT,
    type: "counter",
    labels: ["op", "result"],
    unit: "operations",
    help: "operations on the kernel, by kind, that were `done` or `failed`",
  },
  bunbond_fib_operation_seconds: {
    of: CLIENT,
    type: "histogram",
    labels: [],
    unit: "seconds",
    help: "how long an operation took: the time of a batch, divided by its operations",
  },
  bunbond_fib_drift_total: {
    of: CLIENT,
    type: "counter",
    labels: ["kind"],
    unit: "routes and nexthops",
    help: "changes that other programs made to routes and nexthops of this client; they are repaired",
  },
  bunbond_fib_scans_total: {
    of: CLIENT,
    type: "counter",
    labels: [],
    unit: "scans",
    help: "full scans of the kernel's tables",
  },
  bunbond_fib_last_reconcile_timestamp_seconds: {
    of: CLIENT,
    type: "gauge",
    labels: [],
    unit: "seconds",
    help: "when the kernel was last scanned as a whole and compared, in seconds since 1970",
  },
  bunbond_http_refusals_total: {
    of: BOTH,
    type: "counter",
    labels: ["reason"],
    unit: "connections",
    help: "connections and requests that HTTP and the control socket refused, or responses that they cut off",
  },
  process_cpu_seconds_total: {
    of: BOTH,
    type: "counter",
    labels: [],
    unit: "seconds",
    help: "processor time of the daemon, in user and in system mode",
  },
  process_resident_memory_bytes: {
    of: BOTH,
    type: "gauge",
    labels: [],
    unit: "bytes",
    help: "memory that the daemon occupies",
  },
  process_virtual_memory_bytes: {
    of: BOTH,
    type: "gauge",
    labels: [],
    unit: "bytes",
    help: "address space that the daemon has reserved, most of which is no memory",
  },
  process_open_fds: {
    of: BOTH,
    type: "gauge",
    labels: [],
    unit: "descriptors",
    help: "open files and sockets",
  },
  process_max_fds: {
    of: BOTH,
    type: "gauge",
    labels: [],
    unit: "descriptors",
    help: "how many files and sockets may be open",
  },
  process_start_time_seconds: {
    of: BOTH,
    type: "gauge",
    labels: [],
    unit: "seconds",
    help: "when the daemon was started, in seconds since 1970",
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;
/** The labels of a metric. */
export type LabelOf<Name extends MetricName> = (typeof METRICS)[Name]["labels"][number];

/** The metrics of a daemon. */
export type MetricOf<Program extends "server" | "client"> = {
  [Name in MetricName]: Program extends (typeof METRICS)[Name]["of"][number] ? Name : never;
}[MetricName];

// A literal's keys are those of its type.
export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];

/** How `bunbond status` names a counter: "bunbond_peer_closes_total" is "peerCloses". */
export function statusKey(name: MetricName): string {
  return name
    .replace(/^bunbond_/, "")
    .replace(/_total$/, "")
    .replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
