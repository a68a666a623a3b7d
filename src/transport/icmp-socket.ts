/**
 * An ICMP socket by the libc of this process, for `bunbond ping`. Bun has none, and the system's ping is not on every host; its output
 * also differs between iputils and busybox. The calls wait, so this is not for daemons.
 *
 *     SOCK_DGRAM   needs no privilege where net.ipv4.ping_group_range has the group; the kernel sets the identifier
 *     SOCK_RAW     needs CAP_NET_RAW; IPv4 messages come with their IP header
 */
import { addressToBytes } from "../net/address.ts";
import type { IpAddress } from "../net/ip.ts";
import { openLibc, readErrno } from "./libc.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x8_0000;
const IPPROTO_IP = 0;
const IPPROTO_ICMP = 1;
const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
/** Options and values of linux/in.h and linux/in6.h: no fragmentation, and sizes beyond the known path MTU are refused. */
const IP_MTU_DISCOVER = 10;
const IP_MTU = 14;
const IPV6_MTU_DISCOVER = 23;
const IPV6_MTU = 24;
const PMTUDISC_DO = 2;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;
/** Numbers of errno (asm-generic/errno.h), for those that a ping meets. */
const ERRNO_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "EPERM"],
  [11, "EAGAIN"],
  [13, "EACCES"],
  [19, "ENODEV"],
  [22, "EINVAL"],
  [90, "EMSGSIZE"],
  [93, "EPROTONOSUPPORT"],
  [97, "EAFNOSUPPORT"],
  [99, "EADDRNOTAVAIL"],
  [101, "ENETUNREACH"],
  [111, "ECONNREFUSED"],
  [113, "EHOSTUNREACH"],
]);

/** A call failed. */
export class IcmpSocketError extends Error {
  override readonly name = "IcmpSocketError";
  /** As "EACCES". */
  readonly code: string;
  constructor(call: string, code: string) {
    super(`${call}: ${code}`);
    this.code = code;
  }
}

export interface IcmpSocketOptions {
  readonly destination: IpAddress;
  /** Null: the kernel's choice. */
  readonly source: IpAddress | null;
  /** The device, perhaps a VRF, by which packets leave; null: by the routes. */
  readonly device: string | null;
}

type Received = { readonly message: Uint8Array } | { readonly error: string } | null;

export class IcmpSocket {
  readonly #calls: IcmpCalls;
  readonly #options: IcmpSocketOptions;
  readonly #family: 4 | 6;
  readonly #fd: number;
  readonly #isRaw: boolean;
  readonly #buffer = new Uint8Array(65_536);

  /** @throws IcmpSocketError */
  constructor(options: IcmpSocketOptions) {
    this.#calls = openCalls();
    this.#options = options;
    this.#family = options.destination.family;
    const { fd, isRaw } = this.#open();
    this.#fd = fd;
    this.#isRaw = isRaw;
    try {
      const option = this.#family === 6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER;
      const value = new Uint8Array(Int32Array.of(PMTUDISC_DO).buffer);
      this.#set(fd, "MTU_DISCOVER", this.#level, option, value);
      this.#connect(fd);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * The largest packet that this host would send there, as far as it knows now, with the IP header. A connected UDP socket has it; an
   * older socket would have what was known when it was connected, and an ICMP socket has none.
   */
  get pathMtuBytes(): number {
    const value = new Uint8Array(4);
    const fd = this.#calls.socket(this.#domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    this.#check("socket", fd);
    try {
      this.#connect(fd);
      const option = this.#family === 6 ? IPV6_MTU : IP_MTU;
      this.#check("MTU", this.#calls.getsockopt(fd, this.#level, option, value, Uint32Array.of(4)));
    } finally {
      this.#calls.close(fd);
    }
    return new DataView(value.buffer).getInt32(0, true);
  }

  /** Sends a message. Returns the error's code, as "EMSGSIZE"; null if it was sent. */
  send(message: Uint8Array): string | null {
    if (this.#calls.send(this.#fd, message, message.length, 0) >= 0) return null;
    return this.#errno();
  }

  /** Returns the next message, or the error that an ICMP message has reported; null if none has come within the time. It waits. */
  receive(withinMs: number): Received {
    // struct pollfd: int fd, short events, short revents.
    if (this.#calls.poll(Int32Array.of(this.#fd, POLLIN), 1, Math.max(0, Math.ceil(withinMs))) <= 0)
      return null;
    const length = this.#calls.recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
    if (length < 0) {
      const error = this.#errno();
      return error === "EAGAIN" ? null : { error };
    }
    // IHL counts words of four bytes.
    const headerBytes = this.#isRaw && this.#family === 4 ? ((this.#buffer[0] ?? 0) & 0xf) * 4 : 0;
    return { message: this.#buffer.slice(headerBytes, length) };
  }

  [Symbol.dispose](): void {
    this.#calls.close(this.#fd);
  }

  get #domain(): number {
    return this.#family === 6 ? AF_INET6 : AF_INET;
  }

  get #level(): number {
    return this.#family === 6 ? IPPROTO_IPV6 : IPPROTO_IP;
  }

  /** Binds and connects a socket as the options say. */
  #connect(fd: number): void {
    const { device, source, destination } = this.#options;
    if (device !== null) {
      const name = new TextEncoder().encode(`${device}\0`);
      this.#set(fd, "SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE, name);
    }
    if (source !== null) {
      const address = socketAddress(source);
      this.#check("bind", this.#calls.bind(fd, address, address.length));
    }
    const address = socketAddress(destination);
    this.#check("connect", this.#calls.connect(fd, address, address.length));
  }

  #open(): { readonly fd: number; readonly isRaw: boolean } {
    const protocol = this.#family === 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    for (const type of [SOCK_DGRAM, SOCK_RAW]) {
      const fd = this.#calls.socket(this.#domain, type | SOCK_CLOEXEC, protocol);
      if (fd >= 0) return { fd, isRaw: type === SOCK_RAW };
    }
    throw new IcmpSocketError("socket", this.#errno());
  }

  #set(fd: number, name: string, level: number, option: number, value: Uint8Array): void {
    this.#check(name, this.#calls.setsockopt(fd, level, option, value, value.length));
  }

  #check(call: string, result: number): void {
    if (result < 0) throw new IcmpSocketError(call, this.#errno());
  }

  #errno(): string {
    const errno = readErrno(this.#calls.__errno_location());
    return ERRNO_NAMES.get(errno) ?? `E${errno}`;
  }
}

/** struct sockaddr_in or sockaddr_in6 (linux/in.h, linux/in6.h), with port 0. */
function socketAddress(address: IpAddress): Uint8Array {
  const isIpv6 = address.family === 6;
  const bytes = new Uint8Array(isIpv6 ? 28 : 16);
  new DataView(bytes.buffer).setUint16(0, isIpv6 ? AF_INET6 : AF_INET, true);
  addressToBytes(address, bytes, isIpv6 ? 8 : 4);
  return bytes;
}

type IcmpCalls = ReturnType<typeof openCalls>;

/** @throws IcmpSocketError ENOSYS where there is no glibc, or no JIT */
function openCalls() {
  const calls = openLibc({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  });
  if (calls === null) throw new IcmpSocketError("libc", "ENOSYS");
  return calls;
}
