/** The fields of a log line. A number has its unit in its name, as everywhere: `{ peer: "10.0.0.1:33012", retryAfterMs: 6200 }`. */
export type LogFields = Readonly<Record<string, LogValue>>;
export type LogValue = string | number | boolean;

/**
 * Logs what sessions, servers and clients do. The message is a fixed text, so that lines can be counted and searched by it; all
 * that varies is in the fields. Servers and clients write to it by an EventLog (log-event.ts).
 */
export interface Logger {
  /** Logs details for finding a fault. */
  debug(message: string, fields?: LogFields): void;
  /** Logs normal events that are seldom enough to be read. */
  info(message: string, fields?: LogFields): void;
  /** Logs something that an operator should look at; work goes on. */
  warn(message: string, fields?: LogFields): void;
  /** Logs that something cannot be done. */
  error(message: string, fields?: LogFields): void;
}

/** The levels of log lines, the most severe first. A log of one level has the lines of the levels before it, too. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Logs nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};
