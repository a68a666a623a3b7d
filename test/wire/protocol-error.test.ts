import { expect, test } from "bun:test";
import {
  describeCode,
  ProtocolError,
  type ProtocolErrorCode,
  SKIP_CODES,
} from "../../src/wire/protocol-error.ts";
import { refusedVectors } from "../support/models/wire-vectors.ts";

/** Those that a session finds, not a decoder. */
const SESSION_CODES: ProtocolErrorCode[] = ["OUT_OF_STATE", "SECOND_HELLO"];
const CLOSING_CODES: ProtocolErrorCode[] = [
  "UNSUPPORTED_VERSION",
  "PAYLOAD_TOO_LONG",
  "UNKNOWN_TYPE",
  "MALFORMED_MESSAGE",
  "FRAME_LENGTH_MISMATCH",
  "KEEPALIVE_INTERVAL_ZERO",
  ...SESSION_CODES,
];

test("closing codes close, skip codes do not", () => {
  expect(CLOSING_CODES.every((code) => new ProtocolError(code).closesConnection)).toBe(true);
  expect(SKIP_CODES.some((code) => new ProtocolError(code).closesConnection)).toBe(false);
});

test("every code that a decoder finds has a vector", () => {
  const inVectors = new Set(refusedVectors.map(({ code }) => code));
  const found = [...CLOSING_CODES, ...SKIP_CODES].filter((code) => !SESSION_CODES.includes(code));
  expect([...inVectors].sort()).toEqual(found.sort());
});

test("every code has one line of text, which the error's message begins with", () => {
  for (const code of [...CLOSING_CODES, ...SKIP_CODES]) {
    expect(describeCode(code)).toMatch(/^[^\n]{20,120}$/);
    expect(new ProtocolError(code, { value: 7 }).message).toBe(`${describeCode(code)} (value 7)`);
  }
});
