/**
 * Tables and lists of pairs for people. Columns are data: a head, and the value of a row; how a value looks follows from its type.
 *
 * A table that is wider than the terminal first loses the columns that may be dropped, the least important first; then its widest
 * columns of text are elided, "connect-fai…", down to some cells. What is still too wide stays too wide: the terminal wraps it.
 */
import { printable } from "../../base/marked-text.ts";
import type { Style } from "./style.ts";

/** Null is a value that is not there. A list of texts or numbers is cut with a count. */
export type Cell = string | number | boolean | null | readonly (string | number)[];

export interface Column<Row> {
  readonly head: string;
  readonly value: (row: Row) => Cell;
  /** The value is a time by RFC 3339, which is shown as "3m ago". */
  readonly isTime?: true;
  /** Only `-o wide` shows the column. */
  readonly isWideOnly?: true;
  /** Where a terminal is too narrow, the column with the greatest number is left out first; without one it always stays. */
  readonly dropOrder?: number;
}

/** A phrase with values in it, which keeps them: phrase`${22}, ${11} established`. */
export interface Phrase {
  readonly strings: readonly string[];
  readonly values: readonly Cell[];
}

export function phrase(strings: TemplateStringsArray, ...values: readonly Cell[]): Phrase {
  return { strings, values };
}

/** A name and its value. */
export interface PairRow {
  readonly name: string;
  readonly value: Cell | Phrase;
  readonly isTime?: true;
}

export interface CellOptions {
  /** Lists are not cut, and times are shown in full. */
  readonly isWide: boolean;
  readonly nowMs: number;
}

interface LineOptions extends CellOptions {
  readonly style: Style;
  /** Width of the terminal in cells; undefined if nothing limits it. */
  readonly widthCells: number | undefined;
}

/** The text of a missing value. */
const NOTHING = "-";
const GAP = "  ";
/** A list is cut so that it takes about so many cells. */
const LIST_CELLS = 24;
/** No column is elided further. */
const LEAST_CELLS = 8;

export function cellText(cell: Cell, { isWide, nowMs }: CellOptions, isTime = false): string {
  if (cell === null || cell === "") return NOTHING;
  if (typeof cell === "boolean") return cell ? "yes" : "no";
  if (typeof cell === "number") return `${cell}`;
  if (typeof cell === "string") return isTime && !isWide ? agoText(cell, nowMs) : printable(cell);
  return cell.length === 0 ? NOTHING : listText(cell, isWide);
}

/** "100, 101, 102 +37" */
function listText(items: readonly (string | number)[], isWide: boolean): string {
  const texts = items.map((item) => printable(`${item}`));
  const whole = texts.join(", ");
  if (isWide || Bun.stringWidth(whole) <= LIST_CELLS) return whole;
  let shown = texts[0] ?? "";
  let count = 1;
  for (; count < texts.length; count++) {
    const longer = `${shown}, ${texts[count]}`;
    if (Bun.stringWidth(`${longer} +${texts.length - count - 1}`) > LIST_CELLS) break;
    shown = longer;
  }
  return count === texts.length ? shown : `${shown} +${texts.length - count}`;
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
] as const;

/** "3m ago", in the largest unit of which at least one has passed. A clock that was set back gives "0s ago". */
export function agoText(time: string, nowMs: number): string {
  const agoMs = Math.max(0, nowMs - Date.parse(time));
  if (Number.isNaN(agoMs)) return printable(time);
  for (const [unit, unitMs] of UNITS) if (agoMs >= unitMs) return `${Math.floor(agoMs / unitMs)}${unit} ago`;
  return `${Math.floor(agoMs / 1000)}s ago`;
}

/** A column with its width. */
interface FittedColumn<Row> {
  readonly column: Column<Row>;
  readonly isNumeric: boolean;
  widthCells: number;
}

