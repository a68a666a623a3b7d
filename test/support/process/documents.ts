/**
 * The documents (README.md, those beside the source, and the help topics): their code blocks, tables and command lines.
 * A test names a heading, and not the file in which it stands: a section may move to another document.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Block, parseMarkdown } from "../../../src/cli/help/markdown.ts";

export const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

/** Paths from the repository's top. */
export const DOCUMENT_PATHS: readonly string[] = [
  "README.md",
  ...new Bun.Glob("{src,test}/**/*.md").scanSync(REPOSITORY),
].filter((path) => !path.includes("node_modules/") && !path.includes("/target/"));

export interface Section {
  /** The document's path. */
  readonly path: string;
  readonly heading: string;
  /** What stands below the heading, up to the next one of any level. */
  readonly blocks: readonly Block[];
}

export function readDocument(path: string): string {
  return readFileSync(join(REPOSITORY, path), "utf8");
}

export const SECTIONS: readonly Section[] = DOCUMENT_PATHS.flatMap((path) =>
  sectionsOf(path, parseMarkdown(readDocument(path))),
);

function sectionsOf(path: string, blocks: readonly Block[]): Section[] {
  const sections: { path: string; heading: string; blocks: Block[] }[] = [];
  for (const block of blocks) {
    if (block.type === "heading") sections.push({ path, heading: block.text, blocks: [] });
    else sections.at(-1)?.blocks.push(block);
  }
  return sections;
}

/** The only thing found; an error says where to look if there is none, or more than one. */
function only<T>(found: readonly T[], what: string): T {
  const [first] = found;
  if (first === undefined || found.length > 1)
    throw new Error(`the documents have ${found.length} of ${what}, not one`);
  return first;
}

export interface CodeBlock {
  readonly path: string;
  readonly heading: string;
  readonly language: string;
  /** With a line feed at the end. */
  readonly text: string;
}

export const CODE_BLOCKS: readonly CodeBlock[] = SECTIONS.flatMap(({ path, heading, blocks }) =>
  blocks.flatMap((block) =>
    block.type === "code"
      ? [{ path, heading, language: block.language, text: `${block.lines.join("\n")}\n` }]
      : [],
  ),
);

/** The only block of that language under that heading which has `part` in it. */
export function block(language: string, heading: string, part = ""): string {
  const found = CODE_BLOCKS.filter(
    (one) => one.language === language && one.heading === heading && one.text.includes(part),
  );
  return only(found, `a block in ${language} under "${heading}" with "${part}"`).text;
}

/** The rows' cells of the table under that heading whose first columns have these heads. */
export function rowsOf(heading: string, ...heads: readonly string[]): readonly (readonly string[])[] {
  const tables = SECTIONS.filter((section) => section.heading === heading)
    .flatMap(({ blocks }) => blocks)
    .flatMap((each) =>
      each.type === "table" && heads.every((head, column) => each.heads[column] === head) ? [each.rows] : [],
    );
  return only(tables, `a table of "${heads.join(", ")}" under "${heading}"`);
}

/** The texts in backquotes of a cell. */
export function codesOf(cell = ""): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);
}

/** One command line as words, without what a shell would do beyond quotes. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) => word.replaceAll(/['"]/g, ""));
}

/** All command lines of a block: lines continued by "\\" are one, those joined by && are several. */
export function commandLines(text: string): string[] {
  return text
    .replaceAll(/\s*\\\n\s*/g, " ")
    .split(/\n|&&/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
