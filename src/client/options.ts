import type { Clock, Random } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { CLOSE_OPTIONS } from "../options/client-options.ts";
import type { CloseReason } from "../session/close-reason.ts";
import type { RetryBounds } from "../session/retry.ts";
import type { Network } from "../transport/network.ts";
import type { Pacing } from "../transport/pacing.ts";
import type { ClientHandler } from "./events.ts";
import type { ServerState } from "./link/server-link.ts";
import type { StaleTimes } from "./view/stale-timers.ts";

/** The options of a client. Only `servers` is required. */
export interface ClientOptions {
  /** All of them are used at the same time; one given twice counts once. */
  readonly servers: readonly Endpoint[];
  /** Keepalive interval: a whole number from 1, default 5. The smaller one of server and client is used. */
  readonly keepaliveSeconds?: number;
  /** Bounds of the random pause before the next attempt to connect. Default 5 to 10 s. */
  readonly retry?: RetryBounds;
  /** Whether servers are written to in small steps, which Go servers need. Default `auto`. */
  readonly pacing?: Pacing;
  /** How long stale routes are kept. Default 60 s; forever while no server is established. */
  readonly staleTimes?: StaleTimes;
  /** Maximum number of next hops per destination, 1 to 65536; more are skipped and counted. Default 4096. */
  readonly maxHops?: number;
  /**
   * Announces to the servers only after this promise has settled: an announcement attracts traffic, for which this host may not be
   * ready yet: see `kernelRoutes.upToDate()`. Default: announces at once.
   */
  readonly announceWhen?: PromiseLike<unknown>;
  /**
   * How long after the start the client announces even if `announceWhen` has not settled. Default 2000; Infinity means
   * no limit.
   */
  readonly announceWithinMs?: number;
  /** How many of the last changes are remembered, 0 for none. Default 100,000. */
  readonly historyEntries?: number;
  /** Handles the events of the client as they happen; several handlers are called in their order. */
  readonly handler?: ClientHandler | readonly ClientHandler[];
  /** Takes log lines. Default: nothing is logged. */
  readonly logger?: Logger;
  /** The time. Default: the system's. */
  readonly clock?: Clock;
  /** Random numbers for pauses. Default: `Math.random`. */
  readonly random?: Random;
  /** Makes the connections. Default: sockets. */
  readonly network?: Network;
}

/** The state of one server of a client. */
export interface ServerInfo {
  readonly server: Endpoint;
  readonly state: ServerState;
  /** How long it has been in that state, in milliseconds. */
  readonly stateForMs: number;
  /** How long ago its connection ended or the first attempt failed, in milliseconds; null while it is not away. */
  readonly awayForMs: number | null;
  /** Why the last connection ended or could not be made. */
  readonly lastReason: CloseReason | null;
  /** Number of times that it became established. */
  readonly sessions: number;
  /** Number of routes that it had when it was lost, and has not confirmed since. */
  readonly staleRoutes: number;
}

/** The settings that can be changed while the client runs. */
export type ClientSettings = Required<Pick<ClientOptions, "keepaliveSeconds" | "retry" | "staleTimes">>;

/** What happens to the announcements of a client when it stops. */
export type OnStop = (typeof CLOSE_OPTIONS.onStop.words)[number];
