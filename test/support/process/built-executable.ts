import { existsSync, realpathSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LIBRARY, libraryDirectories } from "../../../src/kernel/netlink/libnl-places.ts";

const BUILD = fileURLToPath(new URL("../../../build.ts", import.meta.url));

/** This system's files of libnl, each once. */
export const LIBNL_PATHS: readonly string[] = [
  ...new Set(
    libraryDirectories(process.arch === "arm64" ? "arm64" : "x64")
      .map((directory) => join(directory, LIBRARY))
      .filter((path) => existsSync(path))
      .map((path) => realpathSync(path)),
  ),
];

/** A machine without libnl can run all tests but those of kernel routes. */
export const LIBNL_FLAGS: readonly string[] = LIBNL_PATHS.length === 0 ? ["--without-libnl"] : [];

let executable: Promise<string> | null = null;
let directory: string | null = null;
process.on("exit", removeBuiltExecutable);

/** For `bun test`, which ends without the event "exit"; setup.ts calls it. */
export function removeBuiltExecutable(): void {
  if (directory !== null) rmSync(directory, { recursive: true, force: true });
}

/** The path of an executable built from the present sources: once in a test run, and gone with it. */
export function builtExecutable(): Promise<string> {
  executable ??= build();
  return executable;
}

async function build(): Promise<string> {
  directory = await mkdtemp(join(tmpdir(), "bunbond-executable-"));
  const child = Bun.spawn([process.execPath, BUILD, "--outdir", directory, ...LIBNL_FLAGS], {
    env: { ...process.env, NODE_ENV: undefined },
    stdout: "ignore",
    stderr: "pipe",
  });
  const stderr = await child.stderr.text();
  if ((await child.exited) !== 0) throw new Error(`the executable cannot be built: ${stderr}`);
  return join(directory, "bunbond");
}
