/**
 * `-o, --output`: one object in, five forms out.
 *
 *     object ─▶ view (columns and pairs as data) ─▶ table, wide       for people
 *            └─▶ json, jsonl, yaml                                   for programs: the object itself, or its rows
 *
 * So what a table shows is in the JSON of the same object. A table fits the terminal, cuts long lists with a count and says how long
 * ago a time was; wide does none of that. A list of any length is printed row by row, in constant memory (printRows).
 */
import type { SwitchDef, ValueFlagDef } from "./command-definition.ts";
import type { ProgramIo } from "./program-io.ts";
import type { Style } from "./style.ts";
import { styleFor } from "./style.ts";
import { type Column, fittedColumns, type PairRow, pairLines, tableLine, tableLines } from "./table.ts";
import { UsageError } from "./usage-error.ts";

export const OUTPUT_FORMATS = ["table", "wide", "json", "jsonl", "yaml"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export const outputFlags = {
  output: {
    type: "string",
    alias: "o",
    valueHint: OUTPUT_FORMATS.join("|"),
    example: "wide",
    default: "table",
    description:
      "How to print the answer. table: fitted to the terminal. wide: with all columns, nothing cut, times in full. json, jsonl (one row per line), yaml: for programs, errors too.",
  } satisfies ValueFlagDef,
  json: { type: "boolean", description: "The same as -o json.", errorsAsJson: true } satisfies SwitchDef,
};

/** @throws UsageError */
export function readOutput({
  output,
  json,
}: {
  readonly output: string;
  readonly json: boolean;
}): OutputFormat {
  const format = OUTPUT_FORMATS.find((each) => each === output.toLowerCase());
  if (format === undefined) {
    throw new UsageError("BAD_VALUE", `--output: one of ${OUTPUT_FORMATS.join(", ")} is needed`, {
      flag: "--output",
      value: { text: output, range: { start: 0, end: output.length } },
    });
  }
  if (!json) return format;
  if (format === "table" || format === "json") return "json";
  throw new UsageError("BAD_VALUE", `--json and -o ${format} exclude each other`, { hint: "give one" });
}

/** Returns true if people read the output: notes on stderr are for them. */
export function isForPeople(format: OutputFormat): boolean {
  return format === "table" || format === "wide";
}

/** The form of an error on stderr. */
export type ErrorFormat = "text" | "json" | "yaml";

/** Returns the form in which a command line wants its errors, also one that is wrong elsewhere. */
export function errorFormatIn(rawArgs: readonly string[]): ErrorFormat {
  const words = rawArgs.join("\n");
  const [, format = ""] = /(?:^|\n)(?:-o=?|--output(?:=|\n))\n?(\w+)/.exec(words) ?? [];
  if (/^jsonl?$/i.test(format) || rawArgs.includes("--json")) return "json";
  return format.toLowerCase() === "yaml" ? "yaml" : "text";
}

export function errorText(format: "json" | "yaml", error: object): string {
  return format === "json" ? `${JSON.stringify(error)}\n` : yamlText(error);
}

/** A part of what people are shown of an object. */
export type Section =
  | { readonly pairs: readonly PairRow[] }
  | {
      /** Prints the rows, whose type only tableOf() knows. */
      readonly table: (options: TableOptions) => string;
      readonly cells: readonly (readonly unknown[])[];
    };

export interface TableOptions {
  readonly style: Style;
  /** Width of the terminal in cells; undefined if nothing limits it. */
  readonly widthCells: number | undefined;
  readonly isWide: boolean;
  readonly nowMs: number;
}

/** Makes a section of columns and rows. */
export function tableOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Section {
  return {
    table: (options) => tableLines(columns, rows, options),
    cells: rows.map((row) => columns.map((column) => column.value(row))),
  };
}

/** What people are shown of an object, as sections or as whole lines; and its rows for jsonl. */
export type View<T> = (
  | { readonly sections: (value: T) => readonly Section[] }
  | { readonly text: (value: T) => string }
) & {
  /** Default: the object is the only row. */
  readonly rows?: (value: T) => Iterable<unknown>;
};

/** Returns an object in one of the forms. */
export function formatObject<T>(
  value: T,
  view: View<T>,
  format: OutputFormat,
  options: Omit<TableOptions, "isWide">,
): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(value)}\n`;
    case "jsonl":
      return Array.from(view.rows?.(value) ?? [value], (row) => `${JSON.stringify(row)}\n`).join("");
    case "yaml":
      return yamlText(value);
    default: {
      const all = { ...options, isWide: format === "wide" };
      if ("text" in view) return view.text(value);
      const texts = view
        .sections(value)
        .map((section) => ("pairs" in section ? pairLines(section.pairs, all) : section.table(all)));
      return texts.join("\n");
    }
  }
}

export function printObject<T>(io: ProgramIo, value: T, view: View<T>, format: OutputFormat): void {
  io.stdout.write(formatObject(value, view, format, tableOptions(io)));
}

/** What a table on stdout is printed with. */
export function tableOptions(io: ProgramIo): Omit<TableOptions, "isWide"> {
  return { style: styleFor(io.stdoutIsTty, io.environment), widthCells: io.columns, nowMs: Date.now() };
}

/** So many rows decide how wide the columns of a long table are. */
const MEASURED_ROWS = 200;
/** After so much text, the reader is waited for. */
const BATCH_CHARS = 64 << 10;

/**
 * Prints a list of any length row by row, never more ahead of the reader than one batch. Returns early if the reader has gone, as
 * `head` does. json is one array, yaml one list.
 */
export async function printRows<Row>(
  io: ProgramIo,
  rows: AsyncIterable<Row> | Iterable<Row>,
  columns: readonly Column<Row>[],
  format: OutputFormat,
): Promise<void> {
  let isGone = false;
  io.stdout.onGone(() => {
    isGone = true;
  });
  let batch = "";
  for await (const text of rowTexts(rows, columns, format, tableOptions(io))) {
    batch += text;
    if (batch.length < BATCH_CHARS) continue;
    io.stdout.write(batch);
    batch = "";
    await io.stdout.drained();
    if (isGone) return;
  }
  io.stdout.write(batch);
}

async function* rowTexts<Row>(
  rows: AsyncIterable<Row> | Iterable<Row>,
  columns: readonly Column<Row>[],
  format: OutputFormat,
  options: Omit<TableOptions, "isWide">,
): AsyncGenerator<string> {
  switch (format) {
    case "jsonl":
      for await (const row of rows) yield `${JSON.stringify(row)}\n`;
      return;
    case "json": {
      let before = "[\n";
      for await (const row of rows) {
        yield before + JSON.stringify(row);
        before = ",\n";
      }
      yield before === "[\n" ? "[]\n" : "\n]\n";
      return;
    }
    case "yaml": {
      let isEmpty = true;
      for await (const row of rows) {
        isEmpty = false;
        yield yamlText([row]);
      }
      if (isEmpty) yield yamlText([]);
      return;
    }
    default:
      yield* tableTexts(rows, columns, { ...options, isWide: format === "wide" });
  }
}

async function* tableTexts<Row>(
  rows: AsyncIterable<Row> | Iterable<Row>,
  columns: readonly Column<Row>[],
  options: TableOptions,
): AsyncGenerator<string> {
  const first: Row[] = [];
  let fitted: ReturnType<typeof fittedColumns<Row>> | null = null;
  for await (const row of rows) {
    if (fitted !== null) {
      yield tableLine(fitted, row, options);
      continue;
    }
    first.push(row);
    if (first.length < MEASURED_ROWS) continue;
    fitted = fittedColumns(columns, first, options);
    yield tableLines(columns, first, options, fitted);
  }
  if (fitted === null) yield tableLines(columns, first, options);
}

/** A document in block style, which ends with a line feed. */
function yamlText(value: unknown): string {
  return `${Bun.YAML.stringify(value, null, 2).trimEnd()}\n`;
}
