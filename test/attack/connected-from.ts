/** A TCP connection from an address of one's choice: 127.0.0.0/8 are sixteen million source networks (net/source-network.ts). */
import { dlopen } from "bun:ffi";

const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 0o2000001;
const SOCKADDR_BYTES = 16;

const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
});
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/**
 * Returns the descriptor. Connecting blocks, which on loopback is over at once.
 * @throws where the connection is refused
 */
export function connectedFrom(from: string, host: string, port: number): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM_CLOEXEC, 0);
  const isConnected =
    fd >= 0 &&
    libc.bind(fd, sockaddr(from, 0), SOCKADDR_BYTES) === 0 &&
    libc.connect(fd, sockaddr(host, port), SOCKADDR_BYTES) === 0;
  if (!isConnected) {
    if (fd >= 0) libc.close(fd);
    throw new Error(`no connection from ${from} to ${host}:${port}`);
  }
  libc.fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

/** A struct sockaddr_in. */
function sockaddr(address: string, port: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_BYTES);
  bytes.set([AF_INET, 0, port >> 8, port & 255, ...address.split(".").map(Number)]);
  return bytes;
}
