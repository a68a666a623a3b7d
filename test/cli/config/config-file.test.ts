/** What a configuration file comes to, by itself and beside a command line, and what is said against it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkConfigCommand } from "../../../src/cli/commands/check-config-command.ts";
import { parseConfig, readConfigText } from "../../../src/cli/config/config-file.ts";
import { judgeOptions } from "../../../src/cli/config/config-options.ts";
import { settingNames } from "../../../src/cli/config/config-values.ts";
import {
  type ClientConfig,
  clientCommand,
  clientDefinition,
  parseClientOptions,
} from "../../../src/cli/daemon/client-command.ts";
import {
  parseServerOptions,
  type ServerConfig,
  serverCommand,
  serverDefinition,
} from "../../../src/cli/daemon/server-command.ts";
import { allNames, type CommandDefinition } from "../../../src/cli/program/command-definition.ts";
import { describeUsageError, UsageError } from "../../../src/cli/program/usage-error.ts";
import { formatEndpoint } from "../../../src/net/endpoint.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import { runInProcess } from "../in-process.ts";

const FILE = "edge.yaml";

function clientOptions(text: string, rawArgs: readonly string[] = []): ClientConfig {
  const { options, errors } = judgeOptions(
    clientDefinition,
    rawArgs,
    parseConfig(FILE, text),
    parseClientOptions,
  );
  expect(errors).toEqual([]);
  return options;
}

function serverOptions(text: string, rawArgs: readonly string[] = []): ServerConfig {
  const { options, errors } = judgeOptions(
    serverDefinition,
    rawArgs,
    parseConfig(FILE, text),
    parseServerOptions,
  );
  expect(errors).toEqual([]);
  return options;
}

/** All that is said against a file, a line or, with a caret, three lines each. */
function faults(text: string, role: "client" | "server" = "client"): string[] {
  try {
    const file = parseConfig(FILE, text);
    const { errors } =
      role === "client"
        ? judgeOptions(clientDefinition, [], file, parseClientOptions)
        : judgeOptions(serverDefinition, [], file, parseServerOptions);
    return errors.map(describeUsageError);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [error, ...error.others].map(describeUsageError);
  }
}

const WHOLE_FILE = `# A hypervisor.
role: client
server: [one.example, "[2001:db8::10]:4713"]
vni:
  - 100
  - 0x64        # the same
  - "200"
announce:
- 100#10.0.1.0/24@2001:db8::1
- 200#192.0.2.7/32#2001:db8::1#NAT#1024#2047
keepalive: 7
retry: 0.5-2
stale-time: 30
stale-time-alone: forever
http: "[::1]:4712"
verbose: true
json: false
`;

/** The same by flags. */
const WHOLE_LINE = [
  ...["--server", "one.example", "--server", "[2001:db8::10]:4713", "--vni", "100,200"],
  ...["--announce", "100#10.0.1.0/24@2001:db8::1"],
  ...["--announce", "200#192.0.2.7/32#2001:db8::1#NAT#1024#2047"],
  ...["--keepalive", "7", "--retry", "0.5-2", "--stale-time", "30", "--http", "[::1]:4712", "--verbose"],
];

