/**
 * This file parses the part of Markdown in which help topics are written: headings, paragraphs, lists without nesting,
 * tables and fenced code; in the text `code`, **strong** and [links](to). Everything else is a paragraph. A test finds
 * topics that use more of Markdown by the special characters in their text.
 */

export type Block =
  | { readonly type: "heading"; readonly level: number; readonly text: string }
  | { readonly type: "paragraph"; readonly text: string }
  | { readonly type: "list"; readonly isOrdered: boolean; readonly items: readonly string[] }
  | {
      readonly type: "table";
      readonly heads: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
  | { readonly type: "code"; readonly language: string; readonly lines: readonly string[] };

export type Span =
  | { readonly type: "text" | "code" | "strong"; readonly text: string }
  | { readonly type: "link"; readonly text: string; readonly target: string };

/** Start of a list's item, with what it is marked by. */
const ITEM = /^(-|\d+\.) +/;

export function parseMarkdown(markdown: string): Block[] {
  const lines = markdown.split("\n");
  const blocks: Block[] = [];
  let next = 0;
  /** Takes lines as long as they match. */
  const takeWhile = (isPart: (line: string) => boolean): string[] => {
    const start = next;
    while (next < lines.length && isPart(lines[next] ?? "")) next++;
    return lines.slice(start, next);
  };
  while (next < lines.length) {
    const line = lines[next] ?? "";
    const [heading, signs = ""] = /^(#+) /.exec(line) ?? [];
    if (line.trim() === "") next++;
    else if (heading !== undefined) {
      blocks.push({ type: "heading", level: signs.length, text: line.slice(heading.length) });
      next++;
    } else if (line.startsWith("```")) {
      next++;
      const code = takeWhile((each) => each !== "```");
      next++;
      blocks.push({ type: "code", language: line.slice(3), lines: code });
    } else if (line.startsWith("|")) {
      const [heads = [], , ...rows] = takeWhile((each) => each.startsWith("|")).map(cellsOf);
      blocks.push({ type: "table", heads, rows });
    } else if (ITEM.test(line)) {
      const isOrdered = !line.startsWith("-");
      const isPart = (each: string) =>
        ITEM.test(each) ? each.startsWith("-") !== isOrdered : /^ +\S/.test(each);
      blocks.push({ type: "list", isOrdered, items: itemsOf(takeWhile(isPart)) });
    } else {
      blocks.push({ type: "paragraph", text: joined(takeWhile(isParagraph)) });
    }
  }
  return blocks;
}

function isParagraph(line: string): boolean {
  return line.trim() !== "" && !/^(#+ |```|\|)/.test(line) && !ITEM.test(line);
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => line.trim()).join(" ");
}

function itemsOf(lines: readonly string[]): string[] {
  const items: string[] = [];
  for (const line of lines) {
    if (ITEM.test(line)) items.push(line.replace(ITEM, "").trim());
    else items.push(joined([items.pop() ?? "", line]));
  }
  return items;
}

/** A `|` inside a cell is written `\|`. */
function cellsOf(row: string): string[] {
  return row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}

export function parseSpans(text: string): Span[] {
  const spans: Span[] = [];
  let end = 0;
  for (const match of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)]+)\)/g)) {
    const [whole, code, strong, label, target] = match;
    if (match.index > end) spans.push({ type: "text", text: text.slice(end, match.index) });
    if (code !== undefined) spans.push({ type: "code", text: code });
    // Code within it is bold like the rest.
    else if (strong !== undefined) spans.push({ type: "strong", text: strong.replaceAll("`", "") });
    else spans.push({ type: "link", text: label ?? "", target: target ?? "" });
    end = match.index + whole.length;
  }
  if (end < text.length) spans.push({ type: "text", text: text.slice(end) });
  return spans;
}
