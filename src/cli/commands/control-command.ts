/** What all commands that talk to a running daemon have in common. */
import { basename, join } from "node:path";
import type { ProgramName } from "../../http/control/api.ts";
import { findSockets } from "../../http/control/socket.ts";
import { defaultSocket, socketNamed } from "../flags/socket-flag.ts";
import type { CommandContext, ExitCode } from "../program/command.ts";
import type { SwitchDef, ValueFlagDef } from "../program/command-definition.ts";
import { CommandError } from "../program/command-error.ts";
import { type Style, styleFor } from "../program/style.ts";
import { ControlClient } from "./control-client.ts";

const PROGRAMS = ["client", "server"] as const satisfies readonly ProgramName[];

/** `program` is whose command it is; null: either's. */
export function controlFlags(program: ProgramName | null) {
  const defaults = (program === null ? PROGRAMS : [program]).map((one) => defaultSocket(one));
  return {
    socket: {
      type: "string",
      valueHint: "PATH",
      example: defaultSocket(program ?? "client"),
      description: `The daemon's control socket, or its name, as server-4711. If left out: that of the only one there is at ${defaults.join(" or ")}, or beside.`,
    } satisfies ValueFlagDef,
    json: {
      type: "boolean",
      description: "Print the answer as one JSON object, errors too.",
      errorsAsJson: true,
    } satisfies SwitchDef,
  };
}

export const DAEMON_AWAY: ExitCode = { code: 4, meaning: "no daemon answers" };
export const NOT_FOUND: ExitCode = { code: 3, meaning: "not found: no such route, VNI, peer or server" };

/** A note for people: what was asked for is not to be seen at once. */
export const NO_SERVER = "no server is connected now; each is told when it comes";

export interface ControlFlagValues {
  readonly socket: string | undefined;
  readonly json: boolean;
}

/**
 * The daemon that the flags name, or the only one at a default socket in the directories.
 * @throws CommandError when there are several
 */
export async function clientOf(
  { socket, json }: ControlFlagValues,
  program: ProgramName,
  directories: readonly string[],
): Promise<ControlClient> {
  const connected = (socketPath: string) => new ControlClient({ socketPath, program, asJson: json });
  if (socket !== undefined) return connected(socketNamed(socket, directories));
  const [path, ...others] = await socketsIn(directories, program);
  if (others.length === 0) return connected(path ?? awayPaths(directories, program)[0] ?? "");
  const names = [path, ...others].map((one) => basename(one ?? "", ".sock"));
  const message = `${names.length} ${program}s run here; say which: --socket ${names.join(" or --socket ")}`;
  throw new CommandError(message, { code: "AMBIGUOUS", exitCode: 1, asJson: json });
}

/** Where daemons answer in the directories; where none does, the sockets that this user may not ask. */
export async function socketsIn(
  directories: readonly string[],
  program: ProgramName | null,
): Promise<string[]> {
  const found = await Promise.all(directories.map((directory) => findSockets(directory, program)));
  const sockets = found.flat();
  const answered = sockets.filter(({ isAnswered }) => isAnswered);
  return (answered.length > 0 ? answered : sockets).map(({ path }) => path);
}

/** Where the first daemon would be. */
export function awayPaths(directories: readonly string[], program: ProgramName | null): string[] {
  const programs = program === null ? PROGRAMS : [program];
  return directories.flatMap((directory) => programs.map((one) => join(directory, `${one}.sock`)));
}

/** Prints the object, as JSON or as the text that is made of it. */
export function print<T>(
  { io }: CommandContext,
  { json }: ControlFlagValues,
  answer: T,
  text: (answer: T, style: Style) => string,
): void {
  const style = styleFor(io.stdoutIsTty, io.environment);
  io.stdout.write(json ? `${JSON.stringify(answer)}\n` : text(answer, style));
}
