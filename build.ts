#!/usr/bin/env bun
/**
 * Builds the executable:
 *
 *     bun build.ts [--target x64|arm64|x64-baseline|all] [--outdir DIR] [--without-libnl]
 *
 * One file per target: `bunbond` for this machine, `bunbond-linux-TARGET` for another, and SHA256SUMS beside
 * them. A file holds Bun's own executable (glibc) with our code, minified and as bytecode, appended. For another
 * kind of processor Bun's executable comes from npm, by the version and checksum that package-lock.json pins, and
 * stays in node_modules/.cache; all else works offline. Equal sources and an equal libnl give equal bytes.
 *
 * A copy of libnl-3.so.200, which installing routes needs, goes into the file: this system's for the target, as in
 * Debian's libnl-3-200 (for another processor libnl-3-200:arm64 or :amd64). Without one the build fails, since the
 * result would fail on the first host that has none either; --without-libnl asks for such a file. The library's licence
 * is in src/cli/program/third-party-licenses.txt, and `bunbond version --licenses` prints it.
 *
 * The result reads nothing from the directory it is started in: as Bun comes, .env and bunfig.toml there would be
 * loaded, and a bunfig.toml can name code to run first. Exit code 1 is a failed build, 2 a wrong command line.
 */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "./package.json" with { type: "json" };
import lock from "./package-lock.json" with { type: "json" };
import { type Arch, LIBRARY, libraryDirectories } from "./src/kernel/netlink/libnl-places.ts";
import { bundlePage, type PageFile } from "./src/page/bundle.ts";

const ROOT = import.meta.dir;
const CACHE = join(ROOT, "node_modules/.cache/bunbond-build");

/** Processors, each with Bun's name of the target and the npm package that holds Bun for it. */
const TARGETS = {
  x64: { arch: "x64", bunTarget: "bun-linux-x64", bunPackage: "@oven/bun-linux-x64" },
  arm64: { arch: "arm64", bunTarget: "bun-linux-arm64", bunPackage: "@oven/bun-linux-aarch64" },
  // Bun has one executable for all x64, from Nehalem (2008) on; its package for "baseline" is an alias.
  "x64-baseline": { arch: "x64", bunTarget: "bun-linux-x64-baseline", bunPackage: "@oven/bun-linux-x64" },
} as const;
type Target = keyof typeof TARGETS;

class BuildError extends Error {
  readonly exitCode: 1 | 2;
  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

interface Options {
  /** Null is this machine. */
  readonly targets: readonly (Target | null)[];
  readonly outdir: string;
  /** No copy of libnl goes into the file. */
  readonly withoutLibnl: boolean;
}

function readOptions(args: readonly string[]): Options {
  const names = Object.keys(TARGETS);
  const usage = `usage: bun build.ts [--target ${names.join("|")}|all] [--outdir DIR] [--without-libnl]`;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        target: { type: "string", multiple: true },
        outdir: { type: "string", multiple: true },
        "without-libnl": { type: "boolean" },
      },
    });
    const [target, ...moreTargets] = values.target ?? [];
    const [outdir = "dist", ...moreOutdirs] = values.outdir ?? [];
    if (moreTargets.length > 0 || moreOutdirs.length > 0) throw new Error("an option stands there twice");
    if (outdir === "") throw new Error("--outdir needs a directory");
    return {
      targets: readTarget(target),
      outdir: resolve(outdir),
      withoutLibnl: values["without-libnl"] ?? false,
    };
  } catch (error) {
    throw new BuildError(`${oneLine(error)} (${usage})`, 2);
  }
}

function readTarget(text: string | undefined): Options["targets"] {
  if (text === undefined) return [null];
  const all = Object.keys(TARGETS) as Target[]; // the keys are exactly those of the type
  const targets = text === "all" ? all : all.filter((target) => target === text);
  if (targets.length === 0) throw new Error(`there is no target ${JSON.stringify(text)}`);
  return targets.map((target) => (process.platform === "linux" && process.arch === target ? null : target));
}

/** Another Bun would put itself into the executable. */
function checkBun(): void {
  const pinned = manifest.devDependencies.bun;
  if (Bun.version === pinned) return;
  throw new BuildError(`this is Bun ${Bun.version}, but the build needs ${pinned}: run it by npm run build`);
}

