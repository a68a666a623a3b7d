/**
 * A project that has this package as a dependency: packed, and added by Bun from the archive, as a program that uses the
 * library would have it. Without a registry: the package's own dependencies come as archives, too.
 */
import { mkdir, mkdtemp, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../../package.json" with { type: "json" };
import { ChildProcess } from "./child-process.ts";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

/** What `bun init` writes (Bun 1.4). */
const TSCONFIG = {
  compilerOptions: {
    lib: ["ESNext"],
    target: "ESNext",
    module: "Preserve",
    moduleDetection: "force",
    types: ["bun"],
    moduleResolution: "bundler",
    allowImportingTsExtensions: true,
    verbatimModuleSyntax: true,
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    noFallthroughCasesInSwitch: true,
    noUncheckedIndexedAccess: true,
    noImplicitOverride: true,
  },
  // Not Bun's cache, which stands beside.
  include: ["*.ts"],
};

/** Its directory, for the caller to fill and to remove. */
export async function projectWithLibrary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "bunbond-project-"));
  const overrides: Record<string, string> = {};
  for (const [name, version] of Object.entries(manifest.dependencies)) {
    await pack(join(REPOSITORY, "node_modules", name), directory);
    overrides[name] = `file:./${name}-${version}.tgz`;
  }
  // As its prepack does, which Bun would do by a shell of its own.
  await run(["run", "build:types"], REPOSITORY);
  await pack(REPOSITORY, directory);
  const project = { name: "project", private: true, type: "module", overrides };
  await writeFile(join(directory, "package.json"), JSON.stringify(project));
  await writeFile(join(directory, "tsconfig.json"), JSON.stringify(TSCONFIG));
  const archive = `./${manifest.name}-${manifest.version}.tgz`;
  // An empty cache of its own: nothing that happens to be on this machine helps.
  await run(["add", archive], directory, { BUN_INSTALL_CACHE_DIR: join(directory, "cache") });
  await mkdir(join(directory, "node_modules/@types"), { recursive: true });
  for (const types of ["@types/bun", "bun-types"]) {
    await symlink(join(REPOSITORY, "node_modules", types), join(directory, "node_modules", types));
  }
  return directory;
}

function pack(packageDirectory: string, destination: string): Promise<void> {
  return run(["pm", "pack", "--ignore-scripts", "--destination", destination], packageDirectory);
}

async function run(args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<void> {
  await using bun = new ChildProcess({ command: [process.execPath, ...args], cwd, env });
  if ((await bun.ended) !== 0) throw new Error(bun.describe());
}
