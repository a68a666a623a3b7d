/** `-o`: five forms of one object, lists that are printed row by row, and errors in the same form. */
import { describe, expect, test } from "bun:test";
import type { Command } from "../../../src/cli/program/command.ts";
import { CommandError } from "../../../src/cli/program/command-error.ts";
import { EXIT_NOT_FOUND } from "../../../src/cli/program/exit-codes.ts";
import { parseFlags } from "../../../src/cli/program/flags.ts";
import { LineWriter } from "../../../src/cli/program/output.ts";
import {
  OUTPUT_FORMATS,
  outputFlags,
  printObject,
  printRows,
  readOutput,
  tableOf,
  type View,
} from "../../../src/cli/program/output-format.ts";
import type { Column } from "../../../src/cli/program/table.ts";
import { MemorySink, runInProcess } from "../in-process.ts";

interface Row {
  readonly vni: number;
  readonly since: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { head: "VNI", value: ({ vni }) => vni },
  { head: "SINCE", value: ({ since }) => since, isTime: true },
];
const ROWS: readonly Row[] = [
  { vni: 100, since: "2020-01-02T03:04:05.678Z" },
  { vni: 7, since: "2020-01-02T03:04:06.000Z" },
];
const VIEW: View<{ rows: readonly Row[] }> = {
  sections: ({ rows }) => [{ pairs: [{ name: "rows", value: rows.length }] }, tableOf(COLUMNS, rows)],
  rows: ({ rows }) => rows,
};

const definition = { meta: { name: "show", description: "Show." }, args: outputFlags };
const COMMANDS: Command[] = [
  {
    definition,
    examples: [],
    async run({ rawArgs, io }) {
      printObject(io, { rows: ROWS }, VIEW, readOutput(parseFlags(definition.args, rawArgs)));
      return 0;
    },
  },
  {
    definition: { ...definition, meta: { name: "list", description: "List." } },
    examples: [],
    async run({ rawArgs, io }) {
      await printRows(io, ROWS.values(), COLUMNS, readOutput(parseFlags(definition.args, rawArgs)));
      return 0;
    },
  },
  {
    definition: { ...definition, meta: { name: "fail", description: "Fail." } },
    examples: [],
    async run({ rawArgs }) {
      parseFlags(definition.args, rawArgs);
      throw new CommandError("no such peer", {
        code: "PEER_NOT_FOUND",
        exitCode: EXIT_NOT_FOUND,
      });
    },
  },
];

const outputOf = async (...argv: string[]) => (await runInProcess(argv, COMMANDS)).stdout;

describe("an object", () => {
  test("as JSON, also by the short form", async () => {
    const json = `${JSON.stringify({ rows: ROWS })}\n`;
    expect(await outputOf("show", "-o", "json")).toBe(json);
    expect(await outputOf("show", "--output=JSON")).toBe(json);
    expect(await outputOf("show", "--json")).toBe(json);
  });

  test("as a JSON text for each of its rows", async () => {
    const lines = ROWS.map((row) => `${JSON.stringify(row)}\n`).join("");
    expect(await outputOf("show", "-o", "jsonl")).toBe(lines);
    expect(await outputOf("list", "-ojsonl")).toBe(lines);
  });

  test("as YAML, which reads as the same", async () => {
    const yaml = await outputOf("show", "-o", "yaml");
    expect(Bun.YAML.parse(yaml)).toEqual({ rows: ROWS });
    expect(yaml.split("\n").length).toBeGreaterThan(4);
  });

  test("as a table, with times in full by wide", async () => {
    expect(await outputOf("show")).toMatch(
      /^rows {2}2\n\nVNI {2}SINCE\n100 {2}\d+d ago\n {2}7 {2}\d+d ago\n$/,
    );
    expect(await outputOf("show", "-o", "wide")).toContain(" 7  2020-01-02T03:04:06.000Z\n");
  });
});

describe("a long list", () => {
  const MANY = 100_000;

  async function printed(format: (typeof OUTPUT_FORMATS)[number], count: number) {
    const sink = new MemorySink();
    const made = { rows: 0, mostAhead: 0 };
    let taken = 0;
    sink.onWrite = () => {
      taken = made.rows;
    };
    async function* rows() {
      for (let vni = 0; vni < count; vni++) {
        made.rows++;
        made.mostAhead = Math.max(made.mostAhead, made.rows - taken);
        yield { vni, since: "2020-01-02T03:04:05.678Z" };
      }
    }
    const stdout = new LineWriter(sink);
    const stderr = new LineWriter(new MemorySink());
    const io = {
      stdout,
      stderr,
      stdoutIsTty: false,
      stderrIsTty: false,
      stderrIsJournal: false,
      columns: undefined,
      environment: {},
    };
    await printRows(io, rows(), COLUMNS, format);
    await stdout.end();
    return { text: sink.text, ...made };
  }

  test.each([...OUTPUT_FORMATS])("as %s is never far ahead of its reader", async (format) => {
    const { text, mostAhead } = await printed(format, MANY);
    expect(text.length).toBeGreaterThan(MANY * 10);
    expect(mostAhead).toBeLessThan(10_000);
    if (format === "json") expect(JSON.parse(text)).toHaveLength(MANY);
  });

  test.each([0, 1, 3, 250])("with %d rows is a document in each form", async (count) => {
    expect(JSON.parse((await printed("json", count)).text)).toHaveLength(count);
    expect(Bun.YAML.parse((await printed("yaml", count)).text)).toHaveLength(count);
    expect((await printed("jsonl", count)).text.split("\n")).toHaveLength(count + 1);
    expect((await printed("table", count)).text.split("\n")).toHaveLength(count + 2);
  });
});

describe("errors", () => {
  const BODY = { error: "PEER_NOT_FOUND", message: "no such peer" };

  test.each(["--json", "-ojson", "-o jsonl", "--output json"])("are JSON with %s", async (flags) => {
    const { stderr, exitCode } = await runInProcess(["fail", ...flags.split(" ")], COMMANDS);
    expect([stderr, exitCode]).toEqual([`${JSON.stringify(BODY)}\n`, EXIT_NOT_FOUND]);
  });

  test.each(["-o yaml", "--output=yaml"])("are YAML with %s", async (flags) => {
    const { stderr } = await runInProcess(["fail", ...flags.split(" ")], COMMANDS);
    expect(Bun.YAML.parse(stderr)).toEqual(BODY);
    const usage = await runInProcess(["fail", ...flags.split(" "), "--colour"], COMMANDS);
    expect(Bun.YAML.parse(usage.stderr)).toMatchObject({ error: "UNKNOWN_FLAG" });
    expect(usage.exitCode).toBe(2);
  });

  test("are a line otherwise", async () => {
    for (const flags of [[], ["-o", "table"], ["-o", "wide"]]) {
      const { stderr } = await runInProcess(["fail", ...flags], COMMANDS);
      expect(stderr).toBe("bunbond fail: no such peer\n");
    }
  });

  test.each([
    [["-o", "xml"], "--output: one of table, wide, json, jsonl, yaml is needed"],
    [["-o", "yaml", "--json"], "exclude each other"],
  ])("of %j", async (flags, message) => {
    const { stderr, exitCode } = await runInProcess(["show", ...flags], COMMANDS);
    expect([stderr, exitCode]).toEqual([expect.stringContaining(message), 2]);
  });
});
