import { describe, expect, test } from "bun:test";
import { renderText } from "../../../src/cli/help/render-text.ts";
import { styleFor } from "../../../src/cli/program/style.ts";

const plain = (columns?: number) => ({ style: styleFor(false, {}), columns });
const coloured = { style: styleFor(true, {}), columns: 80 };

describe("in plain text", () => {
  test("headings, text, lists and code have empty lines between them", () => {
    const markdown =
      "# Title\nText with `code`,\n**strong** and [a link](x.md).\n- one\n- two\n```sh\nls  -l\n```\n";
    expect(renderText(markdown, plain())).toBe(
      "Title\n\nText with code, strong and a link (x.md).\n\n- one\n- two\n\n    ls  -l\n",
    );
  });

  test("text and items are wrapped, items below their own text, and code never", () => {
    const words = Array.from({ length: 30 }, (_, index) => `word${index}`).join(" ");
    const text = renderText(`${words}\n\n1. ${words}\n\n\`\`\`\n${words}\n\`\`\`\n`, plain());
    const [paragraph = "", list = "", code = ""] = text.split("\n\n");
    for (const part of [paragraph, list]) {
      const widths = part.split("\n").map((line) => line.length);
      expect(Math.max(...widths)).toBeLessThanOrEqual(80);
    }
    expect(list.split("\n").map((line) => line.slice(0, 4))).toEqual(["1. w", "   w", "   w"]);
    expect(code).toBe(`    ${words}\n`);
  });

  test("a table's columns are aligned, and its escaped bars are bars", () => {
    expect(renderText("| a | long head |\n| --- | --- |\n| `x\\|yz` | 1 |\n| 2 | |\n", plain())).toBe(
      "a     long head\nx|yz  1\n2\n",
    );
  });

  const wide = (words: number) => Array.from({ length: words }, (_, index) => `w${index}`).join(" ");

  test("a table that is too wide has its wide columns wrapped, and its narrow ones whole", () => {
    const text = renderText(
      `| key | a | b |\n| --- | --- | --- |\n| k | ${wide(30)} | ${wide(40)} |\n`,
      plain(),
    );
    const lines = text.trimEnd().split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines[1]).toStartWith("k    w0 ");
    for (const line of lines.slice(2)) expect(line).toMatch(/^ {5}/);
    const words = text.split(/\s+/).filter((word) => word.startsWith("w"));
    expect(words.toSorted()).toEqual([...wide(30).split(" "), ...wide(40).split(" ")].sort());
  });

  test("a word is never cut, even if a table is wider than the terminal then", () => {
    const word = "x".repeat(90);
    expect(renderText(`| a | b |\n| --- | --- |\n| ${word} | ${word} |\n`, plain())).toContain(
      `${word}  ${word}`,
    );
  });
});

test("on a terminal headings are bold and code has a colour; the text is the same", () => {
  const markdown = "# Title\n\nText with `code` and **strong**.\n\n| a |\n| --- |\n| `b` |\n";
  const text = renderText(markdown, coloured);
  expect(text).toContain("\x1b[1mTitle\x1b[22m");
  expect(text).toContain("\x1b[36mcode\x1b[39m");
  expect(text).toContain("\x1b[1mstrong\x1b[22m");
  expect(Bun.stripANSI(text)).toBe(renderText(markdown, plain()));
});
