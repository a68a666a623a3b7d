import type { Clock, Random } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { CloseReason } from "../session/close-reason.ts";
import type { RetryBounds } from "../session/retry.ts";
import type { Network } from "../transport/network.ts";
import type { Pacing } from "../transport/pacing.ts";
import type { ClientHandler } from "./events.ts";
import type { ServerState } from "./link/server-link.ts";
import type { StaleTimes } from "./view/stale-timers.ts";

/** What a client is given. Only `servers` has to be there. */
export interface ClientOptions {
  /** All of them are used at the same time; one given twice counts once. */
  readonly servers: readonly Endpoint[];
  /** A whole number from 1, default 5. The smaller one of server and client is used. */
  readonly keepaliveSeconds?: number;
  /** Default 5 to 10 s. */
  readonly retry?: RetryBounds;
  /** Whether servers are written to in small steps, which Go's need to survive. Default `auto`. */
  readonly pacing?: Pacing;
  /** Default 60 s; for ever while there is no server at all. */
  readonly staleTimes?: StaleTimes;
  /** Next hops that are taken of one destination, 1 to 65536; more are skipped and counted. Default 4096. */
  readonly maxHops?: number;
  /**
   * No server is told of an announcement before `releaseAnnouncements()`: whoever is told sends traffic, which this host
   * may not be ready for. Default false.
   */
  readonly defersAnnouncements?: boolean;
  /** Is told what happens, as it happens. */
  readonly handler?: ClientHandler;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: `Math.random`. */
  readonly random?: Random;
  /** Default: sockets. */
  readonly network?: Network;
}

/** A server, as its client sees it. */
export interface ServerInfo {
  readonly server: Endpoint;
  readonly state: ServerState;
  /** For how long it has been in that state, in milliseconds. */
  readonly stateForMs: number;
  /** Since its connection ended, or the first attempt failed, in milliseconds; null while it is not away. */
  readonly awayForMs: number | null;
  /** Why the last connection ended or could not be made. */
  readonly lastReason: CloseReason | null;
  /** How often it became established. */
  readonly sessions: number;
  /** Routes that it had when it was lost, and has not confirmed since. */
  readonly staleRoutes: number;
}

/** What can be changed while the client runs. */
export type ClientSettings = Required<Pick<ClientOptions, "keepaliveSeconds" | "retry" | "staleTimes">>;

/** What becomes of a client's announcements when it stops. */
export type OnStop = "withdraw" | "keep";
