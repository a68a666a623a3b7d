import { describe, expect, test } from "bun:test";
import { roffOfMarkdown, roffSpans, roffText } from "../../../src/cli/help/roff.ts";

describe("text", () => {
  test.each([
    ["--flag a-b", "\\-\\-flag a\\-b"],
    [".TH is no request", "\\&.TH is no request"],
    ["'quoted' \"twice\"", "\\(aqquoted\\(aq \\(dqtwice\\(dq"],
    ["back\\slash", "back\\eslash"],
    ["~ ^ `", "\\(ti \\(ha \\(ga"],
    ["… and 😀", "\\[u2026] and \\[u1F600]"],
  ])("%s", (text, roff) => {
    expect(roffText(text)).toBe(roff);
  });

  test("code and strong text are bold, and a dot in front of a line is no request in them either", () => {
    expect(roffSpans("a `b-c` **d** [e](f)")).toBe("a \\fBb\\-c\\fR \\fBd\\fR e (f)");
    expect(roffSpans("`.ci/run` x")).toBe("\\fB\\&.ci/run\\fR x");
    expect(roffSpans(".ci")).toBe("\\&.ci");
  });
});

test("blocks become macros", () => {
  const markdown =
    "## A `b`\ntext\n- item\n1. first\n```\n.code\n```\n| a | b |\n| --- | --- |\n| c | |\n### D\n";
  expect(roffOfMarkdown(markdown)).toEqual([
    '.SH "A b"',
    ".PP",
    "text",
    ".IP \\(bu 4",
    "item",
    ".IP 1. 4",
    "first",
    ".PP",
    ".in +4n",
    ".nf",
    "\\&.code",
    ".fi",
    ".in",
    ".PP",
    ".TS",
    "l l.",
    "\\fBa\\fR\t\\fBb\\fR",
    "c\t",
    ".TE",
    '.SS "D"',
  ]);
});

test("a table that is wider than a line has its text wrapped", () => {
  const words = "word ".repeat(30).trim();
  expect(roffOfMarkdown(`| a | b |\n| --- | --- |\n| c | ${words} |\n`)).toEqual([
    ".PP",
    ".TS",
    "l lx.",
    "\\fBa\\fR\t\\fBb\\fR",
    `T{\nc\nT}\tT{\n${words}\nT}`,
    ".TE",
  ]);
});
