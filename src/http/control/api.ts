/**
 * These types define the requests that a running daemon answers on its control socket, and their answers in JSON. The
 * mode of the socket's file (660) decides which users may send them; over TCP, only status and peers are served. Requests
 * without a body are GET, the others POST:
 *
 *     curl --unix-socket /run/bunbond/client.sock http://localhost/v1/status
 *     curl --unix-socket /run/bunbond/client.sock http://localhost/v1/subscribe -d '{"vnis":[100]}'
 *
 * A request about several routes or VNIs gets a result for each; one that needs no change is not an error. An error has the shape
 * of http-error.ts, with the program that answers: `{"code": …, "message": …, "program": "client"}`.
 *
 * Names and codes are stable; all times are RFC 3339 in UTC.
 */

import type { LogLevel } from "../../base/logger.ts";
import type { HttpErrorBody } from "../http-error.ts";

export interface ControlApi {
  "/v1/status": { readonly body: null; readonly answer: ClientStatus | ServerStatus };
  /** Of a server; a client answers with a {@link ServerList}. */
  "/v1/peers": { readonly body: null; readonly answer: PeerList };
  /** Names a server's peer by its id, or a client's server by its address. */
  "/v1/peers/reset": { readonly body: { readonly peer: string }; readonly answer: { readonly peer: string } };
  /** Changes the level of the log until the daemon ends. */
  "/v1/log": { readonly body: { readonly level: LogLevel }; readonly answer: LogChange };
  /** Served by a client, as are all paths after this one. */
  "/v1/announce": { readonly body: RoutesBody; readonly answer: ChangeResults };
  "/v1/withdraw": { readonly body: RoutesBody; readonly answer: ChangeResults };
  "/v1/subscribe": { readonly body: VnisBody; readonly answer: ChangeResults };
  "/v1/unsubscribe": { readonly body: VnisBody; readonly answer: ChangeResults };
  "/v1/drain": { readonly body: { readonly action: DrainAction }; readonly answer: DrainResult };
}

export type ControlPath = keyof ControlApi;

export interface ControlErrorBody extends HttpErrorBody {
  readonly program: ProgramName;
}

export type ProgramName = "client" | "server";

/** The state of a daemon. A drained client is connected, but announces nothing. */
export type DaemonState = "running" | "drained" | "stopping";

export interface DaemonFacts {
  readonly program: ProgramName;
  readonly version: string;
  readonly commit: string;
  readonly bun: string;
  readonly pid: number;
  readonly state: DaemonState;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
}

export interface ClientStatus extends DaemonFacts {
  readonly program: "client";
  /** Number of routes in view. */
  readonly routes: number;
  /** Number of routes to announce, also while the client is drained and announces none. */
  readonly announcements: number;
  readonly servers: readonly ServerEntry[];
  /** Number of stale routes of servers that a reload has removed. */
  readonly removedServersRoutes: number;
  readonly vnis: readonly ClientVni[];
  /** VNIs about whose routes the servers disagree, the longest disagreement first. `/v1/disagreements` names the routes. */
  readonly disagreements: readonly DisagreementSummary[];
  /** Null if the client puts no routes into the kernel. */
  readonly kernel: KernelStatus | null;
  readonly counters: Counters;
}

export interface ServerEntry {
  readonly server: string;
  /** connecting, handshake, established, retry or stopped */
  readonly state: string;
  readonly since: string;
  /** When the connection ended, or the first attempt failed; null while the server is reachable. */
  readonly awaySince: string | null;
  /** Why the last connection ended or could not be made. */
  readonly lastReason: string | null;
  /** How often the session became established. */
  readonly sessions: number;
  /** Number of routes that the server had when it was lost, and has not confirmed since. */
  readonly staleRoutes: number;
}

