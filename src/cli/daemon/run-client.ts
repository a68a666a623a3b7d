import { ClientCore } from "../../client/client-core.ts";
import { ClientCounters, clientOperations } from "../../http/control/client-operations.ts";
import { Daemon } from "../../http/control/daemon.ts";
import type { ControlServer } from "../../http/control/server.ts";
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

/** Time to remove routes from the kernel at the end, which may be some millions. */
const CLEANUP_WITHIN_MS = 60_000;

/**
 * Runs `bunbond client` until SIGTERM or SIGINT, or SIGHUP without `--config`, or until its output is closed.
 *
 *     signals, control socket, stdout closed ──▶ stopped ─┐
 *     SIGHUP with --config ──▶ reload ──▶ ClientCore      ▼
 *     ClientCore ── events ──▶ kernel routes, counters, printer      then: withdraw ─▶ drain ─▶ close the client ─▶ the kernel
 *     control socket, HTTP ──▶ ClientCore, kernel.report
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
  warnOfAddressSpace(logger);
  for (const warning of options.warnings) logger.warn(warning);

  const asked = Promise.withResolvers<void>();
  io.stdout.onGone((failure) => {
    if (failure === null) asked.resolve();
    // A full disk must not become an outage of the tenants' networks.
    else logger.error("changes cannot be printed any more; the client goes on", { reason: failure.message });
  });
  stopOnHangup(options, hangup, logger, asked.resolve);
  let kernel: ClientKernel | null = null;
  const stopped = untilStopped({
    graceMs: () => options.drainSeconds * 1000 + (kernel?.cleanup ? CLEANUP_WITHIN_MS : 0),
    also: asked.promise,
  });
  // First: if another daemon runs, this one is refused before it connects to a server.
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
      // After a failure at the start, the routes of an earlier client stay.
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
  const drainMs = options.drainSeconds * 1000;
  const daemon = new Daemon(versionInfo, undefined, control?.counters);
  const counters = new ClientCounters();
  const printer = new ChangePrinter(out, options.json ? "json" : "text");
  // A dry run prints its plan in the place of the changes.
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
    ...(kernel && { announceWhen: kernel.routes.upToDate() }),
    logger,
    handler: [
      ...(kernel === null ? [] : [kernel.handler()]),
      counters,
      printer.handler({ printsRoutes: !isPlanning }),
    ],
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
    const report = kernel === null ? null : () => kernel.report();
    const stopByCommand = () => {
      leave();
      stop();
    };
    const controlled = { client, daemon, counters, kernel: report, logger, stop: stopByCommand, drainLeftMs };
    control?.serve(clientOperations(controlled));
    client.start();
    logger.info("started", { program: "client", ...versionInfo });
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
    await client.stop(undefined, reloader.inForce.onStop);
  }
}
