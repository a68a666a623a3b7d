/**
 * This file runs the program from its command line to its exit code. It finds the command, and prints each error as one
 * clear line on stderr. The exit codes are 0 for success, 1 for failure and 2 for a wrong command line; some commands
 * have more.
 */

import { printable } from "../../base/marked-text.ts";
import { KernelError } from "../../kernel/kernel.ts";
import type { Command } from "./command.ts";
import { CommandError } from "./command-error.ts";
import { EXIT_FAILED, EXIT_USAGE } from "./exit-codes.ts";
import { givenFlags } from "./flags.ts";
import { commandHelp, type HelpLayout, type HelpTopic, programHelp } from "./help.ts";
import { nearest } from "./nearest.ts";
import { type ErrorFormat, errorFormatIn, errorText } from "./output-format.ts";
import type { ProgramIo } from "./program-io.ts";
import { styleFor } from "./style.ts";
import { describeUsageError, UsageError } from "./usage-error.ts";
import { versionCommand } from "./version-command.ts";

/**
 * Runs the program with its arguments and resolves to the exit code, once all output is written. `commands` are the
 * program's own; "help" and "version" always exist. `topics` are pages of "help".
 */
export async function runProgram(
  argv: readonly string[],
  io: ProgramIo,
  commands: readonly Command[],
  topics: readonly HelpTopic[] = [],
): Promise<number> {
  let exitCode = await runCommand(argv, io, [...commands, versionCommand], topics);
  await io.stdout.end();
  if (io.stdout.failure !== null) {
    io.stderr.write(`bunbond: cannot write the output: ${describe(io.stdout.failure)}\n`);
    exitCode = Math.max(exitCode, EXIT_FAILED);
  }
  await io.stderr.end();
  return exitCode;
}

async function runCommand(
  argv: readonly string[],
  io: ProgramIo,
  commands: readonly Command[],
  topics: readonly HelpTopic[],
): Promise<number> {
  const [word, ...words] = argv;
  if (word === undefined) {
    io.stderr.write(programHelp(commands, topics, layoutFor(io, io.stderrIsTty)));
    return EXIT_USAGE;
  }
  let command: Command | null = null;
  let rawArgs: readonly string[] = [];
  try {
    if (word === "help" || asksForHelp([word])) {
      printHelp(words, io, commands, topics);
      return 0;
    }
    ({ command, rawArgs } = findCommand(
      word === "--version" ? ["version", ...words] : argv,
      commands,
      topics,
    ));
    if (asksForHelp(rawArgs)) {
      io.stdout.write(commandHelp(command, topics, layoutFor(io, io.stdoutIsTty)));
      return 0;
    }
    refuseCommandBehind(command, rawArgs, commands);
    return await command.run({ rawArgs, io });
  } catch (error) {
    const name = command === null ? "bunbond" : `bunbond ${command.definition.meta.name}`;
    if (error instanceof UsageError) {
      const format = command === null ? "text" : errorFormatOf(command, rawArgs);
      io.stderr.write(format === "text" ? usageReport(name, error) : errorText(format, errorBody(error)));
      return EXIT_USAGE;
    }
    if (error instanceof CommandError) {
      const format = command === null ? "text" : errorFormatOf(command, rawArgs);
      io.stderr.write(
        format === "text" ? `${name}: ${describe(error)}\n` : errorText(format, errorBody(error)),
      );
      return error.exitCode;
    }
    io.stderr.write(`${name}: ${describe(error)}\n`);
    if (error instanceof Error && command !== null && isVerbose(command, rawArgs))
      io.stderr.write(`${error.stack}\n`);
    return EXIT_FAILED;
  }
}

function layoutFor({ columns, environment }: ProgramIo, isTty: boolean): HelpLayout {
  return { style: styleFor(isTty, environment), columns };
}

/** Returns true if a help flag is anywhere among the flags, even among wrong ones. */
function asksForHelp(rawArgs: readonly string[]): boolean {
  return flagsAmong(rawArgs).some((arg) => arg === "--help" || arg === "-h");
}

