/**
 * This is the catalogue of the counters that `bunbond status` shows. Code that counts uses these names, which types
 * enforce; help and bunbond-metrics(7) list them.
 */

export interface Metric {
  readonly of: readonly ("server" | "client")[];
  /** A counter only rises, from 0 at the start of the daemon; a gauge goes up and down. */
  readonly type: "counter" | "gauge";
  /** The kind of label after the dot, as in "closes.keepalive-timeout"; null if there is none. */
  readonly label: "reason" | "code" | "operation" | "kind" | null;
  /** What is counted, in the plural. */
  readonly unit: string;
  /** The explanation, in Markdown. */
  readonly help: string;
}

export const METRICS = {
  routesAdded: {
    of: ["client"],
    type: "counter",
    label: null,
    unit: "routes",
    help: "routes that came into the client's view",
  },
  routesRemoved: {
    of: ["client"],
    type: "counter",
    label: null,
    unit: "routes",
    help: "routes that left the client's view",
  },
  closes: {
    of: ["server", "client"],
    type: "counter",
    label: "reason",
    unit: "connections",
    help: "connections that ended, and attempts that failed (`bunbond help close-reasons`)",
  },
  connectionsAccepted: {
    of: ["server"],
    type: "counter",
    label: null,
    unit: "connections",
    help: "connections that were accepted",
  },
  refusals: {
    of: ["server"],
    type: "counter",
    label: "reason",
    unit: "connections",
    help: "connections that were refused, or reset before their handshake (`bunbond help limits`)",
  },
  updatesReceived: {
    of: ["server"],
    type: "counter",
    label: null,
    unit: "messages",
    help: "announcements and withdrawals that clients sent",
  },
  unmatchedRemoves: {
    of: ["server"],
    type: "counter",
    label: null,
    unit: "messages",
    help: "withdrawals by clients that had not announced the route; they have no effect",
  },
  repeatedHellos: {
    of: ["server"],
    type: "counter",
    label: null,
    unit: "messages",
    help: "HELLOs after the first one of a connection, which Go's client sends after a suspension; they are answered",
  },
  skippedUpdates: {
    of: ["server", "client"],
    type: "counter",
    label: "code",
    unit: "messages",
    help: "announcements and withdrawals that were skipped: those that are not a route, or exceed a limit (`bunbond help protocol-errors`)",
  },
  skippedSubscribes: {
    of: ["server"],
    type: "counter",
    label: "code",
    unit: "messages",
    help: "subscriptions that exceed a limit (`bunbond help protocol-errors`)",
  },
  protocolErrors: {
    of: ["server"],
    type: "counter",
    label: "code",
    unit: "connections",
    help: "connections that were closed because the peer broke the protocol (`bunbond help protocol-errors`)",
  },
  httpRefusals: {
    of: ["server", "client"],
    type: "counter",
    label: "reason",
    unit: "connections",
    help: "connections and requests that HTTP and the control socket refused, or responses that they cut off",
  },
  kernelReadings: {
    of: ["client"],
    type: "counter",
    label: null,
    unit: "scans",
    help: "full scans of the kernel's tables (`--install-routes`)",
  },
  kernelDone: {
    of: ["client"],
    type: "counter",
    label: "operation",
    unit: "operations",
    help: "operations on the kernel that succeeded",
  },
  kernelFailed: {
    of: ["client"],
    type: "counter",
    label: "operation",
    unit: "operations",
    help: "operations on the kernel that failed",
  },
  kernelDrift: {
    of: ["client"],
    type: "counter",
    label: "kind",
    unit: "routes and nexthops",
    help: "changes that other programs made to routes and nexthops of this client",
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;
type Labelled<Name> = Name extends MetricName
  ? (typeof METRICS)[Name]["label"] extends null
    ? never
    : Name
  : never;
/** Metrics that are counted by a label. */
export type LabelledMetric = Labelled<MetricName>;
export type PlainMetric = Exclude<MetricName, LabelledMetric>;

/** Returns the values of a metric by label, under one name each: "closes.keepalive-timeout". */
export function labelled(
  name: LabelledMetric,
  counts: Iterable<readonly [label: string, count: number]>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(Array.from(counts, ([label, count]) => [`${name}.${label}`, count]));
}
