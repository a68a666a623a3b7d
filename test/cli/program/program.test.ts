import { describe, expect, test } from "bun:test";
import { clientCommand } from "../../../src/cli/daemon/client-command.ts";
import { type ServerConfig, serverCommand } from "../../../src/cli/daemon/server-command.ts";
import type { Command, CommandContext } from "../../../src/cli/program/command.ts";
import { allNames, type CommandDefinition, shownNames } from "../../../src/cli/program/command-definition.ts";
import { CommandError } from "../../../src/cli/program/command-error.ts";
import type { ExitCode } from "../../../src/cli/program/exit-codes.ts";
import { parseArguments } from "../../../src/cli/program/flags.ts";
import { outputFlags } from "../../../src/cli/program/output-format.ts";
import { versionCommand } from "../../../src/cli/program/version-command.ts";
import { runInProcess, type Terminal } from "../in-process.ts";

/** Two words, arguments and exit codes of its own. */
function pairCommand(run: (words: readonly string[]) => number = () => 0): Command {
  const definition = {
    meta: { name: "client pair", description: "Put two and two together." },
    words: { valueHint: "NUMBER", description: "A number.", example: "2", repeatable: true },
    args: { json: { type: "boolean", description: "As JSON." } },
  } satisfies CommandDefinition;
  return {
    definition,
    examples: [{ comment: "Two and two", line: "bunbond client pair 2 2" }],
    exitCodes: [{ code: 3, meaning: "not four" }],
    run: async ({ rawArgs }) => run(parseArguments(definition, rawArgs).words),
  };
}

interface Work {
  server?: (options: ServerConfig, context: CommandContext) => Promise<number>;
}

function commands({ server = async () => 0 }: Work = {}): Command[] {
  return [serverCommand(server), clientCommand(async () => 0)];
}

