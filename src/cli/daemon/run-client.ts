import { eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import { Client } from "../../client/client-core.ts";
import { ClientCounters, clientOperations } from "../../http/control/client-operations.ts";
import { Daemon } from "../../http/control/daemon.ts";
import type { ControlServer } from "../../http/control/server.ts";
import type { KernelRoutes } from "../../kernel/kernel-routes.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import { describeCloseReason } from "../../session/close-reason.ts";
import { openDaemonSocket } from "../flags/socket-flag.ts";
import type { DaemonContext } from "../program/command.ts";
import { createLogger, type LevelledLogger } from "../program/console-logger.ts";
import type { HangupSignal } from "../program/hangup-signal.ts";
import type { LineWriter } from "../program/output.ts";
import { untilStopped } from "../program/stop-signal.ts";
import { styleFor } from "../program/style.ts";
import { versionInfo } from "../program/version.ts";
import { warnOfAddressSpace } from "./address-space.ts";
import { ChangePrinter } from "./change-printer.ts";
import { type ClientConfig, readClientOptions, subscriptionsOf } from "./client-command.ts";
import { ClientKernel } from "./client-kernel.ts";
import { clientDifference, clientSettings } from "./config-diff.ts";
import { PlanPrinter } from "./plan-printer.ts";
import { applyToClient, reloadOnHangup, stopOnHangup } from "./reload.ts";
import { serveRoutes } from "./serve-http.ts";

/** For servers to take what is withdrawn. */
const STOP_WITHIN_MS = 2_000;

/**
 * Whoever hears of an announcement sends traffic, and the ways back should be in the kernel by then. Longer than this
 * nobody waits: that our own networks cannot be reached would be the greater outage.
 */
const ANNOUNCE_WITHIN_MS = 2_000;
const READY_POLL_MS = 10;

/** To take routes out of the kernel at the end: some millions of them. */
const CLEANUP_WITHIN_MS = 60_000;

/**
 * `bunbond client`: runs until SIGTERM or SIGINT, or SIGHUP without `--config`, or until nobody reads its output any
 * more.
 */
export async function runClient(
  options: ClientConfig,
  { io, rawArgs, hangup }: DaemonContext,
): Promise<number> {
  const logger = createLogger({
    isVerbose: options.verbose,
    style: styleFor(io.stderrIsTty, io.environment),
    write: (line) => io.stderr.write(line),
  });
  const log = eventLog(logger);
  warnOfAddressSpace(log);
  for (const problem of options.warnings) log.log(LOG.optionWarning, { problem });

  const asked = Promise.withResolvers<void>();
  io.stdout.onGone((failure) => {
    if (failure === null) asked.resolve();
    // That a disk is full must not take the tenants' networks along.
    else log.log(LOG.outputLost, { reason: failure.message });
  });
  stopOnHangup(options, hangup, log, asked.resolve);
  let kernel: ClientKernel | null = null;
  const stopped = untilStopped({
    graceMs: () => options.drainSeconds * 1000 + (kernel?.cleanup ? CLEANUP_WITHIN_MS : 0),
    also: asked.promise,
  });
  // Before all else: where another daemon runs, this one is refused before any server has seen it.
  const control = await openDaemonSocket(options.socket, "client", logger);
  try {
    const plan = new PlanPrinter(io.stdout, options.json ? "json" : "text");
    kernel = await ClientKernel.open(options, { logger, print: (command) => plan.print(command) });
    try {
      await serve(options, {
        rawArgs,
        hangup,
        out: io.stdout,
        logger,
        control,
        kernel,
        stop: asked.resolve,
        stopped,
      });
    } catch (error) {
      // It has hardly begun: what an earlier client left stays.
      await kernel?.close(false);
      throw error;
    }
    const isDone = (await kernel?.close()) ?? true;
    return isDone ? 0 : 1;
  } finally {
    await control?.stop();
  }
}

interface Surroundings {
  readonly rawArgs: readonly string[];
  readonly hangup: HangupSignal;
  readonly out: LineWriter;
  readonly logger: LevelledLogger;
  readonly control: ControlServer | null;
  readonly kernel: ClientKernel | null;
  readonly stop: () => void;
  readonly stopped: Promise<void>;
}

async function serve(options: ClientConfig, surroundings: Surroundings): Promise<void> {
  const { rawArgs, hangup, out, logger, control, kernel, stop, stopped } = surroundings;
  const log = eventLog(logger);
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
        // Without a drain nobody has the time to use the others' routes to our own networks.
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
    logger: log,
  });
  const drainLeftMs = () =>
    client.announcementCount === 0 ? 0 : Math.max(0, drainMs - (client.drainedForMs ?? drainMs));
  try {
    const report = kernel === null ? null : () => kernel.report();
    const stopByCommand = () => {
      leave();
      stop();
    };
    const controlled = {
      client,
      daemon,
      counters,
      kernel: report,
      logger: log,
      stop: stopByCommand,
      drainLeftMs,
    };
    control?.serve(clientOperations(controlled));
    client.start();
    log.log(LOG.started, { program: "client", ...versionInfo });
    if (kernel !== null) void announceWhenReady(client, kernel.routes, logger);
    const http = await serveRoutes(options, client.routeSource(), daemon, logger);
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
