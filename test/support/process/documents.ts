/** The README's code blocks and the command lines in them. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
export const README = await Bun.file(join(REPOSITORY, "README.md")).text();

export interface Block {
  readonly language: string;
  readonly text: string;
  /** The nearest heading above. */
  readonly heading: string;
}

function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let heading = "";
  for (const [, title, language = "", text = ""] of markdown.matchAll(
    /^#+ (.*)$|^```(\w*)\n([\s\S]*?)^```$/gm,
  )) {
    if (title !== undefined) heading = title;
    else blocks.push({ language, text, heading });
  }
  return blocks;
}

export const BLOCKS: readonly Block[] = blocksOf(README);

/** The only block of that language under that heading which has `part` in it. */
export function block(language: string, heading: string, part = ""): string {
  const found = BLOCKS.filter(
    (one) => one.language === language && one.heading === heading && one.text.includes(part),
  );
  const [only] = found;
  if (only === undefined || found.length > 1) {
    throw new Error(`"${heading}" has ${found.length} blocks in ${language} with "${part}", not one`);
  }
  return only.text;
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
