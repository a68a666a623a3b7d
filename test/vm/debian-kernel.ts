/**
 * Debian's kernel for clouds, as the package has it: downloaded and unpacked, never installed. It stays in
 * node_modules/.cache, by the package's name (which has the kernel's version).
 */
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { output } from "./command.ts";

const CACHE = fileURLToPath(new URL("../../node_modules/.cache/bunbond-vm", import.meta.url));
/** Depends on the package with the newest kernel. */
const META_PACKAGE = "linux-image-cloud-amd64";

export interface KernelModule {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface DebianKernel {
  /** As 6.1.0-56-cloud-amd64. */
  readonly version: string;
  /** Path of the bootable image. */
  readonly image: string;
  /** The modules named and those that they need, in an order in which they can be loaded. */
  modules(names: readonly string[]): Promise<KernelModule[]>;
}

/** The package that the meta package depends on now; null where apt knows of none (another distribution, no lists). */
export function kernelPackage(): string | null {
  const { stdout } = Bun.spawnSync(["apt-cache", "depends", META_PACKAGE], { stderr: "ignore" });
  return /Depends: (linux-image-\S+)/.exec(stdout.toString())?.[1] ?? null;
}

export async function debianKernel(debianPackage: string): Promise<DebianKernel> {
  const directory = join(CACHE, debianPackage);
  if (!(await Bun.file(join(directory, "complete")).exists())) await download(debianPackage, directory);
  const version = debianPackage.replace("linux-image-", "");
  return {
    version,
    image: join(directory, `boot/vmlinuz-${version}`),
    modules: (names) => modulesInOrder(directory, names),
  };
}

async function download(debianPackage: string, directory: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const scratch = await mkdtemp(join(CACHE, "fetch-"));
  try {
    await output(["apt-get", "download", debianPackage], { cwd: scratch });
    const [archive = ""] = await readdir(scratch);
    const content = join(scratch, "content");
    await output(["dpkg-deb", "--extract", join(scratch, archive), content]);
    await Bun.write(join(content, "complete"), "");
    await rm(directory, { recursive: true, force: true });
    await rename(content, directory);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The package has no modules.dep, which its installation would make; each module names what it needs. */
async function modulesInOrder(directory: string, names: readonly string[]): Promise<KernelModule[]> {
  const paths = new Map<string, string>();
  // lib/modules in Debian 12; later usr/lib/modules, and the modules compressed.
  for await (const path of new Bun.Glob("**/lib/modules/**/*.ko{,.xz}").scan({ cwd: directory })) {
    paths.set(basename(path).replace(/\.ko.*$/, ""), join(directory, path));
  }
  const ordered = new Map<string, Uint8Array>();
  const add = async (name: string): Promise<void> => {
    if (ordered.has(name)) return;
    const path = paths.get(name);
    if (path === undefined) throw new Error(`the kernel has no module ${name}`);
    const bytes = path.endsWith(".xz")
      ? await output(["xz", "--decompress", "--stdout", path])
      : await Bun.file(path).bytes();
    for (const needed of neededModules(bytes)) await add(needed);
    ordered.set(name, bytes);
  };
  for (const name of names) await add(name);
  return [...ordered].map(([name, bytes]) => ({ name, bytes }));
}

/** Reads "depends=a,b", a NUL-terminated string of the section .modinfo. */
function neededModules(bytes: Uint8Array): string[] {
  const [, list = ""] = /\0depends=([^\0]*)\0/.exec(Buffer.from(bytes).toString("latin1")) ?? [];
  return list.split(",").filter((name) => name !== "");
}
