/** Copies of this machine's C library and libnl, for an image that has nothing else. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LIBRARY, libraryDirectories } from "../kernel/netlink/libnl-places.ts";
import type { ArchiveEntry } from "./archive-entry.ts";

/** Libraries that the C library opens by itself to find host names, if they are not part of it (before glibc 2.34). */
const NAME_SERVICE_LIBRARIES = ["libresolv.so.2", "libnss_dns.so.2", "libnss_files.so.2"];

/** Returns what the executable needs, at the same paths as here, where its loader looks for them. */
export function hostLibraries(executable: string): ArchiveEntry[] {
  const needed = sharedObjectsOf(executable);
  const libc = needed.find((path) => path.endsWith("/libc.so.6"));
  if (libc === undefined) throw new Error(`ldd names no libc.so.6 for ${executable}`);
  const nameService = NAME_SERVICE_LIBRARIES.map((name) => join(dirname(libc), name));
  const places = libraryDirectories(process.arch === "arm64" ? "arm64" : "x64");
  const libnl = places.map((directory) => join(directory, LIBRARY)).find(existsSync);
  if (libnl === undefined) throw new Error(`there is no ${LIBRARY} here: install libnl-3-200`);
  return [...new Set([...needed, ...nameService.filter(existsSync), libnl])].map((path) => ({
    type: "file",
    path: path.slice(1),
    bytes: readFileSync(path),
    mode: 0o755,
  }));
}

/** Returns the absolute paths that ldd shows, the dynamic loader's included. */
function sharedObjectsOf(executable: string): string[] {
  const { stdout, success } = Bun.spawnSync(["ldd", executable], { env: { ...process.env, LC_ALL: "C" } });
  if (!success) throw new Error(`ldd cannot read ${executable}`);
  // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)", and "/lib64/ld-linux-x86-64.so.2 (0x…)".
  return [...stdout.toString().matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
}
