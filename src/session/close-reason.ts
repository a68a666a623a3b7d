import type { ProtocolErrorCode } from "../wire/protocol-error.ts";

/**
 * Why a connection ended. The words appear unchanged in logs, in HTTP output and in tests.
 *
 * - `stopped`: this side was stopped
 * - `reset`: an operator or a program has reset the peer
 * - `closed-by-peer`: the other side closed it in order (so does the system of a killed process)
 * - `connection-lost`: the network or the other side's kernel broke it
 * - `connect-failed`, `connect-timeout`: the connection could not be made
 * - `handshake-timeout`: a step towards ESTABLISHED took longer than 2.5 of our keepalive intervals
 * - `keepalive-timeout`: nothing was received for 2.5 negotiated intervals
 * - `send-hold-timeout`: the peer has taken no byte of what was due for too long
 * - `send-queue-full`: the peer asked for answer upon answer and read none of them
 * - `same-server`: another connection of this client leads to the same server
 * - `internal-error`: a fault of this program, which should be reported; only this connection is closed for it
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
      /** The system's text, if there is one. */
      readonly detail?: string;
    }
  | { readonly reason: "protocol-error"; readonly code: ProtocolErrorCode; readonly detail?: string };

/** Returns the reason as one line for a log. */
export function describeCloseReason(close: CloseReason): string {
  const what = close.reason === "protocol-error" ? `${close.reason} ${close.code}` : close.reason;
  return close.detail === undefined ? what : `${what} (${close.detail})`;
}
