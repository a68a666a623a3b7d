/** Numbers with their unit in the name, as everywhere: `{ peer: "10.0.0.1:33012", retryAfterMs: 6200 }`. */
export type LogFields = Readonly<Record<string, LogValue>>;
export type LogValue = string | number | boolean;

/**
 * Takes the lines of the log. The message is a fixed text, so that lines can be counted and searched by it; whatever varies
 * goes into the fields. Servers and clients write to it by an EventLog (log-event.ts).
 */
export interface Logger {
  /** What only someone hunting a fault wants to know. */
  debug(message: string, fields?: LogFields): void;
  /** What happens in good order, seldom enough to be read. */
  info(message: string, fields?: LogFields): void;
  /** What an operator should look at; work goes on. */
  warn(message: string, fields?: LogFields): void;
  /** What was asked for cannot be done. */
  error(message: string, fields?: LogFields): void;
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};
