/** `--socket` of the daemons, and of the commands that talk to them. */
import { join } from "node:path";
import type { ProgramName } from "../http/control-api.ts";
import { type ControlServer, openControlSocket } from "../http/control-server.ts";
import { ControlSocketError } from "../http/control-socket.ts";
import type { Logger } from "../session/logger.ts";
import type { ValueFlagDef } from "./command-definition.ts";

/** Where daemons have their control sockets. */
export const RUN_DIRECTORY = "/run/bunbond";

export function defaultSocket(program: ProgramName, directory = RUN_DIRECTORY): string {
  return join(directory, `${program}.sock`);
}

export function socketFlag(program: ProgramName) {
  return {
    type: "string",
    valueHint: "PATH",
    example: defaultSocket(program),
    description: `Take commands like 'bunbond status' on this UNIX socket; none: on no socket. If left out: ${defaultSocket(program)}, where that can be made.`,
  } satisfies ValueFlagDef;
}

/** Where a daemon is to have its control socket. */
export interface SocketChoice {
  readonly path: string;
  /** Nobody asked for it: where rights are missing, the daemon does without. */
  readonly isDefault: boolean;
}

/** Null: none. */
export function readSocket(text: string | undefined, program: ProgramName): SocketChoice | null {
  if (text === undefined) return { path: defaultSocket(program), isDefault: true };
  return text.toLowerCase() === "none" ? null : { path: text, isDefault: false };
}

/**
 * Null when the daemon goes on without.
 * @throws ControlSocketError
 */
export async function openDaemonSocket(
  choice: SocketChoice | null,
  program: ProgramName,
  logger: Logger,
): Promise<ControlServer | null> {
  if (choice === null) return null;
  try {
    return await openControlSocket({ path: choice.path, program, logger });
  } catch (error) {
    const canDoWithout =
      choice.isDefault && error instanceof ControlSocketError && error.code === "NOT_PERMITTED";
    if (!canDoWithout) throw error;
    logger.warn("no control socket: 'bunbond status' and the like cannot reach this daemon", {
      reason: error.message,
    });
    return null;
  }
}