describe("a file says the same as a command line", () => {
  test("with every kind of value", () => {
    expect(clientOptions(WHOLE_FILE)).toEqual(parseClientOptions(WHOLE_LINE));
  });

  test("as JSON", () => {
    const text = JSON.stringify({
      server: "one.example",
      vni: [100, "200"],
      "stale-time-alone": 0.5,
      verbose: true,
    });
    const line = ["-s", "one.example", "-v", "100,200", "--stale-time-alone", "0.5", "--verbose"];
    expect(clientOptions(text)).toEqual(parseClientOptions(line));
  });

  test.each([
    ["vni: 100", [100]],
    ["vni: [100]", [100]],
    ["vni: 100,200", [100, 200]],
    ['vni: "100, 200"', [100, 200]],
    ["vni: [100, '200,300']", [100, 200, 300]],
    ["vni: []", []],
    ["subscribe:\n- 100\n- 200", [100, 200]],
    ["&numbers vni: [0, 4294967295]", [0, 4294967295]],
  ])("a list: %j", (setting, vnis) => {
    expect(clientOptions(`server: a\n${setting}\n`).vnis).toEqual(vnis);
  });

  test("a server's", () => {
    const text = 'listener: ":4713"\nsettle: 0\nretain: 30\nsend-hold: 12.5\npacing: never\nsocket: none\n';
    const line = [
      "-l:4713",
      "--settle=0",
      "--retain=30",
      "--send-hold=12.5",
      "--pacing=never",
      "--socket=none",
    ];
    expect(serverOptions(text)).toEqual(parseServerOptions(line));
  });

  test("by all long names of the flags, but for --config", () => {
    const definitions: CommandDefinition[] = [clientDefinition, serverDefinition];
    for (const { args } of definitions) {
      const long = Object.entries(args).flatMap(([name, def]) =>
        allNames(name, def).filter((dashed) => dashed.startsWith("--")),
      );
      expect([...settingNames(args).keys(), "config"].sort()).toEqual(
        long.map((name) => name.slice(2)).sort(),
      );
    }
  });

  // Where a value is wrong, its example stands in for it while the others are judged.
  const examples = (definition: CommandDefinition) =>
    Object.entries(definition.args).flatMap(([name, def]) =>
      def.type === "string" ? [[definition.meta.name, name, def.example] as const] : [],
    );
  test.each([...examples(clientDefinition), ...examples(serverDefinition)])(
    "the example of bunbond %s --%s is a value that it takes: %s",
    (role, name, example) => {
      const flag = [`--${name}`, example];
      if (role === "server") parseServerOptions(flag);
      else parseClientOptions(name === "server" ? flag : ["--server", "a", ...flag]);
    },
  );
});

describe("the command line comes before the file", () => {
  test("in single values and switches", () => {
    const options = clientOptions(WHOLE_FILE, ["--keepalive", "9", "--json", "--verbose=false"]);
    expect(options).toMatchObject({ keepaliveSeconds: 9, json: true, verbose: false, staleTimeSeconds: 30 });
  });

  test("with a whole list in the place of the file's", () => {
    const options = clientOptions(WHOLE_FILE, ["-s", "two.example", "-v", "300"]);
    expect(options.servers.map(formatEndpoint)).toEqual(["two.example:4711"]);
    expect(options.vnis).toEqual([300]);
    expect(options.announcements.map(formatRoute)).toHaveLength(2);
  });

  test("and makes good what the file lacks or has wrong", () => {
    expect(clientOptions("vni: 100", ["-s", "a"]).vnis).toEqual([100]);
    expect(clientOptions("server: a\nkeepalive: 0", ["--keepalive", "3"]).keepaliveSeconds).toBe(3);
  });

  test("and is judged before it", () => {
    const file = parseConfig(FILE, "keepalive: 0\n");
    const judge = (rawArgs: string[]) => () =>
      judgeOptions(clientDefinition, rawArgs, file, parseClientOptions);
    expect(judge(["-s", "a", "--stale-time", "x"])).toThrow("--stale-time: a number of seconds");
    expect(judge(["-s", "a", "--hodl", "1"])).toThrow("unknown flag --hodl");
  });
});

