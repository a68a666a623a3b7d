/**
 * Reads bytes written as text: plain hex with or without spaces, colons, commas, 0x or \x, and the outputs of `hexdump -C`, `xxd`,
 * `od` and `tcpdump -x`. An offset at the beginning of a line and characters at its end are left out; a "*" stands for lines that
 * repeat the one before it.
 */
import { markedText, type TextRange } from "../../base/marked-text.ts";
import { CaptureError } from "../capture/capture-error.ts";

/** The lines of `xxd -i` that hold no bytes. */
const DECLARATION = /^\s*(unsigned|static|const|char|uint8_t)\b/;

/** A line is kept whole; without line breaks, input would be kept without limit. */
const MAX_LINE_CHARS = 16 << 20;
/** What one "*" may stand for. */
const MAX_REPEATED_BYTES = 1 << 20;

const NO_BYTES = new Uint8Array(0);

/** A number of at least four digits, perhaps with a colon, and white space or the end after it. */
const FIRST_WORD = /^\s*(?:0x)?([\da-f]{4,16})(:?)(?=\s|$)/i;
/** Characters between the bytes, those of string and array literals included; of the same length as what replaces them. */
const SEPARATORS = /0x|\\x|[,:;{}"'()[\]_-]/gi;

export class HexReader {
  #line = 0;
  #pending = "";
  #bytesRead = 0;
  /** The last line's bytes, if a "*" followed it. */
  #repeated: Uint8Array | null = null;
  #last: Uint8Array = NO_BYTES;
  /** `od` counts in octal. */
  #offsetRadix: 8 | 16 = 16;
  /** The last byte of a line of 16-bit numbers: if no byte was there, a zero fills the number, and the next offset says so. */
  #held: Uint8Array = NO_BYTES;

  /**
   * Takes the next part of the text. Returns the bytes in its whole lines.
   * @throws CaptureError with the line, and a caret under what is no hex
   */
  *push(text: string): Generator<Uint8Array> {
    const lines = (this.#pending + text).split("\n");
    this.#pending = lines.pop() ?? "";
    if (this.#pending.length > MAX_LINE_CHARS) {
      throw new CaptureError(
        "BAD_HEX",
        `line ${this.#line + 1} has over ${MAX_LINE_CHARS} characters: break it`,
      );
    }
    for (const line of lines) yield* this.#readLine(line);
  }

  *end(): Generator<Uint8Array> {
    const line = this.#pending;
    this.#pending = "";
    yield* this.#readLine(line);
    yield* this.#releaseHeld();
  }

  *#readLine(line: string): Generator<Uint8Array> {
    this.#line++;
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#") || DECLARATION.test(line)) return;
    if (trimmed === "*") {
      this.#repeated = this.#last;
      return;
    }
    const offset = offsetOf(line, this.#bytesRead);
    if (offset !== null) yield* this.#passOffset(offset.digits);
    const { start, end } = offset === null ? { start: 0, end: line.length } : dataRange(line, offset.end);
    const bytes = this.#bytesOf(line, start, end);
    if (bytes.length === 0) return;
    this.#bytesRead += bytes.length;
    this.#last = bytes;
    // `hexdump` and `od -x` write 16-bit numbers in the byte order of the machine, which is little-endian nearly everywhere.
    if (offset?.digits.length !== 7 || !/^\s+[\da-f]{4}(\s|$)/i.test(line.slice(offset.end))) {
      yield bytes;
      return;
    }
    const ordered = bytes.map((_, i) => bytes[i ^ 1] ?? 0);
    this.#last = ordered;
    this.#held = ordered.slice(-1);
    yield ordered.subarray(0, -1);
  }

  /** Compares an offset with what was read: it says whether a zero was filled in, and what a "*" stood for. */
  *#passOffset(digits: string): Generator<Uint8Array> {
    const isAt = (radix: 8 | 16, bytes: number) => Number.parseInt(digits, radix) === bytes;
    if (this.#bytesRead > 0 && this.#repeated === null) {
      const filled = this.#held.length;
      this.#offsetRadix = isAt(8, this.#bytesRead) || (filled > 0 && isAt(8, this.#bytesRead - 1)) ? 8 : 16;
      if (filled > 0 && isAt(this.#offsetRadix, this.#bytesRead - 1)) {
        this.#held = NO_BYTES;
        this.#bytesRead--;
      }
    }
    yield* this.#releaseHeld();
    const row = this.#repeated;
    this.#repeated = null;
    if (row === null || row.length === 0) return;
    const missing = Number.parseInt(digits, this.#offsetRadix) - this.#bytesRead;
    if (missing > MAX_REPEATED_BYTES) {
      const message = `line ${this.#line}: the * before it stands for ${missing} bytes, which is too much`;
      throw new CaptureError("BAD_HEX", message);
    }
    for (let done = 0; done < missing; done += row.length) yield row.slice(0, missing - done);
    if (missing > 0) this.#bytesRead += missing;
  }

  *#releaseHeld(): Generator<Uint8Array> {
    const held = this.#held;
    this.#held = NO_BYTES;
    if (held.length > 0) yield held;
  }

  #bytesOf(line: string, start: number, end: number): Uint8Array {
    const text = line.slice(start, end).replaceAll(SEPARATORS, (found) => " ".repeat(found.length));
    const wrong = text.search(/[^\da-f\s]/i);
    if (wrong >= 0)
      throw this.#fault(line, { start: start + wrong, end: start + wrong + 1 }, "not a hexadecimal digit");
    const groups = [...text.matchAll(/\S+/g)];
    for (const { 0: group, index } of groups) {
      if (group.length % 2 === 0) continue;
      const range = { start: start + index, end: start + index + group.length };
      throw this.#fault(line, range, "an odd number of digits: a byte has two");
    }
    return Uint8Array.fromHex(groups.map(([group]) => group).join(""));
  }

  #fault(line: string, range: TextRange, reason: string): CaptureError {
    const around = excerpt(line, range);
    return new CaptureError(
      "BAD_HEX",
      `line ${this.#line}: ${reason}`,
      markedText(around.text, around.range),
    );
  }
}

