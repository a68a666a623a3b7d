import type { CommandExitCode } from "./exit-codes.ts";

export interface CommandErrorDetail {
  /** The stable code; the message is for people. */
  readonly code: string;
  readonly exitCode: CommandExitCode;
}

/** A command failed for a known reason, which has an exit code of its own. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly code: string;
  readonly exitCode: CommandExitCode;

  constructor(message: string, { code, exitCode }: CommandErrorDetail) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
  }
}