describe("what is wrong is told with its line:", () => {
  const CASES: [string, string, string[]][] = [
    [
      "a value, with a caret",
      "server: a\nvni:\n  # - 1\n  - 100\n  - 4294967296\n",
      ["edge.yaml:5: vni: a whole number from 0 to 4294967295 is needed.\n  4294967296\n  ^~~~~~~~~~"],
    ],
    [
      "in an announcement",
      "server: a\nannounce: [100#10.0.0.0/8@::1,\n  100#10.0.1.0/33@2001:db8::1, # too long\n]",
      [
        "edge.yaml:3: announce: the prefix length must be a number from 0 to 32.\n" +
          "  100#10.0.1.0/33@2001:db8::1\n" +
          "               ^~",
      ],
    ],
    [
      "all of it, in the file's order",
      "keepalive: 0\nserver: [a, 'b:0']\nstale-time: long\nfoo: 1\nannounce:\n- x\n- 1#::/0@::1\n- x\nvni: -1\nhttp: ::1]",
      [
        "edge.yaml:1: keepalive: a whole number of seconds from 1 to 3600 is needed, without a unit.\n  0\n  ^",
        "edge.yaml:2: server: the port must be a number from 1 to 65535.\n  b:0\n    ^",
        expect.stringMatching(/^edge\.yaml:3: stale-time: a number of seconds /),
        "edge.yaml:4: unknown setting foo.",
        expect.stringMatching(/^edge\.yaml:6: announce: the VNI must be /),
        expect.stringMatching(/^edge\.yaml:8: announce: the VNI must be /),
        expect.stringMatching(/^edge\.yaml:9: vni: a whole number .*\n {2}-1\n {2}\^~$/s),
        expect.stringMatching(/^edge\.yaml:10: http: /),
      ],
    ],
    [
      "by the name that stands there",
      "server: a\nsubscribe: x",
      [expect.stringMatching(/^edge\.yaml:2: subscribe: a /)],
    ],
    [
      "a value over several lines",
      "server: a\nretry: >-\n  5-\n  10\n",
      [expect.stringMatching(/^edge\.yaml:2: retry: /)],
    ],
    [
      "a setting with a slip",
      "server: a\nkeepalvie: 5",
      ["edge.yaml:2: unknown setting keepalvie; did you mean keepalive?"],
    ],
    [
      "dashes",
      "--server: a\n",
      [
        "edge.yaml:1: unknown setting --server; write server.",
        'edge.yaml: server is missing; give at least server: "[2001:db8::10]:4711".',
      ],
    ],
    ["a letter", "server: a\nv: 100", ["edge.yaml:2: unknown setting v."]],
    ["another program's", "server: a\nlisten: b", ["edge.yaml:2: unknown setting listen."]],
    [
      "a file in a file",
      "server: a\nconfig: b",
      ["edge.yaml:2: unknown setting config; a file cannot include another one."],
    ],
    [
      "what is missing",
      "vni: 1",
      ['edge.yaml: server is missing; give at least server: "[2001:db8::10]:4711".'],
    ],
    [
      "a list with nothing in it",
      "server: []",
      ['edge.yaml: server is missing; give at least server: "[2001:db8::10]:4711".'],
    ],
    [
      "a list that lost its items",
      "server: a\nannounce:\n#- 1#::/0@::1\n",
      [
        'edge.yaml:2: announce needs a value, as in announce: "100#10.0.1.0/24@2001:db8::1"; for none write announce: [].',
      ],
    ],
    [
      "an empty item",
      "server:\n- a\n-\n- b",
      ['edge.yaml:3: server needs a value, as in server: "[2001:db8::10]:4711"; for none write server: [].'],
    ],
    [
      "an empty item between commas",
      "server: a,,b",
      ['edge.yaml:1: server has an empty item in its list "a,,b".'],
    ],
    [
      "no value",
      "server: a\nstale-time:\n",
      ["edge.yaml:2: stale-time needs a value, as in stale-time: 60."],
    ],
    [
      "a value without a character",
      "server: a\nstale-time: ''",
      ["edge.yaml:2: stale-time needs a value, as in stale-time: 60."],
    ],
    [
      "a list for one value",
      "server: a\nhttp: [::1]",
      ['edge.yaml:2: http: one value is needed, not a list; write http: "[::1]:4712".'],
    ],
    [
      "a list in a list",
      "server: a\nvni:\n- 1\n- [2, 3]",
      ["edge.yaml:4: vni: a plain value is needed, not a list within the list; write vni: 100."],
    ],
    [
      "a mapping",
      "server: a\nvni:\n  100: 200",
      ["edge.yaml:2: vni: a plain value is needed, not a mapping; write vni: 100."],
    ],
    [
      "an item that is a mapping",
      "server:\n- a\n- b: 1",
      ['edge.yaml:3: server: a plain value is needed, not a mapping; write server: "[2001:db8::10]:4711".'],
    ],
    [
      "a switch that is none",
      "server: a\njson: yes",
      ["edge.yaml:2: json: true or false is needed.\n  yes\n  ^~~"],
    ],
    ["a switch in a list", "server: a\njson: [true]", ["edge.yaml:2: json: true or false is needed."]],
    [
      "a value that is a switch",
      "server: a\nstale-time: true",
      [expect.stringMatching(/^edge\.yaml:2: stale-time: .*\n {2}true\n/s)],
    ],
    [
      "a repeated setting",
      "vni: 1\nserver: a\nvni: 2\nvni: 3",
      [
        "edge.yaml:3: vni was set on line 1 already; set it once.",
        "edge.yaml:4: vni was set on line 1 already; set it once.",
      ],
    ],
    [
      "a repeated setting on one line",
      '{"server": "a", "vni": 1, "vni": 2}',
      ["edge.yaml:1: vni was set on line 1 already; set it once."],
    ],
    [
      "two names of one",
      "vni: 1\nserver: a\nsubscribe: 2",
      ["edge.yaml:3: subscribe means the same as vni; set one of them; vni is on line 1."],
    ],
    [
      "another role",
      "server: a\nrole: server\nfoo: 1",
      ["edge.yaml:2: role: the file is not for a client.\n  server\n  ^~~~~~"],
    ],
    ["what is no role", "server: a\nrole: [client]", ["edge.yaml:2: role: the file is not for a client."]],
    [
      "control characters, which are not passed on",
      'server: a\n"h\\eold": 1',
      ["edge.yaml: unknown setting h\ufffdold."],
    ],
    [
      "former names",
      "server: a\nhold: 30\nhold-alone: 5\nleave: keep\ngentle: never",
      [
        "edge.yaml:2: unknown setting hold; it is called stale-time now.",
        "edge.yaml:3: unknown setting hold-alone; it is called stale-time-alone now.",
        "edge.yaml:4: unknown setting leave; it is called on-stop now.",
        "edge.yaml:5: unknown setting gentle; it is called pacing now.",
      ],
    ],
    [
      "brackets that are not quoted",
      "server: a\nannounce: []\nhttp: [::1]:4712",
      ["edge.yaml:3: not YAML: unexpected token; a value that begins with [ needs quotes."],
    ],
    [
      "brackets that are not quoted, in a list",
      "server: [a, [::1]:4711]",
      ['edge.yaml:1: server: a plain value is needed, not a mapping; write server: "[2001:db8::10]:4711".'],
    ],
    ["a list that goes wrong", "server: a\nvni: [1, 2]]", ["edge.yaml:2: not YAML: unexpected token."]],
    [
      "a sign that begins no value",
      "server: a\nannounce:\n- @x",
      ["edge.yaml:3: not YAML: unexpected token; a value that begins with @ needs quotes."],
    ],
    [
      "a colon too many",
      "server: a\nhttp: b: 80\n",
      ['edge.yaml:2: not YAML: unexpected token; a value with ": " in it needs quotes.'],
    ],
    ["tabs", "server:\n\t- a", ["edge.yaml:2: not YAML: tab characters cannot be used as indentation."]],
    [
      "a quote without end",
      "server: a\nhttp: '::1\nvni: 2\n",
      ["edge.yaml:2: not YAML: unexpected character."],
    ],
    [
      "lists without end",
      `server: ${"[".repeat(200_000)}`,
      ["edge.yaml:1: not YAML: lists are nested too deeply."],
    ],
    ["an empty file", "", ["edge.yaml: there are no settings in it."]],
    ["comments alone", "# server: a\n---\n", ["edge.yaml: there are no settings in it."]],
    [
      "a list on top",
      "- server: a\n- vni: 1",
      ["edge.yaml:1: a list, not settings; a file consists of settings, as in keepalive: 5."],
    ],
    [
      "a text on top",
      "server=a",
      ["edge.yaml:1: a single value, not settings; a file consists of settings, as in keepalive: 5."],
    ],
    [
      "a list behind comments and a mark",
      "# x\n\n---\n# y\n- server: a",
      ["edge.yaml:5: a list, not settings; a file consists of settings, as in keepalive: 5."],
    ],
    [
      "several documents of lists",
      "---\n- a\n---\n- b",
      ["edge.yaml:3: one document is needed, not several."],
    ],
    ["several documents", "server: a\n---\nserver: b", ["edge.yaml:2: one document is needed, not several."]],
    [
      "a document that has only begun",
      "server: a\n\n---\n",
      ["edge.yaml:3: one document is needed, not several."],
    ],
  ];

  test.each(CASES)("%s", (_name, text, expected) => {
    expect(faults(text)).toEqual(expected);
  });

  test("no line where a merge key brings the setting", () => {
    expect(faults("<<: {stale-time: x}\nserver: a")).toEqual([
      expect.stringMatching(/^edge\.yaml: stale-time: /),
    ]);
  });

  test("the setting's line where the items cannot be told apart", () => {
    expect(faults("server: a\nvni: [!!str '1,2',\n  x]")).toEqual([
      expect.stringMatching(/^edge\.yaml:2: vni: .*\n {2}x\n {2}\^$/s),
    ]);
  });

  test("the setting's line where the error shows no value", () => {
    const { errors } = judgeOptions(
      clientDefinition,
      [],
      parseConfig(FILE, "server: a\nstale-time: 5"),
      (_, values) => {
        if (values?.get("stale-time") === "5")
          throw new UsageError("BAD_VALUE", "--stale-time is odd", { flag: "--stale-time" });
      },
    );
    expect(errors.map(describeUsageError)).toEqual(["edge.yaml:2: stale-time is odd."]);
  });

  test("a thousand wrong lines, each once and in order", () => {
    const lines = Array.from(
      { length: 1_000 },
      (_, n) => `- ${n % 3 === 0 ? "1#::/0@::1" : n % 3 === 1 ? "x" : `y${n}`}`,
    );
    const places = faults(`server: a\nannounce:\n${lines.join("\n")}`).map((fault) => fault.split(":")[1]);
    const wrong = lines.flatMap((line, index) => (line.startsWith("- 1") ? [] : [`${index + 3}`]));
    expect(places).toEqual(wrong);
  });
});

