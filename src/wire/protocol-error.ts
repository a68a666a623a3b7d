/**
 * This is the catalogue of invalid input from a peer, by code. There are two kinds (as in RFC 7606, one bad route
 * should do as little damage as possible):
 *
 * - The peer's bytes cannot be trusted any more: the connection is closed and its routes are withdrawn (README.md, §5.1).
 * - An UPDATE is well formed, but a value in it is not valid: that UPDATE is skipped and counted (§5.3).
 */

import { BunBondError } from "../base/bunbond-error.ts";

const CLOSING_TEXT = {
  UNSUPPORTED_VERSION: "the peer uses another version of the protocol, or another protocol than MetalBond",
  PAYLOAD_TOO_LONG:
    "the peer sent a header with a payload of more than the 1188 bytes that the protocol allows",
  UNKNOWN_TYPE: "the peer sent a message of a type that the protocol does not have",
  MALFORMED_MESSAGE: "the peer sent a message that is not valid protobuf",
  FRAME_LENGTH_MISMATCH: "the bytes are not exactly one frame: they end inside it, or others follow",
  OUT_OF_STATE: "the peer sent a message that is not allowed at this point of the session",
  SECOND_HELLO: "the server sent a second HELLO",
  KEEPALIVE_INTERVAL_ZERO: "the peer requests a keepalive interval of 0 seconds; configure at least 1",
} as const;

const SKIP_TEXT = {
  UNKNOWN_ACTION: "an UPDATE's action is neither ADD nor REMOVE",
  MISSING_DESTINATION: "an UPDATE has no destination",
  MISSING_NEXT_HOP: "an UPDATE has no next hop",
  BAD_IP_VERSION: "a destination's IP version is neither IPv4 nor IPv6",
  BAD_ADDRESS_LENGTH: "an address has another length than its family's (4 or 16 bytes)",
  BAD_PREFIX_LENGTH: "a prefix length is over 32 (IPv4) or 128 (IPv6)",
  UNKNOWN_NEXT_HOP_TYPE: "a next hop's type is none of STANDARD, NAT and LOADBALANCER_TARGET",
  BAD_NAT_PORTS: "a NAT port is over 65535, or the first of a range is greater than the last",
} as const;

/** Codes after which the connection is closed. */
export type ClosingCode = keyof typeof CLOSING_TEXT;
/** Codes for which one UPDATE is skipped and the session stays. */
export type SkipCode = keyof typeof SKIP_TEXT;
/** All codes; {@link describeCode} returns the text of each. */
export type ProtocolErrorCode = ClosingCode | SkipCode;

const TEXT: Record<ProtocolErrorCode, string> = { ...CLOSING_TEXT, ...SKIP_TEXT };

function isKeyOf<T extends object>(key: PropertyKey, object: T): key is keyof T {
  return Object.hasOwn(object, key);
}

/** All codes after which the connection is closed, for help. */
export const CLOSING_CODES: readonly ClosingCode[] = Object.keys(CLOSING_TEXT).filter((code) =>
  isKeyOf(code, CLOSING_TEXT),
);

/** All skip codes, for counters by reason. */
export const SKIP_CODES: readonly SkipCode[] = Object.keys(SKIP_TEXT).filter((code) =>
  isKeyOf(code, SKIP_TEXT),
);

/** Returns the meaning of a code, in one line for an operator. */
export function describeCode(code: ProtocolErrorCode): string {
  return TEXT[code];
}

/** Details of an error. */
export interface ProtocolErrorDetail {
  /** The position in the frame, in bytes. */
  readonly offset?: number;
  /** The wrong number: a version, a length, a type. */
  readonly value?: number;
  /** The broken rule, if the code alone does not express it. */
  readonly reason?: string;
}

/** A peer has broken the protocol. */
export class ProtocolError extends BunBondError {
  readonly code: ProtocolErrorCode;
  /** True if the connection must be closed, false if only the UPDATE is skipped. */
  readonly closesConnection: boolean;
  readonly detail: ProtocolErrorDetail;

  constructor(code: ProtocolErrorCode, detail: ProtocolErrorDetail = {}) {
    const { offset, value, reason } = detail;
    const known: string[] = [];
    if (reason !== undefined) known.push(reason);
    if (value !== undefined) known.push(`value ${value}`);
    if (offset !== undefined) known.push(`at byte ${offset} of the frame`);
    super(TEXT[code] + (known.length > 0 ? ` (${known.join(", ")})` : ""));
    this.name = "ProtocolError";
    this.code = code;
    this.closesConnection = isKeyOf(code, CLOSING_TEXT);
    this.detail = detail;
  }
}
