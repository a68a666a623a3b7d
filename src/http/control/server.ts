/**
 * The control socket of a running daemon: HTTP with JSON, as control-api.ts says. The socket is bound before the
 * daemon does anything, so that a second one is refused in time; until it is told what to serve it asks for
 * patience.
 */

import type { Clock } from "../../base/clock.ts";
import { LimitedLog } from "../../base/limited-log.ts";
import { type EventLog, eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Logger } from "../../base/logger.ts";
import { httpConnectionLimit } from "../../transport/descriptor-limit.ts";
import { SystemClock } from "../../transport/schedule/system-clock.ts";
import { HttpCounters } from "../connections/http-counters.ts";
import {
  BodyTooLargeError,
  type HttpAnswer,
  HttpListener,
  type HttpRequest,
  json,
} from "../connections/http-listener.ts";
import type { ControlApi, ControlErrorBody, ControlPath, ProgramName } from "./api.ts";
import { ControlError } from "./error.ts";
import { claimSocket } from "./socket.ts";

/** What can be asked at one path. */
export interface Operation {
  readonly path: ControlPath;
  readonly method: "GET" | "POST";
  /** `body` is what JSON it was given, of any shape. */
  answer(body: unknown): unknown;
}

type Answer<P extends ControlPath> = ControlApi[P]["answer"] | Promise<ControlApi[P]["answer"]>;
type QueryPath = { [P in ControlPath]: ControlApi[P]["body"] extends null ? P : never }[ControlPath];
type ChangePath = Exclude<ControlPath, QueryPath>;

/** An operation that is given nothing. */
export function query<P extends QueryPath>(path: P, run: () => Answer<P>): Operation {
  return { path, method: "GET", answer: run };
}

/** An operation on what `read` makes of the body; it throws a ControlError when that is not in order. */
export function change<P extends ChangePath, T>(
  path: P,
  read: (body: unknown) => T,
  run: (input: T) => Answer<P>,
): Operation {
  return { path, method: "POST", answer: (body) => run(read(body)) };
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
  /** From now on these are answered. */
  serve(operations: readonly Operation[]): void;
  /** Removes the socket, and lets answers under way go out, for a second. */
  stop(): Promise<void>;
}

/** Some 20,000 routes: beyond what one request may name. */
const MAX_BODY_BYTES = 1 << 20;
/** For answers under way when the daemon stops. */
const ANSWER_WITHIN_MS = 1_000;

/** @throws ControlSocketError when the socket cannot be had */
export async function openControlSocket({
  path,
  program,
  logger,
  clock = new SystemClock(),
}: ControlServerOptions): Promise<ControlServer> {
  let operations: ReadonlyMap<string, Operation> | null = null;
  const counters = new HttpCounters();
  const limitedLog = new LimitedLog(logger, clock);
  const socket = await claimSocket(path, () => {
    const listener = new HttpListener({
      answer: async (request) => {
        try {
          return json(200, await answer(request, operations, program));
        } catch (error) {
          return refusal(error, program, limitedLog);
        }
      },
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
    serve(served) {
      operations = new Map(served.map((operation) => [operation.path, operation]));
      eventLog(logger).log(LOG.controlSocketOpen, { path });
    },
    stop: () => socket.release(() => socket.bound.stop(ANSWER_WITHIN_MS)),
  };
}

async function answer(
  request: HttpRequest,
  operations: ReadonlyMap<string, Operation> | null,
  program: ProgramName,
): Promise<unknown> {
  const { path } = request;
  if (operations === null) throw new ControlError("STARTING", `the ${program} is still starting`);
  const operation = operations.get(path);
  if (operation === undefined) {
    const paths = [...operations.keys()].join(", ");
    throw new ControlError("NOT_FOUND", `a ${program} has nothing at ${path}; there are ${paths}`);
  }
  const { method } = operation;
  if (request.method !== method) {
    throw new ControlError("METHOD_NOT_ALLOWED", `${path} takes ${method}, not ${request.method}`);
  }
  return operation.answer(method === "GET" ? null : await readJson(request));
}

async function readJson(request: HttpRequest): Promise<unknown> {
  const text = await request.text().catch((error: unknown) => {
    if (error instanceof BodyTooLargeError) throw new ControlError("TOO_LARGE", error.message);
    throw new ControlError("BAD_JSON", `the body breaks off: ${String(error)}`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ControlError("BAD_JSON", `the body is no JSON: ${String(error)}`);
  }
}

function refusal(error: unknown, program: ProgramName, logger: EventLog): HttpAnswer {
  if (!(error instanceof ControlError)) logger.log(LOG.controlRequestFailed, { error: String(error) });
  const known =
    error instanceof ControlError
      ? error
      : new ControlError("INTERNAL_ERROR", "the request failed inside; the log says more");
  const body: ControlErrorBody = { error: known.code, message: known.message, program };
  return json(known.status, body);
}
