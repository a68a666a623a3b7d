import { printable } from "../../base/marked-text.ts";
import type { Style } from "./style.ts";

export type Cell = string | number | boolean | null;

/** The text of a missing value. */
const NOTHING = "-";

/** Returns the text of a value. */
export function cellText(cell: Cell): string {
  if (cell === null || cell === "") return NOTHING;
  if (typeof cell === "boolean") return cell ? "yes" : "no";
  return printable(String(cell));
}

/**
 * Returns a table whose columns are as wide as their widest cell, with two spaces between them. Columns of numbers are
 * aligned on the right; the last column has no padding. Without rows there are only the heads.
 */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[], style: Style): string {
  const texts = rows.map((row) => row.map(cellText));
  const widths = heads.map((head, column) =>
    Math.max(Bun.stringWidth(head), ...texts.map((row) => Bun.stringWidth(row[column] ?? ""))),
  );
  const isNumeric = heads.map((_, column) => rows.every((row) => typeof row[column] === "number"));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const padding = " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell));
        return isNumeric[column] ? padding + cell : cell + padding;
      })
      .join("  ")
      .trimEnd();
  return [style.bold(line(heads)), ...texts.map(line), ""].join("\n");
}

/** Returns lines with a name and its value each, with the values aligned. */
export function pairs(rows: readonly (readonly [name: string, value: string])[], style: Style): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${style.bold(name.padEnd(width))}  ${printable(value)}\n`).join("");
}
