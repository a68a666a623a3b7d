/**
 * Writes the files of a service. The first line of each has a checksum of the rest: so a file that somebody has changed is known, and
 * is not overwritten, while the next `bunbond install` with other flags replaces its own.
 */
import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemErrorCode } from "../../base/system-error.ts";
import type { ServiceFile } from "../../tools/install/service-file.ts";

const MARK = "# Written by bunbond install, checksum ";
const CHECKSUM_DIGITS = 16;

/** What happened to a file, or would happen. */
export interface InstalledFile {
  readonly path: string;
  readonly action: "write" | "replace" | "keep";
  readonly text: string;
}

export interface InstallPlan {
  readonly files: readonly InstalledFile[];
  /** The paths of files that are not as `bunbond install` wrote them, and would get another text. */
  readonly changed: readonly string[];
}

/** Compares the files with those below `root`. */
export async function planInstall(files: readonly ServiceFile[], root: string): Promise<InstallPlan> {
  const planned = await Promise.all(
    files.map(async ({ path, text }) => {
      const [marked, found] = [withMark(text), await readIfThere(join(root, path))];
      const action = found === null ? "write" : found === marked ? "keep" : "replace";
      return {
        path,
        action,
        text: marked,
        isChanged: action === "replace" && !hasMark(found ?? ""),
      } as const;
    }),
  );
  return {
    files: planned.map(({ isChanged: _, ...file }) => file),
    changed: planned.filter(({ isChanged }) => isChanged).map(({ path }) => path),
  };
}

/** Writes the files below `root`, each as a whole. */
export async function writeFiles(files: readonly InstalledFile[], root: string): Promise<void> {
  for (const { path, action, text } of files) {
    if (action === "keep") continue;
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    const scratch = `${target}.new`;
    await writeFile(scratch, text, { mode: 0o644 });
    await rename(scratch, target);
  }
}

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}

/** Returns the text as it is written, after its checksum. */
export function withMark(text: string): string {
  return `${MARK}${checksum(text)}\n${text}`;
}

/** Returns true if the text is as `bunbond install` wrote it. */
function hasMark(text: string): boolean {
  const end = text.indexOf("\n") + 1;
  return text.slice(0, end) === `${MARK}${checksum(text.slice(end))}\n`;
}

function checksum(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, CHECKSUM_DIGITS);
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw error;
  }
}
