import { Client } from "../client/client.ts";
import { formatEndpoint } from "../net/endpoint.ts";
import { describeCloseReason } from "../session/close-reason.ts";
import { ChangePrinter } from "./change-printer.ts";
import type { ClientOptions } from "./client-command.ts";
import type { CommandContext } from "./command.ts";
import { serveRoutes } from "./http.ts";
import { createLogger } from "./logger.ts";
import { untilStopped } from "./stop-signal.ts";
import { styleFor } from "./style.ts";

/** `bunbond client`: runs until SIGTERM or SIGINT, or until nobody reads its output any more. */
export async function runClient(options: ClientOptions, { io }: CommandContext): Promise<number> {
  const logger = createLogger({
    isVerbose: options.verbose,
    style: styleFor(io.stderrIsTty, io.environment),
    write: (line) => io.stderr.write(line),
  });
  for (const warning of options.warnings) logger.warn(warning);

  const stopped = untilStopped(new Promise<void>((resolve) => io.stdout.onGone(resolve)));
  const printer = new ChangePrinter(io.stdout, options.json ? "json" : "text");
  const client = new Client({
    servers: options.servers,
    keepaliveSeconds: options.keepaliveSeconds,
    retry: options.retry,
    hold: { holdMs: options.holdSeconds * 1000, holdAloneMs: options.holdAloneSeconds * 1000 },
    logger,
    handler: {
      routeAdded: (route) => printer.changed(route, true),
      routeRemoved: (route) => printer.changed(route, false),
      serverState: (server, state, reason) =>
        printer.server(formatEndpoint(server), state, reason && describeCloseReason(reason)),
    },
  });
  for (const vni of options.vnis) client.subscribe(vni);
  for (const route of options.announcements) client.announce(route);
  client.start();
  try {
    const http = await serveRoutes(options.http, () => client.routes(), logger);
    await stopped;
    logger.info("stopping", { routes: client.routeCount });
    await http?.stop();
  } finally {
    await client.stop();
  }
  return 0;
}
