/** Takes over a listening TCP socket that another program has opened and passed on. */
import { addressFromBytes, formatAddress } from "../net/address.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { openLibc } from "./libc.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_ACCEPTCONN = 30;
const SOCK_STREAM = 1;
const F_SETFD = 2;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0o4000;
/** The size of struct sockaddr_in6 (linux/in6.h). */
const ADDRESS_BYTES = 28;

/**
 * Makes the socket non-blocking, which Bun needs, and keeps it from programs that this process starts. Returns where it listens;
 * null if it is no listening TCP socket, or the libc cannot be called.
 */
export function takeListeningSocket(fd: number): Endpoint | null {
  const calls = openLibc({
    getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
    fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  });
  if (calls === null) return null;
  const option = (name: number): number => {
    const value = new Int32Array(1);
    const length = Uint32Array.of(value.byteLength);
    return calls.getsockopt(fd, SOL_SOCKET, name, value, length) === 0 ? (value[0] ?? 0) : 0;
  };
  if (option(SO_TYPE) !== SOCK_STREAM || option(SO_ACCEPTCONN) === 0) return null;
  const address = new Uint8Array(ADDRESS_BYTES);
  if (calls.getsockname(fd, address, Uint32Array.of(address.length)) !== 0) return null;
  const endpoint = endpointOf(address);
  if (endpoint === null) return null;
  calls.fcntl(fd, F_SETFD, FD_CLOEXEC);
  calls.fcntl(fd, F_SETFL, O_NONBLOCK);
  return endpoint;
}

/**
 * Reads struct sockaddr_in or sockaddr_in6:
 *
 *     0 family (host order) | 2 port | 4 IPv4 address
 *                                    | 4 flow label | 8 IPv6 address | 24 zone (host order)
 */
function endpointOf(bytes: Uint8Array): Endpoint | null {
  const view = new DataView(bytes.buffer);
  const port = view.getUint16(2);
  switch (view.getUint16(0, true)) {
    case AF_INET:
      return { host: formatAddress(addressFromBytes(bytes, 4, 4)), port };
    case AF_INET6: {
      const zone = view.getUint32(24, true);
      const host = formatAddress(addressFromBytes(bytes, 8, 6));
      return { host: zone === 0 ? host : `${host}%${zone}`, port };
    }
    default:
      return null;
  }
}
