/**
 * How much each kind of work may take in one turn of the event loop. All of these constants stand here, so that their sum can
 * be seen: one event loop serves all connections, and no turn is to take much longer than 20 ms, whatever peers send
 * (transport/schedule/turns.ts says why, and draws the order of a turn).
 *
 * Times end a piece of work after the step that exceeds them; steps and counts bound what no clock is read for.
 */
import type { TurnClass } from "./clock.ts";

/** The time from the turn's beginning until which further calls of a class are made; the first call is made in any case. */
export const CLASS_UNTIL_MS: Readonly<Record<TurnClass, number>> = {
  urgent: 3,
  output: 5,
  input: 7,
  background: 8,
};

// --- input (transport/schedule/read-schedule.ts, transport/connection.ts) --------------------------

/** Small chunks of all connections together, as long as they are read before others. */
export const READ_SMALL_MS = 3;
/**
 * All other chunks together. A client does much for each route, and is to pause more often. A server does little for each,
 * and a pause costs it as much as a hundred of them: with 4 ms, loading a million took 14 % more processor time.
 */
export const READ_MS = { client: 2, server: 8 } as const;
/** One connection, while others wait to be read or to write. */
export const QUANTUM_MS = 0.5;
/** Connections with credit that are resumed after they were parked: beyond the limit of what is held, and else. */
export const RESUMED_PER_TURN = { beyondLimit: 16, else: 256 } as const;
/** Sources that are checked for one that has no open place and holds nothing. */
export const SOURCES_PER_TURN = 8;
/** Frames that are read between two checks of the clock. */
export const FRAMES_PER_CLOCK_CHECK = 32;

// --- output (transport/schedule/write-schedule.ts) -------------------------------------------------

/** Connections that are nearly up to date, all together. */
export const WRITE_FIRST_MS = 4;
/** After them, connections with more to be sent, all together; at least one of them writes. */
export const WRITE_MORE_MS = 3;

// --- new connections (transport/pausable-listener.ts) ----------------------------------------------

/** Connections of peers that are accepted. Each takes some 40 µs, with the one that it may replace. */
export const PEERS_ACCEPTED_PER_TURN = 64;
/** Connections of HTTP clients that are accepted: few, since the requests that came with them are read before many more are. */
export const HTTP_ACCEPTED_PER_TURN = 16;

// --- background ------------------------------------------------------------------------------------

/** Steps of the exchange's jobs, some 5 ns each, so 1 to 2 ms; and as many for passes that bring nothing (server/exchange/). */
export const EXCHANGE_STEPS_PER_TURN = 1 << 18;
/** HTTP answers, all together. */
export const HTTP_ANSWERS_MS = 2;
/** Dumps of the kernel's objects: each slice of reading them (kernel/netlink/). */
export const KERNEL_DUMP_MS = 3;
/** Notifications of the kernel that have waited: they are handled until one of these is reached (kernel/reconcile/). */
export const KERNEL_EVENTS_MS = 2;
export const KERNEL_EVENTS_PER_TURN = 1_024;
/** Operations on the kernel, in steps that are made as large as takes about this long. */
export const KERNEL_OPERATIONS_MS = 2;
export const KERNEL_STEP_MS = 0.5;
/** Rows and operations in all steps of a turn. */
export const KERNEL_ROWS_PER_TURN = 4_096;
