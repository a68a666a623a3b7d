import type { LineWriter } from "../program/output.ts";

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
