/**
 * These constants bound how much each kind of work may take in one turn of the event loop. They are in one file so that
 * their sum can be seen: one event loop serves all connections, and no turn may take much longer than 20 ms, whatever
 * peers send (transport/schedule/turns.ts explains why, and draws the order of a turn).
 *
 * A time ends a piece of work after the step that exceeds it. Steps and counts bound work during which no clock is
 * read.
 */
import type { TurnClass } from "./clock.ts";

/** How long after the turn's beginning further calls of a class are made. The first call is made in any case. */
export const CLASS_UNTIL_MS: Readonly<Record<TurnClass, number>> = {
  urgent: 3,
  output: 5,
  input: 7,
  background: 8,
};

// --- input (transport/schedule/read-schedule.ts, transport/connection.ts) --------------------------

/** The time in which tiny chunks of all connections together are read before others. */
export const READ_TINY_MS = 2;
/** The time in which small chunks of all connections together are read before larger ones. */
export const READ_SMALL_MS = 3;
/**
 * The time for all other chunks together. A client does much work for each route, and must pause more often. A server
 * does little for each, and a pause takes as long as a hundred routes: with 4 ms, loading a million took 14 % more
 * processor time.
 */
export const READ_MS = { client: 2, server: 8 } as const;
/** The time for one connection while others wait to be read or to write. */
export const QUANTUM_MS = 0.5;
/** How many parked connections with credit are resumed: beyond the limit of held bytes, and otherwise. */
export const RESUMED_PER_TURN = { beyondLimit: 16, else: 256 } as const;
/** How many sources are checked to find one that has no open place and holds nothing. */
export const SOURCES_PER_TURN = 8;
/** How many frames are read between two checks of the clock. */
export const FRAMES_PER_CLOCK_CHECK = 32;

// --- output (transport/schedule/write-schedule.ts) -------------------------------------------------

/** The time for all connections with little to be sent. */
export const WRITE_LITTLE_MS = 4;
/** The time for all connections with bulk, which come after them. At least one of them writes. */
export const WRITE_BULK_MS = 3;

// --- new connections (transport/pausable-listener.ts) ----------------------------------------------

/** How many connections of peers are accepted. Each takes some 40 µs, with the one that it may replace. */
export const PEERS_ACCEPTED_PER_TURN = 64;
/**
 * How many connections of HTTP clients are accepted. They are few, so that their requests are read before many more are
 * accepted.
 */
export const HTTP_ACCEPTED_PER_TURN = 16;

// --- background ------------------------------------------------------------------------------------

/**
 * The steps of the exchange's jobs, some 5 ns each, so 1 to 2 ms; and as many for passes that return nothing
 * (server/exchange/).
 */
export const EXCHANGE_STEPS_PER_TURN = 1 << 18;
/** The time for all HTTP answers. */
export const HTTP_ANSWERS_MS = 2;
/**
 * How many destinations, and VNIs by their digests, a client compares between its servers, less than a millisecond of
 * work (client/view/agreement.ts).
 */
export const COMPARED_PER_TURN = 1_000;
export const COMPARED_VNIS_PER_TURN = 1_000;
/** The time of each slice of reading dumps of the kernel's objects (kernel/netlink/). */
export const KERNEL_DUMP_MS = 3;
/**
 * The limits for waiting notifications of the kernel: they are handled until one of the two is reached
 * (kernel/reconcile/).
 */
export const KERNEL_EVENTS_MS = 2;
export const KERNEL_EVENTS_PER_TURN = 1_024;
/** Operations on the kernel, in steps that are made as large as takes about this long. */
export const KERNEL_OPERATIONS_MS = 2;
export const KERNEL_STEP_MS = 0.5;
/** Rows and operations in all steps of a turn. */
export const KERNEL_ROWS_PER_TURN = 4_096;
