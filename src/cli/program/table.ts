import { printable } from "../../base/marked-text.ts";
import type { Style } from "./style.ts";

export type Cell = string | number | boolean | null;

/** What stands for a value that is not there. */
const NOTHING = "-";

/** How a value looks in text output. */
export function cellText(cell: Cell): string {
  if (cell === null || cell === "") return NOTHING;
  if (typeof cell === "boolean") return cell ? "yes" : "no";
  return printable(String(cell));
}

/**
 * Columns as wide as their widest cell, those of numbers flush right, two spaces between them; the last one has no
 * padding. Without rows there is nothing but the heads.
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

/** A name and its value a line, the values below each other. */
export function pairs(rows: readonly (readonly [name: string, value: string])[], style: Style): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${style.bold(name.padEnd(width))}  ${printable(value)}\n`).join("");
}
