/**
 * Says where the executable contains libnl-3.so.200: a path that node:fs reads; null if it does not contain it. build.ts puts
 * a module of its own in this one's place where it finds the library for the target.
 */
export const embeddedLibnlPath: string | null = null;
