import type { LineWriter } from "../program/output.ts";

/** Written at once: large enough to be quick, small enough that a reader sees output early. */
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
  let batch = "";
  for await (const line of batched(lines)) {
    batch += line;
    if (batch.length < BATCH_CHARS) continue;
    output.write(batch);
    batch = "";
    await output.drained();
    if (isGone) return;
  }
  output.write(batch);
}

/** Joins lines of a synchronous source before each of them would cost a turn of the event loop. */
async function* batched(lines: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string> {
  if (Symbol.asyncIterator in lines) {
    for await (const line of lines) yield `${line}\n`;
    return;
  }
  let text = "";
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < BATCH_CHARS) continue;
    yield text;
    text = "";
  }
  if (text !== "") yield text;
}
