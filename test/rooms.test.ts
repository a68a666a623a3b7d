/**
 * The order of the rooms, src/'s folders: each may import from itself and from those before it in the list, never from one after it. No
 * files import one another in a circle. What touches the outside world does so in few places, so that everything else can be
 * tested without it.
 */
import { describe, expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("../src", import.meta.url));

/** Folders; a file that is named by itself has its place in the order for itself. */
const ROOMS = [
  "base",
  "net",
  "wire",
  "route",
  "route/trie",
  "route/table",
  "session",
  "options",
  "transport/schedule",
  "transport",
  "systemd",
  "server/exchange",
  "server",
  "client/view",
  "client/link",
  "client",
  "kernel/kernel.ts",
  "kernel/option-names.ts",
  "kernel/format-operation.ts",
  "kernel/format-route.ts",
  "kernel/dry-run-kernel.ts",
  "kernel/netlink",
  "kernel/desired",
  "kernel/fib",
  "kernel/objects",
  "kernel/reconcile",
  "kernel",
  "library",
  "http/connections",
  "http",
  "http/control/api.ts",
  "http/control/daemon.ts",
  "http/monitoring",
  "http/queries",
  "http/control",
  "page/view",
  "page/browser",
  "page",
  "http/public",
  "tools/ip",
  "tools/monitoring",
  "tools/capture",
  "tools/decode",
  "tools/wireshark",
  "tools/install",
  "tools/doctor",
  "tools/ping",
  "cli/program",
  "cli/flags",
  "cli/config",
  "cli/bench",
  "cli/daemon",
  "cli/doctor",
  "cli/commands",
  "cli/help",
  "cli",
  "packaging",
];

