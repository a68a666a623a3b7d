/**
 * Runs a daemon: this is what both daemons do around their work.
 *
 *     log, warnings → signals → control socket (says STARTING) → serve() → control socket closed
 *                        │                                        │ ↑
 *                        └── SIGTERM, SIGINT, SIGHUP, stop() ── stopped
 *                                                                 │
 *     systemd, if it has started the daemon ◀── ready, reloading, stopping
 */

import { type EventLog, eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { ProgramName } from "../../http/control/api.ts";
import type { ControlServer } from "../../http/control/control-server.ts";
import { openServiceManager } from "../../systemd/notify-socket.ts";
import { ServiceNotifier } from "../../systemd/service-notifier.ts";
import { SystemClock } from "../../transport/schedule/system-clock.ts";
import { type DaemonFlagOptions, logLevelOf } from "../flags/daemon-flags.ts";
import { openDaemonSocket } from "../flags/socket-flag.ts";
import type { DaemonContext } from "../program/command.ts";
import { createLogger, type LevelledLogger } from "../program/console-logger.ts";
import type { HangupSignal } from "../program/hangup-signal.ts";
import { untilStopped } from "../program/stop-signal.ts";
import { styleFor } from "../program/style.ts";
import { handleUserSignals } from "./log-level.ts";
import { warnOfAddressSpace } from "./memory-limit.ts";
import { stopOnHangup } from "./reload.ts";

/** The arguments of a daemon's work. */
export interface DaemonSetup {
  readonly rawArgs: readonly string[];
  readonly hangup: HangupSignal;
  readonly logger: LevelledLogger;
  /** The same logger, for events of the catalogue. */
  readonly log: EventLog;
  /** The control socket; null if there is none. */
  readonly control: ControlServer | null;
  /** Takes reports for systemd. `ready` is the work's to call; stopping is reported without it. */
  readonly service: ServiceNotifier;
  /** Asks the daemon to stop, as SIGTERM does. */
  readonly stop: () => void;
  /** Resolves when the daemon has to stop. */
  readonly stopped: Promise<void>;
}

export interface DaemonWork {
  readonly program: ProgramName;
  readonly warnings?: readonly string[];
  /** Returns how long the daemon may take to stop beyond the usual time. It is called when the daemon has to stop. */
  readonly graceMs?: () => number;
  /** Does the work. Resolves to the exit code, after `stopped`. */
  readonly serve: (setup: DaemonSetup) => Promise<number>;
}

/** Runs a daemon until SIGTERM or SIGINT, or SIGHUP from a terminal without `--config`. Resolves to its exit code. */
export async function runDaemon(
  options: DaemonFlagOptions,
  { io, rawArgs, hangup }: DaemonContext,
  { program, warnings = [], graceMs, serve }: DaemonWork,
): Promise<number> {
  const logger = createLogger({
    level: logLevelOf(options),
    format: options.logFormat === "auto" ? (io.stderrIsJournal ? "journal" : "text") : options.logFormat,
    style: styleFor(io.stderrIsTty, io.environment),
    write: (line) => io.stderr.write(line),
  });
  using _signals = handleUserSignals(logger);
  const log = eventLog(logger);
  warnOfAddressSpace(log);
  for (const problem of warnings) log.log(LOG.optionWarning, { problem });
  const asked = Promise.withResolvers<void>();
  stopOnHangup(options, hangup, log, asked.resolve);
  const service = new ServiceNotifier({
    manager: openServiceManager(io.environment, process.pid, (socket) =>
      log.log(LOG.serviceManagerUnreachable, { socket }),
    ),
    clock: new SystemClock(),
  });
  const stopped = untilStopped({ ...(graceMs && { graceMs }), also: asked.promise });
  void stopped.then(() => service.stopping(graceMs?.() ?? 0));
  // The socket is opened first: if another daemon has it, this one ends before any peer has seen it.
  const control = await openDaemonSocket(options.socket, program, logger);
  try {
    return await serve({ rawArgs, hangup, logger, log, control, service, stop: asked.resolve, stopped });
  } finally {
    await control?.stop();
    service.close();
  }
}
