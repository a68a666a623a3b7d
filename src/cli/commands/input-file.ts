/** Reads what a command takes as FILE or "-", piece by piece, so that a file may be larger than memory. */
import { systemErrorCode } from "../../base/system-error.ts";
import { CommandError } from "../program/command-error.ts";
import { EXIT_FAILED } from "../program/exit-codes.ts";

/** The name that stands for standard input. */
export const STDIN = "-";

/** @throws CommandError if the file cannot be read */
export async function* readInput(path: string, asJson: boolean): AsyncGenerator<Uint8Array> {
  const stream: ReadableStream<Uint8Array> = path === STDIN ? Bun.stdin.stream() : Bun.file(path).stream();
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    const reason = systemErrorCode(error) ?? (error instanceof Error ? error.message : String(error));
    const name = path === STDIN ? "standard input" : path;
    throw new CommandError(`${name} cannot be read: ${reason}`, {
      code: "INPUT_UNREADABLE",
      exitCode: EXIT_FAILED,
      asJson,
    });
  } finally {
    reader.releaseLock();
  }
}

export async function readWholeInput(path: string, asJson: boolean): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of readInput(path, asJson)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}
