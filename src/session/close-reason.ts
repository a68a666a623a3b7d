import type { ProtocolErrorCode } from "../wire/protocol-error.ts";

/**
 * Why a connection ended. The words appear unchanged in logs, in HTTP output and in tests.
 *
 * - `stopped`: this side was told to stop
 * - `reset`: this side was told to reset the peer
 * - `closed-by-peer`: the other side ended it in order (a killed process ends so, too)
 * - `connection-lost`: the network or the other side's kernel broke it
 * - `connect-failed`, `connect-timeout`: it never came to be
 * - `handshake-timeout`: a step towards ESTABLISHED took longer than 2.5 of our keepalive intervals
 * - `keepalive-timeout`: nothing was received for 2.5 negotiated intervals
 * - `send-hold-timeout`: it has taken no byte of what was due for too long
 * - `send-queue-full`: it asked for answer upon answer and read none of them
 * - `same-server`: another connection of this client leads to the same server
 * - `internal-error`: a fault of this program, to be reported; only this connection pays for it
 * - `protocol-error`: the other side broke the protocol; `code` says how
 */
export type CloseReason =
  | {
      readonly reason:
        | "stopped"
        | "reset"
        | "closed-by-peer"
        | "connection-lost"
        | "connect-failed"
        | "connect-timeout"
        | "handshake-timeout"
        | "keepalive-timeout"
        | "send-hold-timeout"
        | "send-queue-full"
        | "same-server"
        | "internal-error";
      /** What the system said, where it said something. */
      readonly detail?: string;
    }
  | { readonly reason: "protocol-error"; readonly code: ProtocolErrorCode; readonly detail?: string };

/** One line for a log. */
export function describeCloseReason(close: CloseReason): string {
  const what = close.reason === "protocol-error" ? `${close.reason} ${close.code}` : close.reason;
  return close.detail === undefined ? what : `${what} (${close.detail})`;
}
