/** Flags of the commands that are sent to a running daemon, and the daemon that they select. */

import { basename, join } from "node:path";
import type { ProgramName } from "../../http/control/api.ts";
import { findSockets } from "../../http/control/socket.ts";
import { defaultSocket } from "../../options/shared-options.ts";
import { socketNamed } from "../flags/socket-flag.ts";
import type { CommandContext } from "../program/command.ts";
import type { ValueFlagDef } from "../program/command-definition.ts";
import { CommandError } from "../program/command-error.ts";
import { EXIT_FAILED } from "../program/exit-codes.ts";
import { outputFlags, printObject, readOutput, type View } from "../program/output-format.ts";
import { ControlClient } from "./control-client.ts";

const PROGRAMS = ["client", "server"] as const satisfies readonly ProgramName[];

/** `program` is the daemon that the command is for; null if it is for both. */
export function controlFlags(program: ProgramName | null) {
  const defaults = (program === null ? PROGRAMS : [program]).map((one) => defaultSocket(one));
  return {
    socket: {
      type: "string",
      valueHint: "PATH",
      example: defaultSocket(program ?? "client"),
      description: `The path of the daemon's control socket, or its name, as in server-4711. If left out: the only socket that there is, ${defaults.join(" or ")} or another one in that directory.`,
    } satisfies ValueFlagDef,
    ...outputFlags,
  };
}

/** A note for people: the change has no visible effect yet. */
export const NO_SERVER = "no server is connected now; the change is sent to each server that connects";

export interface ControlFlagValues {
  readonly socket: string | undefined;
  readonly output: string;
  readonly json: boolean;
}

/**
 * Resolves to a client of the daemon that the flags name, or of the only one at a default socket in the directories.
 * @throws CommandError when there are several
 */
export async function clientOf(
  { socket }: ControlFlagValues,
  program: ProgramName | null,
  directories: readonly string[],
): Promise<ControlClient> {
  const connected = (socketPath: string) => new ControlClient({ socketPath, program });
  if (socket !== undefined) return connected(socketNamed(socket, directories));
  const [path, ...others] = await socketsIn(directories, program);
  if (others.length === 0) return connected(path ?? awayPaths(directories, program)[0] ?? "");
  const names = [path, ...others].map((one) => basename(one ?? "", ".sock"));
  const message = `${names.length} ${program ?? "daemon"}s run here; select one by --socket ${names.join(" or --socket ")}`;
  throw new CommandError(message, { code: "AMBIGUOUS", exitCode: EXIT_FAILED });
}

/**
 * Resolves to the sockets in the directories at which daemons answer; if there are none, to those that this user may
 * not use.
 */
export async function socketsIn(
  directories: readonly string[],
  program: ProgramName | null,
): Promise<string[]> {
  const found = await Promise.all(directories.map((directory) => findSockets(directory, program)));
  const sockets = found.flat();
  const answered = sockets.filter(({ isAnswered }) => isAnswered);
  return (answered.length > 0 ? answered : sockets).map(({ path }) => path);
}

/** Returns the paths at which a daemon's socket would be. */
export function awayPaths(directories: readonly string[], program: ProgramName | null): string[] {
  const programs = program === null ? PROGRAMS : [program];
  return directories.flatMap((directory) => programs.map((one) => join(directory, `${one}.sock`)));
}

/** Prints the answer in the form that the flags name. */
export function print<T>({ io }: CommandContext, flags: ControlFlagValues, answer: T, view: View<T>): void {
  printObject(io, answer, view, readOutput(flags));
}
