/**
 * The answers of public HTTP as JSON Schema (2020-12), under the names of their types in ../control/api.ts and ../queries/api.ts. An
 * object has exactly the named properties; test/http/public/openapi.test.ts compares them with the answers of daemons.
 */

/** The keywords that are used here. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean" | "null";
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

type Properties = Readonly<Record<string, Schema>>;

const text: Schema = { type: "string" };
const flag: Schema = { type: "boolean" };
const count: Schema = { type: "integer", minimum: 0 };
const time: Schema = { type: "string", format: "date-time" };
const vni: Schema = { type: "integer", minimum: 0, maximum: 0xffff_ffff };
const digest: Schema = {
  type: "string",
  pattern: "^[0-9a-f]{16}$",
  description: "equal at two daemons exactly if they have the same routes, but for chance",
};

function described(schema: Schema, description: string): Schema {
  return { ...schema, description };
}

function list(items: Schema): Schema {
  return { type: "array", items };
}

function nullable(schema: Schema): Schema {
  return { anyOf: [schema, { type: "null" }] };
}

function oneOf(...values: string[]): Schema {
  return { type: "string", enum: values };
}

/** An object with these properties and no other. */
function object(properties: Properties, optional: Properties = {}): Schema {
  return {
    type: "object",
    properties: { ...properties, ...optional },
    required: Object.keys(properties),
    additionalProperties: false,
  };
}

export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

const counters: Schema = {
  type: "object",
  additionalProperties: { type: "number" },
  description: "since the start; a reason follows the name of its counter",
};

const daemonFacts: Properties = {
  version: text,
  commit: text,
  bun: text,
  pid: count,
  state: oneOf("running", "drained", "stopping"),
  startedAt: time,
  uptimeSeconds: count,
};

const verdict = oneOf(
  "works",
  "stale",
  "not-announced",
  "not-subscribed",
  "not-installed",
  "incomplete",
  "own",
);
const kernelStates = ["installed", "pending", "refused", "skipped", "shadowed", "kept", "planned"];

const routeEntry: Properties = {
  vni,
  destination: described(text, "a prefix in its canonical form"),
  nextHops: list(ref("NextHopEntry")),
  kernel: described(nullable(ref("KernelRouteEntry")), "of a client that installs the VNI's routes"),
};

const disagreement: Properties = {
  vni,
  routes: described(count, "how many one server has sent and another has not"),
  atLeast: described(flag, "there may be more"),
  servers: list(object({ server: text, lacks: count })),
};

const peerEntry: Properties = {
  id: described(count, "no other peer of this run of the server ever has it"),
  remote: text,
  state: text,
  since: nullable(time),
  keepaliveSeconds: { type: "number" },
  isServer: flag,
  announcedRoutes: count,
  skippedUpdates: count,
  limitsMet: list(text),
  subscriptionCount: count,
  subscriptions: described(list(vni), "the first 100"),
  lastHeard: time,
  roundTripMs: { type: "number", minimum: 0 },
  updatesReceived: count,
  updatesSent: count,
  receivedBytes: count,
  sentBytes: count,
  sendQueueBytes: described(count, "that its socket has not taken"),
  blockedSince: described(nullable(time), "since when its socket takes nothing"),
  behindSince: described(nullable(time), "since when there is something left to be sent"),
};

