/** A file, a directory or a symbolic link in a package. */
export type ArchiveEntry = { readonly path: string; readonly owner?: number } & (
  | { readonly type: "file"; readonly bytes: Uint8Array; readonly mode: number }
  | { readonly type: "directory"; readonly mode: number }
  | { readonly type: "link"; readonly target: string }
);

export function textFile(path: string, text: string, mode = 0o644): ArchiveEntry {
  return { type: "file", path, bytes: Buffer.from(text), mode };
}

/**
 * Returns the entries in the order of their paths, with the directories that they are in. Equal entries give an equal list, whatever
 * order they come in.
 */
export function withDirectories(entries: readonly ArchiveEntry[]): ArchiveEntry[] {
  const all = new Map<string, ArchiveEntry>();
  for (const { path } of entries) {
    const parts = path.split("/").slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) {
      const directory = parts.slice(0, depth).join("/");
      all.set(directory, { type: "directory", path: directory, mode: 0o755 });
    }
  }
  for (const entry of entries) all.set(entry.path, entry);
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
