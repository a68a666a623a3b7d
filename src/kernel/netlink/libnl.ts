/**
 * Calls libnl-3 (libnl-3.so.200, LGPL-2.1) by bun:ffi: it opens and names the sockets, and sends. Receiving is recv(2), since
 * nl_recv() allocates a buffer for each datagram. The messages are ours: libnl 3.7 has no calls for nexthop objects.
 *
 * The library is the system's if there is one, else the copy in the executable. It is opened by absolute path only, as
 * a bare name is also looked for in the working directory. The copy goes into a memfd: it has no name under which
 * another program could replace it, needs no writable and executable directory, and leaves no file.
 *
 * libc's own functions are found through libnl, which links to it.
 */
import { dlopen, type FFIFunction, type Pointer, ptr, read } from "bun:ffi";
import { closeSync, existsSync, readFileSync, writeSync } from "node:fs";
import { KernelError } from "../kernel.ts";
import { embeddedLibnlPath } from "./embedded-libnl.ts";
import { LIBRARY, libraryDirectories } from "./libnl-places.ts";
import {
  BPF_JMP_JEQ_K,
  BPF_LD_W_ABS,
  BPF_RET_K,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  SO_ATTACH_FILTER,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
} from "./netlink-constants.ts";
import { EAGAIN, EINTR, type NetlinkListener, type NetlinkSocket } from "./netlink-socket.ts";

const SYMBOLS = {
  // libnl-3, netlink/socket.h and netlink/netlink.h; an error is a negative NLE_… of netlink/errno.h.
  nl_socket_alloc: { args: [], returns: "ptr" },
  nl_socket_free: { args: ["ptr"], returns: "void" },
  nl_connect: { args: ["ptr", "i32"], returns: "i32" },
  nl_socket_get_fd: { args: ["ptr"], returns: "i32" },
  nl_socket_get_local_port: { args: ["ptr"], returns: "u32" },
  nl_socket_set_buffer_size: { args: ["ptr", "i32", "i32"], returns: "i32" },
  nl_socket_set_nonblocking: { args: ["ptr"], returns: "i32" },
  nl_socket_add_membership: { args: ["ptr", "i32"], returns: "i32" },
  nl_sendto: { args: ["ptr", "ptr", "usize"], returns: "i32" },
  nl_geterror: { args: ["i32"], returns: "cstring" },
  // libc; a ssize_t of ours fits in 32 bits
  recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  strerror: { args: ["i32"], returns: "cstring" },
  __errno_location: { args: [], returns: "ptr" },
} as const satisfies Record<string, FFIFunction>;

type Functions = ReturnType<typeof dlopen<typeof SYMBOLS>>["symbols"];

/** The kernel's answers to one batch need this much room if every operation in it fails. */
const OPERATION_BUFFER_BYTES = 4 << 20;
/** Room for some 80,000 notifications, as when a group with so many routes is deleted; more while we are busy are an overrun. */
const LISTENER_BUFFER_BYTES = 32 << 20;
/** Of fcntl.h: duplicates a descriptor; child processes do not inherit the new one. */
const F_DUPFD_CLOEXEC = 1030;

let loaded: Libnl | null = null;

/**
 * The library, opened at the first call.
 * @throws KernelError LIBNL_MISSING or JIT_OFF
 */
export function loadLibnl(): Libnl {
  const directories = libraryDirectories(process.arch === "arm64" ? "arm64" : "x64");
  loaded ??= openLibnl({ directories, embeddedPath: embeddedLibnlPath });
  return loaded;
}

export interface LibnlPlaces {
  /** Directories to search, in this order. */
  readonly directories: readonly string[];
  /** The path of the copy, which is used if the directories have none; null if there is no copy. */
  readonly embeddedPath: string | null;
}

