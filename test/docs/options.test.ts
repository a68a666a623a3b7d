/**
 * The catalogue of options (src/options/) against all that comes from it: flags, settings, the library's checks and defaults, and the
 * tables of the library. Each of them has exactly the options of the catalogue.
 *
 *     UPDATE_DOCUMENTS=1 npx bun test test/docs/options.test.ts      writes the tables into src/library/README.md
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { BadOptionError } from "../../src/base/bunbond-error.ts";
import { clientDefinition, parseClientOptions } from "../../src/cli/daemon/client-command.ts";
import { clientDifference, serverDifference } from "../../src/cli/daemon/reload-changes.ts";
import { parseServerOptions, serverDefinition } from "../../src/cli/daemon/server-command.ts";
import { flagsOf } from "../../src/cli/flags/option-flags.ts";
import { parseMarkdown } from "../../src/cli/help/markdown.ts";
import { libraryOptionTable } from "../../src/cli/help/reference-tables.ts";
import { topicPages } from "../../src/cli/help/topics.ts";
import type { CommandDefinition } from "../../src/cli/program/command-definition.ts";
import { UsageError } from "../../src/cli/program/usage-error.ts";
import type { KernelCloseOptions, KernelRoutesOptions } from "../../src/kernel/options.ts";
import { checkKernelCloseOptions, checkKernelOptions } from "../../src/kernel/options.ts";
import type { ChangesOptions, CloseOptions, ConnectOptions, WaitOptions } from "../../src/library/options.ts";
import {
  checkChangesOptions,
  checkCloseOptions,
  checkConnectOptions,
  checkWaitOptions,
} from "../../src/library/options.ts";
import {
  CHANGES_OPTIONS,
  CLIENT_DAEMON_OPTIONS,
  CLIENT_OPTIONS,
  CLOSE_OPTIONS,
  WAIT_OPTIONS,
} from "../../src/options/client-options.ts";
import { KERNEL_CLOSE_OPTIONS, KERNEL_OPTIONS } from "../../src/options/kernel-options.ts";
import { type Catalogue, type LibraryName, libraryOptions, type Option } from "../../src/options/option.ts";
import { SERVER_OPTIONS } from "../../src/options/server-options.ts";
import { checkServerOptions, type ServerOptions } from "../../src/server/options.ts";
import { REPOSITORY, readDocument } from "../support/process/documents.ts";

const { UPDATE_DOCUMENTS } = process.env;

interface Daemon {
  readonly name: "server" | "client";
  readonly catalogue: Catalogue;
  readonly definition: CommandDefinition;
  readonly parse: (words: readonly string[]) => object;
  /** The flags that need a restart, and what is in force after a reload. */
  readonly reload: (
    before: readonly string[],
    after: readonly string[],
  ) => { readonly needRestart: readonly string[]; readonly inForce: object };
}

const ONE_SERVER = ["--server", "one.example"];
const DAEMONS: readonly Daemon[] = [
  {
    name: "server",
    catalogue: SERVER_OPTIONS,
    definition: serverDefinition,
    parse: (words) => parseServerOptions(words),
    reload: (before, after) => serverDifference(parseServerOptions(before), parseServerOptions(after)),
  },
  {
    name: "client",
    catalogue: CLIENT_DAEMON_OPTIONS,
    definition: clientDefinition,
    parse: (words) => parseClientOptions([...ONE_SERVER, ...words]),
    reload: (before, after) =>
      clientDifference(
        parseClientOptions([...ONE_SERVER, ...before]),
        parseClientOptions([...ONE_SERVER, ...after]),
      ),
  },
];

/** The options of a daemon, with their keys. */
function daemonOptions(catalogue: Catalogue): [key: string, option: Option, flag: string][] {
  return Object.entries(catalogue).flatMap(([key, option]) =>
    option.flag === undefined ? [] : [[key, option, option.flag]],
  );
}

