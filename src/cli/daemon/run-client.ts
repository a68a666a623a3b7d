import * as LOG from "../../base/log-events.ts";
import { ClientCore } from "../../client/client-core.ts";
import { ClientCounters } from "../../client/counters.ts";
import { clientEndpoints, clientStateEndpoints } from "../../http/control/client-endpoints.ts";
import { Daemon } from "../../http/control/daemon.ts";
import { ClientMonitor } from "../../http/monitoring/client-monitor.ts";
import { clientSource } from "../../http/queries/daemon-sources.ts";
import type { DaemonContext } from "../program/command.ts";
import { counted } from "../program/counted.ts";
import type { LineWriter } from "../program/output.ts";
import { versionInfo } from "../program/version.ts";
import { ChangePrinter } from "./change-printer.ts";
import { type ClientConfig, readClientOptions, subscriptionsOf } from "./client-command.ts";
import { ClientKernel } from "./client-kernel.ts";
import { FirstTries } from "./first-tries.ts";
import { logEndpoint } from "./log-level.ts";
import { PlanPrinter } from "./plan-printer.ts";
import { applyToClient, reloadOnHangup } from "./reload.ts";
import { clientDifference, clientSettings } from "./reload-changes.ts";
import { type DaemonSetup, runDaemon } from "./run-daemon.ts";
import { serveRoutes } from "./serve-http.ts";

/** Time limit for removing routes from the kernel at the end, which may be some millions. */
const CLEANUP_WITHIN_MS = 60_000;

/**
 * Runs `bunbond client` until SIGTERM or SIGINT, or SIGHUP from a terminal without `--config`, or until its output is closed.
 *
 *     signals, control socket, stdout closed ──▶ stopped ─┐
 *     SIGHUP with --config ──▶ reload ──▶ ClientCore      ▼
 *     ClientCore ── events ──▶ kernel routes, counters, printer      then: withdraw ─▶ drain ─▶ close the client ─▶ the kernel
 *     control socket, HTTP ──▶ ClientCore, kernel.report
 */
export async function runClient(options: ClientConfig, context: DaemonContext): Promise<number> {
  const { stdout } = context.io;
  let kernel: ClientKernel | null = null;
  return await runDaemon(options, context, {
    program: "client",
    warnings: options.warnings,
    graceMs: () => options.drainSeconds * 1000 + (kernel?.cleanup ? CLEANUP_WITHIN_MS : 0),
    async serve(setup) {
      const { logger, log, stop } = setup;
      stdout.onGone((failure) => {
        if (failure === null) stop();
        // A full disk must not become an outage of the tenants' networks.
        else log.log(LOG.outputLost, { reason: failure.message });
      });
      const plan = new PlanPrinter(stdout, options.json ? "json" : "text");
      kernel = await ClientKernel.open(options, { logger, print: (command) => plan.print(command) });
      try {
        await serve(options, { ...setup, out: stdout, kernel });
      } catch (error) {
        // The client did not get started: routes that an earlier client left stay.
        await kernel?.close(false);
        throw error;
      }
      const isDone = (await kernel?.close()) ?? true;
      return isDone ? 0 : 1;
    },
  });
}

interface ClientSetup extends DaemonSetup {
  readonly out: LineWriter;
  readonly kernel: ClientKernel | null;
}

async function serve(options: ClientConfig, setup: ClientSetup): Promise<void> {
  const { rawArgs, hangup, out, logger, log, control, service, kernel, stop, stopped } = setup;
  const drainMs = options.drainSeconds * 1000;
  const daemon = new Daemon(versionInfo, undefined, control?.counters, options.metricsPerPeer === "on");
  const counters = new ClientCounters();
  const firstTries = new FirstTries(options.servers, daemon.clock);
  const printer = new ChangePrinter(out, options.json ? "json" : "text");
  // A dry run prints its plan instead of the changes.
  const isPlanning = kernel !== null && options.dryRun;
  const leave = () => {
    daemon.isStopping = true;
    if (kernel !== null) kernel.isStoppingAtOnce = drainMs === 0;
  };
  const client = new ClientCore({
    servers: options.servers,
    ...clientSettings(options),
    pacing: options.pacing,
    maxHops: options.maxHops,
    historyEntries: options.historyEntries,
    ...(kernel && { announceWhen: kernel.routes.upToDate() }),
    logger,
    handler: [
      ...(kernel === null ? [] : [kernel.handler()]),
      counters,
      firstTries,
      printer.handler({ printsRoutes: !isPlanning }),
    ],
  });
  for (const vni of subscriptionsOf(options)) client.subscribe(vni);
  for (const route of options.announcements) client.announce(route);
  const readiness = { isAgreementRequired: options.requireAgreement };
  const reloader = reloadOnHangup(options, hangup, {
    read: () => readClientOptions(rawArgs),
    difference: clientDifference,
    apply: (change) => applyToClient({ client, logger, kernel, readiness }, change),
    logger: log,
    progress: service,
  });
  daemon.isConfigurationCurrent = () => reloader.isCurrent;
  const drainLeftMs = () =>
    client.announcementCount === 0 ? 0 : Math.max(0, drainMs - (client.drainedForMs ?? drainMs));
  daemon.lag.start();
  try {
    const stopByCommand = () => {
      leave();
      stop();
    };
    const controlled = {
      client,
      daemon,
      counters,
      kernel,
      readiness,
      logger: log,
      stop: stopByCommand,
      drainLeftMs,
    };
    control?.serve([...clientEndpoints(controlled), logEndpoint(logger)]);
    client.start();
    log.log(LOG.started, { program: "client", ...versionInfo });
    const monitor = new ClientMonitor({ client, daemon, counters, kernel, readiness });
    const state = clientStateEndpoints(controlled, monitor);
    const source = clientSource(client, daemon.clock, kernel?.reader ?? null);
    const http = await serveRoutes(options, source, monitor, state, daemon, logger);
    // The kernel's routes were taken over when the kernel routes were opened.
    void firstTries.done.then(() => service.ready(() => statusLine(client, kernel)));
    await stopped;
    leave();
    reloader.stop();
    log.log(LOG.stopping, { routes: client.routeCount });
    if (reloader.inForce.onStop === "withdraw") client.drain();
    const waitMs = drainLeftMs();
    if (waitMs > 0) {
      log.log(LOG.draining, {
        withdrawn: client.announcementCount,
        forSeconds: Math.ceil(waitMs / 100) / 10,
      });
      await Bun.sleep(waitMs);
    }
    await http?.stop();
  } finally {
    daemon.lag.stop();
    await client.stop(undefined, reloader.inForce.onStop);
  }
}

/** What `systemctl status` shows. */
function statusLine(client: ClientCore, kernel: ClientKernel | null): string {
  const servers = client.servers();
  const connected = servers.filter(({ state }) => state === "established").length;
  const inKernel = kernel === null ? "" : `, ${kernel.installedCount} in the kernel`;
  return `${counted(client.routeCount, "route")}${inKernel}, ${connected} of ${counted(servers.length, "server")} connected`;
}
