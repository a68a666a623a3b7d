import type { CommandDefinition } from "./command-definition.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { HangupSignal } from "./hangup-signal.ts";
import type { ProgramIo } from "./program-io.ts";

export interface CommandContext {
  /** The arguments after the command's name. */
  readonly rawArgs: readonly string[];
  readonly io: ProgramIo;
}

/** The context of a command that runs until it has to stop. */
export interface DaemonContext extends CommandContext {
  readonly hangup: HangupSignal;
}

export interface Example {
  readonly comment: string;
  /** A whole command line that works as it stands. */
  readonly line: string;
}

/** One subcommand of the program. */
export interface Command {
  readonly definition: CommandDefinition;
  readonly examples: readonly Example[];
  /** Its exit codes beyond those that all commands have. */
  readonly exitCodes?: readonly ExitCode[];
  /** Topics of `bunbond help` that explain more about the command. */
  readonly topics?: readonly string[];
  /**
   * Does the work and resolves to the exit code. It may throw: a UsageError becomes exit code 2, a CommandError has its
   * own, and any other error is printed as one line with exit code 1.
   */
  run(context: CommandContext): Promise<number>;
}
