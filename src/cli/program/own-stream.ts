/**
 * Standard output and error without harm to who shares them. Bun makes a pipe or terminal that it writes to non-blocking.
 * That is a property of the open file description (open(2)), which the shell and its other programs have as well: their
 * writes to a full pipe would fail with EAGAIN, and what they had to say be lost, also after our end. Opened anew by
 * way of /proc, it is a description of our own.
 *
 * A socket cannot be opened anew (socket-sink.ts), nor what belongs to another user: that is shared as it is. Files do not
 * know the difference.
 */
import { constants, fstatSync, openSync } from "node:fs";
import { isatty } from "node:tty";

const { O_WRONLY, O_NOCTTY, O_NONBLOCK } = constants;

/** The same pipe or terminal, opened anew; the descriptor itself where that cannot be, or need not. */
export function ownDescriptor(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO() && !isatty(fd)) return fd;
    // Without O_NONBLOCK, a pipe whose reader has gone would be waited for; so it fails, and a write will say why.
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NOCTTY | O_NONBLOCK);
  } catch {
    return fd;
  }
}

export function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    // It is closed.
    return false;
  }
}
