/**
 * Sends to systemd's notification socket, a UNIX datagram socket that the environment names. Bun and node:dgram have no such
 * sockets, so the libc is called.
 */
import { openLibc } from "../transport/libc.ts";
import type { ServiceManager } from "./service-notifier.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const CLOCK_MONOTONIC = 1;
/** The size of sun_path in struct sockaddr_un (linux/un.h). */
const PATH_BYTES = 108;

/** Where notifications go, and how often the watchdog wants one. */
export interface NotifyEnvironment {
  /** A path, or the name of an abstract socket after "@". */
  readonly socket: string;
  readonly watchdogMs: number | null;
}

/** Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; null if no service manager wants notifications of this process. */
export function readNotifyEnvironment(
  { NOTIFY_SOCKET: socket = "", WATCHDOG_USEC: watchdogUs = "", WATCHDOG_PID: watchdogPid = "" }: Environment,
  pid: number,
): NotifyEnvironment | null {
  if (!/^[/@]./.test(socket) || Buffer.byteLength(socket) > PATH_BYTES) return null;
  // The variables may have been inherited from a service that started this process.
  const isWatched = /^[1-9]\d*$/.test(watchdogUs) && (watchdogPid === "" || watchdogPid === `${pid}`);
  return { socket, watchdogMs: isWatched ? Number(watchdogUs) / 1000 : null };
}

/** Returns struct sockaddr_un: the family in 16 bits, then the path, or a zero byte and the abstract name. */
export function socketAddress(socket: string): Uint8Array {
  const path = Buffer.from(socket);
  const address = new Uint8Array(2 + path.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(path, 2);
  if (socket.startsWith("@")) address[2] = 0;
  return address;
}

/**
 * Returns the service manager that has started this process; null if there is none.
 *
 * @param onFailure is called once if notifications cannot be sent
 */
export function openServiceManager(
  environment: Environment,
  pid: number,
  onFailure: (socket: string) => void,
): ServiceManager | null {
  const notify = readNotifyEnvironment(environment, pid);
  if (notify === null) return null;
  const { socket, watchdogMs } = notify;
  const calls = openLibc({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
  });
  const fd = calls?.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) ?? -1;
  const address = socketAddress(socket);
  let hasFailed = false;
  return {
    watchdogMs,
    monotonicUs() {
      // struct timespec: seconds, nanoseconds.
      const time = new BigInt64Array(2);
      calls?.clock_gettime(CLOCK_MONOTONIC, time);
      const [seconds = 0n, nanoseconds = 0n] = time;
      return Number(seconds) * 1_000_000 + Math.floor(Number(nanoseconds) / 1000);
    },
    send(assignments) {
      const bytes = Buffer.from(assignments);
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      const sent = calls?.sendto(fd, bytes, bytes.length, flags, address, address.length) ?? -1;
      if (Number(sent) === bytes.length || hasFailed) return;
      hasFailed = true;
      onFailure(socket);
    },
  };
}
