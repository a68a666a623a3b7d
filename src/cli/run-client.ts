import { Client } from "../client/client.ts";
import { ClientCounters, clientOperations } from "../http/client-control.ts";
import { Daemon } from "../http/daemon.ts";
import { formatEndpoint } from "../net/endpoint.ts";
import { describeCloseReason } from "../session/close-reason.ts";
import { ChangePrinter } from "./change-printer.ts";
import { type ClientOptions, readClientOptions } from "./client-command.ts";
import type { CommandContext } from "./command.ts";
import { clientDifference, clientSettings } from "./config-diff.ts";
import { serveRoutes } from "./http.ts";
import { createLogger } from "./logger.ts";
import { applyToClient, reloadOnHangup } from "./reload.ts";
import { openDaemonSocket } from "./socket-flag.ts";
import { untilStopped } from "./stop-signal.ts";
import { styleFor } from "./style.ts";
import { versionInfo } from "./version.ts";

/** For servers to take what is withdrawn. */
const STOP_WITHIN_MS = 2_000;

/** `bunbond client`: runs until SIGTERM or SIGINT, or until nobody reads its output any more. */
export async function runClient(options: ClientOptions, { io, rawArgs }: CommandContext): Promise<number> {
  const logger = createLogger({
    isVerbose: options.verbose,
    style: styleFor(io.stderrIsTty, io.environment),
    write: (line) => io.stderr.write(line),
  });
  for (const warning of options.warnings) logger.warn(warning);

  const drainMs = options.drainSeconds * 1000;
  const asked = Promise.withResolvers<void>();
  io.stdout.onGone(() => asked.resolve());
  const stopped = untilStopped({ drainMs, also: asked.promise });
  // Before all else: where another daemon runs, this one is refused before any server has seen it.
  const control = await openDaemonSocket(options.socket, "client", logger);
  const daemon = new Daemon(versionInfo);
  const counters = new ClientCounters();
  const printer = new ChangePrinter(io.stdout, options.json ? "json" : "text");
  const client = new Client({
    servers: options.servers,
    ...clientSettings(options),
    gentle: options.gentle,
    logger,
    handler: {
      routeAdded: (route) => {
        counters.routeAdded();
        printer.changed(route, true);
      },
      routeRemoved: (route) => {
        counters.routeRemoved();
        printer.changed(route, false);
      },
      serverState: (server, state, reason) => {
        counters.serverState(server, state, reason);
        printer.server(formatEndpoint(server), state, reason && describeCloseReason(reason));
      },
    },
  });
  for (const vni of options.vnis) client.subscribe(vni);
  for (const route of options.announcements) client.announce(route);
  const reloader = reloadOnHangup(options, {
    read: () => readClientOptions(rawArgs),
    difference: clientDifference,
    apply: (change) => applyToClient(client, logger, change),
    logger,
  });
  const drainLeftMs = () =>
    client.announcementCount === 0 ? 0 : Math.max(0, drainMs - (client.drainedForMs ?? drainMs));
  try {
    control?.serve(clientOperations({ client, daemon, counters, logger, stop: asked.resolve, drainLeftMs }));
    client.start();
    const http = await serveRoutes(options.http, () => client.routes(), logger);
    await stopped;
    daemon.isStopping = true;
    reloader.stop();
    logger.info("stopping", { routes: client.routeCount });
    if (reloader.inForce.leave === "withdraw") client.drain();
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
    await client.stop(STOP_WITHIN_MS, reloader.inForce.leave);
    await control?.stop();
  }
  return 0;
}
