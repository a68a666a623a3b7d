import { eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import { Daemon } from "../../http/control/daemon.ts";
import type { ControlServer } from "../../http/control/server.ts";
import { serverOperations } from "../../http/control/server-operations.ts";
import { ROUTE_SOURCE } from "../../route/table/route-source.ts";
import { Server } from "../../server/server.ts";
import { openDaemonSocket } from "../flags/socket-flag.ts";
import type { DaemonContext } from "../program/command.ts";
import { createLogger, type LevelledLogger } from "../program/console-logger.ts";
import type { HangupSignal } from "../program/hangup-signal.ts";
import { untilStopped } from "../program/stop-signal.ts";
import { styleFor } from "../program/style.ts";
import { versionInfo } from "../program/version.ts";
import { warnOfAddressSpace } from "./address-space.ts";
import { serverDifference, serverSettings } from "./config-diff.ts";
import { applyToServer, reloadOnHangup, stopOnHangup } from "./reload.ts";
import { serveRoutes } from "./serve-http.ts";
import { readServerOptions, type ServerConfig } from "./server-command.ts";

/** `bunbond server`: runs until SIGTERM or SIGINT, or SIGHUP without `--config`. */
export async function runServer(
  options: ServerConfig,
  { io, rawArgs, hangup }: DaemonContext,
): Promise<number> {
  const logger = createLogger({
    isVerbose: options.verbose,
    style: styleFor(io.stderrIsTty, io.environment),
    write: (line) => io.stderr.write(line),
  });
  const log = eventLog(logger);
  warnOfAddressSpace(log);
  const asked = Promise.withResolvers<void>();
  stopOnHangup(options, hangup, log, asked.resolve);
  const stopped = untilStopped({ also: asked.promise });
  // Before all else: where another daemon runs, this one is refused before any client has seen it.
  const control = await openDaemonSocket(options.socket, "server", logger);
  try {
    return await serve(options, { rawArgs, hangup, logger, control, stopped });
  } finally {
    await control?.stop();
  }
}

interface Surroundings {
  readonly rawArgs: readonly string[];
  readonly hangup: HangupSignal;
  readonly logger: LevelledLogger;
  readonly control: ControlServer | null;
  readonly stopped: Promise<void>;
}

async function serve(
  options: ServerConfig,
  { rawArgs, hangup, logger, control, stopped }: Surroundings,
): Promise<number> {
  const daemon = new Daemon(versionInfo, undefined, control?.counters);
  const { listen, settleSeconds, pacing, maxHalfOpen } = options;
  const start = { listen, settleSeconds, pacing, maxHalfOpen };
  const server = await Server.start({ ...start, ...serverSettings(options), logger });
  const log = eventLog(logger);
  log.log(LOG.started, { program: "server", ...versionInfo });
  const reloader = reloadOnHangup(options, hangup, {
    read: () => readServerOptions(rawArgs),
    difference: serverDifference,
    apply: (change) => applyToServer(server, logger, change),
    logger: log,
  });
  try {
    control?.serve(serverOperations(server, daemon));
    const http = await serveRoutes(options, server[ROUTE_SOURCE](), daemon, logger);
    await stopped;
    daemon.isStopping = true;
    reloader.stop();
    log.log(LOG.stopping, { routes: server.stats().routes, peers: server.stats().peers });
    await http?.stop();
  } finally {
    server.stop();
  }
  return 0;
}
