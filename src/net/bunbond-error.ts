/**
 * What this library throws and rejects with. Every kind has a class of its own, with its data as fields; `code` never
 * changes its meaning, the message is for people and may.
 */
export abstract class BunBondError extends Error {
  abstract readonly code: string;
}

/** The server or client has been stopped, and does nothing any more. */
export class ClosedError extends BunBondError {
  override readonly name = "ClosedError";
  readonly code = "CLOSED";

  constructor(what: "server" | "client") {
    super(`the ${what} was closed`);
  }
}
