import type { CloseReason } from "../session/close-reason.ts";
import type { ProtocolErrorCode, SkipCode } from "../wire/protocol-error.ts";

/** What has happened since the server's start, by reason. */
export interface ServerCounters {
  readonly connectionsAccepted: number;
  readonly updatesReceived: number;
  /** REMOVEs of routes that their sender had not announced: they change nothing. */
  readonly strangersRemoves: number;
  readonly closes: Readonly<Partial<Record<CloseReason["reason"], number>>>;
  readonly protocolErrors: Readonly<Partial<Record<ProtocolErrorCode, number>>>;
  readonly skippedUpdates: Readonly<Partial<Record<SkipCode, number>>>;
}

/** The counters themselves, which only rise. */
export class RunningCounters implements ServerCounters {
  connectionsAccepted = 0;
  updatesReceived = 0;
  strangersRemoves = 0;
  readonly closes: Partial<Record<CloseReason["reason"], number>> = {};
  readonly protocolErrors: Partial<Record<ProtocolErrorCode, number>> = {};
  readonly skippedUpdates: Partial<Record<SkipCode, number>> = {};

  closed(close: CloseReason): void {
    count(this.closes, close.reason);
    if (close.reason === "protocol-error") count(this.protocolErrors, close.code);
  }

  skipped(code: SkipCode): void {
    count(this.skippedUpdates, code);
  }

  /** As they are now, for others to keep. */
  copy(): ServerCounters {
    return structuredClone<ServerCounters>(this);
  }
}

function count<K extends string>(counts: Partial<Record<K, number>>, key: K): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
