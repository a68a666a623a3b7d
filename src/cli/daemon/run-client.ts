import { Client } from "../../client/client-core.ts";
import { ClientCounters, clientOperations } from "../../http/control/client-operations.ts";
import { Daemon } from "../../http/control/daemon.ts";
import type { KernelRoutes } from "../../kernel/kernel-routes.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import { describeCloseReason } from "../../session/close-reason.ts";
import type { DaemonContext } from "../program/command.ts";
import type { LevelledLogger } from "../program/console-logger.ts";
import type { LineWriter } from "../program/output.ts";
import { versionInfo } from "../program/version.ts";
import { ChangePrinter } from "./change-printer.ts";
import { type ClientConfig, readClientOptions, subscriptionsOf } from "./client-command.ts";
import { ClientKernel } from "./client-kernel.ts";
import { clientDifference, clientSettings } from "./config-diff.ts";
import { PlanPrinter } from "./plan-printer.ts";
import { applyToClient, reloadOnHangup } from "./reload.ts";
import { type DaemonSetup, runDaemon } from "./run-daemon.ts";
import { serveRoutes } from "./serve-http.ts";

/** How long stopping waits for servers to read the withdrawals. */
const STOP_WITHIN_MS = 2_000;

/**
 * How long announcements wait for the kernel: hypervisors that receive an announcement send traffic, and the routes back should be
 * in the kernel by then. Waiting longer would be the greater outage, since our own networks could not be reached.
 */
const ANNOUNCE_WITHIN_MS = 2_000;
const READY_POLL_MS = 10;

/** How long the removal of routes from the kernel may take at the end: there may be millions. */
const CLEANUP_WITHIN_MS = 60_000;

/**
 * `bunbond client`: runs until SIGTERM or SIGINT, or SIGHUP without `--config`, or until nobody reads its output any
 * more.
 */
export async function runClient(options: ClientConfig, context: DaemonContext): Promise<number> {
  const { stdout } = context.io;
  let kernel: ClientKernel | null = null;
  return await runDaemon(options, context, {
    program: "client",
    warnings: options.warnings,
    graceMs: () => options.drainSeconds * 1000 + (kernel?.cleanup ? CLEANUP_WITHIN_MS : 0),
    async serve(setup) {
      const { logger, stop } = setup;
      stdout.onGone((failure) => {
        if (failure === null) stop();
        // That a disk is full must not take the tenants' networks along.
        else {
          logger.error("changes cannot be printed any more; the client goes on", { reason: failure.message });
        }
      });
      const plan = new PlanPrinter(stdout, options.json ? "json" : "text");
      kernel = await ClientKernel.open(options, { logger, print: (command) => plan.print(command) });
      try {
        await serve(options, { ...setup, out: stdout, kernel });
      } catch (error) {
        // The client has hardly begun: what an earlier client left stays.
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
  const { rawArgs, hangup, out, logger, control, kernel, stop, stopped } = setup;
  const drainMs = options.drainSeconds * 1000;
  const daemon = new Daemon(versionInfo, undefined, control?.counters);
  const counters = new ClientCounters();
  const printer = new ChangePrinter(out, options.json ? "json" : "text");
  // A dry run prints its plan in the place of the changes.
  const isPlanning = kernel !== null && options.dryRun;
  let isLeaving = false;
  const leave = () => {
    daemon.isStopping = true;
    isLeaving = drainMs === 0;
  };
  const client = new Client({
    servers: options.servers,
    ...clientSettings(options),
    pacing: options.pacing,
    maxHops: options.maxHops,
    defersAnnouncements: kernel !== null,
    logger,
    handler: {
      routeAdded: (route) => {
        kernel?.routes.routeAdded(route);
        counters.routeAdded();
        if (!isPlanning) printer.changed(route, true);
      },
      routeRemoved: (route) => {
        kernel?.routes.routeRemoved(route);
        counters.routeRemoved();
        if (!isPlanning) printer.changed(route, false);
      },
      announced: (route) => kernel?.routes.announced(route),
      withdrawn: (route) => {
        // Without a drain there is no time to use the others' routes to our own networks.
        if (!isLeaving) kernel?.routes.withdrawn(route);
      },
      complete: (vni) => kernel?.routes.complete(vni),
      serverState: (server, state, reason) => {
        kernel?.routes.serverState(server, state);
        counters.serverState(server, state, reason);
        printer.server(formatEndpoint(server), state, reason && describeCloseReason(reason));
      },
    },
  });
  for (const vni of subscriptionsOf(options)) client.subscribe(vni);
  for (const route of options.announcements) client.announce(route);
  const reloader = reloadOnHangup(options, hangup, {
    read: () => readClientOptions(rawArgs),
    difference: clientDifference,
    apply: (change) => applyToClient({ client, logger, kernel }, change),
    logger,
  });
  const drainLeftMs = () =>
    client.announcementCount === 0 ? 0 : Math.max(0, drainMs - (client.drainedForMs ?? drainMs));
  try {
    const stopByCommand = () => {
      leave();
      stop();
    };
    const controlled = { client, daemon, counters, kernel, logger, stop: stopByCommand, drainLeftMs };
    control?.serve(clientOperations(controlled));
    client.start();
    logger.info("started", { program: "client", ...versionInfo });
    if (kernel !== null) void announceWhenReady(client, kernel.routes, logger);
    const http = await serveRoutes(options, client.routeSource(), daemon, logger);
    await stopped;
    leave();
    reloader.stop();
    logger.info("stopping", { routes: client.routeCount });
    if (reloader.inForce.onStop === "withdraw") client.drain();
    const waitMs = drainLeftMs();
    if (waitMs > 0) {
      logger.info("draining", {
        withdrawn: client.announcementCount,
        forSeconds: Math.ceil(waitMs / 100) / 10,
      });
      await Bun.sleep(waitMs);
    }
    await http?.stop();
  } finally {
    await client.stop(STOP_WITHIN_MS, reloader.inForce.onStop);
  }
}

async function announceWhenReady(
  client: Client,
  kernel: Pick<KernelRoutes, "isUpToDate">,
  logger: LevelledLogger,
): Promise<void> {
  const startMs = performance.now();
  const waitedMs = () => performance.now() - startMs;
  while (!kernel.isUpToDate && waitedMs() < ANNOUNCE_WITHIN_MS) await Bun.sleep(READY_POLL_MS);
  client.releaseAnnouncements();
  logger.debug("announcing", { afterMs: Math.round(waitedMs()), isUpToDate: kernel.isUpToDate });
}
