/** The level of a running daemon's log: who changes it, and the line that says so. */
import { eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { LogLevel } from "../../base/logger.ts";
import { readLogLevel } from "../../http/control/bodies.ts";
import { change } from "../../http/control/control-server.ts";
import type { HttpRoute } from "../../http/router.ts";
import type { LevelledLogger } from "../program/console-logger.ts";

/** What changed the level, as the log names it. */
export type LogLevelChanger = "bunbond log" | "SIGUSR1";

/** Changes the level. The line that says so is logged while the log has the lower of the two levels: else it might be missing. */
export function changeLogLevel(logger: LevelledLogger, to: LogLevel, by: LogLevelChanger): void {
  const from = logger.level;
  if (from === to) return;
  const log = () => eventLog(logger).log(LOG.logLevelChanged, { from, to, by });
  if (to !== "error" && to !== "warn") logger.level = to;
  log();
  logger.level = to;
}

/** Answers `bunbond log`. */
export function logEndpoint(logger: LevelledLogger): HttpRoute {
  return change("/v1/log", readLogLevel, (level) => {
    const before = logger.level;
    changeLogLevel(logger, level, "bunbond log");
    return { level, before };
  });
}

/**
 * Makes SIGUSR1 switch debug on and off, and SIGUSR2 do nothing: by default it ends a process, and some log rotators send it. The
 * level that it goes back to is the one that was set last by other means.
 */
export function handleUserSignals(logger: LevelledLogger): Disposable {
  let usual: LogLevel = logger.level === "debug" ? "info" : logger.level;
  const toggle = (): void => {
    if (logger.level !== "debug") usual = logger.level;
    changeLogLevel(logger, logger.level === "debug" ? usual : "debug", "SIGUSR1");
  };
  const ignore = (): void => logger.debug("SIGUSR2 is ignored");
  process.on("SIGUSR1", toggle);
  process.on("SIGUSR2", ignore);
  return {
    [Symbol.dispose]() {
      process.off("SIGUSR1", toggle);
      process.off("SIGUSR2", ignore);
    },
  };
}
