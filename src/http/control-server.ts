/**
 * The control socket of a running daemon: HTTP with JSON, as control-api.ts says. The socket is bound before the
 * daemon does anything, so that a second one is refused in time; until it is told what to serve it asks for
 * patience.
 */
import type { Logger } from "../session/logger.ts";
import type { ControlApi, ControlErrorBody, ControlPath, ProgramName } from "./control-api.ts";
import { ControlError } from "./control-error.ts";
import { claimSocket } from "./control-socket.ts";
import { pathOf } from "./http-server.ts";

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
}

export interface ControlServer {
  readonly path: string;
  /** From now on these are answered. */
  serve(operations: readonly Operation[]): void;
  /** Removes the socket, and lets answers under way go out, for a second. */
  stop(): Promise<void>;
}

/** Some 20,000 routes: beyond what one request may name. */
const MAX_BODY_CHARS = 1 << 20;
/** For answers under way when the daemon stops. */
const ANSWER_WITHIN_MS = 1_000;
/** Where Bun stops reading. */
const MAX_BODY_BYTES = 4 << 20;

/** @throws ControlSocketError when the socket cannot be had */
export async function openControlSocket({
  path,
  program,
  logger,
}: ControlServerOptions): Promise<ControlServer> {
  let operations: ReadonlyMap<string, Operation> | null = null;
  const socket = await claimSocket(path, () =>
    Bun.serve({
      unix: path,
      development: false,
      maxRequestBodySize: MAX_BODY_BYTES,
      async fetch(request) {
        try {
          return Response.json(await answer(request, operations, program));
        } catch (error) {
          return refusal(error, program, logger);
        }
      },
    }),
  );
  return {
    path,
    serve(served) {
      operations = new Map(served.map((operation) => [operation.path, operation]));
      logger.info("control socket open", { path });
    },
    stop: () => socket.release(() => stopInTime(socket.bound)),
  };
}

/** A connection on which no request comes, or not all of one, would hold up the daemon's end. */
async function stopInTime(server: Bun.Server<undefined>): Promise<void> {
  const timer = setTimeout(() => void server.stop(true), ANSWER_WITHIN_MS);
  await server.stop();
  clearTimeout(timer);
}

async function answer(
  request: Request,
  operations: ReadonlyMap<string, Operation> | null,
  program: ProgramName,
): Promise<unknown> {
  const path = pathOf(request.url);
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

async function readJson(request: Request): Promise<unknown> {
  const text = await request.text().catch((error: unknown) => {
    throw new ControlError("BAD_JSON", `the body breaks off: ${String(error)}`);
  });
  if (text.length > MAX_BODY_CHARS) {
    throw new ControlError("TOO_LARGE", `the body has more than ${MAX_BODY_CHARS} characters`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ControlError("BAD_JSON", `the body is no JSON: ${String(error)}`);
  }
}

function refusal(error: unknown, program: ProgramName, logger: Logger): Response {
  if (!(error instanceof ControlError)) logger.error("a control request failed", { error: String(error) });
  const known =
    error instanceof ControlError
      ? error
      : new ControlError("INTERNAL_ERROR", "the request failed inside; the log says more");
  const body: ControlErrorBody = { error: known.code, message: known.message, program };
  return Response.json(body, { status: known.status });
}
