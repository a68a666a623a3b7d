/**
 * Where the executable carries libnl-3.so.200 in itself: a path that node:fs reads. Null: it does not. build.ts puts
 * a module of its own in this one's place where it finds the library for the target.
 */
export const embeddedLibnlPath: string | null = null;
