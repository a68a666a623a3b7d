/**
 * All errors that this library throws or rejects with extend this class. Every kind has a class of its own, with its
 * data as fields. `code` never changes its meaning; the message is for people, and may change.
 */
export abstract class BunBondError extends Error {
  abstract readonly code: string;
}

/** A call came after the server or client was stopped. */
export class ClosedError extends BunBondError {
  override readonly name = "ClosedError";
  readonly code = "CLOSED";

  constructor(what: "server" | "client" | "installer") {
    super(`the ${what} was closed`);
  }
}

/** An option's value is not valid. `option` is its name, as "keepaliveSeconds". */
export class BadOptionError extends BunBondError {
  readonly option: string;
  readonly value: unknown;
  override readonly name = "BadOptionError";
  readonly code = "BAD_OPTION";

  constructor(option: string, value: unknown, reason: string) {
    super(isObject(value) ? `${option}: ${reason}` : `${option} ${shown(value)}: ${reason}`);
    this.option = option;
    this.value = value;
  }
}

/** Returns true for an object. A program in JavaScript can pass anything; some objects cannot even be converted to text. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Returns a wrong value for a message, on one line, and with quotes that distinguish "5" from 5. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  return isObject(value) ? "an object" : String(value);
}
