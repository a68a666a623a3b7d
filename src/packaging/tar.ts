/**
 * Writes tar archives in the ustar format of POSIX.1-1988, which dpkg and container runtimes read. Each entry is a header of 512 bytes
 * and the file, filled up to a multiple of 512; two blocks of zeros end the archive:
 *
 *     0 name | 100 mode | 108 owner | 116 group | 124 size | 136 time | 148 checksum | 156 type | 157 link target | 257 "ustar" 00
 *
 * Numbers are octal text.
 */
import type { ArchiveEntry } from "./archive-entry.ts";

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const TYPES = { file: "0", link: "2", directory: "5" } as const;

/** `prefix` comes before each path, as "./" in Debian's packages. All times are `timeSeconds`. */
export function tarArchive(entries: readonly ArchiveEntry[], timeSeconds: number, prefix = ""): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    parts.push(header(entry, timeSeconds, prefix));
    if (entry.type === "file") parts.push(entry.bytes, padding(entry.bytes.length));
  }
  parts.push(new Uint8Array(2 * BLOCK_BYTES));
  return Buffer.concat(parts);
}

function header(entry: ArchiveEntry, timeSeconds: number, prefix: string): Uint8Array {
  const name = `${prefix}${entry.path}${entry.type === "directory" ? "/" : ""}`;
  const target = entry.type === "link" ? entry.target : "";
  for (const text of [name, target]) {
    if (Buffer.byteLength(text) > NAME_BYTES) throw new Error(`${text} is too long for a tar archive`);
  }
  const bytes = Buffer.alloc(BLOCK_BYTES);
  const owner = entry.owner ?? 0;
  bytes.write(name, 0);
  bytes.write(octal(entry.type === "link" ? 0o777 : entry.mode, 8), 100);
  bytes.write(octal(owner, 8), 108);
  bytes.write(octal(owner, 8), 116);
  bytes.write(octal(entry.type === "file" ? entry.bytes.length : 0, 12), 124);
  bytes.write(octal(timeSeconds, 12), 136);
  // The checksum is taken with blanks in its own place.
  bytes.write("        ", 148);
  bytes.write(TYPES[entry.type], 156);
  bytes.write(target, 157);
  bytes.write("ustar\u000000", 257);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}

function octal(value: number, widthBytes: number): string {
  return `${value.toString(8).padStart(widthBytes - 1, "0")}\0`;
}

function padding(lengthBytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (lengthBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}
