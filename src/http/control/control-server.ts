/**
 * The control socket of a running daemon serves HTTP with JSON, as described in api.ts. The socket is bound before the
 * daemon does anything, so that a second daemon is refused in time. Until {@link ControlServer.serve} is called,
 * requests are answered with STARTING.
 */

import type { Clock } from "../../base/clock.ts";
import { LimitedLog } from "../../base/limited-log.ts";
import { type EventLog, eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Logger } from "../../base/logger.ts";
import { httpConnectionLimit } from "../../transport/descriptor-limit.ts";
import { SystemClock } from "../../transport/schedule/system-clock.ts";
import { json } from "../connections/http-answer.ts";
import { HttpCounters } from "../connections/http-counters.ts";
import { HttpListener } from "../connections/http-listener.ts";
import { HttpError } from "../http-error.ts";
import { type HttpRoute, Router, type RouterOptions, route } from "../router.ts";
import type { ControlApi, ControlPath, ProgramName } from "./api.ts";
import { claimSocket } from "./socket.ts";

type Answer<P extends ControlPath> = ControlApi[P]["answer"] | Promise<ControlApi[P]["answer"]>;
type QueryPath = { [P in ControlPath]: ControlApi[P]["body"] extends null ? P : never }[ControlPath];
type ChangePath = Exclude<ControlPath, QueryPath>;

/** Makes a route that only reads. */
export function query<P extends QueryPath>(path: P, run: () => Answer<P>): HttpRoute {
  return route("GET", path, async () => json(200, await run()));
}

/**
 * Makes a route that acts on the result of `read`, which reads the body and throws an HttpError if the body is not
 * valid.
 */
export function change<P extends ChangePath, T>(
  path: P,
  read: (body: unknown) => T,
  run: (input: T) => Answer<P>,
): HttpRoute {
  return route("POST", path, async (request) => json(200, await run(read(await request.json()))));
}

export interface ControlServerOptions {
  readonly path: string;
  readonly program: ProgramName;
  readonly logger: Logger;
  readonly clock?: Clock;
}

export interface ControlServer {
  readonly path: string;
  readonly counters: HttpCounters;
  /** Answers these requests from now on. */
  serve(routes: readonly HttpRoute[]): void;
  /** Removes the socket. Answers under way have a second to be sent. */
  stop(): Promise<void>;
}

/** The limit of a body: some 20,000 routes, which is more than one request may name. */
const MAX_BODY_BYTES = 1 << 20;
/** How long answers under way may take when the daemon stops. */
const ANSWER_WITHIN_MS = 1_000;

/** @throws ControlSocketError when the socket cannot be bound */
export async function openControlSocket({
  path,
  program,
  logger,
  clock = new SystemClock(),
}: ControlServerOptions): Promise<ControlServer> {
  const counters = new HttpCounters();
  const limitedLog = new LimitedLog(logger, clock);
  const common: Omit<RouterOptions, "routes"> = {
    errorData: { program },
    onFailure: (error) => logFailure(limitedLog, error),
  };
  let router = new Router({
    ...common,
    routes: [],
    guard: () => {
      throw new HttpError("STARTING", `the ${program} is still starting`);
    },
  });
  const socket = await claimSocket(path, () => {
    const listener = new HttpListener({
      answer: (request) => router.answer(request),
      maxConnections: () => httpConnectionLimit(),
      maxBodyBytes: MAX_BODY_BYTES,
      clock,
      logger,
      counters,
    });
    listener.listen({ unix: path });
    return listener;
  });
  return {
    path,
    counters,
    serve(routes) {
      router = new Router({ ...common, routes });
      eventLog(logger).log(LOG.controlSocketOpen, { path });
    },
    stop: () => socket.release(() => socket.bound.stop(ANSWER_WITHIN_MS)),
  };
}

function logFailure(log: EventLog, error: unknown): void {
  log.log(LOG.controlRequestFailed, { error: String(error) });
}
