/** The built executable, and the building of it (build.ts). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { commitOf } from "../build.ts";
import manifest from "../package.json" with { type: "json" };
import { reasonWithoutNamespaces } from "./support/kernel/network-namespace.ts";
import { LIBNL_FLAGS, LIBNL_PATHS } from "./support/process/built-executable.ts";

const REPOSITORY = fileURLToPath(new URL("..", import.meta.url));
const COMMIT = "0123456789ab";
const VERSION_LINE = `bunbond ${manifest.version} (commit ${COMMIT}, bun ${Bun.version})\n`;
/** Far more than a build takes, with 50 MB from a slow registry. */
const BUILD_TIMEOUT_MS = 300_000;

/** CI installs what tests need: there, nothing is skipped. */
const { CI: ci } = process.env;
const isCi = ci !== undefined;

const scratch = await mkdtemp(join(tmpdir(), "bunbond-build-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

interface Result {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  command: readonly string[],
  { cwd = scratch, env = {} }: RunOptions = {},
): Promise<Result> {
  const child = Bun.spawn([...command], {
    cwd,
    env: { ...process.env, NODE_ENV: undefined, BUNBOND_COMMIT: undefined, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}

function buildScript(root: string, args: readonly string[], options?: RunOptions): Promise<Result> {
  return run([process.execPath, join(root, "build.ts"), ...args], options);
}

/** What the command prints on a terminal that takes colours. */
async function runOnTerminal(command: readonly string[], cwd: string): Promise<string> {
  let output = "";
  const decoder = new TextDecoder();
  const env = { ...process.env, TERM: "xterm", NO_COLOR: undefined };
  const terminal = {
    data: (_: unknown, bytes: Uint8Array) => {
      output += decoder.decode(bytes, { stream: true });
    },
  };
  const child = Bun.spawn([...command], { cwd, env, terminal });
  await child.exited;
  return output;
}

async function sha256(path: string): Promise<string> {
  return new Bun.CryptoHasher("sha256").update(await Bun.file(path).bytes()).digest("hex");
}

/** Lines of `sha256sum --check`. */
async function checksumLines(outdir: string, names: readonly string[]): Promise<string> {
  const lines = await Promise.all(
    names.map(async (name) => `${await sha256(join(outdir, name))}  ${name}\n`),
  );
  return lines.join("");
}

describe("the executable for this machine", () => {
  const outdir = join(scratch, "host");
  const executable = join(outdir, "bunbond");

  beforeAll(async () => {
    const result = await buildScript(REPOSITORY, ["--outdir", outdir, ...LIBNL_FLAGS], {
      env: { BUNBOND_COMMIT: COMMIT },
    });
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
  }, BUILD_TIMEOUT_MS);

  test("stands alone beside its checksum", async () => {
    expect((await readdir(outdir)).sort()).toEqual(["SHA256SUMS", "bunbond"]);
    expect(await Bun.file(join(outdir, "SHA256SUMS")).text()).toBe(await checksumLines(outdir, ["bunbond"]));
    expect((await stat(executable)).mode & 0o777).toBe(0o755);
  });

  test("knows its version and commit", async () => {
    expect(await run([executable, "--version"])).toEqual({ exitCode: 0, stdout: VERSION_LINE, stderr: "" });
  });

  test(
    "is the same from another directory, copy and environment, byte for byte",
    async () => {
      const copy = join(scratch, "elsewhere/copy");
      const parts = ["src", "build.ts", "package.json", "package-lock.json", "tsconfig.json"];
      // uPlot goes into the page.
      const names = [...Object.keys(manifest.dependencies), "uplot"];
      const packages = names.map((name) => `node_modules/${name}`);
      for (const path of [...parts, ...packages]) {
        await cp(join(REPOSITORY, path), join(copy, path), { recursive: true });
      }
      const env = { BUNBOND_COMMIT: COMMIT, NODE_ENV: "development", TZ: "Asia/Tokyo" };
      const result = await buildScript(copy, LIBNL_FLAGS, { cwd: copy, env });
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      expect(await sha256(join(copy, "dist/bunbond"))).toBe(await sha256(executable));
    },
    BUILD_TIMEOUT_MS,
  );

  describe("in a hostile directory", () => {
    const hostile = join(scratch, "hostile");
    const preload = join(hostile, "preload.ts");
    const fromSource = [process.execPath, join(REPOSITORY, "src/main.ts")];

    beforeAll(async () => {
      await mkdir(hostile);
      await writeFile(join(hostile, ".env"), "NO_COLOR=1\n");
      await writeFile(join(hostile, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
      await writeFile(preload, 'console.log("foreign code");\n');
    });

    test("bunfig.toml runs no code, tsconfig.json and package.json are not read", async () => {
      const version = { exitCode: 0, stdout: VERSION_LINE, stderr: "" };
      expect((await run([...fromSource, "--version"], { cwd: hostile })).stdout).toContain("foreign code");
      expect(await run([executable, "--version"], { cwd: hostile })).toEqual(version);
      for (const name of ["tsconfig.json", "package.json"])
        await writeFile(join(hostile, name), "{ nonsense");
      expect(await run([executable, "--version"], { cwd: hostile })).toEqual(version);
    });

    test(".env is not loaded", async () => {
      const plain = await runOnTerminal([...fromSource, "--help"], hostile);
      expect(plain).toContain("Usage: bunbond");
      expect(await runOnTerminal([executable, "--help"], hostile)).toContain("\x1b[");
    });

    test.each([{ BUN_OPTIONS: `--preload ${preload}` }, { BUN_INSPECT_PRELOAD: preload }])(
      "%j runs no code",
      async (env) => {
        expect((await run([...fromSource, "--version"], { env })).stdout).toContain("foreign code");
        expect((await run([executable, "--version"], { env })).stdout).not.toContain("foreign code");
      },
    );
  });

  const readelf = Bun.which("readelf");
  const withReadelf = describe.skipIf(readelf === null && !isCi);
  withReadelf(`what it needs${readelf === null ? " (skipped: readelf is missing)" : ""}`, () => {
    test("no library but glibc's own", async () => {
      const { stdout } = await run(["readelf", "--dynamic", executable]);
      const libraries = [...stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name = ""]) => name);
      expect(libraries).toContain("libc.so.6");
      const glibc = /^(libc\.so\.6|libm\.so\.6|libdl\.so\.2|libpthread\.so\.0|ld-linux-.*)$/;
      expect(libraries.filter((name) => !glibc.test(name))).toEqual([]);
    });

    test("no glibc newer than 2.17", async () => {
      const { stdout } = await run(["readelf", "--version-info", "--wide", executable]);
      const minors = [...stdout.matchAll(/\bGLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
      expect(Math.max(...minors)).toBeLessThanOrEqual(17);
      expect(Math.max(...minors)).toBeGreaterThan(0);
    });
  });
});

describe("the executable for another machine", async () => {
  /** e_machine in elf.h. */
  const TARGETS = [
    ["x64", 62],
    ["arm64", 183],
    ["x64-baseline", 62],
  ] as const;
  const outdir = join(scratch, "all");
  // Few machines have the libnl of another kind of processor.
  const result = await buildScript(REPOSITORY, ["--target", "all", "--without-libnl", "--outdir", outdir], {
    env: { BUNBOND_COMMIT: COMMIT },
  });
  const noRegistry = /npm cannot fetch .*|needs npm.*/.exec(result.stderr)?.[0];
  const skipped = noRegistry !== undefined && !isCi;
  const nameOf = (target: string) => (target === process.arch ? "bunbond" : `bunbond-linux-${target}`);

  test.skipIf(skipped)(`all are built${skipped ? ` (skipped: ${noRegistry})` : ""}`, async () => {
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    const names = TARGETS.map(([target]) => nameOf(target)).sort();
    expect((await readdir(outdir)).sort()).toEqual(["SHA256SUMS", ...names]);
    expect(await Bun.file(join(outdir, "SHA256SUMS")).text()).toBe(await checksumLines(outdir, names));
  });

  test.skipIf(skipped).each(TARGETS)("%s is for its processor", async (target, machine) => {
    const header = await Bun.file(join(outdir, nameOf(target)))
      .slice(0, 20)
      .bytes();
    expect(new TextDecoder().decode(header.subarray(1, 4))).toBe("ELF");
    expect(new DataView(header.buffer).getUint16(18, true)).toBe(machine);
  });
});

describe("the copy of libnl", () => {
  const reason = LIBNL_PATHS.length === 0 ? "libnl-3 is not installed" : reasonWithoutNamespaces();
  const because = reason === null ? "" : ` (skipped: ${reason})`;

  /** Builds where the system has no libnl: for this command alone each of its files is an empty one. */
  function buildWithoutSystemLibnl(...args: readonly string[]): Promise<Result> {
    const hide = LIBNL_PATHS.map((path) => `mount --bind /dev/null ${path} && `).join("");
    const command = ["unshare", "--mount", "sh", "-c", `${hide} exec "$0" "$@"`, process.execPath];
    return run([...command, join(REPOSITORY, "build.ts"), ...args], { env: { BUNBOND_COMMIT: COMMIT } });
  }

  test.skipIf(reason !== null)(
    `is missing: nothing is built, unless --without-libnl says that it need not be there${because}`,
    async () => {
      const outdir = join(scratch, "no-libnl");
      const refused = await buildWithoutSystemLibnl("--outdir", outdir);
      expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
      expect(refused.stderr).toMatch(
        /^build: there is no libnl-3\.so\.200 for .* \(Debian: libnl-3-200\), or add --without-libnl .*\n$/,
      );
      expect(await Bun.file(join(outdir, "bunbond")).exists()).toBe(false);
      const built = await buildWithoutSystemLibnl("--outdir", outdir, "--without-libnl");
      expect(built).toMatchObject({ exitCode: 0, stderr: "" });
      expect(built.stdout).toContain("without libnl-3.so.200");
      expect(await run([join(outdir, "bunbond"), "--version"])).toMatchObject({ stdout: VERSION_LINE });
    },
    BUILD_TIMEOUT_MS,
  );
});

describe("a wrong command line is refused in one line and nothing is built", () => {
  test.each([
    [["--target", "sparc"], 2, 'there is no target "sparc"'],
    [["--target"], 2, "Option '--target <value>' argument missing"],
    [["--frob"], 2, "Unknown option '--frob'"],
    [["everything"], 2, "Unexpected argument 'everything'"],
    [["--without-libnl=yes"], 2, "Option '--without-libnl' does not take an argument"],
    [["--outdir", ""], 2, "--outdir needs a directory"],
    [["--outdir", "a", "--outdir", "b"], 2, "an option stands there twice"],
    [["--outdir", "/dev/null/dist", ...LIBNL_FLAGS], 1, "ENOTDIR"],
  ] as const)("%j", async (args, exitCode, text) => {
    const cwd = await mkdtemp(join(scratch, "refused-"));
    const result = await buildScript(REPOSITORY, args, { cwd });
    expect(result).toMatchObject({ exitCode, stdout: "" });
    expect(result.stderr).toStartWith(`build: ${text}`);
    expect(result.stderr.split("\n")).toHaveLength(2);
    expect(await readdir(cwd)).toEqual([]);
  });
});

describe("commitOf", () => {
  const git = async (directory: string, ...args: string[]) => {
    const identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
    expect(await run(["git", ...identity, ...args], { cwd: directory })).toMatchObject({ exitCode: 0 });
  };

  test("is what git says, and whether files differ from it", async () => {
    const directory = join(scratch, "git");
    await mkdir(join(directory, "inner"), { recursive: true });
    await git(directory, "init", "--quiet");
    expect(commitOf(directory)).toBe("unknown");
    await git(directory, "commit", "--quiet", "--allow-empty", "--message", "first");
    const hash = commitOf(directory);
    expect(hash).toMatch(/^[0-9a-f]{12}$/);
    await writeFile(join(directory, "new"), "");
    expect(commitOf(directory)).toBe(`${hash}-dirty`);
    expect(commitOf(directory, "given")).toBe("given");
    // A copy of the sources inside someone else's repository.
    expect(commitOf(join(directory, "inner"))).toBe("unknown");
  });

  test("is unknown without git", () => {
    expect(commitOf(scratch)).toBe("unknown");
    expect(commitOf(scratch, "")).toBe("unknown");
  });
});
