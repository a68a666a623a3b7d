/** Which tests `npm run test:fast` runs: none that starts a process or opens a socket, and all others but the slow ones. */
import { describe, expect, test } from "bun:test";
import { edgesOf, fastTestFiles, isSlow, readTestSources, testFilesOf } from "./support/fast-tests.ts";
import { mergedSummary, readReport } from "./support/test-report.ts";

const sources = await readTestSources();
const fast = fastTestFiles(sources);

describe("the fast tests", () => {
  test("have no file that imports what starts processes, opens sockets or calls the C library", () => {
    expect(fast.filter((path) => edgesOf(path, sources).length > 0)).toEqual([]);
    const outside = /^test\/(process|interop|attack|vm|bench|kernel\/namespace)\//;
    expect(fast.filter((path) => outside.test(path))).toEqual([]);
    const needing =
      /from "[./]*support\/(process\/(child-process|built-executable|bunbond-process|route-client)|kernel\/(network|overlay)-namespace|network\/(tcp-peer|stalled-pipe))\.ts"/;
    expect(fast.filter((path) => needing.test(sources.get(path) ?? ""))).toEqual([]);
  });

  test("are every other file that is not named as slow", () => {
    const others = testFilesOf(sources).filter((path) => !fast.includes(path));
    expect(others.filter((path) => edgesOf(path, sources).length === 0 && !isSlow(path))).toEqual([]);
    for (const room of [
      "base",
      "net",
      "wire",
      "route",
      "session",
      "server",
      "client",
      "scenario",
      "library",
    ]) {
      expect(fast.filter((path) => path.startsWith(`test/${room}/`)).length).toBeGreaterThan(0);
    }
  });
});

describe("an edge is found", () => {
  const EDGES: readonly (readonly [what: string, source: string])[] = [
    ["a process", `Bun.spawn(["true"]);`],
    ["a process of Node's", `import { spawn } from "node:child_process";`],
    ["a socket", `const listener = Bun.listen({ unix: path, socket });`],
    ["a socket of Node's", `import { connect } from "node:net";`],
    ["a request", `await fetch(url);`],
    ["the C library", `import { dlopen } from "bun:ffi";`],
  ];

  test.each(EDGES)("%s, in the file and two imports away", (_what, source) => {
    const tree = new Map([
      ["test/a.test.ts", `import {\n  b,\n} from "./support/b.ts";`],
      ["test/support/b.ts", `export { c } from "../../src/c.ts";`],
      ["src/c.ts", source],
      ["test/direct.test.ts", source],
    ]);
    expect(edgesOf("test/a.test.ts", tree)).toEqual(["src/c.ts"]);
    expect(edgesOf("test/direct.test.ts", tree)).toEqual(["test/direct.test.ts"]);
  });

  test("not where only a type is imported, and not in what src/ itself imports", () => {
    const tree = new Map([
      ["test/a.test.ts", `import type { B } from "../src/b.ts";\nimport { c } from "../src/c.ts";`],
      ["src/b.ts", `Bun.connect({});`],
      ["src/c.ts", `import { b } from "./b.ts";`],
    ]);
    expect(edgesOf("test/a.test.ts", tree)).toEqual([]);
  });
});

describe("the report of several runs", () => {
  const good = `bun test v1.4.4 (38afee6c8)

 25 pass
 5082 expect() calls
Ran 25 tests across 1 file. [3.04s]
`;
  const bad = `bun test v1.4.4 (38afee6c8)

test/a.test.ts:
Expected: 2
(fail) bad [0.27ms]

test/b.test.ts:

# Unhandled error between tests
error: at load

 26 pass
 1 todo
 2 fail
 2 errors
 5084 expect() calls
Ran 29 tests across 2 files. [9.94s]
`;

  test("of a good run there is nothing but its counts", () => {
    expect(readReport(good)).toMatchObject({ text: "", files: 1, isComplete: true });
  });

  test("of another one there are its failures", () => {
    expect(readReport(bad)).toMatchObject({
      text: `test/a.test.ts:
Expected: 2
(fail) bad [0.27ms]

test/b.test.ts:

# Unhandled error between tests
error: at load`,
      files: 2,
      isComplete: true,
    });
  });

  test("a run that broke off has no summary", () => {
    expect(readReport("bun test v1.4.4 (38afee6c8)\n\nSegmentation fault\n")).toMatchObject({
      text: "Segmentation fault",
      isComplete: false,
    });
  });

  test("they have one summary", () => {
    expect(mergedSummary([readReport(good), readReport(bad), readReport(good)], 8_765)).toBe(
      ` 76 pass
 1 todo
 2 fail
 2 error
 15248 expect() calls
Ran 79 tests across 4 files. [8.77s]`,
    );
    expect(mergedSummary([readReport(good)], 1_000)).toBe(
      " 25 pass\n 0 fail\n 5082 expect() calls\nRan 25 tests across 1 file. [1.00s]",
    );
  });
});
