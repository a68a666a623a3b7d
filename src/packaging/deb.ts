/**
 * Writes a Debian package (deb(5)): an ar archive of
 *
 *     debian-binary     "2.0"
 *     control.tar.gz    control, md5sums, conffiles, maintainer scripts
 *     data.tar.gz       the files
 *
 * gzip is what every dpkg reads; zstd would need that of Debian 12.
 */
import { type ArchiveEntry, textFile, withDirectories } from "./archive-entry.ts";
import { tarArchive } from "./tar.ts";

export interface DebPackage {
  /** The fields of the control file, but for Installed-Size. */
  readonly fields: Readonly<Record<string, string>>;
  readonly files: readonly ArchiveEntry[];
  /** Paths of files that an upgrade must not overwrite if they have been changed. */
  readonly configurationFiles: readonly string[];
  /** Maintainer scripts by their names. */
  readonly scripts: Readonly<Record<string, string>>;
  readonly timeSeconds: number;
}

export function debArchive({
  fields,
  files,
  configurationFiles,
  scripts,
  timeSeconds,
}: DebPackage): Uint8Array {
  const control = withDirectories([
    textFile("control", controlText(fields, files)),
    textFile("md5sums", md5Sums(files)),
    textFile("conffiles", configurationFiles.map((path) => `/${path}\n`).join("")),
    ...Object.entries(scripts).map(([name, text]) => textFile(name, text, 0o755)),
  ]);
  const compressed = (entries: readonly ArchiveEntry[]) =>
    Bun.gzipSync(Buffer.from(tarArchive(entries, timeSeconds, "./")));
  return arArchive(
    [
      ["debian-binary", Buffer.from("2.0\n")],
      ["control.tar.gz", compressed(control)],
      ["data.tar.gz", compressed(withDirectories(files))],
    ],
    timeSeconds,
  );
}

function controlText(fields: DebPackage["fields"], files: readonly ArchiveEntry[]): string {
  const bytes = files.reduce((sum, file) => sum + (file.type === "file" ? file.bytes.length : 0), 0);
  const all = { ...fields, "Installed-Size": `${Math.ceil(bytes / 1024)}` };
  return Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");
}

function md5Sums(files: readonly ArchiveEntry[]): string {
  const lines = files.flatMap((file) =>
    file.type === "file"
      ? [`${new Bun.CryptoHasher("md5").update(file.bytes).digest("hex")}  ${file.path}\n`]
      : [],
  );
  return lines.sort().join("");
}

/** Each member is a header of 60 bytes of text and the bytes, at even offsets. */
function arArchive(members: readonly (readonly [string, Uint8Array])[], timeSeconds: number): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from("!<arch>\n")];
  for (const [name, bytes] of members) {
    const columns = [
      name.padEnd(16),
      `${timeSeconds}`.padEnd(12),
      "0".padEnd(6),
      "0".padEnd(6),
      "100644".padEnd(8),
      `${bytes.length}`.padEnd(10),
    ];
    parts.push(Buffer.from(`${columns.join("")}\`\n`), bytes);
    if (bytes.length % 2 === 1) parts.push(Buffer.from("\n"));
  }
  return Buffer.concat(parts);
}
