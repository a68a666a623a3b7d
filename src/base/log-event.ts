/**
 * The log consists of events. An event has a level, a fixed text and named fields, all from one catalogue
 * (log-events.ts), which also explains it to operators: help, man pages and tests read the catalogue.
 *
 *     code ── log(event, fields) ──▶ EventLog ── level, text, fields ──▶ Logger: the console, or a library user's own
 *
 * Only debug lines have free texts: they are for developers, and nothing lists them.
 */
import type { LogFields, Logger, LogValue } from "./logger.ts";

export interface LogEvent<Field extends string = string> {
  readonly level: "info" | "warn" | "error";
  /** The same in each line of the event, so that lines can be counted and searched by it. */
  readonly message: string;
  /** The names of the fields. "line?" is a field that may be missing. */
  readonly fields: readonly Field[];
  /** The meaning, and what an operator should do, in Markdown. */
  readonly whatToDo: string;
}

/** The fields that a line of the event must have, and those that it may have. */
export type EventFields<Field extends string> = {
  readonly [Name in Field as Name extends `${string}?` ? never : Name]: LogValue;
} & {
  readonly [Name in Field as Name extends `${infer Optional}?` ? Optional : never]?: LogValue;
};

export interface EventLog {
  log<Field extends string>(event: LogEvent<Field>, fields: EventFields<Field>): void;
  debug(message: string, fields?: LogFields): void;
}

/** Writes each event to the logger. */
export function eventLog(logger: Logger): EventLog {
  return {
    log: ({ level, message }: LogEvent, fields: LogFields) => logger[level](message, fields),
    debug: (message, fields) => logger.debug(message, fields),
  };
}
