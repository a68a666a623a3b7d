/**
 * This function gives the program standard streams of its own. Bun makes a pipe or terminal that it writes to
 * non-blocking. That is a property of the open file description (open(2)), which the shell and other programs share:
 * their writes to a full pipe would fail with EAGAIN, and their output would be lost, even after this program has
 * ended. A stream that is opened anew through /proc has a description of its own.
 *
 * A socket (socket-sink.ts), or a stream of another user, cannot be opened anew: it is shared as it is. For files there
 * is no difference.
 */
import { constants, fstatSync, openSync } from "node:fs";
import { isatty } from "node:tty";

const { O_WRONLY, O_NOCTTY, O_NONBLOCK } = constants;

/**
 * Returns a new descriptor of the same pipe or terminal, or the descriptor itself if a new one is impossible or not
 * needed.
 */
export function ownDescriptor(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO() && !isatty(fd)) return fd;
    // Without O_NONBLOCK, opening a pipe without a reader would block. With it, opening fails, and the first write
    // reports why.
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NOCTTY | O_NONBLOCK);
  } catch {
    return fd;
  }
}

export function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    // The descriptor is closed.
    return false;
  }
}

/**
 * Returns true if the descriptor is the stream to systemd's journal: JOURNAL_STREAM has its device and inode (systemd.exec(5)). A
 * program whose output was sent elsewhere has the variable, too, and another stream.
 */
export function isJournal(
  fd: number,
  { JOURNAL_STREAM }: Readonly<Record<string, string | undefined>>,
): boolean {
  if (JOURNAL_STREAM === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd);
    return JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