/** Returns the form that the flags ask for, even among wrong ones: a script that sets it cannot read anything else. */
function errorFormatOf({ definition }: Command, rawArgs: readonly string[]): ErrorFormat {
  const { json } = definition.args;
  if (json?.type !== "boolean" || json.errorsAsJson !== true) return "text";
  return errorFormatIn(flagsAmong(rawArgs));
}

function flagsAmong(rawArgs: readonly string[]): readonly string[] {
  const end = rawArgs.indexOf("--");
  return end < 0 ? rawArgs : rawArgs.slice(0, end);
}

function errorBody(error: UsageError | CommandError): object {
  const { code, message } = error;
  return { error: code, message, ...(error instanceof UsageError && { hint: error.hint }) };
}

function printHelp(
  words: readonly string[],
  io: ProgramIo,
  commands: readonly Command[],
  topics: readonly HelpTopic[],
): void {
  const layout = layoutFor(io, io.stdoutIsTty);
  const [name, ...rest] = words;
  if (name === undefined) {
    io.stdout.write(programHelp(commands, topics, layout));
    return;
  }
  const topic = topics.find((each) => each.name === name);
  if (topic !== undefined) {
    refuseMoreWords(rest);
    io.stdout.write(topic.text(layout));
    return;
  }
  const { command, rawArgs } = findPage(words, commands, topics);
  refuseMoreWords(rawArgs);
  io.stdout.write(commandHelp(command, topics, layout));
}

function refuseMoreWords([word]: readonly string[]): void {
  if (word === undefined) return;
  const hint = "help takes the name of one command or topic";
  throw new UsageError("UNEXPECTED_ARGUMENT", `unexpected argument "${word}"`, { hint });
}

/** Returns the command or topic of that name. A name of neither is refused with the nearest one. */
function findPage(
  words: readonly string[],
  commands: readonly Command[],
  topics: readonly HelpTopic[],
): FoundCommand {
  const [first = ""] = words;
  const names = topics.map(({ name }) => name);
  const isCommand = commands.some(({ definition: { meta } }) => meta.name.split(" ")[0] === first);
  const guess =
    isCommand || first.startsWith("-") ? null : nearest(first, [...commandNames(commands), ...names]);
  if (guess === null || !names.includes(guess)) return findCommand(words, commands, topics);
  throw new UsageError("UNKNOWN_COMMAND", `unknown command or topic ${first}`, {
    hint: `did you mean ${guess}?`,
  });
}

function commandNames(commands: readonly Command[]): string[] {
  return commands.map(({ definition }) => definition.meta.name);
}

interface FoundCommand {
  readonly command: Command;
  /** The arguments after its name. */
  readonly rawArgs: readonly string[];
}

/**
 * Returns the command with the longest name at the beginning of `argv`, which is not empty: "client drain" rather than
 * "client".
 */
function findCommand(
  argv: readonly string[],
  commands: readonly Command[],
  topics: readonly HelpTopic[],
): FoundCommand {
  for (const wordCount of [2, 1]) {
    const name = argv.slice(0, wordCount).join(" ");
    const command = commands.find(({ definition }) => definition.meta.name === name);
    if (command !== undefined) return { command, rawArgs: argv.slice(wordCount) };
  }
  throw unknownCommand(argv, commands, topics);
}

/**
 * Refuses a command after a command, as in "client status", with a hint. For the command itself it would be just a
 * wrong argument.
 */
function refuseCommandBehind(
  { definition }: Command,
  [word = ""]: readonly string[],
  commands: readonly Command[],
): void {
  const { words } = definition;
  const mayBeArgument = words !== undefined && (words.form?.test(word) ?? true);
  if (mayBeArgument || word === "" || word.startsWith("-")) return;
  const names = commandNames(commands);
  const hint = hintForWordBehind(definition, word, names);
  if (hint === null) return;
  throw new UsageError("UNEXPECTED_ARGUMENT", `unexpected argument "${word}"`, { hint });
}