/** @throws KernelError LIBNL_MISSING or JIT_OFF */
export function openLibnl({ directories, embeddedPath }: LibnlPlaces): Libnl {
  let firstError: unknown = null;
  for (const path of directories.map((directory) => `${directory}/${LIBRARY}`).filter(existsSync)) {
    try {
      return new Libnl(path, dlopen(path, SYMBOLS).symbols);
    } catch (error) {
      firstError ??= jitError(error) ?? error;
      if (firstError instanceof KernelError) throw firstError;
    }
  }
  if (embeddedPath !== null) {
    try {
      return new Libnl("the copy in the executable", openEmbedded(embeddedPath));
    } catch (error) {
      firstError ??= jitError(error) ?? error;
      if (firstError instanceof KernelError) throw firstError;
    }
  }
  const why = firstError instanceof Error ? `: ${firstError.message}` : "";
  throw new KernelError(
    "LIBNL_MISSING",
    `${LIBRARY} ${why === "" ? "is not installed" : "cannot be loaded"}, which work on the kernel's routes needs: install libnl3 (Debian and Ubuntu: apt-get install libnl-3-200; Fedora: dnf install libnl3)${why}`,
  );
}

/** bun:ffi makes machine code, which systemd's MemoryDenyWriteExecute= and the like forbid. */
function jitError(error: unknown): KernelError | null {
  if (!(error instanceof Error) || !/\bJIT\b/.test(error.message)) return null;
  return new KernelError(
    "JIT_OFF",
    "work on the kernel's routes needs the JIT, which is off here: take MemoryDenyWriteExecute= out of the systemd unit, or BUN_JSC_useJIT out of the environment",
    { cause: error },
  );
}

function openEmbedded(path: string): Functions {
  const { symbols: libc } = dlopen(libcPath(), {
    memfd_create: { args: ["cstring", "u32"], returns: "i32" },
  });
  const MFD_CLOEXEC = 1;
  const fd = libc.memfd_create(ptr(new TextEncoder().encode(`${LIBRARY}\0`)), MFD_CLOEXEC);
  if (fd < 0) throw new Error("memfd_create failed");
  try {
    const bytes = readFileSync(path);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    return dlopen(`/proc/self/fd/${fd}`, SYMBOLS).symbols;
  } finally {
    closeSync(fd);
  }
}

/** The path of the libc that this process runs with. */
function libcPath(): string {
  const path = /^\S+ r\S+ .* (\/\S+\/libc\.so\.6)$/m.exec(readFileSync("/proc/self/maps", "utf8"))?.[1];
  if (path === undefined) throw new Error("this process has no libc.so.6");
  return path;
}

export class Libnl {
  /** The library's path, or "the copy in the executable". */
  readonly origin: string;
  readonly #functions: Functions;

  constructor(origin: string, functions: Functions) {
    this.origin = origin;
    this.#functions = functions;
  }

