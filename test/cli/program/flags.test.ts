import { describe, expect, test } from "bun:test";
import type { FlagDefs, WordsDef } from "../../../src/cli/program/command-definition.ts";
import { parseArguments, parseFlags } from "../../../src/cli/program/flags.ts";
import { UsageError, type UsageErrorCode } from "../../../src/cli/program/usage-error.ts";

const DEFS = {
  server: {
    type: "string",
    alias: "s",
    hiddenAlias: ["peer"],
    repeatable: true,
    valueHint: "HOST",
    example: "one.example",
    description: "A list.",
  },
  vni: {
    type: "string",
    alias: "subscribe",
    aliasBeforeDigits: "v",
    repeatable: true,
    valueHint: "VNI",
    example: "100",
    description: "A list of numbers.",
  },
  listen: { type: "string", alias: "l", valueHint: "ADDR", example: "[::]", description: "A value." },
  keepalive: { type: "string", default: "5", valueHint: "SEC", example: "9", description: "A default." },
  json: { type: "boolean", alias: "j", description: "A switch." },
  verbose: { type: "boolean", alias: "v", description: "A switch that shares its letter." },
} satisfies FlagDefs;

const ABSENT = { server: [], vni: [], listen: undefined, keepalive: "5", json: false, verbose: false };

