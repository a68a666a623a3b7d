/**
 * The program between its command line and its exit code: finds the command, and makes of whatever goes wrong
 * one clear line on stderr. 0 is done, 1 failed, 2 a wrong command line; some commands have more.
 */
import { KernelError } from "../kernel/kernel.ts";
import { printable } from "../route/caret.ts";
import type { Command } from "./command.ts";
import { CommandError } from "./command-error.ts";
import { givenFlags } from "./flags.ts";
import { commandHelp, type HelpLayout, programHelp } from "./help.ts";
import { nearest } from "./nearest.ts";
import type { ProgramIo } from "./program-io.ts";
import { styleFor } from "./style.ts";
import { describeUsageError, UsageError } from "./usage-error.ts";
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
  const [word, ...words] = argv;
  if (word === undefined) {
    io.stderr.write(programHelp(commands, layoutFor(io, io.stderrIsTty)));
    return 2;
  }
  let command: Command | null = null;
  let rawArgs: readonly string[] = [];
  try {
    if (word === "help" || asksForHelp([word])) {
      printHelp(words, io, commands);
      return 0;
    }
    ({ command, rawArgs } = findCommand(word === "--version" ? ["version", ...words] : argv, commands));
    if (asksForHelp(rawArgs)) {
      io.stdout.write(commandHelp(command, layoutFor(io, io.stdoutIsTty)));
      return 0;
    }
    refuseCommandBehind(command, rawArgs, commands);
    return await command.run({ rawArgs, io });
  } catch (error) {
    const name = command === null ? "bunbond" : `bunbond ${command.definition.meta.name}`;
    if (error instanceof UsageError) {
      const isJson = command !== null && asksForJsonErrors(command, rawArgs);
      io.stderr.write(isJson ? errorJson(error) : usageReport(name, error));
      return 2;
    }
    if (error instanceof CommandError) {
      io.stderr.write(error.asJson ? errorJson(error) : `${name}: ${describe(error)}\n`);
      return error.exitCode;
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
  return flagsAmong(rawArgs).some((arg) => arg === "--help" || arg === "-h");
}

/** Likewise: a script that asks for JSON reads nothing else. */
function asksForJsonErrors({ definition }: Command, rawArgs: readonly string[]): boolean {
  const { json } = definition.args;
  return json?.type === "boolean" && json.errorsAsJson === true && flagsAmong(rawArgs).includes("--json");
}

function flagsAmong(rawArgs: readonly string[]): readonly string[] {
  const end = rawArgs.indexOf("--");
  return end < 0 ? rawArgs : rawArgs.slice(0, end);
}

function errorJson(error: UsageError | CommandError): string {
  const { code, message } = error;
  const hint = error instanceof UsageError ? { hint: error.hint } : {};
  return `${JSON.stringify({ error: code, message, ...hint })}\n`;
}

function printHelp(words: readonly string[], io: ProgramIo, commands: readonly Command[]): void {
  const layout = layoutFor(io, io.stdoutIsTty);
  if (words.length === 0) {
    io.stdout.write(programHelp(commands, layout));
    return;
  }
  const { command, rawArgs } = findCommand(words, commands);
  if (rawArgs.length > 0) {
    const hint = "help takes the name of one command";
    throw new UsageError("UNEXPECTED_ARGUMENT", `unexpected argument "${rawArgs[0]}"`, { hint });
  }
  io.stdout.write(commandHelp(command, layout));
}

interface FoundCommand {
  readonly command: Command;
  /** What stands behind its name. */
  readonly rawArgs: readonly string[];
}

/** What `argv`, which is not empty, begins with: "client drain" rather than "client". */
function findCommand(argv: readonly string[], commands: readonly Command[]): FoundCommand {
  for (const wordCount of [2, 1]) {
    const name = argv.slice(0, wordCount).join(" ");
    const command = commands.find(({ definition }) => definition.meta.name === name);
    if (command !== undefined) return { command, rawArgs: argv.slice(wordCount) };
  }
  throw unknownCommand(argv, commands);
}

/** "client status": to a command that takes no words it is a wrong word, to the user a command. */
function refuseCommandBehind(
  { definition }: Command,
  [word = ""]: readonly string[],
  commands: readonly Command[],
): void {
  const { name } = definition.meta;
  if (definition.words !== undefined || word === "" || word.startsWith("-")) return;
  const names = commands.map((command) => command.definition.meta.name);
  const guess = names.includes(word) ? word : nearest(`${name} ${word}`, namesBehind(name, names));
  if (guess === null) return;
  throw new UsageError("UNEXPECTED_ARGUMENT", `unexpected argument "${word}"`, {
    hint: `did you mean bunbond ${guess}?`,
  });
}

/** The commands of two words of which that is the first. */
function namesBehind(first: string, names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(`${first} `));
}

function unknownCommand([first = "", second]: readonly string[], commands: readonly Command[]): UsageError {
  const names = commands.map(({ definition }) => definition.meta.name);
  const [onlyBehind, ...othersBehind] = namesBehind(first, names);
  const isTwoWords = second !== undefined && !second.startsWith("-") && onlyBehind !== undefined;
  const word = isTwoWords ? `${first} ${second}` : first;
  const isFlag = first.startsWith("-");
  // "peer" for "peer reset", "drain" for "client drain".
  const part =
    !isTwoWords && othersBehind.length === 0
      ? (onlyBehind ?? names.find((name) => name.endsWith(` ${first}`)))
      : undefined;
  const guess = part ?? nearest(word, isFlag ? ["--help", "--version"] : ["help", ...names]);
  const [code, what] = isFlag
    ? (["UNKNOWN_FLAG", "flag"] as const)
    : (["UNKNOWN_COMMAND", "command"] as const);
  const hint = guess !== null ? `did you mean ${guess}?` : isFlag ? "flags go behind a command" : undefined;
  return new UsageError(code, `unknown ${what} ${word}`, hint === undefined ? {} : { hint });
}

/** One line, and under it the place in a wrong value. What is wrong in a file, help will not tell. */
function usageReport(name: string, error: UsageError): string {
  const advice = error.place === null ? ` Run '${name} --help'.` : "";
  const [line, ...caret] = describeUsageError(error).split("\n");
  return [`${name}: ${line}${advice}`, ...caret, ...moreInFile(error), ""].join("\n");
}

function moreInFile({ place, others }: UsageError): string[] {
  if (place === null || others.length === 0) return [];
  return [`bunbond check-config ${printable(place.path)} shows all ${others.length + 1} errors in it`];
}

/** What went wrong, on one line. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error));
  const text = error.message === "" ? error.name : error.message.replace(/\s*\n\s*/g, " ");
  // A KernelError says all that there is to say.
  const isWhole = error.cause === undefined || error instanceof KernelError;
  return isWhole ? printable(text) : `${printable(text)}: ${describe(error.cause)}`;
}

/** Only asked of a command that got as far as running, so that its flags are right. */
function isVerbose({ definition }: Command, rawArgs: readonly string[]): boolean {
  return "verbose" in definition.args && givenFlags(definition.args, rawArgs).get("verbose") === true;
}
