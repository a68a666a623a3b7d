/**
 * What a running daemon does and tells over its control socket, as shapes of JSON. The socket's file decides who may
 * ask (mode 660); TCP has nothing of this. GET where nothing is given, POST otherwise:
 *
 *     curl --unix-socket /run/bunbond/client.sock http://localhost/v1/status
 *     curl --unix-socket /run/bunbond/client.sock http://localhost/v1/subscribe -d '{"vnis":[100]}'
 *
 * What a request wants done to many things it tells of each: one that needs nothing done is no failure. An error is
 * `{"error": code, "message": text for people, "program": who answers}`.
 *
 * Names and codes are stable; all times are RFC 3339 in UTC.
 */

import type { HttpErrorBody } from "../http-error.ts";

export interface ControlApi {
  "/v1/status": { readonly body: null; readonly answer: ClientStatus | ServerStatus };
  /** Server. */
  "/v1/peers": { readonly body: null; readonly answer: PeerList };
  /** A server's peer by its id, a client's server by its address. */
  "/v1/peers/reset": { readonly body: { readonly peer: string }; readonly answer: { readonly peer: string } };
  /** Client, and all that follow. */
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

/** Drained: connected, but nothing is announced. */
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
  /** In view. */
  readonly routes: number;
  /** Wanted; while drained, no server is told of them. */
  readonly announcements: number;
  readonly servers: readonly ServerEntry[];
  /** What servers had that a reload has taken out, and nobody has told since: held as if they had been lost. */
  readonly removedServersRoutes: number;
  readonly vnis: readonly ClientVni[];
  /** Null: it puts no routes into the kernel. */
  readonly kernel: KernelStatus | null;
  readonly counters: Counters;
}

export interface ServerEntry {
  readonly server: string;
  /** connecting, handshake, established, retry or stopped */
  readonly state: string;
  readonly since: string;
  /** When its connection ended, or the first attempt failed; null while it is not away. */
  readonly awaySince: string | null;
  /** Why the last connection ended or could not be made. */
  readonly lastReason: string | null;
  /** How often it became established. */
  readonly sessions: number;
  /** Routes that it had when it was lost, and has not confirmed since. */
  readonly staleRoutes: number;
}

export interface ClientVni {
  readonly vni: number;
  readonly subscribed: boolean;
  readonly routes: number;
  readonly announcements: number;
}

/** The routes that a client puts into the kernel. What was done and found is in the counters. */
export interface KernelStatus {
  /** The tunnel. */
  readonly device: string;
  readonly deviceState: "up" | "down" | "missing";
  /** Why packets or routes do not leave by it, each with the command that helps. */
  readonly deviceProblems: readonly string[];
  readonly routeProtocol: number;
  /** Nothing is changed, and what follows is what would be there. */
  readonly dryRun: boolean;
  /** Which groups destinations with several next hops have: plain or resilient. */
  readonly ecmp: string;
  /** Why those are not balanced well, with the command that helps; null: nothing that we know of. */
  readonly ecmpProblem: string | null;
  /** Nexthop objects of ours, one for each hypervisor, and groups of them, one for each ECMP set. */
  readonly nexthops: number;
  readonly groups: number;
  /** Of the groups. They are one for each destination with several next hops. */
  readonly resilientGroups: number;
  /** How often something of ours was found changed by others, since the start; it is put right. */
  readonly drift: number;
  /** When the kernel was last read as a whole, and compared. */
  readonly lastReconcile: string | null;
  /** By table, IPv4 first. */
  readonly tables: readonly KernelTable[];
  /**
   * What the kernel does not take, and is tried again; and what it has, but with a foreign route beside it (0 attempts).
   * The first {@link MAX_KERNEL_FAULTS}.
   */
  readonly faults: readonly KernelFault[];
}

export const MAX_KERNEL_FAULTS = 20;

