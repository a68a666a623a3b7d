import * as LOG from "../../base/log-events.ts";
import { Daemon } from "../../http/control/daemon.ts";
import { serverEndpoints, serverStateEndpoints } from "../../http/control/server-endpoints.ts";
import { ServerMonitor } from "../../http/monitoring/server-monitor.ts";
import { serverSource } from "../../http/queries/daemon-sources.ts";
import { INSPECTION } from "../../server/inspection.ts";
import { Server, type ServerStats } from "../../server/server.ts";
import { readListenEnvironment } from "../../systemd/listen-environment.ts";
import { takeListeningSocket } from "../../transport/inherited-socket.ts";
import { BunNetwork } from "../../transport/tcp-network.ts";
import type { DaemonContext } from "../program/command.ts";
import { counted } from "../program/counted.ts";
import type { ProgramIo } from "../program/program-io.ts";
import { versionInfo } from "../program/version.ts";
import { ChangeLog } from "./change-log.ts";
import { logEndpoint } from "./log-level.ts";
import { applyToServer, reloadOnHangup } from "./reload.ts";
import { serverDifference, serverSettings } from "./reload-changes.ts";
import { type DaemonSetup, runDaemon } from "./run-daemon.ts";
import { serveRoutes } from "./serve-http.ts";
import { readServerOptions, type ServerConfig } from "./server-command.ts";

/** Runs `bunbond server` until SIGTERM or SIGINT, or SIGHUP from a terminal without `--config`. */
export function runServer(options: ServerConfig, context: DaemonContext): Promise<number> {
  return runDaemon(options, context, {
    program: "server",
    serve: (setup) => serve(options, setup, context.io.environment),
  });
}

/**
 * Returns where the server listens: on the socket that systemd passes on, or else at `--listen`.
 * @throws Error if systemd passes anything but one listening TCP socket
 */
function listenOptions({ listen }: ServerConfig, environment: ProgramIo["environment"]) {
  const [fd, ...others] = readListenEnvironment(environment, process.pid);
  if (fd === undefined) return { listen };
  const endpoint = others.length === 0 ? takeListeningSocket(fd) : null;
  if (endpoint === null) {
    throw new Error(
      `cannot listen: the variable LISTEN_FDS passes ${others.length === 0 ? "something else than a" : `${others.length + 1} sockets instead of one`} listening TCP socket; the socket unit needs one ListenStream=`,
    );
  }
  return { listen: endpoint, network: new BunNetwork({ listeningDescriptor: fd }) };
}

async function serve(
  options: ServerConfig,
  { rawArgs, hangup, logger, log, control, service, stopped }: DaemonSetup,
  environment: ProgramIo["environment"],
): Promise<number> {
  const daemon = new Daemon(versionInfo, undefined, control?.counters, options.metricsPerPeer === "on");
  const { settleSeconds, pacing, maxHalfOpen, historyEntries } = options;
  const start = {
    ...listenOptions(options, environment),
    settleSeconds,
    pacing,
    maxHalfOpen,
    historyEntries,
  };
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
  const changeLog = new ChangeLog(server[INSPECTION]().history, logger, daemon.clock);
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
    changeLog.stop();
    server.stop();
  }
  return 0;
}

/** What `systemctl status` shows. */
function statusLine({ routes, vnis, establishedPeers }: ServerStats): string {
  return `${counted(routes, "route")} in ${counted(vnis, "VNI")}, ${counted(establishedPeers, "client")} connected`;
}