function refusal(parse: () => unknown): UsageError {
  try {
    parse();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error("taken");
}

describe("parseFlags takes", () => {
  const TAKEN: [string[], Partial<ReturnType<typeof parseFlags<typeof DEFS>>>][] = [
    [[], {}],
    [["--listen", "a"], { listen: "a" }],
    [["--listen=a"], { listen: "a" }],
    [["--listen=a=b"], { listen: "a=b" }],
    [["-l", "a"], { listen: "a" }],
    [["-la"], { listen: "a" }],
    [["-l=a"], { listen: "a" }],
    [["-l=-a"], { listen: "-a" }],
    [["--keepalive", "9"], { keepalive: "9" }],
    [["-s", "a", "-sb", "--server=c", "--server", "d", "--peer", "e"], { server: ["a", "b", "c", "d", "e"] }],
    [["-s", "a,b", "--server", "c, d"], { server: ["a", "b", "c", "d"] }],
    [["--verbose", "--json"], { verbose: true, json: true }],
    [["--verbose=true", "--json=false"], { verbose: true }],
    [["-j=true"], { json: true }],
    [["-jv"], { json: true, verbose: true }],
    [["-jl", "a"], { json: true, listen: "a" }],
    [["-v"], { verbose: true }],
    // No flag begins so: their readers say what is wrong with the value.
    [["--vni", "-5"], { vni: ["-5"] }],
    [["-v", "-1"], { vni: ["-1"] }],
    [["-v", "100"], { vni: ["100"] }],
    [["-v100"], { vni: ["100"] }],
    [["-v=100"], { vni: ["100"] }],
    [["-v", "1,2", "-v3,4"], { vni: ["1", "2", "3", "4"] }],
    [["-v", "-v", "7", "--subscribe", "8", "--vni=9"], { verbose: true, vni: ["7", "8", "9"] }],
    [["-v", "--json"], { verbose: true, json: true }],
    [["-v=true", "-v", "5"], { verbose: true, vni: ["5"] }],
    [["--json", "--"], { json: true }],
  ];

  test.each(TAKEN.filter(([args]) => !args.includes("")))("%j", (args, expected) => {
    expect(parseFlags(DEFS, args)).toEqual({ ...ABSENT, ...expected });
  });
});

describe("parseFlags refuses", () => {
  const NUMBER_HINT = "with a number, as in -v 100, it is --vni; otherwise it is a flag without value";
  const REFUSED: [string[], UsageErrorCode, string, string | null][] = [
    [["--sever", "x"], "UNKNOWN_FLAG", "unknown flag --sever", "did you mean --server?"],
    [["--sever=x"], "UNKNOWN_FLAG", "unknown flag --sever", "did you mean --server?"],
    [["--Server", "x"], "UNKNOWN_FLAG", "unknown flag --Server", "did you mean --server?"],
    [["--subscribr", "x"], "UNKNOWN_FLAG", "unknown flag --subscribr", "did you mean --subscribe?"],
    [["--hlep"], "UNKNOWN_FLAG", "unknown flag --hlep", "did you mean --help?"],
    [["--install-routes"], "UNKNOWN_FLAG", "unknown flag --install-routes", null],
    [["--no-json"], "UNKNOWN_FLAG", "unknown flag --no-json", null],
    [["--constructor"], "UNKNOWN_FLAG", "unknown flag --constructor", null],
    [["--__proto__=1"], "UNKNOWN_FLAG", "unknown flag --__proto__", null],
    [["-x"], "UNKNOWN_FLAG", "unknown flag -x", null],
    [["-jx"], "UNKNOWN_FLAG", "unknown flag -x", null],
    [["--l", "a"], "UNKNOWN_FLAG", "unknown flag --l", "did you mean -l?"],
    [["-server", "a"], "UNKNOWN_FLAG", "unknown flag -server", "did you mean --server?"],
    [["-json"], "UNKNOWN_FLAG", "unknown flag -json", "did you mean --json?"],
    [["--\x1b[2J"], "UNKNOWN_FLAG", "unknown flag --\ufffd[2J", null],
    [["--listen"], "MISSING_VALUE", "--listen needs a value, as in --listen [::]", null],
    [["--listen="], "MISSING_VALUE", "--listen needs a value, as in --listen [::]", null],
    [["--listen", ""], "MISSING_VALUE", "--listen needs a value, as in --listen [::]", null],
    [["--listen", "-"], "MISSING_VALUE", "--listen needs a value, as in --listen [::]", null],
    [["-l"], "MISSING_VALUE", "-l needs a value, as in -l [::]", null],
    [["-l", "--json"], "MISSING_VALUE", "-l needs a value, as in -l [::]", null],
    [["-l", "-v", "5"], "MISSING_VALUE", "-l needs a value, as in -l [::]", null],
    [["-l", "--", "a"], "MISSING_VALUE", "-l needs a value, as in -l [::]", null],
    [["-s", "a,,b"], "MISSING_VALUE", `-s has an empty item in its list "a,,b"`, null],
    [["-v", "1,"], "MISSING_VALUE", `--vni has an empty item in its list "1,"`, null],
    [["--json=yes"], "UNWANTED_VALUE", `--json takes no value but true or false, not "yes"`, null],
    [["--json="], "UNWANTED_VALUE", `--json takes no value but true or false, not ""`, null],
    [["-l", "a", "--listen", "a"], "REPEATED_FLAG", "--listen is given twice; give it once", null],
    [["--verbose", "-v"], "REPEATED_FLAG", "-v is given twice; give it once", null],
    [["a"], "UNEXPECTED_ARGUMENT", `unexpected argument "a"`, "this command takes flags only"],
    [["--json", "true"], "UNEXPECTED_ARGUMENT", `unexpected argument "true"`, "--json takes no value"],
    [["-v", "10.0.0.1"], "UNEXPECTED_ARGUMENT", `unexpected argument "10.0.0.1"`, NUMBER_HINT],
    [["-vabc"], "UNEXPECTED_ARGUMENT", `unexpected "abc" after -v`, NUMBER_HINT],
    [["-v", "abc"], "UNEXPECTED_ARGUMENT", `unexpected argument "abc"`, NUMBER_HINT],
    [
      ["--", "--json"],
      "UNEXPECTED_ARGUMENT",
      `unexpected argument "--json"`,
      "this command takes flags only",
    ],
    [["--", "-v", "5"], "UNEXPECTED_ARGUMENT", `unexpected argument "-v"`, "this command takes flags only"],
    [["-l", "a", "b"], "UNEXPECTED_ARGUMENT", `unexpected argument "b"`, "this command takes flags only"],
    [
      ["--vni", "1", "2"],
      "UNEXPECTED_ARGUMENT",
      `unexpected argument "2"`,
      "for several values repeat --vni, or separate them by commas",
    ],
  ];

  test.each(REFUSED)("%j", (args, code, message, hint) => {
    const error = refusal(() => parseFlags(DEFS, args));
    expect({ code: error.code, message: error.message, hint: error.hint }).toEqual({ code, message, hint });
  });

  test("the first wrong thing on the line", () => {
    expect(refusal(() => parseFlags(DEFS, ["--json", "--json", "--sever"])).code).toBe("REPEATED_FLAG");
    expect(refusal(() => parseFlags(DEFS, ["--sever", "--json", "--json"])).code).toBe("UNKNOWN_FLAG");
  });

  test("the absence of a required flag, also where only others are given", () => {
    const required = { ...DEFS, server: { ...DEFS.server, required: true } } satisfies FlagDefs;
    const error = refusal(() => parseFlags(required, ["--json"]));
    expect(error.code).toBe("MISSING_FLAG");
    expect(error.message).toBe("--server is missing");
    expect(error.hint).toBe("give at least --server one.example");
  });
});

test("in a command without a number flag, -v before a number is no list", () => {
  const { listen, verbose } = DEFS;
  expect(parseFlags({ listen, verbose }, ["-v"])).toEqual({ listen: undefined, verbose: true });
  expect(refusal(() => parseFlags({ listen, verbose }, ["-v", "100"])).hint).toBe("-v takes no value");
});

describe("words", () => {
  const one: WordsDef = { valueHint: "ID", description: "One.", example: "7" };
  const many: WordsDef = { ...one, repeatable: true };
  const withOther: WordsDef = { ...one, second: { valueHint: "OTHER", description: "Another." } };
  const parse = (words: WordsDef, ...rawArgs: string[]) =>
    parseArguments({ meta: { name: "try", description: "A command." }, args: DEFS, words }, rawArgs);

  const TAKEN: [WordsDef, string[], string[]][] = [
    [one, ["7"], ["7"]],
    [one, ["a,b"], ["a,b"]],
    [one, ["--", "-7"], ["-7"]],
    [one, ["--json", "true"], ["true"]],
    [many, ["a", "b,c", "d, e"], ["a", "b", "c", "d", "e"]],
    [withOther, ["a"], ["a"]],
    [withOther, ["a", "b"], ["a", "b"]],
  ];
  test.each(TAKEN)("%j takes %j", (def, args, words) => {
    expect(parse(def, ...args).words).toEqual(words);
  });

  test("stand anywhere among the flags", () => {
    const { flags, words } = parse(many, "a", "--listen", "b", "c", "-j", "d");
    expect(words).toEqual(["a", "c", "d"]);
    expect(flags).toEqual({ ...ABSENT, listen: "b", json: true });
  });

  const REFUSED: [WordsDef, string[], UsageErrorCode, string, string | null][] = [
    [one, [], "MISSING_ARGUMENT", "ID is missing", "give it, as in bunbond try 7"],
    [one, ["--json"], "MISSING_ARGUMENT", "ID is missing", "give it, as in bunbond try 7"],
    [many, [], "MISSING_ARGUMENT", "ID is missing", "give at least one, as in bunbond try 7"],
    [one, ["7", "8"], "UNEXPECTED_ARGUMENT", `unexpected argument "8"`, "the command takes one ID"],
    [one, [""], "UNEXPECTED_ARGUMENT", `unexpected argument ""`, "the command takes one ID"],
    [
      withOther,
      ["7", "8", "9"],
      "UNEXPECTED_ARGUMENT",
      `unexpected argument "9"`,
      "the command takes one ID, and OTHER after it",
    ],
    [many, ["a,,b"], "MISSING_VALUE", `ID has an empty item in its list "a,,b"`, null],
    [one, ["7", "--jsno"], "UNKNOWN_FLAG", "unknown flag --jsno", "did you mean --json?"],
  ];
  test.each(REFUSED)("%j refuses %j", (def, args, code, message, hint) => {
    const error = refusal(() => parse(def, ...args));
    expect({ code: error.code, message: error.message, hint: error.hint }).toEqual({ code, message, hint });
  });
});
