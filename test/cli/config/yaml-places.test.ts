import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { faultLine, locateSettings } from "../../../src/cli/config/yaml-places.ts";

/** "name:line" and behind it the lines of the items: "vni:3 4 5". */
function located(text: string): string[] {
  return locateSettings(text).map(({ name, line, itemLines }) => [`${name}:${line}`, ...itemLines].join(" "));
}

describe("locateSettings", () => {
  const CASES: [string, string, string[]][] = [
    ["nothing", "", []],
    ["comments alone", "# a: 1\n\n  # b: 2\n", []],
    ["plain values", "a: 1\nb: x # c: 2\nc: http://x\n", ["a:1", "b:2", "c:3"]],
    [
      "keys of other kinds",
      "\"a\": 1\n'b c': 2\nd-e : 3\n-v: 4\n1: 5",
      ["a:1", "b c:2", "d-e:3", "-v:4", "1:5"],
    ],
    ["a key with a colon in it", "a:b: 1\nc: 1", ["a:b:1", "c:2"]],
    ["a list below", "a:\n  - 1\n  - 2\nb: 3\n", ["a:1 2 3", "b:4"]],
    ["a list that is not indented", "a:\n- 1\n- 2\nb:\n- 3", ["a:1 2 3", "b:4 5"]],
    ["comments and empty lines in a list", "a: # x\n\n  # - 0\n  - 1 # - 2\n\n#\n  - 3", ["a:1 4 7"]],
    ["an item on a line of its own", "a:\n  -\n    1\n  - 2", ["a:1 2 4"]],
    ["lists in a list", "a:\n- - 1\n  - 2\n- 3", ["a:1 2 4"]],
    ["a mapping in a list", "a:\n  - b: 1\n    c: 2\n  - d: 3", ["a:1 2 4"]],
    ["a mapping", "a:\n  b:\n    - 1\n  c: 2\nd: 3", ["a:1", "d:5"]],
    ["a flow list", "a: [1, 2,3]", ["a:1 1 1 1"]],
    ["a flow list over lines", "a: [1, 2, # 3,\n\n  4,\n]\nb: 1", ["a:1 1 1 3", "b:5"]],
    ["a flow list below", "a:\n  [1,\n   2]\nb: 1", ["a:1 2 3", "b:4"]],
    ["an empty flow list", "a: []\nb: [\n]", ["a:1", "b:2"]],
    ["flow in flow", "a: [[1, 2],\n {x: [3]}, # {\n 4]", ["a:1 1 2 3"]],
    ["brackets and commas in quotes", "a: ['x, ]', \"\\\"]\",\n it's, 2]\nb: 1", ["a:1 1 1 2 2", "b:3"]],
    ["a mapping in braces over lines", "a: {x: 1,\n y: 2}\nb: 1", ["a:1", "b:3"]],
    ["quoted texts over lines", "a: \"x\n  b: 'y\"\nc: 'it''s\n  d: 1'\ne: 1", ["a:1", "c:3", "e:5"]],
    ["plain texts over lines", "a: x\n  - y\n\n  z\nb: 1", ["a:1", "b:5"]],
    ["blocks of text", "a: |\n  - x\n  b: [\n # y\nc: >-\n\n  '\nd: 1", ["a:1", "c:5", "d:8"]],
    ["blocks of text in a list", "a:\n- |\n  - x\n- z\nb: 1", ["a:1 2 4", "b:5"]],
    ["anchors and tags", "a: &x\n  - 1\nb: !!seq [2,\n  3]\nc: *x", ["a:1 2", "b:3 3 4", "c:5"]],
    ["document marks", "%YAML 1.2\n---\na: 1\n...\n", ["a:3"]],
    ["a directive that looks like a key", "%TAG ! tag:example.com,2000:\n---\na: 1", ["a:3"]],
    ["JSON without blanks", '{"a":["],",\n"b"],"c":"{,",\n"d":1}', ["a:1 1 2", "c:2", "d:3"]],
    ["carriage returns", "a:\r\n  - 1\r\n  - 2\r\nb: 'x'\r\n", ["a:1 2 3", "b:4"]],
    ["repeated keys", "a: 1\nb: 2\na: [3]", ["a:1", "b:2", "a:3 3"]],
    ["JSON", '{"a": 1,\n "b": ["x",\n  "}"], # c\n "c":2}\n', ["a:1", "b:2 2 3", "c:4"]],
    ["JSON of one item a line", '{\n"a": [\n1,\n2\n],\n"b": 3\n}', ["a:2 3 4", "b:6"]],
    ["braces behind a document mark", "--- {a: 1,\nb: [2]}", ["a:1", "b:2 2"]],
  ];

  test.each(CASES)("%s", (_name, text, expected) => {
    expect(located(text)).toEqual(expected);
    // Only what Bun.YAML takes, too, says anything about what it is for.
    expect(() => Bun.YAML.parse(text)).not.toThrow();
  });

  test("does not go over long texts again and again", () => {
    // With work that grows by the square, these would take minutes.
    const blanks = " ".repeat(500_000);
    expect(located(`${blanks}x\n${"a".repeat(500_000)}\na${blanks}b\nc: 1`)).toEqual(["c:4"]);
    expect(located(`a: [${"[".repeat(300_000)}\n${'"'.repeat(300_001)}\n!${"!".repeat(300_000)}`)).toEqual([
      "a:1 1",
    ]);
  });

  // Texts that are hard to tell from structure, each in a spelling that YAML takes.
  const plain = fc.constantFrom("x", "100#10.0.0.0/8@2001:db8::1", "it's", 'a"b', "5-10", "-1", "::1", "a b");
  const hard = fc.constantFrom(
    "- x",
    "b: 1",
    "# y",
    "[",
    "]",
    "{a: 1}",
    ",",
    "'",
    '"',
    "",
    "\\",
    "---",
    "a: [",
  );
  const scalar = fc.oneof(
    plain,
    hard.map((text) => JSON.stringify(text)),
    hard.map((text) => `'${text.replaceAll("'", "''")}'`),
  );
  const gap = fc.constantFrom("", "\n", "  # - 1", "# a: [", "\n    # '\n");
  const items = fc.array(fc.tuple(scalar, gap), { minLength: 1, maxLength: 4 });

  /** The lines of one setting's value, from the one with its key; and on which of them its items are. */
  interface Written {
    readonly lines: readonly string[];
    readonly items: readonly number[];
  }

  const written: fc.Arbitrary<Written> = fc.oneof(
    scalar.map((text) => ({ lines: [` ${text}`], items: [] })),
    hard.map((text) => ({ lines: [" |", "  x", `  ${text}`, "", `    ${text}`], items: [] })),
    fc.tuple(plain, plain).map(([first, second]) => ({
      lines: [` "${first.replaceAll('"', "")}`, `  ${second.replaceAll('"', "")}"`],
      items: [],
    })),
    fc.tuple(fc.constantFrom("", "  ", "    "), items).map(([indent, values]) => {
      const lines = [""];
      const itemsAt: number[] = [];
      for (const [value, between] of values) {
        itemsAt.push(lines.length);
        lines.push(`${indent}- ${value}`, ...between.split("\n").slice(0, between === "" ? 0 : undefined));
      }
      return { lines, items: itemsAt };
    }),
    fc.tuple(fc.boolean(), items).map(([isLong, values]) => {
      if (!isLong)
        return { lines: [` [${values.map(([value]) => value).join(", ")}]`], items: values.map(() => 0) };
      const lines = [" [ # ["];
      const itemsAt: number[] = [];
      for (const [value, between] of values) {
        itemsAt.push(lines.length);
        lines.push(`  ${value}, # "`, ...between.split("\n").slice(0, between === "" ? 0 : undefined));
      }
      return { lines: [...lines, "]"], items: itemsAt };
    }),
  );

  test("finds in any text what was written into it, as many items as Bun.YAML does", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(written, gap), { maxLength: 6 }), (settings) => {
        const lines: string[] = [];
        const expected = settings.map(([value, between], index) => {
          const name = `key${index}`;
          const line = lines.length + 1;
          lines.push(`${name}:${value.lines[0]}`, ...value.lines.slice(1));
          lines.push(...between.split("\n").slice(0, between === "" ? 0 : undefined));
          return { name, line, itemLines: value.items.map((item) => line + item) };
        });
        const text = lines.join("\n");
        const parsed = Bun.YAML.parse(text) as Record<string, unknown> | null;
        expect(locateSettings(text)).toEqual(expected);
        const counts = expected.map(({ name, itemLines }) => [name, itemLines.length]);
        const countsParsed = Object.entries(parsed ?? {}).map(([name, value]) => [
          name,
          Array.isArray(value) ? value.length : 0,
        ]);
        expect(counts).toEqual(countsParsed);
      }),
      { numRuns: 500 },
    );
  });
});

