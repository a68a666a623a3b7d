import { closeSync, openSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A pipe that has a reader who reads nothing: it takes 64 KB, and then whoever writes waits. */
export class StalledPipe {
  readonly #directory: string;
  /** Whoever opens this to read gets what was written. */
  readonly path: string;
  readonly #fd: number;
  private constructor(directory: string, path: string, fd: number) {
    this.#directory = directory;
    this.path = path;
    this.#fd = fd;
  }

  static async create(): Promise<StalledPipe> {
    const directory = await mkdtemp(join(tmpdir(), "bunbond-pipe-"));
    const path = join(directory, "pipe");
    Bun.spawnSync(["mkfifo", path]);
    // For both directions, since then it is opened at once, and has a reader and a writer until it is closed.
    return new StalledPipe(directory, path, openSync(path, "r+"));
  }

  /** The command with this as its stdout; its process is the command's own. */
  stdoutOf(command: readonly string[]): readonly string[] {
    return ["sh", "-c", 'exec "$@" >"$0"', this.path, ...command];
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    rmSync(this.#directory, { recursive: true });
  }
}
