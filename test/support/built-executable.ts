import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BUILD = fileURLToPath(new URL("../../build.ts", import.meta.url));

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
  const child = Bun.spawn([process.execPath, BUILD, "--outdir", directory], {
    env: { ...process.env, NODE_ENV: undefined },
    stdout: "ignore",
    stderr: "pipe",
  });
  const stderr = await child.stderr.text();
  if ((await child.exited) !== 0) throw new Error(`the executable cannot be built: ${stderr}`);
  return join(directory, "bunbond");
}
