/**
 * What the page knows of the stream of events and of the answers to its requests, as a function of what has happened:
 *
 *     connecting ─ opened ▶ live ─ lost ▶ lost ─ opened ▶ live
 *
 * The stream is resumed after the last change that came. A `begin` says that it starts anew, so that everything has to be read
 * again.
 */
export interface LiveState {
  readonly connection: "connecting" | "live" | "lost";
  /** When the connection was lost, or the page was opened. */
  readonly sinceMs: number;
  /** When the daemon last sent or answered anything; null if it never did. */
  readonly heardMs: number | null;
  /** Where the stream is to be resumed; null at its beginning. */
  readonly lastEventId: string | null;
  /** How many changes there were since the daemon began. */
  readonly total: number;
  /** Attempts to connect since the connection was lost. */
  readonly attempts: number;
  /** How often everything had to be read anew. */
  readonly begun: number;
}

export type LiveEvent =
  | { readonly kind: "opened" | "answered" | "lost"; readonly nowMs: number }
  | { readonly kind: "begin"; readonly nowMs: number; readonly after: number; readonly epoch: string }
  | { readonly kind: "change"; readonly nowMs: number; readonly id: string; readonly number: number };

export function initialLiveState(nowMs: number): LiveState {
  return {
    connection: "connecting",
    sinceMs: nowMs,
    heardMs: null,
    lastEventId: null,
    total: 0,
    attempts: 0,
    begun: 0,
  };
}

export function afterEvent(state: LiveState, event: LiveEvent): LiveState {
  const { nowMs } = event;
  switch (event.kind) {
    case "opened":
      return { ...state, connection: "live", sinceMs: nowMs, heardMs: nowMs, attempts: 0 };
    case "answered":
      return { ...state, heardMs: nowMs };
    case "lost": {
      const sinceMs = state.connection === "lost" ? state.sinceMs : nowMs;
      return { ...state, connection: "lost", sinceMs, attempts: state.attempts + 1 };
    }
    case "begin":
      return {
        ...state,
        heardMs: nowMs,
        lastEventId: `${event.epoch}-${event.after}`,
        total: event.after + 1,
        begun: state.begun + 1,
      };
    case "change":
      return { ...state, heardMs: nowMs, lastEventId: event.id, total: event.number + 1 };
  }
}

/** An answer is due every few seconds while the page is shown. */
const OLD_AFTER_MS = 15_000;

/** Returns true if what the page shows may not be true any more. */
export function isOld({ connection, heardMs }: LiveState, nowMs: number): boolean {
  return connection === "lost" || (heardMs !== null && nowMs - heardMs > OLD_AFTER_MS);
}

const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 5_000;

/** Returns how long to wait before the next attempt: 1 s, 2 s, 4 s, and then 5 s each time. */
export function retryAfterMs({ attempts }: LiveState): number {
  return Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.max(0, attempts - 1));
}