describe("faultLine", () => {
  const parses = (text: string) => {
    try {
      Bun.YAML.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const CASES: [string, string, number][] = [
    ["a colon too many", "a: 1\nb: c: d\ne: 2", 2],
    ["a bracket that is not quoted", "a: 1\nb:\n  - x\n  - [::1]:4711\n  - y\nc: 2", 4],
    ["a bracket that is not closed", "a: [1,\n 2]\nb: [1,\n  2\nc: 3\nd: 4", 3],
    ["a quote that is not closed", "a: 1\nb: 'x\nc: 2\nd: 3", 2],
    ["a tab", "a:\n  - 1\n\t- 2\nb: 3", 3],
    ["an item that is not indented as the others", "a:\n  - 1\n - 2\n  - 3", 3],
    ["a key that is indented", "a: 1\n b: 2\nc: 3", 2],
    ["a character that may not begin a value", "a: 1\n\n# x\nb: @x", 4],
    ["the first line", "[::]:4711\n", 1],
    ["an alias without an anchor", "a: &x 1\nb: *x\nc: *y\nd: *x", 3],
    [
      "behind what spans lines",
      "a: {x: 1,\n  y: 2\n}\nb: [1,\n  2]\nc: 'x\n  y'\nd: |\n  {\ne: @x\nf: 1",
      10,
    ],
    ["behind long lists", `a:\n${"  - x\n".repeat(1_000)}b: %\n${"c: [1]\n".repeat(10)}`, 1_002],
  ];

  test.each(CASES)("%s", (_name, text, line) => {
    expect(parses(text)).toBe(false);
    expect(faultLine(text, parses)).toBe(line);
  });
});
