export interface CommandOptions {
  readonly cwd?: string;
  /** Default: nothing. */
  readonly stdin?: string;
}

/** What the command prints; an error with its stderr if it fails. */
export async function output(
  command: readonly string[],
  { cwd, stdin = "" }: CommandOptions = {},
): Promise<Uint8Array> {
  const child = Bun.spawn([...command], {
    ...(cwd === undefined ? {} : { cwd }),
    // As it is now: by default it would be that of this process's start.
    env: process.env,
    stdin: new TextEncoder().encode(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.bytes(),
    child.stderr.text(),
    child.exited,
  ]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} failed (${exitCode}): ${stderr.trim()}`);
  return stdout;
}