  /** @throws KernelError SOCKET_FAILED */
  openSocket(): NetlinkSocket {
    return new LibnlSocket(this.#functions, OPERATION_BUFFER_BYTES);
  }

  /**
   * Opens a socket that receives the notifications of the groups, without those of changes by the socket `exceptPortId`: the
   * kernel drops them, as otherwise a large batch of ours would fill the buffer.
   * @param groups RTNLGRP_…
   * @throws KernelError SOCKET_FAILED
   */
  openListener(groups: readonly number[], exceptPortId: number): NetlinkListener {
    const socket = new LibnlSocket(this.#functions, LISTENER_BUFFER_BYTES);
    try {
      socket.dropThoseOf(exceptPortId);
      for (const group of groups) socket.join(group);
      return socket;
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
  }

  /** "No such process" */
  errorText(errno: number): string {
    return String(this.#functions.strerror(errno));
  }
}

function asPointer(value: Pointer | bigint | null): Pointer {
  // A bigint would be an address beyond 2^53.
  if (typeof value === "number") return value;
  throw new KernelError("SOCKET_FAILED", "netlink: out of memory");
}

class LibnlSocket implements NetlinkSocket, NetlinkListener {
  readonly portId: number;
  readonly #functions: Functions;
  readonly #fd: number;
  /** Null if it is closed. */
  #socket: Pointer | null;
  readonly #errno: Pointer;

  constructor(functions: Functions, bufferBytes: number) {
    this.#functions = functions;
    const socket = asPointer(functions.nl_socket_alloc());
    const errno = asPointer(functions.__errno_location());
    this.#socket = socket;
    this.#errno = errno;
    try {
      this.#check("nl_connect", functions.nl_connect(socket, NETLINK_ROUTE));
      this.#check("nl_socket_set_nonblocking", functions.nl_socket_set_nonblocking(socket));
      this.#fd = functions.nl_socket_get_fd(socket);
      this.portId = functions.nl_socket_get_local_port(socket);
      this.#setBuffers(socket, bufferBytes);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    // An old kernel does not know all of them: without them there are no texts, long answers, and no strict checks.
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
      this.#setOption(SOL_NETLINK, option, 1);
    }
  }

  /** Sets the sizes of the buffers: beyond the system's limits if permitted, else as far as they allow. */
  #setBuffers(socket: Pointer, bytes: number): void {
    this.#check("nl_socket_set_buffer_size", this.#functions.nl_socket_set_buffer_size(socket, bytes, bytes));
    this.#setOption(SOL_SOCKET, SO_RCVBUFFORCE, bytes);
    this.#setOption(SOL_SOCKET, SO_SNDBUFFORCE, bytes);
  }

  #setOption(level: number, option: number, value: number): number {
    return this.#functions.setsockopt(this.#fd, level, option, Int32Array.of(value), 4);
  }

  #check(call: string, result: number): void {
    if (result >= 0) return;
    const why = String(this.#functions.nl_geterror(result));
    throw new KernelError("SOCKET_FAILED", `netlink: ${call} failed: ${why}`);
  }

  send(bytes: Uint8Array): number {
    const result = this.#functions.nl_sendto(this.#socket, bytes, bytes.length);
    return result < 0 ? -read.i32(this.#errno, 0) : 0;
  }

  receive(into: Uint8Array): number {
    for (;;) {
      const length = this.#functions.recv(this.#fd, into, into.length, MSG_DONTWAIT | MSG_TRUNC);
      if (length >= 0) return length;
      const errno = read.i32(this.#errno, 0);
      if (errno !== EINTR) return errno > 0 ? -errno : -EAGAIN;
    }
  }

  join(group: number): void {
    this.#check("nl_socket_add_membership", this.#functions.nl_socket_add_membership(this.#socket, group));
  }

  /**
   * Attaches a classic BPF program (struct sock_filter: u16 code, u8 jump if true, u8 jump if false, u32 k), as FRR has it:
   *
   *     0  load the word at 12, nlmsg_pid
   *     1  if it is the port id: go on, else skip 1
   *     2  drop
   *     3  pass the whole
   */
  dropThoseOf(portId: number): void {
    const program = new DataView(new ArrayBuffer(4 * 8));
    const instruction = (at: number, code: number, jumpFalse: number, k: number) => {
      program.setUint16(8 * at, code, true);
      program.setUint8(8 * at + 3, jumpFalse);
      program.setUint32(8 * at + 4, k, true);
    };
    // BPF loads in network order what netlink writes in the processor's order: the bytes of the port id are swapped.
    const swapped = new DataView(new ArrayBuffer(4));
    swapped.setUint32(0, portId, true);
    instruction(0, BPF_LD_W_ABS, 0, 12);
    instruction(1, BPF_JMP_JEQ_K, 1, swapped.getUint32(0));
    instruction(2, BPF_RET_K, 0, 0);
    instruction(3, BPF_RET_K, 0, 0xffffffff);
    // struct sock_fprog: u16 number of instructions, padding, pointer to them.
    const header = BigUint64Array.of(4n, BigInt(ptr(program)));
    const result = this.#functions.setsockopt(this.#fd, SOL_SOCKET, SO_ATTACH_FILTER, header, 16);
    if (result < 0) throw new KernelError("SOCKET_FAILED", "netlink: SO_ATTACH_FILTER failed");
  }

  duplicateDescriptor(): number {
    const fd = this.#functions.fcntl(this.#fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) throw new KernelError("SOCKET_FAILED", "netlink: no file descriptor is left");
    return fd;
  }

  [Symbol.dispose](): void {
    if (this.#socket !== null) this.#functions.nl_socket_free(this.#socket);
    this.#socket = null;
  }
}
