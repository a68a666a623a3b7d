#!/usr/bin/env bun
/**
 * `npm run package`: builds the executable, and from it, without any daemon or tool of a distribution but ldd:
 *
 *     dist/bunbond_VERSION_ARCH.deb    a Debian package
 *     dist/image/                      an image in the layout of the Open Container Initiative
 *
 *     bun src/packaging/package.ts [--outdir DIR] [--executable FILE]
 *
 * Equal inputs give equal bytes: times are those of the variable SOURCE_DATE_EPOCH, or a fixed one.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../../package.json" with { type: "json" };
import { debArchive } from "./deb.ts";
import { hostLibraries } from "./host-libraries.ts";
import { ociLayout } from "./oci-image.ts";
import { debPackage, ociImage } from "./package-content.ts";

const ROOT = join(import.meta.dir, "../..");
/** 1 January 2026. */
const DEFAULT_TIME_SECONDS = 1_767_225_600;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { outdir: { type: "string", default: "dist" }, executable: { type: "string" } },
  });
  const outdir = resolve(values.outdir);
  const executable = values.executable === undefined ? build(outdir) : resolve(values.executable);
  const { SOURCE_DATE_EPOCH: epoch = "" } = process.env;
  const context = {
    executable: await readFile(executable),
    license: await readFile(join(ROOT, "LICENSE"), "utf8"),
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    timeSeconds: /^\d+$/.test(epoch) ? Number(epoch) : DEFAULT_TIME_SECONDS,
  };
  const deb = join(outdir, `bunbond_${manifest.version}_${context.architecture}.deb`);
  await mkdir(outdir, { recursive: true });
  await writeFile(deb, debArchive(debPackage(context)));
  const image = join(outdir, "image");
  await rm(image, { recursive: true, force: true });
  for (const entry of ociLayout(ociImage(context, hostLibraries(executable)))) {
    if (entry.type !== "file") continue;
    await mkdir(dirname(join(image, entry.path)), { recursive: true });
    await writeFile(join(image, entry.path), entry.bytes);
  }
  for (const path of [deb, image]) console.log(relative(process.cwd(), path));
}

function build(outdir: string): string {
  const command = [process.execPath, join(ROOT, "build.ts"), "--outdir", outdir];
  const { success } = Bun.spawnSync(command, { stdio: ["ignore", "inherit", "inherit"] });
  if (!success) throw new Error("the executable cannot be built");
  return join(outdir, "bunbond");
}

try {
  await main();
} catch (error) {
  console.error(`package: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
