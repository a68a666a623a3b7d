/** Sockets that a service manager has opened and passes on, by sd_listen_fds(3): descriptors 3, 4, … of this process. */

const FIRST_DESCRIPTOR = 3;

/** Reads LISTEN_FDS and LISTEN_PID. Returns the descriptors; none if they are meant for another process. */
export function readListenEnvironment(
  { LISTEN_FDS: count = "", LISTEN_PID: listenPid = "" }: Readonly<Record<string, string | undefined>>,
  pid: number,
): number[] {
  if (listenPid !== `${pid}` || !/^\d{1,4}$/.test(count)) return [];
  return Array.from({ length: Number(count) }, (_, index) => FIRST_DESCRIPTOR + index);
}
