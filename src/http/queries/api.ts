/**
 * The answers to queries about routes, as shapes of JSON, the same on the control socket and on public HTTP. Names are stable;
 * times are RFC 3339 in UTC.
 */
import type { HolderState } from "../../route/table/route-inspector.ts";
import type { DisagreementSummary, ProgramName } from "../control/api.ts";

/** `/v1/vnis` */
export interface VniList {
  readonly program: ProgramName;
  readonly vnis: readonly VniEntry[];
}

export interface VniEntry {
  readonly vni: number;
  readonly ipv4Routes: number;
  readonly ipv6Routes: number;
  /** Of the routes, 16 hex digits: equal for equal sets of routes, in whatever order they came. */
  readonly digest: string;
  /** Of a server: how many peers subscribe to the VNI. */
  readonly subscribers?: number;
  /** Of a client. */
  readonly subscribed?: boolean;
  /** Of a client: all servers have sent the whole VNI. */
  readonly complete?: boolean;
}

/** `/v1/vnis/:vni/routes`, and each VNI's part of `/v1/routes` */
export interface RoutePage {
  readonly routes: readonly RouteEntry[];
  /** For the next page: give it as `cursor`; null after the last one. */
  readonly next: string | null;
}

/** A destination with its next hops. */
export interface RouteEntry {
  readonly vni: number;
  readonly destination: string;
  readonly nextHops: readonly NextHopEntry[];
  /** Of a client with `--install-routes` for the VNI; otherwise null. */
  readonly kernel: KernelRouteEntry | null;
}

export interface NextHopEntry {
  readonly address: string;
  /** STANDARD, NAT or LOADBALANCER_TARGET. */
  readonly type: string;
  readonly targetVni: number;
  readonly natPortFrom: number;
  readonly natPortTo: number;
  /** False if the route is not used: a client announces it itself, or it may be an echo. */
  readonly used: boolean;
  /** On a server the peers that announce the route, on a client the servers that have it. */
  readonly holders: readonly HolderEntry[];
  /** How many changes of the route the history has (`bunbond history`). */
  readonly changes: number;
}

export interface HolderEntry {
  /** The address and port of the peer or server. */
  readonly name: string;
  /** A server's number of its peer; null on a client. */
  readonly id: number | null;
  readonly state: HolderState;
  /** When it announced the route. */
  readonly since: string;
}

/**
 * The state of a destination in the kernel:
 *
 *     installed   the kernel has the route as it is desired        pending    a change waits for its turn
 *     refused     the kernel does not take it: the reason says why  skipped    no route to it is installed, by the settings
 *     shadowed    another VNI of the table has the destination     kept       it stays as an earlier client left it
 *     planned     with --dry-run: nothing is changed
 */
export type KernelRouteState =
  | "installed"
  | "pending"
  | "refused"
  | "skipped"
  | "shadowed"
  | "kept"
  | "planned";

/** What the kernel has of a destination. */
export interface KernelRouteEntry {
  readonly table: number;
  readonly state: KernelRouteState;
  /** Why packets do not take it, with the command that shows or mends it; null if they do. */
  readonly problem: string | null;
}

/** `/v1/fib` of a client with `--install-routes` */
export interface FibPage {
  readonly entries: readonly FibEntry[];
  /** As in {@link RoutePage}. */
  readonly next: string | null;
}

/** One destination in a routing table: what is desired there, and what of ours is observed. */
export interface FibEntry {
  readonly table: number;
  /** The VNIs of the table, in the order in which they win a destination. */
  readonly vnis: readonly number[];
  readonly destination: string;
  readonly state: KernelRouteState | DriftState;
  /** The next hops of the desired route; empty if none is desired. */
  readonly desired: readonly string[];
  /** Those of our route in the kernel; null if there is none, empty if it is not known where it leads. */
  readonly observed: readonly string[] | null;
  /** The nexthop object or group that our route names. */
  readonly nexthopId: number | null;
  readonly reason: string | null;
}