/**
 * What the version line says: `given` if there is something (a build system knows best), else git's, with "-dirty"
 * when files were changed or added, and "unknown" where there is no git, or only that of a directory around `root`.
 */
export function commitOf(root: string, given = ""): string {
  if (given !== "") return given;
  if (git(root, "rev-parse", "--show-prefix") !== "") return "unknown";
  const hash = git(root, "rev-parse", "--short=12", "HEAD");
  if (hash === null) return "unknown";
  return git(root, "status", "--porcelain") === "" ? hash : `${hash}-dirty`;
}

/** Null when it fails or is not installed. */
function git(root: string, ...args: string[]): string | null {
  if (Bun.which("git") === null) return null;
  const { success, stdout } = Bun.spawnSync(["git", ...args], { cwd: root, stderr: "ignore" });
  return success ? stdout.toString().trim() : null;
}

/** Bun's executable for the target: the one that runs this, or from the cache or npm. */
async function bunFor(target: Target): Promise<string> {
  const { arch, bunPackage } = TARGETS[target];
  if (process.platform === "linux" && process.arch === arch) return process.execPath;
  const { version, integrity } = lock.packages[`node_modules/${bunPackage}`];
  const cached = join(CACHE, `${bunPackage.replace("/", "-")}-${version}`);
  const executable = join(cached, "package/bin/bun");
  if (await Bun.file(executable).exists()) return executable;
  if (Bun.which("npm") === null) {
    throw new BuildError(`--target ${target} needs npm (of Node.js), which fetches ${bunPackage}@${version}`);
  }
  await mkdir(CACHE, { recursive: true });
  const scratch = await mkdtemp(join(CACHE, "fetch-"));
  try {
    const archive = await npmPack(`${bunPackage}@${version}`, scratch);
    const found = `sha512-${new Bun.CryptoHasher("sha512").update(archive).digest("base64")}`;
    if (found !== integrity) {
      throw new BuildError(`${bunPackage}@${version} from npm is not what package-lock.json pins`);
    }
    await new Bun.Archive(archive).extract(join(scratch, "content"));
    await rm(cached, { recursive: true, force: true });
    await rename(join(scratch, "content"), cached);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return executable;
}

async function npmPack(name: string, directory: string): Promise<Uint8Array<ArrayBuffer>> {
  const command = ["npm", "pack", "--silent", "--pack-destination", directory, name];
  const { success, stderr } = Bun.spawnSync(command, { cwd: ROOT });
  const [file] = await readdir(directory);
  if (!success || file === undefined) {
    throw new BuildError(`npm cannot fetch ${name}: ${oneLine(stderr) || "npm pack failed"}`);
  }
  return Bun.file(join(directory, file)).bytes();
}

/** e_machine of the ELF header (elf.h). */
const ELF_MACHINES = { x64: 62, arm64: 183 } as const;

/** The system's libnl for the processor. */
function findLibnl(arch: Arch): string {
  const paths = libraryDirectories(arch).map((directory) => join(directory, LIBRARY));
  const path = paths.find((candidate) => existsSync(candidate) && isLibraryFor(arch, candidate));
  if (path !== undefined) return realpathSync(path);
  const debianArch = arch === "x64" ? "amd64" : arch;
  const debianPackage = arch === hostArch() ? "libnl-3-200" : `libnl-3-200:${debianArch}`;
  throw new BuildError(
    `there is no ${LIBRARY} for ${arch} here, which installing routes needs: ` +
      `install it (Debian: ${debianPackage}), or add --without-libnl for an executable that needs the host's`,
  );
}

/** e_ident begins with 0x7f "ELF", e_machine stands at offset 18 (elf.h). */
function isLibraryFor(arch: Arch, path: string): boolean {
  const bytes = readFileSync(path);
  const isElf = bytes.length >= 20 && bytes.readUInt32BE(0) === 0x7f454c46;
  return isElf && bytes.readUInt16LE(18) === ELF_MACHINES[arch];
}

/** Puts a module that names the embedded copy in the place of src/kernel/netlink/embedded-libnl.ts. */
function embedLibnl(path: string): Bun.BunPlugin {
  const contents = `import path from ${JSON.stringify(path)} with { type: "file" };
export const embeddedLibnlPath: string | null = path;`;
  return {
    name: "embedded libnl",
    setup: (build) => {
      build.onLoad({ filter: /\/src\/kernel\/netlink\/embedded-libnl\.ts$/ }, () => ({
        loader: "ts",
        contents,
      }));
    },
  };
}

/** Puts a module with the files of the page in the place of src/http/public/page-files.ts, which would make them. */
function embedPage(files: readonly PageFile[]): Bun.BunPlugin {
  const contents = `const files = ${JSON.stringify(files)};
export const pageFiles = () => Promise.resolve(files);`;
  return {
    name: "embedded page",
    setup: (build) => {
      build.onLoad({ filter: /\/src\/http\/public\/page-files\.ts$/ }, () => ({ loader: "js", contents }));
    },
  };
}

/** Compiles into a directory of its own, then renames: a file of that name may be running. */
async function build(
  target: Target | null,
  outdir: string,
  commit: string,
  libnl: string | null,
): Promise<string> {
  const name = target === null ? "bunbond" : `bunbond-linux-${target}`;
  const cross =
    target === null ? {} : { target: TARGETS[target].bunTarget, executablePath: await bunFor(target) };
  const scratch = await mkdtemp(join(outdir, ".build-"));
  try {
    const { success, logs } = await Bun.build({
      // A thread of its own needs an entry of its own; it lies at the same path below src/ in the executable.
      entrypoints: [join(ROOT, "src/main.ts"), join(ROOT, "src/cli/bench/worker.ts")],
      compile: {
        ...cross,
        outfile: join(scratch, "bunbond"),
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
        // Refuses eval and new Function, and with them the environment's BUN_OPTIONS=--preload.
        execArgv: ["--disallow-code-generation-from-strings=strict"],
      },
      plugins: [embedPage(await bundlePage()), ...(libnl === null ? [] : [embedLibnl(libnl)])],
      format: "esm",
      target: "bun",
      minify: true,
      bytecode: true,
      define: {
        BUNBOND_COMMIT: JSON.stringify(commit),
        "process.env.NODE_ENV": JSON.stringify("production"),
      },
      throw: false,
    });
    if (!success) throw new BuildError(`${name} cannot be built\n${logs.join("\n")}`);
    await chmod(join(scratch, "bunbond"), 0o755);
    await rename(join(scratch, "bunbond"), join(outdir, name));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return name;
}

/** For `sha256sum --check`: all executables that are there, from this build or an earlier one. */
async function writeChecksums(outdir: string): Promise<void> {
  const names = (await readdir(outdir)).filter((name) => /^bunbond(-linux-[\w-]+)?$/.test(name)).sort();
  const lines: string[] = [];
  for (const name of names) {
    const hasher = new Bun.CryptoHasher("sha256");
    for await (const chunk of Bun.file(join(outdir, name)).stream()) hasher.update(chunk);
    lines.push(`${hasher.digest("hex")}  ${name}\n`);
  }
  await Bun.write(join(outdir, "SHA256SUMS"), lines.join(""));
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n", 1)[0] ?? "";
}

function hostArch(): Arch {
  return process.arch === "arm64" ? "arm64" : "x64";
}

async function main(): Promise<void> {
  const { targets, outdir, withoutLibnl } = readOptions(process.argv.slice(2));
  checkBun();
  // For all of them before the first is built.
  const plan = targets.map((target) => {
    const arch = target === null ? hostArch() : TARGETS[target].arch;
    return { target, libnl: withoutLibnl ? null : findLibnl(arch) };
  });
  const { BUNBOND_COMMIT: givenCommit } = process.env;
  const commit = commitOf(ROOT, givenCommit);
  await mkdir(outdir, { recursive: true });
  for (const { target, libnl } of plan) {
    const name = await build(target, outdir, commit, libnl);
    const path = relative(process.cwd(), join(outdir, name));
    const inside = libnl === null ? `without ${LIBRARY}: the host must have it` : `with ${libnl}`;
    console.log(`${path}: bunbond ${manifest.version} (commit ${commit}), ${inside}`);
  }
  await writeChecksums(outdir);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`build: ${error instanceof BuildError ? error.message : oneLine(error)}`);
    process.exitCode = error instanceof BuildError ? error.exitCode : 1;
  }
}