/** Returns the columns that are shown, as wide as the rows and the terminal want them. */
export function fittedColumns<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: LineOptions,
): readonly FittedColumn<Row>[] {
  let fitted = columns
    .filter(({ isWideOnly }) => options.isWide || !isWideOnly)
    .map((column): FittedColumn<Row> => {
      const cells = rows.map((row) => column.value(row));
      const widths = cells.map((cell) => Bun.stringWidth(cellText(cell, options, column.isTime)));
      return {
        column,
        isNumeric: cells.every((cell) => typeof cell === "number"),
        widthCells: widths.reduce((most, width) => Math.max(most, width), Bun.stringWidth(column.head)),
      };
    });
  const { widthCells: limitCells } = options;
  if (limitCells === undefined || options.isWide) return fitted;
  while (sumCells(fitted) > limitCells) {
    const least = fitted.reduce((most, { column }) => Math.max(most, column.dropOrder ?? 0), 0);
    if (least === 0) break;
    fitted = fitted.filter(({ column }) => column.dropOrder !== least);
  }
  while (sumCells(fitted) > limitCells) {
    const texts = fitted.filter(({ isNumeric, widthCells }) => !isNumeric && widthCells > LEAST_CELLS);
    const widest = texts.reduce((most, { widthCells }) => Math.max(most, widthCells), 0);
    const column = texts.find(({ widthCells }) => widthCells === widest);
    if (column === undefined) break;
    column.widthCells--;
  }
  return fitted;
}

function sumCells(columns: readonly FittedColumn<never>[]): number {
  return columns.reduce((sum, { widthCells }) => sum + widthCells, GAP.length * (columns.length - 1));
}

/** One row of a table, with its line feed. */
export function tableLine<Row>(
  columns: readonly FittedColumn<Row>[],
  row: Row,
  options: CellOptions,
): string {
  const texts = columns.map(({ column }) => cellText(column.value(row), options, column.isTime));
  return `${lineOf(columns, texts)}\n`;
}

/**
 * Columns as wide as their widest cell, those of numbers flush right, two spaces between them; the last one has no padding. Without
 * rows there is nothing but the heads.
 */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: LineOptions,
  fitted: readonly FittedColumn<Row>[] = fittedColumns(columns, rows, options),
): string {
  const heads = lineOf(
    fitted,
    fitted.map(({ column }) => column.head),
  );
  return `${options.style.bold(heads)}\n${rows.map((row) => tableLine(fitted, row, options)).join("")}`;
}

function lineOf(columns: readonly FittedColumn<never>[], texts: readonly string[]): string {
  return columns
    .map(({ widthCells, isNumeric }, index) => {
      const text = elided(texts[index] ?? "", widthCells);
      const padding = " ".repeat(Math.max(0, widthCells - Bun.stringWidth(text)));
      return isNumeric ? padding + text : text + padding;
    })
    .join(GAP)
    .trimEnd();
}

/** Cuts a text to so many cells, with "…" at its end. A row that came late may be wider than those that were measured. */
function elided(text: string, widthCells: number): string {
  if (Bun.stringWidth(text) <= widthCells) return text;
  let cut = "";
  for (const { segment } of GRAPHEMES.segment(text)) {
    if (Bun.stringWidth(`${cut}${segment}…`) > widthCells) break;
    cut += segment;
  }
  return `${cut}…`;
}

const GRAPHEMES = new Intl.Segmenter();

/** A name and its value a line, the values below each other. */
export function pairLines(rows: readonly PairRow[], options: LineOptions): string {
  const width = rows.reduce((most, { name }) => Math.max(most, name.length), 0);
  return rows
    .map(({ name, value, isTime }) => {
      const text = isPhrase(value) ? phraseText(value, options) : cellText(value, options, isTime);
      return `${options.style.bold(name.padEnd(width))}${GAP}${text}\n`;
    })
    .join("");
}

export function isPhrase(value: Cell | Phrase): value is Phrase {
  return typeof value === "object" && value !== null && "strings" in value;
}

function phraseText({ strings, values }: Phrase, options: CellOptions): string {
  return strings
    .map((text, index) => {
      const value = values[index];
      return value === undefined ? text : text + cellText(value, options);
    })
    .join("");
}
