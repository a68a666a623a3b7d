/** Lists where systems have libnl-3, for the program that opens it and the build that takes a copy. */

export const LIBRARY = "libnl-3.so.200";

const MULTIARCH = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const;

/** Processors that we build for, as in process.arch. */
export type Arch = keyof typeof MULTIARCH;

/** Absolute, by order. Debian and Ubuntu name the processor, others do not: a file may be for another one. */
export function libraryDirectories(arch: Arch): readonly string[] {
  const multiarch = MULTIARCH[arch];
  return [
    `/usr/lib/${multiarch}`,
    `/lib/${multiarch}`,
    "/usr/lib64",
    "/lib64",
    "/usr/lib",
    "/lib",
    "/usr/local/lib64",
    "/usr/local/lib",
  ];
}
