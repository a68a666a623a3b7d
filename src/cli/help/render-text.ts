/**
 * Renders Markdown as text for a terminal or a pipe: paragraphs are wrapped, tables aligned, and code is indented and
 * never wrapped.
 */
import { type HelpLayout, widthCells } from "../program/help.ts";
import type { Style } from "../program/style.ts";
import { type Block, parseMarkdown, parseSpans } from "./markdown.ts";

const CODE_INDENT = "    ";
const COLUMN_GAP = "  ";

export function renderText(markdown: string, layout: HelpLayout): string {
  return parseMarkdown(markdown)
    .map((block) => `${blockText(block, layout)}\n`)
    .join("\n");
}

function blockText(block: Block, layout: HelpLayout): string {
  const { style } = layout;
  switch (block.type) {
    case "heading":
      return style.bold(spanText(block.text, PLAIN_SPANS));
    case "paragraph":
      return Bun.wrapAnsi(spanText(block.text, style), widthCells(layout));
    case "list":
      return block.items.map((item, index) => itemText(block.isOrdered, index, item, layout)).join("\n");
    case "table":
      return tableText(block.heads, block.rows, layout);
    case "code":
      return block.lines.map((line) => (line === "" ? "" : CODE_INDENT + line)).join("\n");
  }
}

function itemText(isOrdered: boolean, index: number, item: string, layout: HelpLayout): string {
  const mark = isOrdered ? `${index + 1}. ` : "- ";
  const indent = " ".repeat(mark.length);
  const wrapped = Bun.wrapAnsi(spanText(item, layout.style), widthCells(layout) - mark.length);
  return mark + wrapped.replaceAll("\n", `\n${indent}`);
}

function tableText(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  layout: HelpLayout,
): string {
  const { style } = layout;
  const texts = rows.map((row) => heads.map((_, column) => spanText(row[column] ?? "", style)));
  const widths = columnWidths([heads, ...texts], widthCells(layout));
  const line = (cells: readonly string[]) => rowText(cells, widths);
  return [line(heads.map((head) => style.bold(head))), ...texts.map(line)].join("\n");
}

/**
 * As wide as the widest cell; where that is too much in sum, the widest columns are narrowed, but never below their
 * longest word.
 */
function columnWidths(rows: readonly (readonly string[])[], limitCells: number): number[] {
  const columns = (rows[0] ?? []).map((_, column) => rows.map((row) => row[column] ?? ""));
  const widths = columns.map((cells) => Math.max(...cells.map((cell) => Bun.stringWidth(cell))));
  const least = columns.map((cells) =>
    Math.max(...cells.flatMap((cell) => cell.split(" ").map((word) => Bun.stringWidth(word)))),
  );
  const gapCells = COLUMN_GAP.length * (widths.length - 1);
  const sum = () => widths.reduce((total, width) => total + width, gapCells);
  while (sum() > limitCells) {
    const widest = Math.max(...widths.filter((width, column) => width > (least[column] ?? 0)));
    const column = widths.findIndex((width, index) => width === widest && width > (least[index] ?? 0));
    if (column < 0) break;
    widths[column] = widest - 1;
  }
  return widths;
}

/** A row whose cells may take several lines. */
function rowText(cells: readonly string[], widths: readonly number[]): string {
  const wrapped = cells.map((cell, column) => Bun.wrapAnsi(cell, widths[column] ?? 0).split("\n"));
  const height = Math.max(...wrapped.map((lines) => lines.length));
  const lines = Array.from({ length: height }, (_, line) =>
    wrapped
      .map((cellLines, column) => {
        const text = cellLines[line] ?? "";
        return text + " ".repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(text)));
      })
      .join(COLUMN_GAP)
      .trimEnd(),
  );
  return lines.join("\n");
}

const PLAIN_SPANS: Pick<Style, "bold" | "name"> = { bold: (text) => text, name: (text) => text };

function spanText(text: string, style: Pick<Style, "bold" | "name">): string {
  return parseSpans(text)
    .map((span) => {
      if (span.type === "code") return style.name(span.text);
      if (span.type === "strong") return style.bold(span.text);
      return span.type === "link" ? `${span.text} (${span.target})` : span.text;
    })
    .join("");
}
