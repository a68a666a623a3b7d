/**
 * A netlink socket of the family NETLINK_ROUTE, never blocking. libnl.ts opens real ones.
 *
 * What it receives is the kernel's: on this family only who may administrate the network can send to another program.
 */
export interface NetlinkSocket extends Disposable {
  /** By which the kernel names the socket: notifications bear that of who made the change. */
  readonly portId: number;
  /** Gives 0, or a negative errno. The kernel has worked through all the messages when this returns. */
  send(bytes: Uint8Array): number;
  /** Gives the datagram's length, greater than the buffer's where it was cut off; or a negative errno. */
  receive(into: Uint8Array): number;
}

/** One that hears notifications. */
export interface NetlinkListener extends Disposable {
  /** Of the same socket, the caller's own to close. */
  duplicateDescriptor(): number;
  /** As {@link NetlinkSocket.receive}. */
  receive(into: Uint8Array): number;
}

/** errno.h, the same on x64 and arm64. */
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EMSGSIZE = 90;
export const EOPNOTSUPP = 95;
export const ENOBUFS = 105;