/** Texts of another value than the default. */
function otherValues(option: Option): string[] {
  switch (option.type) {
    case "switch":
      return [];
    case "count":
    case "seconds":
      return [`${option.default === option.least ? option.least + 1 : option.least}`];
    case "word":
      return option.words.filter((word) => word !== option.default).slice(0, 1);
    case "text":
      return [option.example === option.default ? OTHER_TEXTS[option.flag ?? ""] : option.example].filter(
        (text) => text !== undefined,
      );
    default:
      return "example" in option ? [option.example] : [];
  }
}

/** Of options whose example is their default. */
const OTHER_TEXTS: Readonly<Record<string, string>> = {
  listen: "[::1]:4713",
  retry: "1-2",
  tun: "overlay",
};

/** Flags that only have an effect with another one. */
const WITH: Readonly<Record<string, readonly string[]>> = { cleanup: ["--install-routes", "7#7"] };

describe.each(DAEMONS)("bunbond $name", ({ name, catalogue, definition, parse, reload }) => {
  const options = daemonOptions(catalogue);

  test("has the flags of the catalogue, and no others", () => {
    expect(Object.keys(definition.args)).toEqual(options.map(([, , flag]) => flag));
    expect(definition.args).toEqual(flagsOf(catalogue));
    expect(options.length).toBeGreaterThan(15);
  });

  test("names each of them as a setting in 'bunbond help config', with its default", () => {
    const page = topicPages([]).find((topic) => topic.name === "config");
    const tables = parseMarkdown(page?.markdown ?? "").flatMap((block) =>
      block.type === "table" ? [block.rows] : [],
    );
    const rows = tables[name === "server" ? 0 : 1] ?? [];
    const expected = options.filter(([key]) => key !== "config");
    expect(rows.map(([setting = "", , , when]) => [/`([^`]*)`/.exec(setting)?.[1], when])).toEqual(
      expected.map(([, { takesEffect }, flag]) => [flag, takesEffect]),
    );
  });

  const read = options.filter(([key]) => key !== "allowMainTable");

  test.each(read)("%s: the default is in force", (key, option) => {
    const value: unknown = Reflect.get(parse([]), key);
    if ("default" in option && option.type !== "text") expect(value).toBe(option.default);
  });

  test.each(options)("%s: a number beyond its range is refused", (_key, option, flag) => {
    if (option.type !== "count" && option.type !== "seconds") return;
    const { least } = option;
    parse([`--${flag}`, `${least}`]);
    const beyond = [...(least > 0 ? [least - 1] : []), option.type === "count" ? option.most + 1 : 1e7];
    if (option.type === "count") {
      parse([`--${flag}`, `${option.most}`]);
      if (option.exception !== undefined) beyond.push(option.exception.value);
    }
    for (const value of beyond) expect(() => parse([`--${flag}`, `${value}`])).toThrow(UsageError);
  });

  test.each(read.filter(([key]) => key !== "config"))(
    "%s: a reload takes it as the catalogue says",
    (key, option, flag) => {
      const base = WITH[flag] ?? [];
      const words =
        option.type === "switch" ? [`--${flag}`] : otherValues(option).flatMap((text) => [`--${flag}`, text]);
      expect(words.length).toBeGreaterThan(0);
      const { needRestart, inForce } = reload(base, [...base, ...words]);
      const [before, after] = [parse(base), parse([...base, ...words])].map((read): unknown =>
        Reflect.get(read, key),
      );
      expect(after).not.toEqual(before);
      // Whether routes go into the kernel at all is decided at the start: 'bunbond help config' says so.
      if (flag === "install-routes") return;
      expect(needRestart).toEqual(option.takesEffect === "at next start" ? [flag] : []);
      expect(Reflect.get(inForce, key)).toEqual(option.takesEffect === "at next start" ? before : after);
    },
  );
});

interface LibraryCall {
  readonly name: string;
  readonly catalogue: Catalogue;
  readonly check: (given: object) => void;
  /** What has to be given. */
  readonly needed: object;
}

/** Calls the check as a program in JavaScript would. */
function loose(check: (given: never) => void): (given: object) => void {
  return (given) => void Reflect.apply(check, null, [given]);
}

/** Does not compile if the catalogue has an option that the call's type lacks; the check's type demands the others. */
function typed<Options>() {
  return <C extends Catalogue>(
    catalogue: C & (LibraryName<C> extends keyof Options ? C : never),
  ): Catalogue => catalogue;
}

const CALLS: readonly LibraryCall[] = [
  {
    name: "Server.start",
    catalogue: typed<ServerOptions>()(SERVER_OPTIONS),
    check: loose(checkServerOptions),
    needed: { listen: "[::1]:0" },
  },
  {
    name: "Client.connect",
    catalogue: typed<ConnectOptions>()(CLIENT_OPTIONS),
    check: loose(checkConnectOptions),
    needed: { servers: [] },
  },
  {
    name: "established` and `confirmed",
    catalogue: typed<WaitOptions>()(WAIT_OPTIONS),
    check: loose(checkWaitOptions),
    needed: {},
  },
  {
    name: "changes",
    catalogue: typed<ChangesOptions>()(CHANGES_OPTIONS),
    check: loose(checkChangesOptions),
    needed: {},
  },
  {
    name: "close",
    catalogue: typed<CloseOptions>()(CLOSE_OPTIONS),
    check: loose(checkCloseOptions),
    needed: {},
  },
  {
    name: "KernelRoutes.open",
    catalogue: typed<KernelRoutesOptions>()(KERNEL_OPTIONS),
    check: loose(checkKernelOptions),
    needed: { mappings: [], device: "overlay" },
  },
  {
    name: "KernelRoutes.close",
    catalogue: typed<KernelCloseOptions>()(KERNEL_CLOSE_OPTIONS),
    check: loose(checkKernelCloseOptions),
    needed: {},
  },
];

describe.each([...CALLS])("options of $name", ({ name, catalogue, check, needed }) => {
  const options: [string, Option][] = [...libraryOptions(catalogue)];
  const refused = (given: object) => expect(() => check({ ...needed, ...given })).toThrow(BadOptionError);

  test("are those of the catalogue, and no others", () => {
    check(needed);
    const { message } = errorOf(() => check({ ...needed, colour: "red" }));
    const names = options.map(([option]) => option);
    const [, listed = ""] = /valid options are (.*)/.exec(message) ?? [];
    expect(listed.split(/, | and /)).toEqual(names);
  });

  test.each(options)("%s: its default is valid, and what is beyond its range is refused", (option, def) => {
    // null is none of them, whatever the type.
    if (!(option in needed)) refused({ [option]: null });
    switch (def.type) {
      case "count":
        if (def.default !== undefined) check({ ...needed, [option]: def.default });
        check({ ...needed, [option]: def.most });
        refused({ [option]: def.least - 1 });
        if (def.libraryValue === undefined) refused({ [option]: def.most + 1 });
        if (def.exception !== undefined) refused({ [option]: def.exception.value });
        break;
      case "seconds":
        check({ ...needed, [option]: def.default });
        refused({ [option]: def.least - 1 });
        break;
      case "milliseconds":
        check({ ...needed, [option]: def.default });
        refused({ [option]: -1 });
        break;
      case "word":
        for (const word of def.words) check({ ...needed, [option]: word });
        refused({ [option]: "red" });
        break;
      case "switch":
        check({ ...needed, [option]: def.default });
        refused({ [option]: 1 });
    }
  });

  test("the table in the library's README is this", async () => {
    const path = "src/library/README.md";
    const before = readDocument(path);
    const heading = `### Options of \`${name}\`\n\n`;
    const start = before.indexOf(heading) + heading.length;
    expect(start).toBeGreaterThan(heading.length);
    const end = before.indexOf("\n\n", start);
    const table = libraryOptionTable(catalogue);
    if (UPDATE_DOCUMENTS !== undefined)
      await Bun.write(join(REPOSITORY, path), before.slice(0, start) + table + before.slice(end));
    else expect(before.slice(start, end)).toBe(table);
  });
});

function errorOf(act: () => void): BadOptionError {
  try {
    act();
  } catch (error) {
    if (error instanceof BadOptionError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
