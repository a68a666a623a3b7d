/**
 * A netlink socket of the family NETLINK_ROUTE, never blocking. libnl.ts opens real ones.
 *
 * What it receives is from the kernel: on this family only a program with CAP_NET_ADMIN can send to another one.
 */
export interface NetlinkSocket extends Disposable {
  /** The kernel's name for the socket: a notification has that of the socket by which the change was made. */
  readonly portId: number;
  /** Returns 0, or a negative errno. The kernel has carried out all messages when this returns. */
  send(bytes: Uint8Array): number;
  /** Returns the datagram's length, which is greater than the buffer's if it was cut off; or a negative errno. */
  receive(into: Uint8Array): number;
}

/** A socket that receives notifications. */
export interface NetlinkListener extends Disposable {
  /** Returns another descriptor of the same socket, which the caller has to close. */
  duplicateDescriptor(): number;
  /** Receives as {@link NetlinkSocket.receive} does. */
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