/** How the kernel differs from what is desired: no route of ours is there, it leads elsewhere, or none is desired. */
export type DriftState = "missing" | "changed" | "extra";

/** `/v1/fib/drift`, on the control socket: desired routes and a fresh dump of the kernel. */
export interface FibDrift {
  /** At most {@link MAX_DRIFT}, by table and destination. */
  readonly entries: readonly FibEntry[];
  /** How many there are. */
  readonly count: number;
  /** How many desired routes were compared. */
  readonly compared: number;
  /** False if the kernel did not send all: a route that is there may then be called missing. */
  readonly complete: boolean;
}

/** More would take the event loop too long at once. */
export const MAX_DRIFT = 1_000;

/** What is true of an address in one word; the text of {@link Explanation} says it in a sentence. */
export type Verdict =
  | "works"
  | "stale"
  | "not-announced"
  | "not-subscribed"
  | "not-installed"
  | "incomplete"
  | "own";

/** `/v1/explain/:address` */
export interface Explanation {
  /** The address or prefix that was asked about. */
  readonly asked: string;
  readonly verdict: Verdict;
  /** The verdict in one sentence. */
  readonly summary: string;
  /** The longest match in each VNI, at most {@link MAX_MATCHES}. */
  readonly matches: readonly ExplainedMatch[];
  /** How many VNIs have a match. */
  readonly matchCount: number;
  /** With `source`: the VNIs in which the source has a route, too, so that both can belong to one tenant. */
  readonly source: string | null;
}

export interface ExplainedMatch extends RouteEntry {
  readonly verdict: Verdict;
  readonly summary: string;
  /** Shorter destinations of the VNI that contain the address, the longest first: the match goes before them. */
  readonly covering: readonly string[];
  /** With `source`: the destination that contains the source address in this VNI; null if there is none. */
  readonly sourceDestination: string | null;
  /** On a server: the subscribers of the VNI, by what each was sent last about each next hop. */
  readonly recipients: readonly RecipientEntry[];
}

/** To whom a server has sent one next hop of the destination. */
export interface RecipientEntry {
  readonly nextHop: string;
  /** Of the VNI. */
  readonly subscribers: number;
  /** How many were sent the route. An announcer is never sent its own. */
  readonly sent: number;
  /** Subscribers that were not sent it, at most {@link MAX_RECIPIENTS}. */
  readonly notSent: readonly string[];
}

export const MAX_MATCHES = 20;
export const MAX_RECIPIENTS = 100;

/** `/v1/disagreements`, of a client */
export interface DisagreementList {
  readonly disagreements: readonly DisagreementEntry[];
}

export interface DisagreementEntry extends DisagreementSummary {
  /** The first of the routes, at most `limit`. */
  readonly examples: readonly DisagreedRouteEntry[];
}

export interface DisagreedRouteEntry {
  readonly destination: string;
  readonly nextHop: string;
  /** The servers that have sent it, and those that have not. */
  readonly has: readonly string[];
  readonly lacks: readonly string[];
}

/** `/v1/history` */
export interface HistoryPage {
  /** The number of the oldest change that is remembered. */
  readonly first: number;
  /** The number that the next change gets: give the number before it as `after` to continue. */
  readonly next: number;
  /** In the order in which they happened. */
  readonly changes: readonly ChangeEntry[];
}

export interface ChangeEntry {
  readonly number: number;
  readonly time: string;
  /** A route came or went; or the session with a peer or server was established, or has ended. */
  readonly change: "add" | "remove" | "up" | "down";
  /** Null for sessions, as the two after it. */
  readonly vni: number | null;
  readonly destination: string | null;
  readonly nextHop: string | null;
  readonly reason: string;
  /** The peer or server that caused it. */
  readonly by: { readonly name: string; readonly id: number | null };
  /** True if the route came into existence, or ended: no other peer or server has it. */
  readonly existence: boolean;
}