export const SCHEMAS = {
  Error: {
    type: "object",
    properties: {
      code: described(text, "stable"),
      message: described(text, "for people"),
    },
    required: ["code", "message"],
    additionalProperties: true,
    description: "further properties depend on the code",
  },
  Index: object({ program: oneOf("bunbond"), version: text, endpoints: list(text) }),
  Health: object({ status: oneOf("ok") }),
  Ready: object({ status: oneOf("ready") }),
  NotReady: object({
    status: oneOf("not ready"),
    reasons: list(object({ reason: text, message: text })),
  }),
  RoutesDocument: {
    ...object({
      date: text,
      vnet: {
        type: "object",
        additionalProperties: {
          type: "object",
          additionalProperties: list(
            object({
              TargetAddress: text,
              TargetVNI: count,
              Type: count,
              NATPortRangeFrom: count,
              NATPortRangeTo: count,
            }),
          ),
        },
      },
      metalbondVersion: text,
    }),
    description: "in the form of the Go program metalbond",
  },
  ServerStatus: object({
    program: oneOf("server"),
    ...daemonFacts,
    listen: text,
    settled: described(flag, "End-of-RIBs are sent: the deferral after the start is over"),
    peers: count,
    establishedPeers: count,
    routes: count,
    retainedAnnouncements: count,
    vniCount: count,
    vnis: described(list(object({ vni, routes: count, subscribers: count, digest })), "the first 1,000"),
    counters,
  }),
  ClientStatus: object({
    program: oneOf("client"),
    ...daemonFacts,
    routes: count,
    announcements: count,
    servers: list(ref("ServerEntry")),
    removedServersRoutes: count,
    vnis: list(object({ vni, subscribed: flag, routes: count, announcements: count })),
    disagreements: list(object(disagreement)),
    kernel: nullable(ref("KernelStatus")),
    counters,
  }),
  KernelStatus: object({
    device: text,
    deviceState: oneOf("up", "down", "missing"),
    deviceProblems: list(text),
    routeProtocol: count,
    dryRun: flag,
    ecmp: text,
    ecmpProblem: nullable(text),
    nexthops: count,
    groups: count,
    resilientGroups: count,
    drift: count,
    lastReconcile: nullable(time),
    tables: list(
      object({
        table: count,
        family: oneOf("ipv4", "ipv6"),
        vnis: list(vni),
        settled: flag,
        wanted: count,
        installed: count,
        pending: count,
        collided: count,
        failed: count,
        shadowed: count,
        skipped: counters,
      }),
    ),
    faults: list(object({ table: count, destination: text, code: text, message: text, attempts: count })),
  }),
  PeerList: object({ peers: list(ref("PeerEntry")) }),
  PeerEntry: object(peerEntry),
  GonePeerList: object({ peers: list(ref("GonePeerEntry")) }),
  GonePeerEntry: object({ ...peerEntry, goneSince: time, goneReason: text }),
  PeerDetail: object({
    ...peerEntry,
    goneSince: nullable(time),
    goneReason: nullable(text),
    backlogRoutes: described(count, "routes to be sent or withdrawn; at most 10,000 are counted"),
    retainedRoutes: count,
  }),
  ServerList: object({ servers: list(ref("ServerEntry")) }),
  ServerEntry: object({
    server: text,
    state: oneOf("connecting", "handshake", "established", "retry", "stopped"),
    since: time,
    awaySince: nullable(time),
    lastReason: nullable(text),
    sessions: count,
    staleRoutes: count,
  }),
  VniList: object({ program: oneOf("server", "client"), vnis: list(ref("VniEntry")) }),
  VniEntry: object(
    { vni, ipv4Routes: count, ipv6Routes: count, digest },
    {
      subscribers: described(count, "of a server"),
      subscribed: described(flag, "of a client"),
      complete: described(flag, "of a client: all servers have sent the whole VNI"),
    },
  ),
  RoutePage: object({
    routes: list(ref("RouteEntry")),
    next: described(nullable(text), "the cursor of the next page"),
  }),
  RouteEntry: object(routeEntry),
  NextHopEntry: object({
    address: text,
    type: oneOf("STANDARD", "NAT", "LOADBALANCER_TARGET"),
    targetVni: vni,
    natPortFrom: count,
    natPortTo: count,
    used: flag,
    holders: described(list(ref("HolderEntry")), "the peers that announce it, or the servers that have it"),
    changes: described(count, "how many the history has"),
  }),
  HolderEntry: object({
    name: text,
    id: nullable(count),
    state: oneOf("live", "retained", "stale", "unverified", "own", "leaving"),
    since: time,
  }),
  KernelRouteEntry: object({ table: count, state: oneOf(...kernelStates), problem: nullable(text) }),
  Explanation: object({
    asked: text,
    verdict,
    summary: described(text, "the verdict in one sentence"),
    matches: list(ref("ExplainedMatch")),
    matchCount: count,
    source: nullable(text),
  }),
  ExplainedMatch: object({
    ...routeEntry,
    verdict,
    summary: text,
    covering: described(list(text), "shorter destinations that contain the address, the longest first"),
    sourceDestination: nullable(text),
    recipients: list(object({ nextHop: text, subscribers: count, sent: count, notSent: list(text) })),
  }),
  HistoryPage: object({
    first: described(count, "the number of the oldest change that is remembered"),
    next: described(count, "the number that the next change gets"),
    changes: list(ref("ChangeEntry")),
  }),
  ChangeEntry: object({
    number: count,
    time,
    change: oneOf("add", "remove", "up", "down"),
    vni: nullable(vni),
    destination: nullable(text),
    nextHop: nullable(text),
    reason: text,
    by: object({ name: text, id: nullable(count) }),
    existence: flag,
  }),
  DisagreementList: object({ disagreements: list(ref("DisagreementEntry")) }),
  DisagreementEntry: object({
    ...disagreement,
    examples: list(object({ destination: text, nextHop: text, has: list(text), lacks: list(text) })),
  }),
  FibPage: object({ entries: list(ref("FibEntry")), next: nullable(text) }),
  FibEntry: object({
    table: count,
    vnis: list(vni),
    destination: text,
    state: oneOf(...kernelStates, "missing", "changed", "extra"),
    desired: list(text),
    observed: nullable(list(text)),
    nexthopId: nullable(count),
    reason: nullable(text),
  }),
} satisfies Readonly<Record<string, Schema>>;