describe("runProgram", () => {
  test("gives a command its options and its exit code to the caller", async () => {
    let seen: ServerConfig | undefined;
    const server: Work["server"] = async (options, { io }) => {
      seen = options;
      io.stdout.write("working\n");
      return 3;
    };
    const result = await runInProcess(["server", "-l", "[::1]:7", "-v"], commands({ server }));
    expect(result).toEqual({ exitCode: 3, stdout: "working\n", stderr: "" });
    expect(seen).toMatchObject({ listen: { host: "::1", port: 7 }, verbose: true });
  });

  test("takes the longer of two names", async () => {
    const seen: unknown[] = [];
    const pair = pairCommand((words) => seen.push(words));
    const both = [...commands(), pair];
    expect((await runInProcess(["client", "pair", "2", "--json", "2"], both)).exitCode).toBe(1);
    expect(seen).toEqual([["2", "2"]]);
    expect((await runInProcess(["client", "--server", "pair"], both)).exitCode).toBe(0);
    expect(await runInProcess(["client", "pier", "2"], both)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^bunbond client: unexpected argument "pier"/),
    });
    expect(await runInProcess(["client", "pair"], both)).toEqual({
      exitCode: 2,
      stdout: "",
      stderr:
        "bunbond client pair: NUMBER is missing; give at least one, as in bunbond client pair 2. Run 'bunbond client pair --help'.\n",
    });
    for (const [argv, hint] of [
      [["pair"], "did you mean client pair?"],
      [["pair", "2"], "did you mean client pair?"],
      [["pair", "--help"], "did you mean client pair?"],
      [["client", "piar", "2"], "did you mean bunbond client pair?"],
    ] as const) {
      const { exitCode, stderr } = await runInProcess(argv, both);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`; ${hint}`)]);
    }
    expect((await runInProcess(["client", "piar"], [pair])).stderr).toBe(
      "bunbond: unknown command client piar; did you mean client pair? Run 'bunbond --help'.\n",
    );
  });

  test("takes a command's own exit code, and its error as text or JSON", async () => {
    const failing = pairCommand(() => {
      throw new CommandError("it is five", { code: "FIVE", exitCode: 3 });
    });
    const argv = ["client", "pair", "2", "3"];
    expect(await runInProcess(argv, [failing])).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: "bunbond client pair: it is five\n",
    });
    const definition = { ...failing.definition, args: { ...failing.definition.args, ...outputFlags } };
    expect(await runInProcess([...argv, "--json"], [{ ...failing, definition }])).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: `{"error":"FIVE","message":"it is five"}\n`,
    });
  });

  const USAGE_ERRORS = [
    [["sevrer"], "bunbond: unknown command sevrer; did you mean server? Run 'bunbond --help'.\n"],
    [["peers"], "bunbond: unknown command peers. Run 'bunbond --help'.\n"],
    [["a\x1bb"], "bunbond: unknown command a\ufffdb. Run 'bunbond --help'.\n"],
    [["--verion"], "bunbond: unknown flag --verion; did you mean --version? Run 'bunbond --help'.\n"],
    [["-v", "100"], "bunbond: unknown flag -v; flags go after a command. Run 'bunbond --help'.\n"],
    [["help", "cleint"], "bunbond: unknown command cleint; did you mean client? Run 'bunbond --help'.\n"],
    [["server", "--jsno"], "bunbond server: unknown flag --jsno. Run 'bunbond server --help'.\n"],
    [
      ["client", "--sever", "x"],
      "bunbond client: unknown flag --sever; did you mean --server? Run 'bunbond client --help'.\n",
    ],
    [
      ["client", "--vni", "1"],
      "bunbond client: --server is missing; give at least --server [2001:db8::10]:4711. Run 'bunbond client --help'.\n",
    ],
    [
      ["client", "-s", "a", "-a", "100#10.0.1.0/33@::1"],
      "bunbond client: --announce: the prefix length must be a number from 0 to 32. Run 'bunbond client --help'.\n" +
        "  100#10.0.1.0/33@::1\n" +
        "               ^~\n",
    ],
    [
      ["client", "server"],
      `bunbond client: unexpected argument "server"; did you mean bunbond server? Run 'bunbond client --help'.\n`,
    ],
    [
      ["version", "now"],
      `bunbond version: unexpected argument "now"; this command takes flags only. Run 'bunbond version --help'.\n`,
    ],
    [
      ["help", "server", "client"],
      `bunbond: unexpected argument "client"; help takes the name of one command or topic. Run 'bunbond --help'.\n`,
    ],
  ] as const;

  test.each(USAGE_ERRORS)("%j is exit code 2 and one line", async (argv, stderr) => {
    expect(await runInProcess(argv, commands())).toEqual({ exitCode: 2, stdout: "", stderr });
  });

  test("without a command prints the help on stderr, exit code 2", async () => {
    const { stdout: help } = await runInProcess(["--help"], commands());
    expect(await runInProcess([], commands())).toEqual({ exitCode: 2, stdout: "", stderr: help });
  });

  const FAILURES: [string, unknown][] = [
    ["listen EADDRINUSE [::]:4711", new Error("listen EADDRINUSE [::]:4711")],
    ["first second", new Error("first\n  second")],
    ["cannot listen: port in use", new Error("cannot listen", { cause: new Error("port in use") })],
    ["TypeError", new TypeError("")],
    ["thrown text", "thrown text"],
  ];

  test.each(FAILURES)("an error of a command is exit code 1 and one line: %s", async (line, error) => {
    const server = async () => {
      throw error;
    };
    const result = await runInProcess(["server"], commands({ server }));
    expect(result).toEqual({ exitCode: 1, stdout: "", stderr: `bunbond server: ${line}\n` });
  });

  test("shows where an error arose only with --verbose", async () => {
    const server = async () => {
      throw new Error("boom");
    };
    const { exitCode, stderr } = await runInProcess(["server", "--verbose"], commands({ server }));
    expect(exitCode).toBe(1);
    expect(stderr).toStartWith("bunbond server: boom\nError: boom\n");
    expect(stderr).toContain("program.test.ts");
  });

  test("output that cannot be written is exit code 1", async () => {
    const full: Terminal = { stdoutFailure: Object.assign(new Error("no space"), { code: "ENOSPC" }) };
    expect(await runInProcess(["--version"], commands(), full)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "bunbond: cannot write the output: no space\n",
    });
  });

  test("a reader that has seen enough is no failure", async () => {
    const gone: Terminal = { stdoutFailure: Object.assign(new Error("broken pipe"), { code: "EPIPE" }) };
    expect(await runInProcess(["--help"], commands(), gone)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });
});

describe("version", () => {
  test("is one line, by command and by flag", async () => {
    const { exitCode, stdout } = await runInProcess(["version"], commands());
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^bunbond \d+\.\d+\.\d+ \(commit \w+, bun \d+\.\d+\.\d+\)\n$/);
    expect((await runInProcess(["--version"], commands())).stdout).toBe(stdout);
  });

  test("is JSON on request, with the same facts", async () => {
    const { version, commit, bun } = JSON.parse(
      (await runInProcess(["version", "--json"], commands())).stdout,
    );
    const { stdout } = await runInProcess(["version"], commands());
    expect(stdout).toBe(`bunbond ${version} (commit ${commit}, bun ${bun})\n`);
  });
});