/** Packages and Bun's own modules, and the only places that may import them. */
const OUTSIDE: readonly (readonly [module: RegExp, importers: RegExp])[] = [
  [/^ip-address$/, /^net\//],
  [/^citty$/, /^cli\//],
  [/^uplot$/, /^page\/browser\//],
  [/^consola(\/|$)/, /^cli\//],
  [/^bun:ffi$/, /^(kernel\/netlink\/libnl|transport\/libc)\.ts$/],
  [/^node:|^bun:(?!ffi)/, /^(transport|kernel|http|cli|packaging)\//],
];

/** Rooms that are functions of their input alone: time, chance and bytes are passed in. */
const PURE = [
  "base",
  "net",
  "wire",
  "route",
  "route/trie",
  "route/table",
  "session",
  "options",
  "server/exchange",
  "client/view",
  "kernel/desired",
  "kernel/fib",
  "tools/ip",
  "tools/monitoring",
  "tools/capture",
  "tools/decode",
  "tools/wireshark",
  "tools/install",
  "tools/doctor",
  "tools/ping",
];
/** Bun.stringWidth, which measures text, and a date of a given time are the exceptions. */
const IMPURE =
  /\b(Bun\.(?!stringWidth\b)\w+|process\.\w+|performance\.\w+|Date\.now|Math\.random|new Date(?!\([^)])|set(Timeout|Interval|Immediate)|fetch\()/g;

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

/** The place in the order of a path from src/; after all others for the files on top. */
function placeOf(path: string): number {
  const file = ROOMS.indexOf(path);
  const room = file < 0 ? ROOMS.indexOf(dirname(path)) : file;
  return room < 0 ? ROOMS.length : room;
}

function violations(sources: Sources): string[] {
  return [...sources].flatMap(([path, source]) => [
    ...importsOf(source).flatMap((module) => importViolation(path, module)),
    ...impurities(path, source),
  ]);
}

/** Each circle of files as "a.ts → b.ts → a.ts", once for each file at which the walk closes it. */
function circles(sources: Sources): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (path: string): void => {
    const start = way.indexOf(path);
    if (start >= 0) found.push([...way.slice(start), path].join(" → "));
    if (start >= 0 || done.has(path)) return;
    way.push(path);
    for (const module of importsOf(sources.get(path) ?? "")) {
      const target = normalize(join(path, "..", module));
      if (module.startsWith(".") && sources.has(target)) visit(target);
    }
    way.pop();
    done.add(path);
  };
  for (const path of sources.keys()) visit(path);
  return found;
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
  if (!PURE.includes(dirname(path))) return [];
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
  return [...code.matchAll(IMPURE)].map(([use]) => `${path}: uses ${use}`);
}

describe("src/", async () => {
  const sources = await readSources();

  test("has the rooms and two files on top", () => {
    const outside = [...sources.keys()].filter((path) => placeOf(path) === ROOMS.length);
    expect(outside.sort()).toEqual(["index.ts", "main.ts"]);
  });

  test("has no room without a file", () => {
    const places = new Set([...sources.keys()].map(placeOf));
    expect(ROOMS.filter((_, place) => !places.has(place))).toEqual([]);
  });

  test("keeps to its order", () => {
    expect(violations(sources)).toEqual([]);
  });

  test("has no files that import one another in a circle", () => {
    expect(circles(sources)).toEqual([]);
  });
});

describe("the check finds", () => {
  test.each([
    ["net/a.ts", `import { x } from "../wire/b.ts";`, "net/a.ts: imports wire/b.ts"],
    ["server/a.ts", `import type { x } from "../client/b.ts";`, "server/a.ts: imports client/b.ts"],
    ["session/a.ts", `export {\n  x,\n} from "../transport/b.ts";`, "session/a.ts: imports transport/b.ts"],
    ["http/public/a.ts", `const b = await import("../../cli/b.ts");`, "http/public/a.ts: imports cli/b.ts"],
    [
      "kernel/fib/a.ts",
      `import { x } from "../reconcile/b.ts";`,
      "kernel/fib/a.ts: imports kernel/reconcile/b.ts",
    ],
    ["client/view/a.ts", `import type { x } from "../b.ts";`, "client/view/a.ts: imports client/b.ts"],
    ["kernel/kernel.ts", `import { x } from "./lock.ts";`, "kernel/kernel.ts: imports kernel/lock.ts"],
    ["cli/bench/a.ts", `import "../../main.ts";`, "cli/bench/a.ts: imports main.ts"],
    ["index.ts", `export { x } from "./cli/x.ts";`, "index.ts: imports cli/x.ts"],
    ["cli/a.ts", `import x from "../../test/x.ts";`, "cli/a.ts: ../../test/x.ts is outside src/"],
    ["cli/a.ts", `import x from "left-pad";`, "cli/a.ts: left-pad is not one of our packages"],
    ["http/a.ts", `import { Address6 } from "ip-address";`, "http/a.ts: ip-address may not be imported here"],
    ["kernel/a.ts", `import { dlopen } from "bun:ffi";`, "kernel/a.ts: bun:ffi may not be imported here"],
    ["route/a.ts", `import { join } from "node:path";`, "route/a.ts: node:path may not be imported here"],
    ["session/a.ts", `const now = Date.now();`, "session/a.ts: uses Date.now"],
    ["session/a.ts", `const now = new Date();`, "session/a.ts: uses new Date"],
    ["net/a.ts", `Bun.connect({});`, "net/a.ts: uses Bun.connect"],
  ])("in %s: %j", (path, source, violation) => {
    expect(violations(new Map([[path, source]]))).toEqual([violation]);
  });

  test.each([
    ["client/a.ts", `import { x } from "../net/b.ts";\nimport { y } from "./c.ts";`],
    ["main.ts", `import { x } from "./cli/b.ts";`],
    ["kernel/netlink/libnl.ts", `import { dlopen } from "bun:ffi";`],
    ["cli/a.ts", `import { version } from "../../package.json" with { type: "json" };`],
    ["net/a.ts", "/** Not Date.now(). */\nconst cells = Bun.stringWidth(text); // nor Math.random()"],
    ["net/a.ts", "const text = new Date(seconds * 1000).toISOString();"],
  ])("nothing in %s: %j", (path, source) => {
    expect(violations(new Map([[path, source]]))).toEqual([]);
  });
});

test("a circle is found, one of types too", () => {
  const sources = new Map([
    ["net/a.ts", `import { b } from "./b.ts";`],
    ["net/b.ts", `import type { C } from "./c.ts";`],
    ["net/c.ts", `export { a } from "./a.ts";`],
    ["net/d.ts", `import { a } from "./a.ts";`],
  ]);
  expect(circles(sources)).toEqual(["net/a.ts → net/b.ts → net/c.ts → net/a.ts"]);
});
