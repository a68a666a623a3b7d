import type { ProtocolErrorCode } from "../wire/protocol-error.ts";

/**
 * This is the catalogue of the reasons why connections end, with explanations for help, in Markdown. The reasons appear
 * unchanged in logs, in status and in tests.
 */
export const CLOSE_REASONS = {
  stopped: "This side was stopped.",
  reset: "An operator reset the connection on this side (`bunbond peer reset`).",
  "closed-by-peer": "The other side closed the connection: it was stopped, or its process died.",
  "connection-lost": "The network, or the other side's kernel, broke the connection.",
  "connect-failed":
    "No connection could be made, for the reason in brackets. `ECONNREFUSED`: no program listens there, or there is no route to that host. `EAI_AGAIN`: no name server answers. `ENOTFOUND`: the name does not exist. `EMFILE`: this process has no file descriptor left; raise `LimitNOFILE=`.",
  "connect-timeout": "The host does not answer at all: it is down, or a firewall drops the packets.",
  "handshake-timeout":
    "The connection was made, but the other side did not complete the handshake: it hangs, or is not a MetalBond peer.",
  "keepalive-timeout":
    "No message arrived for 2.5 keepalive intervals: the host or the network to it is down.",
  "send-hold-timeout":
    "The other side read nothing for `--send-hold` (at a client: 90 s) although data was waiting for it: it hangs.",
  "send-queue-full": "The other side sends requests and never reads the answers.",
  "protocol-error":
    "The other side broke the protocol; `bunbond help protocol-errors` explains the code. A server withdraws the routes of such a client at once, even with `--retain`.",
  "same-server":
    "At a client: this address leads to the server in brackets, which is connected already. The client tries it again every minute.",
  "internal-error": "A fault in BunBond: please report it. Only this connection ended.",
} as const;

/** Why a connection ended; {@link CLOSE_REASONS} explains each. */
export type CloseReason =
  | {
      readonly reason: Exclude<keyof typeof CLOSE_REASONS, "protocol-error">;
      /** The system's text, if there is one. */
      readonly detail?: string;
    }
  | { readonly reason: "protocol-error"; readonly code: ProtocolErrorCode; readonly detail?: string };

/** Returns the reason as one line for a log. */
export function describeCloseReason(close: CloseReason): string {
  const what = close.reason === "protocol-error" ? `${close.reason} ${close.code}` : close.reason;
  return close.detail === undefined ? what : `${what} (${close.detail})`;
}
