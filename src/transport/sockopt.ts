/** What Bun has no call for: setsockopt(2), listen(2), send(2) and poll(2) of the libc that this process runs with. */
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const POLLOUT = 4;
const POLLERR = 8;
const POLLHUP = 16;

interface SocketCalls {
  setsockopt(fd: number, level: number, name: number, value: Int32Array, bytes: number): number;
  listen(fd: number, backlog: number): number;
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  poll(sockets: Int32Array, count: number, timeoutMs: number): number;
}

/** Undefined: not looked for yet; null: there are none (not Linux, another libc, no JIT). */
let socketCalls: SocketCalls | null | undefined;

function calls(): SocketCalls | null {
  if (socketCalls === undefined) socketCalls = find();
  return socketCalls;
}

/** Has the kernel hold no more than that of what has not been received; false where that cannot be told to it. */
export function limitReceiveBuffer(fd: number, bytes: number): boolean {
  const value = new Int32Array([bytes]);
  return calls()?.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, value.byteLength) === 0;
}

/**
 * Has the kernel keep up to `backlog` connections until they are accepted, if net.core.somaxconn allows so many (listen(2): on a
 * socket that listens already, a further call changes only that); false where that cannot be told to it.
 */
export function setBacklog(fd: number, backlog: number): boolean {
  return calls()?.listen(fd, backlog) === 0;
}

/** These calls can be made. */
export function hasSocketCalls(): boolean {
  return calls() !== null;
}

/**
 * Sends what the socket takes at once, whether it is non-blocking or not; how many bytes that were. 0: none for now, or never
 * again ({@link sendState}).
 */
export function sendAtOnce(fd: number, bytes: Uint8Array): number {
  return Math.max(0, calls()?.send(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL) ?? 0);
}

/** "full": it takes nothing for now; "gone": its other end is, and it never will. */
export function sendState(fd: number): "ready" | "full" | "gone" {
  // struct pollfd: int fd, short events, short revents.
  const sockets = new Int32Array([fd, POLLOUT]);
  calls()?.poll(sockets, 1, 0);
  const events = (sockets[1] as number) >>> 16;
  if ((events & (POLLERR | POLLHUP)) !== 0) return "gone";
  return (events & POLLOUT) !== 0 ? "ready" : "full";
}

function find(): SocketCalls | null {
  try {
    // By its path: a name alone would also be looked for in the working directory.
    const path = /^\S+ r\S+ .* (\/\S+\/libc\.so\.6)$/m.exec(readFileSync("/proc/self/maps", "utf8"))?.[1];
    if (path === undefined) return null;
    const { symbols } = dlopen(path, {
      setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
      listen: { args: ["i32", "i32"], returns: "i32" },
      send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
      poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    });
    return symbols;
  } catch {
    return null;
  }
}