/** Returns the offset with which a line begins, and where it ends in the line; null if the line begins with its bytes. */
function offsetOf(line: string, bytesRead: number): { readonly digits: string; readonly end: number } | null {
  const [word, digits = "", colon] = FIRST_WORD.exec(line) ?? [];
  if (word === undefined) return null;
  const rest = line.slice(word.length);
  const isOffset =
    colon === ":" ||
    // No number of bytes has so many digits.
    digits.length % 2 === 1 ||
    // The bytes of `hexdump -C` stand apart from the offset, and its last line is an offset alone.
    /^\s{2,}[\da-f]{2}(\s|$)/i.test(rest) ||
    (bytesRead > 0 && rest.trim() === "" && Number.parseInt(digits, 16) === bytesRead) ||
    (/^(\s+[\da-f]{2})+\s*$/i.test(rest) && Number.parseInt(digits, 16) === bytesRead);
  return isOffset ? { digits, end: word.length } : null;
}

/**
 * Returns where the bytes of a line with an offset stand. The characters after them follow a "|" or at least two spaces; but
 * two spaces may also part the first eight bytes from the other eight.
 */
function dataRange(line: string, offsetEnd: number): TextRange {
  const bar = line.indexOf("|", offsetEnd);
  const start = offsetEnd + (/^\s*/.exec(line.slice(offsetEnd))?.[0].length ?? 0);
  if (bar >= 0) return { start, end: bar };
  const [first = "", gap = "", second = ""] = line.slice(start).split(/(\s{2,})/, 3);
  const isHalf =
    /^([\da-f]{2}\s){7}[\da-f]{2}$/i.test(first) && /^([\da-f]{2}\s){0,7}[\da-f]{2}$/i.test(second.trim());
  return { start, end: start + first.length + (isHalf ? gap.length + second.length : 0) };
}

/** Shows at most this much before and after a fault. */
const EXCERPT_CHARS = 40;

function excerpt(
  line: string,
  { start, end }: TextRange,
): { readonly text: string; readonly range: TextRange } {
  const from = Math.max(0, start - EXCERPT_CHARS);
  const text = line.slice(from, end + EXCERPT_CHARS);
  return { text, range: { start: start - from, end: end - from } };
}
