/** Socket options that Bun has no call for: setsockopt(2) of the libc that this process runs with. */
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

type SetSocketOption = (fd: number, level: number, name: number, value: Int32Array, bytes: number) => number;

/** Undefined: not looked for yet; null: there is none (not Linux, another libc, no JIT). */
let setSocketOption: SetSocketOption | null | undefined;

/** Has the kernel hold no more than that of what has not been received; false where that cannot be told to it. */
export function limitReceiveBuffer(fd: number, bytes: number): boolean {
  if (setSocketOption === undefined) setSocketOption = find();
  if (setSocketOption === null) return false;
  const value = new Int32Array([bytes]);
  return setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, value, value.byteLength) === 0;
}

function find(): SetSocketOption | null {
  try {
    // By its path: a name alone would also be looked for in the working directory.
    const path = /^\S+ r\S+ .* (\/\S+\/libc\.so\.6)$/m.exec(readFileSync("/proc/self/maps", "utf8"))?.[1];
    if (path === undefined) return null;
    const { symbols } = dlopen(path, {
      setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    });
    return symbols.setsockopt;
  } catch {
    return null;
  }
}
