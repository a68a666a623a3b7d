/** This file opens the libc of this process, for the system calls that Bun lacks. */
import { dlopen, type FFIFunction, type Pointer, read } from "bun:ffi";
import { readFileSync } from "node:fs";

/** Returns the functions; null if they cannot be called (not Linux, another libc, no JIT). */
export function openLibc<const Functions extends Record<string, FFIFunction>>(functions: Functions) {
  try {
    // The path is needed: a name alone would also be searched in the working directory.
    const path = /^\S+ r\S+ .* (\/\S+\/libc\.so\.6)$/m.exec(readFileSync("/proc/self/maps", "utf8"))?.[1];
    return path === undefined ? null : dlopen(path, functions).symbols;
  } catch {
    return null;
  }
}

/** Returns the error number of the last call of this thread. `location`: what __errno_location() has returned. */
export function readErrno(location: Pointer | bigint | null): number {
  // A bigint would be an address beyond 2^53.
  return typeof location === "number" ? read.i32(location, 0) : 0;
}
