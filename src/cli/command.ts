import type { CommandDefinition } from "./command-definition.ts";
import type { ProgramIo } from "./program-io.ts";

export interface CommandContext {
  /** What stands behind the command's name. */
  readonly rawArgs: readonly string[];
  readonly io: ProgramIo;
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
  /**
   * Does the work and resolves to the exit code. It may throw: a UsageError becomes exit code 2, anything else
   * one line and exit code 1.
   */
  run(context: CommandContext): Promise<number>;
}
