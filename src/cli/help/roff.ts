/**
 * These functions convert text and Markdown to roff with the man macros (groff_man(7)), for groff and mandoc.
 *
 * Every hyphen is a minus sign (`\-`), so that a flag that is copied from the page works.
 */
import { type Block, parseMarkdown, parseSpans } from "./markdown.ts";

/** Characters that roff reads as something else, and how they are written. */
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "^": "\\(ha",
  "~": "\\(ti",
  "`": "\\(ga",
  "'": "\\(aq",
  '"': "\\(dq",
};

/** Text of one line. At the start of a line, a dot would make it a request; a quote is escaped in any place. */
export function roffText(text: string): string {
  const escaped = text.replaceAll(/[\\\-^~`'"]|[^\x20-\x7e]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    return ESCAPES[character] ?? `\\[u${code}]`;
  });
  return escaped.replace(/^\./, "\\&.");
}

/** The argument of a macro, in which spaces count. */
export function roffArgument(text: string): string {
  return `"${roffText(text)}"`;
}

export function roffBold(text: string): string {
  return `\\fB${roffText(text)}\\fR`;
}

export function roffItalic(text: string): string {
  return `\\fI${roffText(text)}\\fR`;
}

/** `code` and **strong** are bold; of a link the target is printed, too. */
export function roffSpans(text: string): string {
  const line = parseSpans(text)
    .map((span) => {
      if (span.type === "text") return roffText(span.text);
      return span.type === "link" ? `${roffText(span.text)} (${roffText(span.target)})` : roffBold(span.text);
    })
    .join("");
  return line.replace(/^(?=\.)/, "\\&");
}

/** Lines that stay as they are, as command lines. */
export function roffCode(lines: readonly string[]): string[] {
  return [".PP", ".in +4n", ".nf", ...lines.map(roffText), ".fi", ".in"];
}

/** A term, and below it what it means. */
export function roffEntry(term: string, meaning: string): string[] {
  return [".TP", term, meaning];
}

/** The page's body, below its title. A heading of the second level becomes a section. */
export function roffOfMarkdown(markdown: string): string[] {
  return parseMarkdown(markdown).flatMap(blockLines);
}

function blockLines(block: Block): string[] {
  switch (block.type) {
    case "heading":
      return [`${block.level <= 2 ? ".SH" : ".SS"} ${roffArgument(block.text.replaceAll("`", ""))}`];
    case "paragraph":
      return [".PP", roffSpans(block.text)];
    case "list":
      return block.items.flatMap((item, index) => [
        block.isOrdered ? `.IP ${index + 1}. 4` : ".IP \\(bu 4",
        roffSpans(item),
      ]);
    case "table":
      return tableLines(block.heads, block.rows);
    case "code":
      return roffCode(block.lines);
  }
}

/** What is left of a line of 80 cells, without the page's margins. */
const LINE_CELLS = 72;
/** What tbl(1) puts between two columns. */
const COLUMN_GAP_CELLS = 3;

/**
 * Returns a table for tbl(1). If the table is wider than a line, its columns share the line, and their text is wrapped.
 */
function tableLines(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((_, column) =>
    Math.max(...[heads, ...rows].map((row) => plainLength(row[column] ?? ""))),
  );
  const widthCells = widths.reduce((sum, width) => sum + width + COLUMN_GAP_CELLS, -COLUMN_GAP_CELLS);
  if (widthCells <= LINE_CELLS) {
    const lines = [heads.map((head) => `**${head}**`), ...rows].map((row) => row.map(roffSpans).join("\t"));
    return [".PP", ".TS", `${heads.map(() => "l").join(" ")}.`, ...lines, ".TE"];
  }
  const cells = (row: readonly string[]) =>
    heads.map((_, column) => `T{\n${roffSpans(row[column] ?? "")}\nT}`).join("\t");
  const format = heads.map((_, column) => (column === 0 ? "l" : "lx")).join(" ");
  return [".PP", ".TS", `${format}.`, heads.map(roffBold).join("\t"), ...rows.map(cells), ".TE"];
}

function plainLength(text: string): number {
  return parseSpans(text).reduce((sum, span) => sum + span.text.length, 0);
}
