/** Counts what a client's handlers are called for, for metrics and `bunbond status`. */
import type { CloseReason } from "../session/close-reason.ts";
import type { ProtocolErrorCode } from "../wire/protocol-error.ts";
import type { ClientHandler } from "./events.ts";

/** Counts what has happened since the start of the client. */
export class ClientCounters implements ClientHandler {
  routesAdded = 0;
  routesRemoved = 0;
  readonly closes = new Map<CloseReason["reason"], number>();
  readonly protocolErrors = new Map<ProtocolErrorCode, number>();

  routeAdded(): void {
    this.routesAdded++;
  }

  routeRemoved(): void {
    this.routesRemoved++;
  }

  serverState(_server: unknown, _state: unknown, close: CloseReason | null): void {
    if (close === null) return;
    countIn(this.closes, close.reason);
    if (close.reason === "protocol-error") countIn(this.protocolErrors, close.code);
  }
}

function countIn<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
