/** Reads what a command takes as FILE or "-", piece by piece, so that a file may be larger than memory. */
import { CommandError } from "../program/command-error.ts";
import { EXIT_FAILED } from "../program/exit-codes.ts";
import { fileErrorReason } from "../program/file-error.ts";

/** The name that stands for standard input. */
export const STDIN = "-";

/** @throws CommandError if the file cannot be read */
export async function* readInput(path: string): AsyncGenerator<Uint8Array> {
  try {
    // Bun refuses a path that is no file here, and all others when their first bytes are read.
    const stream = path === STDIN ? Bun.stdin.stream() : Bun.file(path).stream();
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    const name = path === STDIN ? "standard input" : path;
    const reason = fileErrorReason(error);
    throw new CommandError(`${name} cannot be read: ${reason}`, {
      code: "INPUT_UNREADABLE",
      exitCode: EXIT_FAILED,
    });
  }
}

export async function readWholeInput(path: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of readInput(path)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}
