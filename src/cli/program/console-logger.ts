/**
 * The log uses consola, which decides by level. A reporter of our own writes one line per message to stderr:
 *
 *     2026-01-02T03:04:05.678Z info  peer is established peer=192.0.2.7:40112 keepaliveSeconds=5
 *
 * Times are UTC. A value with special characters is a JSON string, so that a message is always one line and can be
 * split into fields.
 */
import { createConsola, LogLevels, type LogObject } from "consola/core";
import { logLinesLost } from "../../base/log-events.ts";
import type { LogFields, Logger, LogLevel } from "../../base/logger.ts";
import { printable } from "../../base/marked-text.ts";
import type { Style } from "./style.ts";

/** journal: as text, with a priority in the place of the time (sd-daemon(3)). */
export type LogFormat = "text" | "json" | "journal";

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format?: LogFormat;
  readonly style: Style;
  /** Writes a line with its end. Returns false if the line is not taken, because the log's reader is too slow. */
  readonly write: (line: string) => boolean;
}

/** A logger whose level can change. */
export interface LevelledLogger extends Logger {
  level: LogLevel;
}

export function createLogger({ level, format = "text", style, write }: LoggerOptions): LevelledLogger {
  const formatted = FORMATS[format];
  let lostLines = 0;

  /**
   * Writes an entry, or counts it as lost: a log that stalls must not stop the program. The number of lost lines is
   * logged once there is room again.
   */
  function writeOrCount(entry: Entry): void {
    const loss: Entry = { ...entry, type: "warn", args: [logLinesLost.message, { lostLines }] };
    const notice = lostLines === 0 ? "" : formatted(loss, style);
    if (write(notice + formatted(entry, style))) lostLines = 0;
    else lostLines++;
  }

  const consola = createConsola({
    // Both are explicit: by default consola reads a level from the environment, and suppresses repeated messages.
    level: LogLevels[level],
    throttle: 0,
    reporters: [{ log: writeOrCount }],
  });
  return {
    debug: (message, fields = {}) => consola.debug(message, fields),
    info: (message, fields = {}) => consola.info(message, fields),
    warn: (message, fields = {}) => consola.warn(message, fields),
    error: (message, fields = {}) => consola.error(message, fields),
    get level() {
      return level;
    },
    set level(next) {
      level = next;
      consola.level = LogLevels[next];
    },
  };
}

/** The used part of consola's entries; `args` are the message and the fields. */
type Entry = Pick<LogObject, "date" | "type" | "args">;

/** Each returns a line with its end. */
const FORMATS: Readonly<Record<LogFormat, (entry: Entry, style: Style) => string>> = {
  text(entry, style) {
    return `${style.dim(entry.date.toISOString())} ${lineOf(entry, style)}`;
  },
  json({ date, type, args }) {
    const message: string = args[0];
    const fields: LogFields = args[1];
    return `${JSON.stringify({ time: date.toISOString(), level: type, message, ...fields })}\n`;
  },
  journal(entry, style) {
    return `<${PRIORITIES[entry.type] ?? PRIORITIES.info}>${lineOf(entry, style)}`;
  },
};

/** Of syslog(3). */
const PRIORITIES: { readonly [Type in Entry["type"]]?: number } & Readonly<Record<LogLevel, number>> = {
  error: 3,
  warn: 4,
  info: 6,
  debug: 7,
};

function lineOf({ type, args }: Entry, style: Style): string {
  const message: string = args[0];
  const fields: LogFields = args[1];
  const level = type.padEnd("error".length);
  const shownLevel = type === "error" ? style.error(level) : type === "warn" ? style.warning(level) : level;
  const shownFields = Object.entries(fields).map(
    ([key, value]) => ` ${style.dim(`${key}=`)}${formatValue(value)}`,
  );
  return `${shownLevel} ${printable(message)}${shownFields.join("")}\n`;
}

function formatValue(value: string | number | boolean): string {
  const text = String(value);
  return /^[\x21-\x7e]+$/.test(text) && !/["=]/.test(text) ? text : printable(JSON.stringify(text));
}