function hintForWordBehind(
  { meta, args }: Command["definition"],
  word: string,
  names: readonly string[],
): string | null {
  const { name } = meta;
  // In "status server" a hint at the command "server" would be wrong: it starts a server.
  const isDaemon = word === "server" || word === "client";
  if (isDaemon && "socket" in args && name !== "server" && name !== "client") {
    return "it finds the daemons of this host by itself; --socket names one of several";
  }
  const guess = names.includes(word)
    ? word
    : // In "client piar" the word after "client" is wrong; in "peers reset" it is the word before "reset".
      (nearestBehind(word, namesBehind(name, names), name) ??
      names.find((candidate) => candidate.endsWith(` ${word}`)) ??
      null);
  return guess === null ? null : `did you mean bunbond ${guess}?`;
}

function nearestBehind(word: string, names: readonly string[], first: string): string | null {
  const guess = nearest(
    word,
    names.map((name) => name.slice(first.length + 1)),
  );
  return guess === null ? null : `${first} ${guess}`;
}

/** Returns the commands of two words that begin with this word. */
function namesBehind(first: string, names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(`${first} `));
}

function unknownCommand(
  [first = "", second]: readonly string[],
  commands: readonly Command[],
  topics: readonly HelpTopic[],
): UsageError {
  const names = commandNames(commands);
  const isTwoWords = second !== undefined && !second.startsWith("-") && namesBehind(first, names).length > 0;
  const word = isTwoWords ? `${first} ${second}` : first;
  if (first.startsWith("-")) {
    const guess = nearest(first, ["--help", "--version"]);
    const hint = guess === null ? "flags go after a command" : `did you mean ${guess}?`;
    return new UsageError("UNKNOWN_FLAG", `unknown flag ${first}`, { hint });
  }
  if (topics.some(({ name }) => name === first)) {
    return new UsageError("UNKNOWN_COMMAND", `unknown command ${word}`, {
      hint: `'bunbond help ${first}' is about it`,
    });
  }
  const guess = isTwoWords
    ? (nearestBehind(second, namesBehind(first, names), first) ?? nearest(first, names))
    : guessFor(first, second, names);
  const hint = guess === null ? {} : { hint: `did you mean ${guess}?` };
  return new UsageError("UNKNOWN_COMMAND", `unknown command ${word}`, hint);
}

function guessFor(first: string, second: string | undefined, names: readonly string[]): string | null {
  const [onlyBehind, ...othersBehind] = namesBehind(first, names);
  // This finds "peer reset" for "peer", and "client drain" for "drain".
  const part =
    othersBehind.length === 0 ? (onlyBehind ?? names.find((name) => name.endsWith(` ${first}`))) : undefined;
  // In "start server" the command is the second word.
  const behind = names.find((name) => name === second);
  return part ?? nearest(first, ["help", ...names]) ?? behind ?? null;
}

/** Returns one line, and below it the place in a wrong value. Errors in a file have no advice to read the help. */
function usageReport(name: string, error: UsageError): string {
  const advice = error.place === null ? ` Run '${name} --help'.` : "";
  const [line, ...caret] = describeUsageError(error).split("\n");
  return [`${name}: ${line}${advice}`, ...caret, ...moreInFile(name, error), ""].join("\n");
}

function moreInFile(name: string, { place, others }: UsageError): string[] {
  if (place === null || others.length === 0) return [];
  // Without the role, the file might be checked as that of the other program.
  const [, role] = /^bunbond (server|client)$/.exec(name) ?? [];
  const words = ["bunbond check-config", printable(place.path), ...(role === undefined ? [] : [role])];
  return [`${words.join(" ")} shows all ${others.length + 1} errors in it`];
}

/** Returns the error as one line. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error));
  const text = error.message === "" ? error.name : error.message.replace(/\s*\n\s*/g, " ");
  // A KernelError's message is complete without its cause.
  const isWhole = error.cause === undefined || error instanceof KernelError;
  return isWhole ? printable(text) : `${printable(text)}: ${describe(error.cause)}`;
}

/** Returns true if the command is verbose. It must have run, so that its flags are known to be valid. */
function isVerbose({ definition }: Command, rawArgs: readonly string[]): boolean {
  return "verbose" in definition.args && givenFlags(definition.args, rawArgs).get("verbose") === true;
}