/** What a client's servers disagree about in one VNI, found after some 15 seconds (client/view/agreement.ts). */
export interface DisagreementSummary {
  readonly vni: number;
  /** How many routes one server has sent and another has not. */
  readonly routes: number;
  /** True if there may be more. */
  readonly atLeast: boolean;
  /** The servers that were compared. */
  readonly servers: readonly { readonly server: string; readonly lacks: number }[];
}

export interface ClientVni {
  readonly vni: number;
  readonly subscribed: boolean;
  readonly routes: number;
  readonly announcements: number;
}

/** The routes that a client puts into the kernel. Operations and drift are in the counters. */
export interface KernelStatus {
  /** The tunnel device. */
  readonly device: string;
  readonly deviceState: "up" | "down" | "missing";
  /** Why packets or routes cannot use the device, each with the command that helps. */
  readonly deviceProblems: readonly string[];
  readonly routeProtocol: number;
  /** True if nothing is changed; the other fields are then those of the planned state. */
  readonly dryRun: boolean;
  /** The kind of groups for destinations with several next hops: plain or resilient. */
  readonly ecmp: string;
  /** Why these destinations are not balanced well, with the command that helps; null if no reason is known. */
  readonly ecmpProblem: string | null;
  /** BunBond's nexthop objects, one per hypervisor, and below their groups, one per ECMP set. */
  readonly nexthops: number;
  readonly groups: number;
  /** How many of the groups are resilient: one per destination with several next hops. */
  readonly resilientGroups: number;
  /** How often other programs have changed objects of BunBond since the start. Such changes are repaired. */
  readonly drift: number;
  /** When the kernel was last scanned as a whole, and compared. */
  readonly lastReconcile: string | null;
  /** Ordered by table, IPv4 first. */
  readonly tables: readonly KernelTable[];
  /**
   * The first {@link MAX_KERNEL_FAULTS} destinations that the kernel refuses, which are tried again, or that have a foreign route
   * of the same metric beside BunBond's (0 attempts).
   */
  readonly faults: readonly ReportedFault[];
}

export const MAX_KERNEL_FAULTS = 20;

/** Destinations of one family in a routing table. */
export interface KernelTable {
  readonly table: number;
  readonly family: "ipv4" | "ipv6";
  /** The VNIs whose routes go into the table, the first one first; empty if it only has routes from an earlier start. */
  readonly vnis: readonly number[];
  /** True if obsolete routes of an earlier client are removed, or are being removed. */
  readonly settled: boolean;
  readonly wanted: number;
  readonly installed: number;
  /** Number of destinations whose change waits for its turn. */
  readonly pending: number;
  /**
   * How many are not installed because a foreign route is in the place, or are installed beside a foreign route of the
   * same metric.
   */
  readonly collided: number;
  readonly failed: number;
  /** How many are not installed because an earlier VNI of the table has the destination, too. */
  readonly shadowed: number;
  /** Number of received routes that are not installed, by reason; only reasons that occur. */
  readonly skipped: Counters;
}

export interface ReportedFault {
  readonly table: number;
  readonly destination: string;
  /** The system's code, as "EEXIST". */
  readonly code: string;
  /** The kernel's message. */
  readonly message: string;
  readonly attempts: number;
}

export interface ServerStatus extends DaemonFacts {
  readonly program: "server";
  readonly listen: string;
  /** True if End-of-RIBs are sent: the deferral after the start is over. */
  readonly settled: boolean;
  readonly peers: number;
  readonly establishedPeers: number;
  readonly routes: number;
  /** Number of stale announcements that are retained for lost peers. */
  readonly retainedAnnouncements: number;
  readonly vniCount: number;
  /** The first 1,000 VNIs, in order. */
  readonly vnis: readonly ServerVni[];
  readonly counters: Counters;
}

export interface ServerVni {
  readonly vni: number;
  readonly routes: number;
  readonly subscribers: number;
  /** The same at two daemons exactly if they have the same routes, but for chance: 16 hexadecimal digits. */
  readonly digest: string;
}

