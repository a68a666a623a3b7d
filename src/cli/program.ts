/**
 * The program between its command line and its exit code: finds the command, and makes of whatever goes wrong
 * one clear line on stderr. 0 is done, 1 failed, 2 a wrong command line.
 */
import { printable } from "../route/caret.ts";
import type { Command } from "./command.ts";
import { parseFlags } from "./flags.ts";
import { commandHelp, type HelpLayout, programHelp } from "./help.ts";
import { nearest } from "./nearest.ts";
import type { ProgramIo } from "./program-io.ts";
import { styleFor } from "./style.ts";
import { UsageError } from "./usage-error.ts";
import { versionCommand } from "./version-command.ts";

/**
 * Runs the program with the words behind its name and resolves to the exit code, once all output is written.
 * `commands` are the program's own; "help" and "version" are always there.
 */
export async function runProgram(
  argv: readonly string[],
  io: ProgramIo,
  commands: readonly Command[],
): Promise<number> {
  let exitCode = await runCommand(argv, io, [...commands, versionCommand]);
  await io.stdout.end();
  if (io.stdout.failure !== null) {
    io.stderr.write(`bunbond: cannot write the output: ${describe(io.stdout.failure)}\n`);
    exitCode = Math.max(exitCode, 1);
  }
  await io.stderr.end();
  return exitCode;
}

async function runCommand(
  argv: readonly string[],
  io: ProgramIo,
  commands: readonly Command[],
): Promise<number> {
  const [word, ...rawArgs] = argv;
  if (word === undefined) {
    io.stderr.write(programHelp(commands, layoutFor(io, io.stderrIsTty)));
    return 2;
  }
  let command: Command | null = null;
  try {
    if (word === "help" || asksForHelp([word])) {
      printHelp(rawArgs, io, commands);
      return 0;
    }
    command = findCommand(word === "--version" ? "version" : word, commands);
    if (asksForHelp(rawArgs)) {
      io.stdout.write(commandHelp(command, layoutFor(io, io.stdoutIsTty)));
      return 0;
    }
    return await command.run({ rawArgs, io });
  } catch (error) {
    const name = command === null ? "bunbond" : `bunbond ${command.definition.meta.name}`;
    if (error instanceof UsageError) {
      io.stderr.write(usageReport(name, error));
      return 2;
    }
    io.stderr.write(`${name}: ${describe(error)}\n`);
    if (error instanceof Error && command !== null && isVerbose(command, rawArgs))
      io.stderr.write(`${error.stack}\n`);
    return 1;
  }
}

function layoutFor({ columns, environment }: ProgramIo, isTty: boolean): HelpLayout {
  return { style: styleFor(isTty, environment), columns };
}

/** Wherever it stands among the flags, even wrong ones: who asks for help gets it. */
function asksForHelp(rawArgs: readonly string[]): boolean {
  const end = rawArgs.indexOf("--");
  return (end < 0 ? rawArgs : rawArgs.slice(0, end)).some((arg) => arg === "--help" || arg === "-h");
}

function printHelp([name, extra]: readonly string[], io: ProgramIo, commands: readonly Command[]): void {
  if (extra !== undefined) {
    const hint = "help takes the name of one command";
    throw new UsageError("UNEXPECTED_ARGUMENT", `unexpected argument "${extra}"`, { hint });
  }
  const layout = layoutFor(io, io.stdoutIsTty);
  const text =
    name === undefined ? programHelp(commands, layout) : commandHelp(findCommand(name, commands), layout);
  io.stdout.write(text);
}

function findCommand(word: string, commands: readonly Command[]): Command {
  const command = commands.find(({ definition }) => definition.meta.name === word);
  if (command !== undefined) return command;
  const isFlag = word.startsWith("-");
  const known = isFlag
    ? ["--help", "--version"]
    : ["help", ...commands.map(({ definition }) => definition.meta.name)];
  const guess = nearest(word, known);
  const [code, what] = isFlag
    ? (["UNKNOWN_FLAG", "flag"] as const)
    : (["UNKNOWN_COMMAND", "command"] as const);
  const hint = guess !== null ? `did you mean ${guess}?` : isFlag ? "flags go behind a command" : undefined;
  throw new UsageError(code, `unknown ${what} ${word}`, hint === undefined ? {} : { hint });
}

/** One line, and under it the place in a wrong value. */
function usageReport(name: string, { message, hint, caret }: UsageError): string {
  const end = hint === null ? "." : hint.endsWith("?") ? `; ${hint}` : `; ${hint}.`;
  const line = `${name}: ${message}${end} Run '${name} --help'.\n`;
  return caret === null ? line : `${line}${caret.replace(/^/gm, "  ")}\n`;
}

/** What went wrong, on one line. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error));
  const text = error.message === "" ? error.name : error.message.replace(/\s*\n\s*/g, " ");
  return error.cause === undefined ? printable(text) : `${printable(text)}: ${describe(error.cause)}`;
}

/** Only asked of a command that got as far as running, so that its flags are right. */
function isVerbose({ definition }: Command, rawArgs: readonly string[]): boolean {
  if (!("verbose" in definition.args)) return false;
  const { verbose } = parseFlags(definition.args, rawArgs);
  return verbose === true;
}
