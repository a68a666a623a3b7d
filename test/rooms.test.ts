/**
 * The order of the rooms, src/'s folders: each may import from those before it, and from none behind it. What
 * touches the outside world does so in few places, so that everything else can be tested without it.
 */
import { describe, expect, test } from "bun:test";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("../src", import.meta.url));

const ROOMS = ["net", "wire", "route", "session", "transport", "server", "client", "kernel", "http", "cli"];

/** Packages and Bun's own modules, and the only places that may import them. */
const OUTSIDE: readonly (readonly [module: RegExp, importers: RegExp])[] = [
  [/^ip-address$/, /^net\//],
  [/^citty$/, /^cli\//],
  [/^consola(\/|$)/, /^cli\//],
  [/^bun:ffi$/, /^(kernel\/libnl|transport\/sockopt)\.ts$/],
  [/^node:|^bun:(?!ffi)/, /^(transport|kernel|http|cli)\//],
];

/** Rooms that are functions of their input alone: time, chance and bytes are passed in. */
const PURE = ["net", "wire", "route", "session"];
/** Bun.stringWidth, which measures text, is the exception. */
const IMPURE =
  /\b(Bun\.(?!stringWidth\b)\w+|process\.\w+|performance\.\w+|Date\.now|Math\.random|new Date\b|set(Timeout|Interval|Immediate)|fetch\()/g;

/** Path from src/ → text. */
type Sources = ReadonlyMap<string, string>;

async function readSources(): Promise<Sources> {
  const paths = await Array.fromAsync(new Bun.Glob("**/*.ts").scan(SOURCE));
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await Bun.file(join(SOURCE, path)).text()] as const)),
  );
}

/** All module names that a source imports, types included. */
function importsOf(source: string): string[] {
  const statements = source.matchAll(/^\s*(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']/gm);
  const effects = source.matchAll(/^\s*import\s*["']([^"']+)["']/gm);
  const dynamic = source.matchAll(/\b(?:import|require)\(\s*["'`]([^"'`]+)["'`]/g);
  return [...statements, ...effects, ...dynamic].map(([, module = ""]) => module);
}

/** Of a path from src/: its folder's place in the order, or beyond it for the files on top. */
function placeOf(path: string): number {
  const room = ROOMS.indexOf(path.split("/")[0] ?? "");
  return room < 0 ? ROOMS.length : room;
}

function violations(sources: Sources): string[] {
  return [...sources].flatMap(([path, source]) => [
    ...importsOf(source).flatMap((module) => importViolation(path, module)),
    ...impurities(path, source),
  ]);
}

function importViolation(path: string, module: string): string[] {
  if (!module.startsWith(".")) {
    const rule = OUTSIDE.find(([pattern]) => pattern.test(module));
    if (rule === undefined) return [`${path}: ${module} is not one of our packages`];
    return rule[1].test(path) ? [] : [`${path}: ${module} may not be imported here`];
  }
  const target = normalize(join(path, "..", module));
  if (target === "../package.json") return [];
  if (target.startsWith("..")) return [`${path}: ${module} is outside src/`];
  // Nobody imports the top, and the library must not bring the command line along.
  const isTop = !target.includes("/");
  const isLibraryWithCli = path === "index.ts" && target.startsWith("cli/");
  const isBackwards = placeOf(target) > placeOf(path);
  return isTop || isLibraryWithCli || isBackwards ? [`${path}: imports ${target}`] : [];
}

function impurities(path: string, source: string): string[] {
  if (!PURE.includes(path.split("/")[0] ?? "")) return [];
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
  return [...code.matchAll(IMPURE)].map(([use]) => `${path}: uses ${use}`);
}

describe("src/", async () => {
  const sources = await readSources();

  test("has the rooms and two files on top", () => {
    const tops = new Set([...sources.keys()].map((path) => path.split("/")[0] ?? ""));
    expect([...tops].filter((top) => !ROOMS.includes(top)).sort()).toEqual(["index.ts", "main.ts"]);
  });

  test("keeps to its order", () => {
    expect(violations(sources)).toEqual([]);
  });
});

describe("the check finds", () => {
  test.each([
    ["net/a.ts", `import { x } from "../wire/b.ts";`, "net/a.ts: imports wire/b.ts"],
    ["server/a.ts", `import type { x } from "../client/b.ts";`, "server/a.ts: imports client/b.ts"],
    ["session/a.ts", `export {\n  x,\n} from "../transport/b.ts";`, "session/a.ts: imports transport/b.ts"],
    ["http/a.ts", `const b = await import("../cli/b.ts");`, "http/a.ts: imports cli/b.ts"],
    ["cli/bench/a.ts", `import "../../main.ts";`, "cli/bench/a.ts: imports main.ts"],
    ["index.ts", `export { x } from "./cli/x.ts";`, "index.ts: imports cli/x.ts"],
    ["cli/a.ts", `import x from "../../test/x.ts";`, "cli/a.ts: ../../test/x.ts is outside src/"],
    ["cli/a.ts", `import x from "left-pad";`, "cli/a.ts: left-pad is not one of our packages"],
    ["http/a.ts", `import { Address6 } from "ip-address";`, "http/a.ts: ip-address may not be imported here"],
    ["kernel/a.ts", `import { dlopen } from "bun:ffi";`, "kernel/a.ts: bun:ffi may not be imported here"],
    ["route/a.ts", `import { join } from "node:path";`, "route/a.ts: node:path may not be imported here"],
    ["session/a.ts", `const now = Date.now();`, "session/a.ts: uses Date.now"],
    ["net/a.ts", `Bun.connect({});`, "net/a.ts: uses Bun.connect"],
  ])("in %s: %j", (path, source, violation) => {
    expect(violations(new Map([[path, source]]))).toEqual([violation]);
  });

  test.each([
    ["client/a.ts", `import { x } from "../net/b.ts";\nimport { y } from "./c.ts";`],
    ["main.ts", `import { x } from "./cli/b.ts";`],
    ["kernel/libnl.ts", `import { dlopen } from "bun:ffi";`],
    ["cli/a.ts", `import { version } from "../../package.json" with { type: "json" };`],
    ["net/a.ts", "/** Not Date.now(). */\nconst cells = Bun.stringWidth(text); // nor Math.random()"],
  ])("nothing in %s: %j", (path, source) => {
    expect(violations(new Map([[path, source]]))).toEqual([]);
  });
});
