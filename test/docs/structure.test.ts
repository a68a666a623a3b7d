/** The documents have their places: what they name is there, and each part of them is checked by some test. */

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { commands } from "../../src/cli/commands.ts";
import { topicPages } from "../../src/cli/help/topics.ts";
import { versionCommand } from "../../src/cli/program/version-command.ts";
import {
  CODE_BLOCKS,
  codesOf,
  DOCUMENT_PATHS,
  REPOSITORY,
  readDocument,
  rowsOf,
} from "../support/process/documents.ts";

const README_LINES = 230;

test(`the README has at most ${README_LINES} lines`, () => {
  expect(readDocument("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(README_LINES);
});

describe.each([...DOCUMENT_PATHS])("%s", (path) => {
  const text = readDocument(path);

  test("names only paths that are there", () => {
    const named = [...text.matchAll(/`((?:src|test|\.ci)\/[\w./-]*|LICENSE)`/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !existsSync(join(REPOSITORY, name)))).toEqual([]);
  });

  test("has only links to files and sections that are there", () => {
    const targets = [...text.matchAll(/\[[^\]]+\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
    const broken = targets.filter((target) => !/^https:/.test(target) && !isThere(path, target));
    expect(broken).toEqual([]);
  });

  test("cites only clauses of the protocol that are there", () => {
    const clauses = clausesOfProtocol();
    const cited = [...text.matchAll(/§\d+\.\d+/g)].map(([clause]) => clause);
    expect(cited.filter((clause) => !clauses.has(clause))).toEqual([]);
  });
});

function clausesOfProtocol(): ReadonlySet<string> {
  const text = readDocument("src/wire/README.md");
  return new Set([...text.matchAll(/^- \*\*(§\d+\.\d+)\*\*/gm)].map(([, clause = ""]) => clause));
}

/** A link is seen from its document; a section has the name that GitHub gives it. */
function isThere(path: string, target: string): boolean {
  const [file = "", section] = target.split("#");
  const document = file === "" ? path : join(dirname(path), file);
  if (!existsSync(join(REPOSITORY, document))) return false;
  if (section === undefined) return true;
  const names = [...readDocument(document).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
  return names.includes(section);
}

test("comments of the source cite only clauses of the protocol that are there", async () => {
  const clauses = clausesOfProtocol();
  const paths = Array.from(new Bun.Glob("{src,test}/**/*.ts").scanSync(REPOSITORY));
  const cited: string[] = [];
  for (const path of paths) {
    const text = await Bun.file(join(REPOSITORY, path)).text();
    cited.push(...[...text.matchAll(/§\d+\.\d+/g)].map(([clause]) => clause));
  }
  expect(cited.length).toBeGreaterThan(5);
  expect(cited.filter((clause) => !clauses.has(clause))).toEqual([]);
});

test("every npm script that people run is described", () => {
  const all = DOCUMENT_PATHS.map(readDocument).join();
  const scripts = Object.keys(manifest.scripts).filter((name) => name !== "prepack");
  const missing = scripts.filter((name) => !all.includes(`npm run ${name}`) && !all.includes(`npm ${name}`));
  expect(missing).toEqual([]);
});

test("clauses of the protocol are numbered in order", () => {
  const clauses = [...readDocument("src/wire/README.md").matchAll(/^- \*\*§(\d+)\.(\d+)\*\*/gm)];
  const numbers = clauses.map(([, section, clause]) => [Number(section), Number(clause)] as const);
  expect(numbers.length).toBeGreaterThan(30);
  for (const [index, [section, clause]] of numbers.entries()) {
    const [lastSection, lastClause] = numbers[index - 1] ?? [0, 0];
    expect([section, clause]).toEqual(
      section === lastSection ? [section, lastClause + 1] : [lastSection + 1, 1],
    );
  }
});

test("the map of the source names every room", () => {
  const shown = rowsOf("The rooms", "room").map(([room]) => codesOf(room)[0] ?? "");
  const paths = Array.from(new Bun.Glob("src/**/*.ts").scanSync(REPOSITORY));
  const rooms = new Set(paths.map((path) => `${dirname(path)}/`).filter((room) => room !== "src/"));
  expect(shown.toSorted()).toEqual([...rooms].sort());
});

test("every Markdown file of help is a topic", () => {
  const names = topicPages([...commands, versionCommand]).map(({ name }) => name);
  const files = Array.from(new Bun.Glob("src/cli/help/*.md").scanSync(REPOSITORY));
  expect(files.map((file) => file.replace(/^.*\/(.*)\.md$/, "$1")).sort()).toEqual(names.sort());
});

test("every kind of code block is checked", () => {
  const kinds = CODE_BLOCKS.map(({ language, path, heading }) => `${language} in ${path}: ${heading}`);
  const drawings = [
    "text in README.md: How it fits together",
    "text in src/README.md: The path of an update",
    "text in src/kernel/README.md: The reconciler",
    "text in src/wire/README.md: 1. Frames",
    "text in src/wire/README.md: 2. The session",
  ];
  const checked = [
    "text in README.md: Five minutes",
    "ts in README.md: As a library",
    "text in README.md: As a library",
    "text in src/cli/help/output.md: What a client prints",
    "json in src/cli/help/output.md: What a client prints",
    "yaml in src/cli/help/config.md: The configuration file, and what a reload changes",
    "ts in src/library/README.md: An example",
    "text in src/library/README.md: An example",
    "yaml in src/cli/help/metrics.md: Prometheus and Grafana",
    "ts in src/library/README.md: Kernel routes from a program",
  ];
  const known = new Set([...drawings, ...checked]);
  expect(kinds.filter((kind) => !kind.startsWith("sh ") && !known.has(kind))).toEqual([]);
});
