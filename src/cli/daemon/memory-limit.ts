/**
 * Warns if the address space of this process is limited (RLIMIT_AS; LimitAS= in systemd, `ulimit -v` in a shell). Bun
 * reserves far more than it uses, up to 40 GB. Tried with Bun 1.4.4 on x64, by the limit in MiB:
 *
 *     below 350, 1,150 to 1,250, 2,175 to 2,275    it crashes at its start, before any code of ours
 *     else below 2,300                             it runs without its compiler (JIT), with four to seven times the CPU
 *     from 2,300 on                                it runs, as long as the tables are small
 * So a daemon warns below twice the last value. To limit memory in use there are cgroups (MemoryMax=).
 */

import { readFileSync } from "node:fs";
import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";

const MIB = 1 << 20;
const LEAST_MIB = 4_600;

/** Returns the soft limit in the text of /proc/PID/limits (proc(5)); Infinity if there is none. */
export function parseAddressSpaceBytes(limits: string): number {
  const soft = /^Max address space +(\d+) /m.exec(limits)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}

/** Logs a warning if the address space is too small. `limits` is the text of /proc/self/limits. */
export function warnOfAddressSpace(logger: EventLog, limits = readLimits()): void {
  const limitMib = Math.floor(parseAddressSpaceBytes(limits) / MIB);
  if (limitMib >= LEAST_MIB) return;
  logger.log(LOG.addressSpaceLimited, { limitMib, leastMib: LEAST_MIB });
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "latin1");
  } catch {
    // The system is not Linux, or /proc is not mounted.
    return "";
  }
}
