/**
 * The flag `--socket` of the daemons, and of the commands that are sent to them. Without it a daemon uses server.sock
 * or client.sock in its user's directory, or server-PID.sock beside it if another daemon has that one: a host may have
 * several daemons, and network namespaces share the file system. A path that the flag names is used, or the daemon does
 * not start.
 */

import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { eventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Logger } from "../../base/logger.ts";
import type { ProgramName } from "../../http/control/api.ts";
import { type ControlServer, openControlSocket } from "../../http/control/control-server.ts";
import { ControlSocketError, defaultPaths, removeStaleSockets } from "../../http/control/socket.ts";
import { RUN_DIRECTORY } from "../../options/shared-options.ts";

export interface UserContext {
  readonly isRoot: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Returns the directories of control sockets: this user's first, then root's. XDG_RUNTIME_DIR is defined by the XDG
 * Base Directory Specification.
 */
export function runDirectories({ isRoot, environment }: UserContext = thisUser()): [string, ...string[]] {
  const { XDG_RUNTIME_DIR: runtime } = environment;
  const hasOwn = !isRoot && runtime !== undefined && isAbsolute(runtime);
  return hasOwn ? [join(runtime, "bunbond"), RUN_DIRECTORY] : [RUN_DIRECTORY];
}

function thisUser(): UserContext {
  return { isRoot: process.getuid?.() === 0, environment: process.env };
}

/** Where a daemon has its control socket. */
export type SocketChoice =
  | { readonly path: string }
  /** The flag was not given. If no socket can be made in the directory, the daemon runs without one. */
  | { readonly directory: string };

/** Returns null if there is to be no control socket. */
export function readSocket(text: string | undefined): SocketChoice | null {
  if (text === undefined) return { directory: runDirectories()[0] };
  return text.toLowerCase() === "none" ? null : { path: text };
}

/**
 * Opens the control socket. Resolves to null if the daemon runs without one.
 * @throws ControlSocketError
 */
export async function openDaemonSocket(
  choice: SocketChoice | null,
  program: ProgramName,
  logger: Logger,
): Promise<ControlServer | null> {
  if (choice === null) return null;
  if ("path" in choice) return openControlSocket({ path: choice.path, program, logger });
  try {
    const control = await openFirstFree(choice.directory, program, logger);
    await removeStaleSockets(choice.directory);
    return control;
  } catch (error) {
    if (!(error instanceof ControlSocketError && error.code === "NOT_PERMITTED")) throw error;
    eventLog(logger).log(LOG.noControlSocket, {
      reason: error.message,
    });
    return null;
  }
}

async function openFirstFree(
  directory: string,
  program: ProgramName,
  logger: Logger,
): Promise<ControlServer> {
  const paths = defaultPaths(program, directory);
  for (let taken: string | null = null; ; ) {
    const path = paths.next().value;
    try {
      const control = await openControlSocket({ path, program, logger });
      if (taken !== null) eventLog(logger).log(LOG.defaultSocketTaken, { taken, path });
      return control;
    } catch (error) {
      if (!(error instanceof ControlSocketError && error.code === "IN_USE")) throw error;
      taken ??= path;
    }
  }
}

/**
 * Returns the path for a command's --socket, which is a path, or the name of a socket in one of the directories, as
 * "server-4711".
 */
export function socketNamed(text: string, directories: readonly string[]): string {
  if (text.includes("/") || existsSync(text)) return text;
  const paths = directories.flatMap((directory) =>
    [text, `${text}.sock`].map((name) => join(directory, name)),
  );
  return paths.find((path) => existsSync(path)) ?? text;
}
