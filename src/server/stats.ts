import type { CloseReason } from "../session/close-reason.ts";
import type { ProtocolErrorCode, SkipCode } from "../wire/protocol-error.ts";

/** What has happened since the server's start, by reason. Counters only rise. */
export class ServerCounters {
  connectionsAccepted = 0;
  updatesReceived = 0;
  /** REMOVEs of routes that their sender had not announced: they change nothing. */
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
}

function count<K extends string>(counts: Partial<Record<K, number>>, key: K): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
