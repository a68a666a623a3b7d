/** This file makes socket calls that Bun lacks, by the libc of this process. */
import { openLibc } from "./libc.ts";

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const TCP_NOTSENT_LOWAT = 25;
/**
 * The offset in struct tcp_info (linux/tcp.h) of the number of connections that wait to be accepted, for a listening
 * socket.
 */
const TCPI_UNACKED_AT = 24;
const TCP_INFO_BYTES = 104;
/** The command of fcntl(2) for a copy that programs started by this process do not inherit (linux/fcntl.h). */
const F_DUPFD_CLOEXEC = 1030;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const POLLOUT = 4;
const POLLERR = 8;
const POLLHUP = 16;

interface SocketCalls {
  setsockopt(fd: number, level: number, name: number, value: Int32Array, bytes: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, bytes: Uint32Array): number;
  listen(fd: number, backlog: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  poll(sockets: Int32Array, count: number, timeoutMs: number): number;
}

/** The calls; undefined until they are first needed; null if there are none (not Linux, another libc, no JIT). */
let socketCalls: SocketCalls | null | undefined;

function calls(): SocketCalls | null {
  if (socketCalls === undefined) socketCalls = find();
  return socketCalls;
}

/** Limits the kernel's buffer of bytes that were not received yet. Returns false if the limit cannot be set. */
export function limitReceiveBuffer(fd: number, bytes: number): boolean {
  return setOption(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

/**
 * Makes the kernel take no more for sending while this much or more waits to be sent for the first time (tcp(7)). Bytes
 * in flight do not count. Returns false if the limit cannot be set.
 */
export function limitUnsent(fd: number, bytes: number): boolean {
  return setOption(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes);
}

function setOption(fd: number, level: number, name: number, bytes: number): boolean {
  const value = new Int32Array([bytes]);
  return calls()?.setsockopt(fd, level, name, value, value.byteLength) === 0;
}

/** Returns how many connections of a listening TCP socket wait to be accepted; 0 if that is not known. */
export function acceptQueueLength(fd: number): number {
  const info = new Uint8Array(TCP_INFO_BYTES);
  const length = new Uint32Array([info.length]);
  if (calls()?.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, length) !== 0) return 0;
  return new DataView(info.buffer).getUint32(TCPI_UNACKED_AT, true);
}

/** Returns another descriptor of the same socket; null if no descriptor is left. */
export function duplicateDescriptor(fd: number): number | null {
  const copy = calls()?.fcntl(fd, F_DUPFD_CLOEXEC, 0) ?? -1;
  return copy < 0 ? null : copy;
}

/**
 * Makes the kernel keep up to `backlog` connections until they are accepted, if net.core.somaxconn allows that. For a
 * socket that listens already, listen(2) changes only this. Returns false if it cannot be set.
 */
export function setBacklog(fd: number, backlog: number): boolean {
  return calls()?.listen(fd, backlog) === 0;
}

/** Returns true if these calls can be made. */
export function hasSocketCalls(): boolean {
  return calls() !== null;
}

/**
 * Sends as many bytes as the socket takes at once, whether it is non-blocking or not, and returns their number. 0 means
 * that it takes none for now, or never again (see {@link sendState}).
 */
export function sendAtOnce(fd: number, bytes: Uint8Array): number {
  return Math.max(0, calls()?.send(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL) ?? 0);
}

/**
 * Returns "full" if the socket takes nothing for now, or "gone" if its other end has closed, so that it never will
 * again.
 */
export function sendState(fd: number): "ready" | "full" | "gone" {
  // struct pollfd: int fd, short events, short revents.
  const sockets = new Int32Array([fd, POLLOUT]);
  calls()?.poll(sockets, 1, 0);
  const events = (sockets[1] as number) >>> 16;
  if ((events & (POLLERR | POLLHUP)) !== 0) return "gone";
  return (events & POLLOUT) !== 0 ? "ready" : "full";
}

function find(): SocketCalls | null {
  return openLibc({
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
    fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
    send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  });
}