describe("files on disk", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "bunbond-config-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const commands = [clientCommand(async () => 0), serverCommand(async () => 0), checkConfigCommand];

  async function write(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(directory, name);
    await Bun.write(path, content);
    return path;
  }

  test("the options come to the command, and it knows where they are from", async () => {
    const path = await write("whole.yaml", WHOLE_FILE);
    let seen: ClientConfig | undefined;
    const command = clientCommand(async (options) => {
      seen = options;
      return 0;
    });
    expect(await runInProcess(["client", "--config", path, "--stale-time", "5"], [command])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect(seen).toEqual({ ...parseClientOptions(WHOLE_LINE), staleTimeSeconds: 5, config: path });
  });

  test("a byte order mark is no part of the first name", async () => {
    expect(await readConfigText(await write("bom.yaml", "\ufeffserver: a\n"))).toBe("server: a\n");
  });

  test("one error is exit code 2 and one line, with what is wrong below", async () => {
    const path = await write("one.yaml", "server: a\nkeepalive: 0\n");
    expect(await runInProcess(["client", "--config", path], commands)).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: `bunbond client: ${path}:2: keepalive: a whole number of seconds from 1 to 3600 is needed, without a unit.\n  0\n  ^\n`,
    });
  });

  test("of several the first, and where to see all", async () => {
    const path = await write("two.yaml", "keepalvie: 5\nfoo: 1\n");
    expect(await runInProcess(["client", "--config", path], commands)).toMatchObject({
      exitCode: 2,
      stderr:
        `bunbond client: ${path}:1: unknown setting keepalvie; did you mean keepalive?\n` +
        `bunbond check-config ${path} client shows all 3 errors in it\n`,
    });
  });

  const UNREADABLE: [string, () => Promise<string>, string][] = [
    ["no file", async () => join(directory, "none.yaml"), "there is no such file.\n"],
    ["a directory", async () => directory, "it is a directory.\n"],
    [
      "a file in a file",
      async () => join(await write("x.yaml", ""), "y"),
      expect.stringMatching(/^ENOTDIR[^\n]*\n$/),
    ],
  ];
  test.each(UNREADABLE)("%s is exit code 2 and one line", async (_name, path, reason) => {
    for (const [argv, prefix] of [
      [["client", "--config"], "bunbond client: "],
      [["server", "--config"], "bunbond server: "],
      [["check-config"], ""],
    ] as const) {
      const { exitCode, stdout, stderr } = await runInProcess([...argv, await path()], commands);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      const start = `${prefix}${await path()}: cannot be read: `;
      expect(stderr).toStartWith(start);
      expect(stderr.slice(start.length)).toEqual(reason);
    }
  });

  test("one that cannot be read is an error of the whole file as JSON, too", async () => {
    const path = join(directory, "none.yaml");
    const { exitCode, stdout, stderr } = await runInProcess(["check-config", path, "--json"], commands);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      file: path,
      ok: false,
      errors: [{ line: null, code: "BAD_FILE", message: "cannot be read: there is no such file" }],
    });
  });

  const NO_TEXT: [string, () => Promise<string>, string][] = [
    [
      "70 MB",
      () => write("big.yaml", "# no end\n".repeat(7_800_000)),
      "larger than 64 MiB, the limit of a configuration file",
    ],
    [
      "a device without end",
      async () => "/dev/zero",
      "larger than 64 MiB, the limit of a configuration file",
    ],
    [
      "another encoding",
      () => write("latin.yaml", new Uint8Array([0x61, 0x3a, 0x20, 0xe4])),
      "not a text in UTF-8",
    ],
    ["nothing", () => write("empty.yaml", ""), "there are no settings in it"],
  ];
  test.each(NO_TEXT)("%s is exit code 2 and one line", async (_name, path, reason) => {
    for (const [argv, prefix] of [
      [["client", "--config"], "bunbond client: "],
      [["check-config"], ""],
    ] as const) {
      expect(await runInProcess([...argv, await path()], commands)).toEqual({
        exitCode: 2,
        stdout: "",
        stderr: `${prefix}${await path()}: ${reason}.\n`,
      });
    }
  });

  /** Each step over all that a file holds must be linear: a quadratic one takes minutes here. */
  describe("many", () => {
    const COUNT = 50_000;
    const many = (line: (i: number) => string) => Array.from({ length: COUNT }, (_, i) => line(i)).join("\n");
    const announcement = (i: number, length = 32) =>
      `  - 100#10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/${length}@2001:db8::1`;

    test("announcements", async () => {
      const path = await write("many.yaml", `server: a\nannounce:\n${many((i) => announcement(i))}\n`);
      expect((await Bun.file(path).stat()).size).toBeGreaterThan(1 << 20);
      expect(await runInProcess(["check-config", path], commands)).toEqual({
        exitCode: 0,
        stdout: `${path}: ok, client: 1 server, 0 VNIs, ${COUNT} announcements\n`,
        stderr: "",
      });
      await Bun.write(path, `${await Bun.file(path).text()}${announcement(0, 33)}\n`);
      const { stderr } = await runInProcess(["check-config", path], commands);
      expect(stderr).toStartWith(`${path}:${COUNT + 3}: announce: the prefix length must be a number from`);
    });

    const MANY_FAULTS: [string, string, string, string][] = [
      [
        "announcements",
        "announce:\n",
        many((i) => announcement(i, 33)),
        "announce: the prefix length must be",
      ],
      ["equal announcements", "announce:\n", many(() => announcement(0, 33)), "announce: the prefix length"],
      ["unknown settings", "", many((i) => `setting${i}: 1`), "unknown setting setting49999."],
      [
        "repeated settings",
        "",
        `vni: 1\n${many(() => "vni: 1")}`,
        "vni was set on line 2 already; set it once.",
      ],
    ];
    test.each(MANY_FAULTS)("wrong %s, each told with its line", async (_name, head, body, lastFault) => {
      const text = `server: a\n${head}${body}\n`;
      const path = await write("faults.yaml", text);
      const { exitCode, stderr } = await runInProcess(["check-config", path], commands);
      expect(exitCode).toBe(2);
      const lines = stderr.split("\n").filter((line) => line.startsWith(path));
      expect(lines).toHaveLength(COUNT);
      expect(lines.at(-1)).toStartWith(`${path}:${text.split("\n").length - 1}: ${lastFault}`);
    });
  });

  describe("check-config", () => {
    const SEEN: [string, string[], string][] = [
      [WHOLE_FILE, [], "ok, client: 2 servers, 2 VNIs, 2 announcements"],
      ["server: a\nvni: 1\n", [], "ok, client: 1 server, 1 VNI, 0 announcements"],
      ["server: a\nvni: 1\n", ["client"], "ok, client: 1 server, 1 VNI, 0 announcements"],
      [
        "server: a\nvni: 1\ninstall-routes: [1#100, 2#0]\nallow-main-table: true\ntun: overlay\n",
        [],
        "ok, client: 1 server, 2 VNIs, 0 announcements, kernel routes of 2 VNIs",
      ],
      ["settle: 1\n", [], "ok, server: listens on [::]:4711"],
      ["keepalive: 5\nrole: server", [], "ok, server: listens on [::]:4711"],
      ["keepalive: 5", ["server"], "ok, server: listens on [::]:4711"],
      ['listen: "::1"\nhttp: ":80"', [], "ok, server: listens on [::1]:4711, HTTP on [::]:80"],
    ];
    test.each(SEEN)("%j %j", async (text, words, line) => {
      const path = await write("check.yaml", text);
      const result = await runInProcess(["check-config", path, ...words], commands);
      expect(result).toEqual({ exitCode: 0, stdout: `${path}: ${line}\n`, stderr: "" });
    });

    const REFUSED: [string, string[], string[]][] = [
      [
        "server: a\nfoo: 1\nstale-time: x",
        [],
        [":2: unknown setting foo.", expect.stringMatching(/^:3: stale-time: /), "x", "^"],
      ],
      [
        "listen: a\nsettle: x\nvni: 1",
        [],
        [expect.stringMatching(/^:2: settle: /), "x", "^", ":3: unknown setting vni."],
      ],
      ["server: a", ["server"], [":1: unknown setting server."]],
      [
        "server: a\ninstall-routes:\n- 1#100\n- 2#0\n- 1#7\nexclude-type: any",
        [],
        [
          ":4: install-routes: table 0 is main, the host's own; if that is intended, add --allow-main-table.",
          "2#0",
          "^",
          ":5: install-routes: VNI 1 is already installed in table 100.",
          "1#7",
          "^~~",
          ":6: exclude-type: one of std, nat, lb is needed.",
          "any",
          "^~~",
        ],
      ],
      [
        "server: a\nrole: client",
        ["server"],
        [":2: role: the file is not for a server.", "client", "^~~~~~"],
      ],
      ["role: router", [], [":1: role: one of server, client is needed."]],
      [
        "keepalive: 5",
        [],
        [
          ": the file does not say which program it is for; write role: client (or server) in it, or give client (or server) after the file.",
        ],
      ],
      ["keepalive: [", [], [expect.stringMatching(/^:1: not YAML/)]],
    ];
    test.each(REFUSED)("%j %j is exit code 2", async (text, words, expected) => {
      const path = await write("check.yaml", text);
      const { exitCode, stdout, stderr } = await runInProcess(["check-config", path, ...words], commands);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      const lines = stderr.trimEnd().split("\n");
      expect(lines.map((line) => (line.startsWith(path) ? line.slice(path.length) : line.trim()))).toEqual(
        expected,
      );
    });

    test("as JSON", async () => {
      const path = await write("check.yaml", "server: a\nannounce: 1#10.0.0.7/8@fd00::1\n");
      const good = await runInProcess(["check-config", path, "--json"], commands);
      expect(good).toMatchObject({ exitCode: 0, stderr: "" });
      expect(JSON.parse(good.stdout)).toEqual({
        file: path,
        ok: true,
        role: "client",
        servers: 1,
        vnis: 0,
        announcements: 1,
        installRoutes: 0,
        warnings: [expect.stringContaining("10.0.0.7/8 has host bits set")],
      });
      await write("check.yaml", "server: a\nannounce:\n- 1#::/0@::1\n- 1#::/129@::1\nfoo: 1\n");
      const bad = await runInProcess(["check-config", path, "--json"], commands);
      expect(bad).toMatchObject({ exitCode: 2, stderr: "" });
      expect(JSON.parse(bad.stdout)).toEqual({
        file: path,
        ok: false,
        errors: [
          {
            line: 4,
            code: "BAD_VALUE",
            message: "announce: the prefix length must be a number from 0 to 128",
            hint: null,
            value: "1#::/129@::1",
            start: 5,
            end: 8,
          },
          {
            line: 5,
            code: "UNKNOWN_SETTING",
            message: "unknown setting foo",
            hint: null,
            value: null,
            start: null,
            end: null,
          },
        ],
      });
    });

    test("warnings are no errors, and apart", async () => {
      const path = await write("check.yaml", "server: a\n");
      const result = await runInProcess(["check-config", path], commands);
      expect(result).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining(": ok, client: 1 server, "),
      });
      expect(result.stderr).toStartWith(
        `${path}: warning: neither --vni nor --announce nor --install-routes is given`,
      );
    });

    test.each([
      [[], "FILE is missing"],
      [["a", "router"], 'unexpected argument "router"; after the file comes server or client'],
      [
        ["a", "client", "b"],
        'unexpected argument "b"; the command takes one FILE, and server|client after it',
      ],
    ])("%j is a wrong command line", async (words, message) => {
      const { exitCode, stderr } = await runInProcess(["check-config", ...words], commands);
      expect(exitCode).toBe(2);
      expect(stderr).toStartWith(`bunbond check-config: ${message}`);
    });
  });
});
