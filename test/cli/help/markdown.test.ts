import { describe, expect, test } from "bun:test";
import { type Block, parseMarkdown, parseSpans, type Span } from "../../../src/cli/help/markdown.ts";

describe("blocks", () => {
  const CASES: readonly (readonly [name: string, markdown: string, blocks: readonly Block[]])[] = [
    ["nothing", "\n\n", []],
    ["a heading", "## Two words\n", [{ type: "heading", level: 2, text: "Two words" }]],
    ["a paragraph of two lines", "one\ntwo\n", [{ type: "paragraph", text: "one two" }]],
    [
      "two paragraphs",
      "one\n\ntwo\n",
      [
        { type: "paragraph", text: "one" },
        { type: "paragraph", text: "two" },
      ],
    ],
    [
      "a list whose items go on",
      "- one\n  and more\n- two\n",
      [{ type: "list", isOrdered: false, items: ["one and more", "two"] }],
    ],
    ["an ordered list", "1. one\n2. two\n", [{ type: "list", isOrdered: true, items: ["one", "two"] }]],
    [
      "a list directly after a paragraph",
      "these:\n- one\n",
      [
        { type: "paragraph", text: "these:" },
        { type: "list", isOrdered: false, items: ["one"] },
      ],
    ],
    [
      "a table with an empty cell and a bar in a cell",
      "| a | b |\n| --- | --- |\n| 1 | |\n| `x\\|y` | 2 |\n",
      [
        {
          type: "table",
          heads: ["a", "b"],
          rows: [
            ["1", ""],
            ["`x|y`", "2"],
          ],
        },
      ],
    ],
    [
      "code, in which nothing is Markdown",
      "```sh\n# no heading\n\n- no item\n```\n",
      [{ type: "code", language: "sh", lines: ["# no heading", "", "- no item"] }],
    ],
    ["code without an end", "```\na", [{ type: "code", language: "", lines: ["a"] }]],
    [
      "a flag at the start of a line is no item",
      "--flag is text\n",
      [{ type: "paragraph", text: "--flag is text" }],
    ],
    [
      "a number at the start of a line is no item",
      "30 s is text\n",
      [{ type: "paragraph", text: "30 s is text" }],
    ],
  ];
  test.each(CASES)("%s", (_, markdown, blocks) => {
    expect(parseMarkdown(markdown)).toEqual([...blocks]);
  });
});

describe("spans", () => {
  const CASES: readonly (readonly [text: string, spans: readonly Span[]])[] = [
    ["", []],
    ["plain", [{ type: "text", text: "plain" }]],
    [
      "a `b` **c** [d](e)",
      [
        { type: "text", text: "a " },
        { type: "code", text: "b" },
        { type: "text", text: " " },
        { type: "strong", text: "c" },
        { type: "text", text: " " },
        { type: "link", text: "d", target: "e" },
      ],
    ],
    ["`**not strong**`", [{ type: "code", text: "**not strong**" }]],
    ["**with `code` in it**", [{ type: "strong", text: "with code in it" }]],
    ["2 * 3 * 4 [5]", [{ type: "text", text: "2 * 3 * 4 [5]" }]],
  ];
  test.each(CASES)("%s", (text, spans) => {
    expect(parseSpans(text)).toEqual([...spans]);
  });
});