/** Counters since the start. A reason follows the name of its counter: "closes.keepalive-timeout". */
export type Counters = Readonly<Record<string, number>>;

export interface LogChange {
  readonly level: LogLevel;
  readonly before: LogLevel;
}

export interface PeerList {
  readonly peers: readonly PeerEntry[];
}

export interface ServerList {
  readonly servers: readonly ServerEntry[];
}

export interface PeerEntry {
  readonly id: number;
  readonly remote: string;
  /** The state in session/session.ts, as "established". */
  readonly state: string;
  /** When the session became established. */
  readonly since: string | null;
  readonly keepaliveSeconds: number;
  readonly isServer: boolean;
  readonly announcedRoutes: number;
  readonly skippedUpdates: number;
  /** The limits for which valid messages of the peer were skipped, as "TOO_MANY_ROUTES". */
  readonly limitsMet: readonly string[];
  readonly subscriptionCount: number;
  /** The first 100 VNIs, in order. */
  readonly subscriptions: readonly number[];
  /** When a byte of it was last read. */
  readonly lastHeard: string;
  /** An estimate from the handshake; 0 before it is known. */
  readonly roundTripMs: number;
  readonly updatesReceived: number;
  readonly updatesSent: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Bytes that its socket has not taken. */
  readonly sendQueueBytes: number;
  /** Since when its socket has taken none of them; null if it takes them. */
  readonly blockedSince: string | null;
  /** Since when there was always something left to be sent; null if there is nothing. */
  readonly behindSince: string | null;
}

/** A peer that has left: its last state. */
export interface GonePeerEntry extends PeerEntry {
  readonly goneSince: string;
  /** Why it left. */
  readonly goneReason: string;
}

export interface GonePeerList {
  readonly peers: readonly GonePeerEntry[];
}

/** `/v1/peers/:id` */
export interface PeerDetail extends PeerEntry {
  /** When it left; null while it is connected, as the reason. */
  readonly goneSince: string | null;
  readonly goneReason: string | null;
  /** How many routes are still to be sent to it, or withdrawn from it; at most {@link MAX_BACKLOG} are counted. */
  readonly backlogRoutes: number;
  /** How many of its announcements are retained, after it was lost. */
  readonly retainedRoutes: number;
}

export const MAX_BACKLOG = 10_000;

/** The routes of a request, at most {@link MAX_ITEMS}, in the grammar of --announce. */
export interface RoutesBody {
  readonly routes: readonly string[];
}

export interface VnisBody {
  readonly vnis: readonly number[];
}

/** How many routes or VNIs one request may name: more would keep the event loop busy for too long. */
export const MAX_ITEMS = 1000;

export interface ChangeResults extends ChangeFacts {
  /** The results in the order of the request. */
  readonly results: readonly ChangeResult[];
}

export type ChangeResult = RouteResult | VniResult;

export interface RouteResult {
  /** The line of the route: "100 10.0.1.0/24 via 2001:db8::1". */
  readonly route: string;
  readonly outcome: "announced" | "already-announced" | "withdrawn" | "not-announced";
}

export interface VniResult {
  readonly vni: number;
  readonly outcome: "subscribed" | "already-subscribed" | "unsubscribed" | "not-subscribed";
}

/** The state in which a change was made. Without a server it is kept, and sent to each server that connects. */
export interface ChangeFacts {
  readonly state: DaemonState;
  readonly establishedServers: number;
}

/** start: withdraw everything. undo: announce it again. stop: withdraw everything and stop after the drain time. */
export type DrainAction = "start" | "undo" | "stop";

export interface DrainResult extends ChangeFacts {
  readonly outcome: "drained" | "already-drained" | "undone" | "not-drained" | "stopping";
  /** Number of announcements that were withdrawn or announced again. */
  readonly announcements: number;
  /** Seconds until the client stops; null if it does not. */
  readonly stopsInSeconds: number | null;
}
