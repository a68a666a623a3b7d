/** What all commands that talk to a running daemon have in common. */
import type { ProgramName } from "../http/control-api.ts";
import type { CommandContext, ExitCode } from "./command.ts";
import type { SwitchDef, ValueFlagDef } from "./command-definition.ts";
import { ControlClient } from "./control-client.ts";
import { defaultSocket } from "./socket-flag.ts";
import { type Style, styleFor } from "./style.ts";

const PROGRAMS = ["client", "server"] as const satisfies readonly ProgramName[];

/** `program` is whose command it is; null: either's. */
export function controlFlags(program: ProgramName | null) {
  const defaults = (program === null ? PROGRAMS : [program]).map((one) => defaultSocket(one));
  return {
    socket: {
      type: "string",
      valueHint: "PATH",
      example: defaultSocket(program ?? "client"),
      description: `The daemon's control socket. If left out: ${defaults.join(" or ")}.`,
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

/** The daemon that the flags name, or the one of the default socket in `directory`. */
export function clientOf(
  { socket, json }: ControlFlagValues,
  program: ProgramName,
  directory: string,
): ControlClient {
  return new ControlClient({
    socketPath: socket ?? defaultSocket(program, directory),
    program,
    asJson: json,
  });
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
