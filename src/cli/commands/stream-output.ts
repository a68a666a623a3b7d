import type { LineWriter } from "../program/output.ts";
import { type OutputFormat, printRows } from "../program/output-format.ts";
import type { ProgramIo } from "../program/program-io.ts";

/** After so much text, the reader is waited for. */
const BATCH_CHARS = 64 << 10;

/**
 * Writes lines as they come, never more ahead of the reader than one batch. Returns early if the reader has gone, as `head` does,
 * so that the source may be endless.
 */
export async function writeLines(
  output: LineWriter,
  lines: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  let isGone = false;
  output.onGone(() => {
    isGone = true;
  });
  let aheadChars = 0;
  const write = (line: string): boolean => {
    output.write(`${line}\n`);
    aheadChars += line.length;
    return aheadChars >= BATCH_CHARS;
  };
  const waitForReader = async (): Promise<boolean> => {
    aheadChars = 0;
    await output.drained();
    return !isGone;
  };
  if (Symbol.asyncIterator in lines) {
    for await (const line of lines) if (write(line) && !(await waitForReader())) return;
  } else {
    // Without a promise for each line.
    for (const line of lines) if (write(line) && !(await waitForReader())) return;
  }
}

/** How an item is printed: as lines of text for people, and as an object for programs. */
export interface RowForms<T> {
  readonly text: (item: T) => string;
  readonly object: (item: T) => object;
}

/** Prints any number of items. Lines are printed as they come, not when a batch is full: an item may be of a live capture. */
export async function writeRows<T>(
  io: ProgramIo,
  items: Iterable<T> | AsyncIterable<T>,
  format: OutputFormat,
  { text, object }: RowForms<T>,
): Promise<void> {
  switch (format) {
    case "json":
    case "yaml":
      await printRows(io, mapped(items, object), [], format);
      return;
    case "jsonl":
      await writeLines(
        io.stdout,
        mapped(items, (item) => JSON.stringify(object(item))),
      );
      return;
    default:
      await writeLines(io.stdout, mapped(items, text));
  }
}

function mapped<T, U>(
  items: Iterable<T> | AsyncIterable<T>,
  map: (item: T) => U,
): Iterable<U> | AsyncIterable<U> {
  return Symbol.asyncIterator in items ? mappedLater(items, map) : mappedNow(items, map);
}

function* mappedNow<T, U>(items: Iterable<T>, map: (item: T) => U): Generator<U> {
  for (const item of items) yield map(item);
}

async function* mappedLater<T, U>(items: AsyncIterable<T>, map: (item: T) => U): AsyncGenerator<U> {
  for await (const item of items) yield map(item);
}