describe("help", () => {
  const ALL = [...commands(), versionCommand];
  const names = ALL.map(({ definition }) => definition.meta.name);

  async function help(argv: readonly string[], terminal?: Terminal): Promise<string> {
    const { exitCode, stdout, stderr } = await runInProcess(argv, commands(), terminal);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    return stdout;
  }

  test.each(ALL)("of a command has everything of its definition", async ({ definition, examples }) => {
    const { meta, args } = definition;
    const text = await help([meta.name, "--help"]);
    const unwrapped = text.replace(/\s+/g, " ");
    expect(unwrapped).toContain(meta.description);
    for (const [name, def] of Object.entries(args)) {
      expect(unwrapped).toContain(def.description);
      for (const shown of shownNames(name, def))
        expect(text).toMatch(new RegExp(`^ +(-.*, )?${shown}[ ,\n]`, "m"));
      for (const hidden of def.hiddenAlias ?? []) expect(text).not.toContain(`--${hidden} `);
      if (def.type === "string") {
        expect(text).toContain(` ${def.valueHint}`);
        if (def.default !== undefined) expect(unwrapped).toContain(`default ${def.default}`);
        if (def.required) expect(text).toContain(`Usage: bunbond ${meta.name} --${name} ${def.valueHint}`);
      }
    }
    for (const { comment, line } of examples) expect(text).toContain(`  # ${comment}\n  ${line}\n`);
    for (const part of ["-h, --help", "NO_COLOR", "Exit codes:"]) expect(text).toContain(part);
  });

  test("is the same by every way to ask, even among wrong flags", async () => {
    const text = await help(["client", "--help"]);
    for (const argv of [
      ["client", "-h"],
      ["help", "client"],
      ["--help", "client"],
      ["client", "--sever", "x", "--help"],
    ]) {
      expect(await help(argv)).toBe(text);
    }
  });

  test("of a command of two words, with its arguments and exit codes", async () => {
    const both = [...commands(), pairCommand()];
    const { stdout } = await runInProcess(["help", "client", "pair"], both);
    expect(stdout).toContain("Usage: bunbond client pair NUMBER... [flags]\n");
    expect(stdout).toContain("Arguments:\n  NUMBER  A number. (one or more, or separated by commas)\n");
    expect(stdout).toMatch(/\n {2}3 {2}not four\n/);
    expect((await runInProcess(["client", "pair", "-h"], both)).stdout).toBe(stdout);
    expect((await runInProcess(["help", "client"], both)).stdout).not.toContain("not four");
    const { stdout: all } = await runInProcess(["help"], both);
    expect(all).toMatch(/^ {2}client pair /m);
    expect(all).toMatch(/^ {2}3 {2}not four$/m);
  });

  test("behind -- is no question", async () => {
    expect((await runInProcess(["server", "--", "--help"], commands())).exitCode).toBe(2);
  });

  test("of the program names every command", async () => {
    const text = await help(["--help"]);
    for (const name of names) expect(text).toMatch(new RegExp(`^  ${name} `, "m"));
    for (const argv of [["-h"], ["help"]]) expect(await help(argv)).toBe(text);
  });

  test("of the program says of each command one sentence, and has exit codes in their order", async () => {
    const coded = (name: string, ...codes: readonly ExitCode["code"][]): Command => ({
      ...pairCommand(),
      definition: { meta: { name, description: "Do this: a.b. And that." }, args: {} },
      exitCodes: codes.map((code) => ({ code, meaning: `m${code}` })),
    });
    const { stdout } = await runInProcess(["help"], [coded("one", 4), coded("two", 3, 4)]);
    expect(stdout).toMatch(/^ {2}one +Do this: a\.b\.$/m);
    expect(stdout).toEndWith("  3  m3\n  4  m4\n");
  });

  test.each([
    [undefined, 80],
    [40, 80],
    [90, 90],
    [200, 100],
  ])("for a terminal of %p columns is wrapped at %d", async (columns, widthCells) => {
    const text = await help(["client", "--help"], columns === undefined ? {} : { columns });
    const examples = new Set(ALL.flatMap((command) => command.examples.map(({ line }) => `  ${line}`)));
    const widths = text.split("\n").flatMap((line) => (examples.has(line) ? [] : [Bun.stringWidth(line)]));
    expect(Math.max(...widths)).toBeLessThanOrEqual(widthCells);
    expect(Math.max(...widths)).toBeGreaterThan(widthCells - 10);
  });

  const ESCAPE = "\x1b[";
  test.each([
    [false, "a pipe", {}],
    [true, "a terminal", { stdoutIsTty: true }],
    [false, "a terminal with NO_COLOR", { stdoutIsTty: true, environment: { NO_COLOR: "1" } }],
    [true, "a terminal with an empty NO_COLOR", { stdoutIsTty: true, environment: { NO_COLOR: "" } }],
    [false, "a dumb terminal", { stdoutIsTty: true, environment: { TERM: "dumb" } }],
    [false, "a pipe beside a terminal on stderr", { stderrIsTty: true }],
  ])("has colours: %p on %s", async (isColoured, _name, terminal) => {
    const text = await help(["client", "--help"], terminal);
    expect(text.includes(ESCAPE)).toBe(isColoured);
    expect(Bun.stripANSI(text)).toBe(await help(["client", "--help"]));
  });

  test.each(ALL)("examples are command lines that the program takes", async ({ examples }) => {
    for (const { line } of examples) {
      const [program, ...argv] = line.split(" ").map((word) => word.replace(/^'(.*)'$/, "$1"));
      expect(program).toBe("bunbond");
      expect(await runInProcess(argv, commands())).toMatchObject({ exitCode: 0, stderr: "" });
    }
  });

  test.each(ALL)("no two flags have a name in common, and none is called help", ({ definition }) => {
    const all = Object.entries(definition.args).flatMap(([name, def]) => allNames(name, def));
    expect(new Set([...all, "-h", "--help"]).size).toBe(all.length + 2);
  });
});