/** Destinations of one family in a routing table. */
export interface KernelTable {
  readonly table: number;
  readonly family: "ipv4" | "ipv6";
  /** Whose routes go into it, the first of them first; none: it only has routes of ours from an earlier time. */
  readonly vnis: readonly number[];
  /** What an earlier client left and nobody wants is gone, or about to go. */
  readonly settled: boolean;
  readonly wanted: number;
  readonly installed: number;
  /** Changed, and waiting for its turn. */
  readonly pending: number;
  /** Not installed, since somebody else's route is in the place; or installed, with one of the same metric beside it. */
  readonly collided: number;
  readonly failed: number;
  /** Not installed, since an earlier VNI of the table has the destination, too. */
  readonly shadowed: number;
  /** Received routes that are not for the kernel, by reason; the reasons that there are. */
  readonly skipped: Counters;
}

export interface KernelFault {
  readonly table: number;
  readonly destination: string;
  /** As "EEXIST". */
  readonly code: string;
  /** The kernel's words. */
  readonly message: string;
  readonly attempts: number;
}

export interface ServerStatus extends DaemonFacts {
  readonly program: "server";
  readonly listen: string;
  /** It tells clients when a table is complete: the time to settle is over. */
  readonly settled: boolean;
  readonly peers: number;
  readonly establishedPeers: number;
  readonly routes: number;
  /** Announcements kept for peers that are gone: stale. */
  readonly retainedAnnouncements: number;
  readonly vniCount: number;
  /** At most 1,000 of them, in order. */
  readonly vnis: readonly ServerVni[];
  readonly counters: Counters;
}

export interface ServerVni {
  readonly vni: number;
  readonly routes: number;
  readonly subscribers: number;
}

/** Since the start; a reason stands behind its counter's name: "closes.keepalive-timeout". */
export type Counters = Readonly<Record<string, number>>;

export interface PeerList {
  readonly peers: readonly PeerEntry[];
}

export interface PeerEntry {
  readonly id: number;
  readonly remote: string;
  /** As in session/session.ts: "established" when it is. */
  readonly state: string;
  /** When it became established. */
  readonly since: string | null;
  readonly keepaliveSeconds: number;
  readonly isServer: boolean;
  readonly announcedRoutes: number;
  readonly skippedUpdates: number;
  /** Why messages of it were skipped that were right in themselves: "TOO_MANY_ROUTES". */
  readonly limitsMet: readonly string[];
  readonly subscriptionCount: number;
  /** VNIs, at most 100 of them, in order. */
  readonly subscriptions: readonly number[];
}

/** In the grammar of --announce, at most {@link MAX_ITEMS}. */
export interface RoutesBody {
  readonly routes: readonly string[];
}

export interface VnisBody {
  readonly vnis: readonly number[];
}

/** What one request may name: more would keep the event loop for too long. */
export const MAX_ITEMS = 1000;

export interface ChangeResults extends ChangeFacts {
  /** In the order asked for. */
  readonly results: readonly ChangeResult[];
}

export type ChangeResult = RouteResult | VniResult;

export interface RouteResult {
  /** As a line: "100 10.0.1.0/24 via 2001:db8::1". */
  readonly route: string;
  readonly outcome: "announced" | "already-announced" | "withdrawn" | "not-announced";
}

export interface VniResult {
  readonly vni: number;
  readonly outcome: "subscribed" | "already-subscribed" | "unsubscribed" | "not-subscribed";
}

/** What a change meets: with no server there it is remembered, and told to each when it comes. */
export interface ChangeFacts {
  readonly state: DaemonState;
  readonly establishedServers: number;
}

/** Withdraw everything; take that back; withdraw everything and stop after the drain time. */
export type DrainAction = "start" | "undo" | "stop";

export interface DrainResult extends ChangeFacts {
  readonly outcome: "drained" | "already-drained" | "undone" | "not-drained" | "stopping";
  /** How many announcements it is about. */
  readonly announcements: number;
  /** Until it stops; null unless it does. */
  readonly stopsInSeconds: number | null;
}
