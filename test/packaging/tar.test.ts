/** Archives, with tar as the witness. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { type ArchiveEntry, textFile, withDirectories } from "../../src/packaging/archive-entry.ts";
import { tarArchive } from "../../src/packaging/tar.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const ENTRIES: readonly ArchiveEntry[] = [
  textFile("b/script", "#!/bin/sh\n", 0o755),
  textFile("b/empty", ""),
  // A block exactly, and a byte more.
  textFile("a/block", "x".repeat(512)),
  textFile("a/more", "x".repeat(513)),
  { type: "link", path: "a/link", target: "../b/script" },
  { type: "directory", path: "owned", mode: 0o1777, owner: 65_532 },
];

test("tar lists what was put in, in order, with directories", async () => {
  await using directory = temporaryDirectory();
  const path = join(directory.path, "a.tar");
  await Bun.write(path, tarArchive(withDirectories(ENTRIES), 1_767_225_600, "./"));
  const { stdout, stderr } = Bun.spawnSync(["tar", "--numeric-owner", "--utc", "-tvf", path], {
    env: { ...process.env, LC_ALL: "C" },
  });
  expect(stderr.toString()).toBe("");
  const lines = stdout.toString().trimEnd().split("\n");
  expect(lines.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
    "drwxr-xr-x 0/0 0 2026-01-01 00:00 ./a/",
    "-rw-r--r-- 0/0 512 2026-01-01 00:00 ./a/block",
    "lrwxrwxrwx 0/0 0 2026-01-01 00:00 ./a/link -> ../b/script",
    "-rw-r--r-- 0/0 513 2026-01-01 00:00 ./a/more",
    "drwxr-xr-x 0/0 0 2026-01-01 00:00 ./b/",
    "-rw-r--r-- 0/0 0 2026-01-01 00:00 ./b/empty",
    "-rwxr-xr-x 0/0 10 2026-01-01 00:00 ./b/script",
    "drwxrwxrwt 65532/65532 0 2026-01-01 00:00 ./owned/",
  ]);
});

test("a name that does not fit is refused", () => {
  expect(() => tarArchive([textFile("x".repeat(101), "")], 0)).toThrow("too long for a tar archive");
});
