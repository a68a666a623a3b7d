/**
 * This file has the defaults of options that several rooms share: flags, help, the library and tests use these
 * constants. Units are in the names. Defaults that belong to one room are defined there: keepalive interval and ports
 * in wire/protocol.ts, the pause before a new connection in session/retry.ts, what one peer may have of a server in
 * server/exchange/limits.ts, the route protocol in kernel/options.ts, the weight of preferred next hops in
 * kernel/desired/settings.ts.
 */

/** How long a server waits after its start for clients to return: their longest retry of 10 s, plus the handshake. */
export const DEFAULT_SETTLE_SECONDS = 15;
/** How long a server keeps a lost client's routes: not at all, as in other servers. */
export const DEFAULT_RETAIN_SECONDS = 0;
/** How long a peer may read nothing although data is waiting for it. A client has no option for it. */
export const DEFAULT_SEND_HOLD_SECONDS = 90;
/** How many connections to a server may be without a complete handshake. */
export const DEFAULT_MAX_HALF_OPEN = 512;
/** How many next hops of one destination a server or a client accepts. */
export const DEFAULT_MAX_HOPS = 4_096;
/** How long a client keeps a lost server's routes while another server is established. */
export const DEFAULT_STALE_TIME_SECONDS = 60;
/** The same while no server is established: forever. */
export const DEFAULT_STALE_TIME_ALONE_SECONDS = Number.POSITIVE_INFINITY;
/** How long a client stays connected between withdrawing its announcements and closing. */
export const DEFAULT_DRAIN_SECONDS = 0;
/** How often a client compares the kernel's tables with the desired routes. */
export const DEFAULT_RECONCILE_INTERVAL_SECONDS = 300;
