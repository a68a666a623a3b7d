/**
 * The root file system that the machine boots with, and all it ever has:
 *
 *     /init                       guest/init: mounts, loads modules, starts guest.js
 *     /guest.js                   guest/main.ts with all that it imports
 *     /bin                        busybox, with links that it makes itself
 *     /usr/local/sbin/ip          iproute2; not in /bin, where busybox puts an ip of its own
 *     /usr/local/bin/bunbond      the executable under test
 *     /lib…                       glibc and the other libraries of these programs
 *     /lib/modules/NN-NAME.ko     loaded in this order
 *
 * There is no libnl in it: like on a fresh Debian, the executable has only what it brings along.
 */
import { chmod, cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { output } from "./command.ts";
import type { KernelModule } from "./debian-kernel.ts";

const GUEST = fileURLToPath(new URL("./guest", import.meta.url));

export interface InitramfsOptions {
  /** Where to make it: an empty directory. */
  readonly directory: string;
  /** Path of the executable under test. */
  readonly bunbond: string;
  /** Paths of programs of this machine. */
  readonly busybox: string;
  readonly ip: string;
  readonly modules: readonly KernelModule[];
}

/** Gives the path of the archive. It is not compressed: to unpack it would take the emulated processor longer. */
export async function makeInitramfs(options: InitramfsOptions): Promise<string> {
  const root = join(options.directory, "root");
  for (const mountPoint of ["proc", "sys", "dev", "run", "tmp"]) {
    await mkdir(join(root, mountPoint), { recursive: true });
  }
  for (const [from, to] of [
    [join(GUEST, "init"), "init"],
    [options.busybox, "bin/busybox"],
    [options.ip, "usr/local/sbin/ip"],
    [options.bunbond, "usr/local/bin/bunbond"],
  ] as const) {
    await copy(from, join(root, to));
    await chmod(join(root, to), 0o755);
  }
  for (const library of await libraries([options.busybox, options.ip, options.bunbond])) {
    await copy(library, join(root, library));
  }
  for (const [index, { name, bytes }] of options.modules.entries()) {
    const number = `${index}`.padStart(2, "0");
    await Bun.write(join(root, "lib/modules", `${number}-${name}.ko`), bytes);
  }
  await bundleGuest(root);
  const archive = join(options.directory, "initramfs");
  const pack = `find . | cpio --create --format=newc --owner=0:0 --quiet --file="$1"`;
  await output(["sh", "-c", pack, "sh", archive], { cwd: root });
  return archive;
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { dereference: true });
}

/** Absolute paths of the shared libraries and loaders that the programs name. */
async function libraries(programs: readonly string[]): Promise<Set<string>> {
  const paths = new Set<string>();
  for (const program of programs) {
    const isStatic = Bun.spawnSync(["ldd", program], { stderr: "ignore" }).exitCode !== 0;
    if (isStatic) continue;
    const text = new TextDecoder().decode(await output(["ldd", program]));
    for (const [, path = ""] of text.matchAll(/(\/\S+) \(0x/g)) paths.add(path);
  }
  const libnl = [...paths].find((path) => path.includes("libnl"));
  if (libnl !== undefined) throw new Error(`${libnl} would come into the machine, which must have no libnl`);
  return paths;
}

async function bundleGuest(root: string): Promise<void> {
  const { success, logs } = await Bun.build({
    entrypoints: [join(GUEST, "main.ts")],
    outdir: root,
    naming: "guest.js",
    target: "bun",
    sourcemap: "inline",
    throw: false,
  });
  if (!success) throw new Error(`the guest's program cannot be bundled\n${logs.join("\n")}`);
}
