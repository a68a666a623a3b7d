import { Server } from "../server/server.ts";
import type { CommandContext } from "./command.ts";
import { serveRoutes } from "./http.ts";
import { createLogger } from "./logger.ts";
import type { ServerOptions } from "./server-command.ts";
import { untilStopped } from "./stop-signal.ts";
import { styleFor } from "./style.ts";

/** `bunbond server`: runs until SIGTERM or SIGINT. */
export async function runServer(options: ServerOptions, { io }: CommandContext): Promise<number> {
  const logger = createLogger({
    isVerbose: options.verbose,
    style: styleFor(io.stderrIsTty, io.environment),
    write: (line) => io.stderr.write(line),
  });
  const stopped = untilStopped();
  const server = await Server.start({ ...options, logger });
  try {
    const http = await serveRoutes(options.http, () => server.routes(), logger);
    await stopped;
    logger.info("stopping", { routes: server.stats().routes, peers: server.stats().peers });
    await http?.stop();
  } finally {
    server.stop();
  }
  return 0;
}
