import type { CloseReason } from "../session/close-reason.ts";
import type { ProtocolErrorCode, SkipCode } from "../wire/protocol-error.ts";
import type { LimitCode } from "./exchange/limits.ts";

/** The reasons why a connection is refused, or reset before its handshake, with explanations for help. */
export const REFUSAL_REASONS = {
  "descriptor-limit": "the process may not open more files and sockets",
  "half-open-limit":
    "too many connections had not completed the handshake, and this was the oldest of them, or all were too young to be reset",
  "source-share": "few connections are free, and the source address has used its share",
} as const;
/** Why a connection was refused: a key of {@link REFUSAL_REASONS}. */
export type RefusalReason = keyof typeof REFUSAL_REASONS;

/** What has happened since the server's start. */
export interface ServerCounters {
  readonly connectionsAccepted: number;
  /** Connections that were reset at once, or before their handshake. */
  readonly refusals: Readonly<Partial<Record<RefusalReason, number>>>;
  readonly updatesReceived: number;
  /** Announcements that their sender had not made before, and withdrawals of what it had announced. */
  readonly announcementsAdded: number;
  readonly announcementsRemoved: number;
  /** REMOVEs of routes that their sender had not announced. They change nothing. */
  readonly unmatchedRemoves: number;
  /** HELLOs after the first one of a connection. They are answered, and change only the keepalive interval. */
  readonly repeatedHellos: number;
  readonly closes: Readonly<Partial<Record<CloseReason["reason"], number>>>;
  readonly protocolErrors: Readonly<Partial<Record<ProtocolErrorCode, number>>>;
  /** UPDATEs that are not a valid route, or exceed a limit. */
  readonly skippedUpdates: Readonly<Partial<Record<SkipCode | LimitCode, number>>>;
  /** SUBSCRIBEs that exceed a limit. */
  readonly skippedSubscribes: Readonly<Partial<Record<LimitCode, number>>>;
}

/** The counters of a running server, which only rise. */
export class RunningCounters implements ServerCounters {
  connectionsAccepted = 0;
  readonly refusals: Partial<Record<RefusalReason, number>> = {};
  updatesReceived = 0;
  announcementsAdded = 0;
  announcementsRemoved = 0;
  unmatchedRemoves = 0;
  repeatedHellos = 0;
  readonly closes: Partial<Record<CloseReason["reason"], number>> = {};
  readonly protocolErrors: Partial<Record<ProtocolErrorCode, number>> = {};
  readonly skippedUpdates: Partial<Record<SkipCode | LimitCode, number>> = {};
  readonly skippedSubscribes: Partial<Record<LimitCode, number>> = {};

  countRefusal(reason: RefusalReason): void {
    count(this.refusals, reason);
  }

  countClose(close: CloseReason): void {
    count(this.closes, close.reason);
    if (close.reason === "protocol-error") count(this.protocolErrors, close.code);
  }

  countSkippedUpdate(code: SkipCode | LimitCode): void {
    count(this.skippedUpdates, code);
  }

  countSkippedSubscribe(code: LimitCode): void {
    count(this.skippedSubscribes, code);
  }

  /** Returns the counters as they are now. */
  copy(): ServerCounters {
    return structuredClone<ServerCounters>(this);
  }
}

function count<K extends string>(counts: Partial<Record<K, number>>, key: K): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
