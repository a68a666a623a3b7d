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
import type { LogFields, Logger } from "../../base/logger.ts";
import { printable } from "../../base/marked-text.ts";
import type { Style } from "./style.ts";

export interface LoggerOptions {
  readonly isVerbose: boolean;
  readonly style: Style;
  /** Writes a line with its end. Returns false if the line is not taken, because the log's reader is too slow. */
  readonly write: (line: string) => boolean;
}

/** A logger whose level can change. */
export interface LevelledLogger extends Logger {
  setVerbose(isVerbose: boolean): void;
}

export function createLogger({ isVerbose, style, write }: LoggerOptions): LevelledLogger {
  let lostLines = 0;

  /**
   * Writes an entry, or counts it as lost: a log that stalls must not stop the program. The number of lost lines is
   * logged once there is room again.
   */
  function writeOrCount(entry: Entry): void {
    const loss: Entry = { ...entry, type: "warn", args: [logLinesLost.message, { lostLines }] };
    const notice = lostLines === 0 ? "" : formatEntry(loss, style);
    if (write(notice + formatEntry(entry, style))) lostLines = 0;
    else lostLines++;
  }

  const consola = createConsola({
    // Both are explicit: by default consola reads a level from the environment, and suppresses repeated messages.
    level: levelOf(isVerbose),
    throttle: 0,
    reporters: [{ log: writeOrCount }],
  });
  return {
    debug: (message, fields = {}) => consola.debug(message, fields),
    info: (message, fields = {}) => consola.info(message, fields),
    warn: (message, fields = {}) => consola.warn(message, fields),
    error: (message, fields = {}) => consola.error(message, fields),
    setVerbose: (isVerbose) => {
      consola.level = levelOf(isVerbose);
    },
  };
}

function levelOf(isVerbose: boolean): number {
  return isVerbose ? LogLevels.debug : LogLevels.info;
}

/** The used part of consola's entries; `args` are the message and the fields. */
type Entry = Pick<LogObject, "date" | "type" | "args">;

/** Returns a line with its end. */
function formatEntry({ date, type, args }: Entry, style: Style): string {
  const message: string = args[0];
  const fields: LogFields = args[1];
  const level = type.padEnd("error".length);
  const shownLevel = type === "error" ? style.error(level) : type === "warn" ? style.warning(level) : level;
  const shownFields = Object.entries(fields).map(
    ([key, value]) => ` ${style.dim(`${key}=`)}${formatValue(value)}`,
  );
  return `${style.dim(date.toISOString())} ${shownLevel} ${printable(message)}${shownFields.join("")}\n`;
}

function formatValue(value: string | number | boolean): string {
  const text = String(value);
  return /^[\x21-\x7e]+$/.test(text) && !/["=]/.test(text) ? text : printable(JSON.stringify(text));
}
