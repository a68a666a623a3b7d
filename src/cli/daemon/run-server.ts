import * as LOG from "../../base/log-events.ts";
import { Daemon } from "../../http/control/daemon.ts";
import { serverEndpoints, serverStateEndpoints } from "../../http/control/server-endpoints.ts";
import { ServerMonitor } from "../../http/monitoring/server-monitor.ts";
import { serverSource } from "../../http/queries/daemon-sources.ts";
import { Server, type ServerStats } from "../../server/server.ts";
import type { DaemonContext } from "../program/command.ts";
import { counted } from "../program/counted.ts";
import { versionInfo } from "../program/version.ts";
import { logEndpoint } from "./log-level.ts";
import { applyToServer, reloadOnHangup } from "./reload.ts";
import { serverDifference, serverSettings } from "./reload-changes.ts";
import { type DaemonSetup, runDaemon } from "./run-daemon.ts";
import { serveRoutes } from "./serve-http.ts";
import { readServerOptions, type ServerConfig } from "./server-command.ts";

/** Runs `bunbond server` until SIGTERM or SIGINT, or SIGHUP from a terminal without `--config`. */
export function runServer(options: ServerConfig, context: DaemonContext): Promise<number> {
  return runDaemon(options, context, { program: "server", serve: (setup) => serve(options, setup) });
}

async function serve(
  options: ServerConfig,
  { rawArgs, hangup, logger, log, control, service, stopped }: DaemonSetup,
): Promise<number> {
  const daemon = new Daemon(versionInfo, undefined, control?.counters, options.metricsPerPeer === "on");
  const { listen, settleSeconds, pacing, maxHalfOpen } = options;
  const start = { listen, settleSeconds, pacing, maxHalfOpen };
  const server = await Server.start({ ...start, ...serverSettings(options), logger });
  log.log(LOG.started, { program: "server", ...versionInfo });
  const reloader = reloadOnHangup(options, hangup, {
    read: () => readServerOptions(rawArgs),
    difference: serverDifference,
    apply: (change) => applyToServer(server, logger, change),
    logger: log,
    progress: service,
  });
  daemon.isConfigurationCurrent = () => reloader.isCurrent;
  daemon.lag.start();
  try {
    control?.serve([...serverEndpoints(server, daemon), logEndpoint(logger)]);
    const monitor = new ServerMonitor(server, daemon);
    const http = await serveRoutes(
      options,
      serverSource(server, daemon.clock),
      monitor,
      serverStateEndpoints(server, daemon, monitor),
      daemon,
      logger,
    );
    service.ready(() => statusLine(server.stats()));
    await stopped;
    daemon.isStopping = true;
    reloader.stop();
    log.log(LOG.stopping, { routes: server.stats().routes, peers: server.stats().peers });
    await http?.stop();
  } finally {
    daemon.lag.stop();
    server.stop();
  }
  return 0;
}

/** What `systemctl status` shows. */
function statusLine({ routes, vnis, establishedPeers }: ServerStats): string {
  return `${counted(routes, "route")} in ${counted(vnis, "VNI")}, ${counted(establishedPeers, "client")} connected`;
}
