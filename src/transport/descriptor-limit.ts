/**
 * How many connections the system lets this process have. Each is a descriptor, and where none is left, Bun's listener
 * is woken by every waiting connection for ever: it takes a whole processor and says nothing. So nothing takes more than
 * its share:
 *
 *     limit   route clients   public HTTP   control socket   the rest
 *        64              32             4                4         24
 *       256             192            16               16         32
 *     1,024             896            48               48         32
 */

import { closeSync, openSync, readFileSync } from "node:fs";
import { systemErrorCode } from "../base/system-error.ts";

/** Bun itself, the listeners and the log have some 15; files are opened for a moment. */
const REST = 32;
/** Of public HTTP, and of the control socket: readers and operators, not tenants. */
const MAX_HTTP_CONNECTIONS = 48;
/** Where descriptors are few, each of the two gets one in so many. */
const DESCRIPTORS_PER_HTTP_CONNECTION = 16;

/** The soft limit of open files in the text of /proc/PID/limits (proc(5)); Infinity where there is none. */
export function parseDescriptorLimit(limits: string): number {
  const soft = /^Max open files +(\d+) /m.exec(limits)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}

/** This process's, as it is now: Bun has raised it to the hard limit at the start. */
export function readDescriptorLimit(): number {
  try {
    return parseDescriptorLimit(readFileSync("/proc/self/limits", "latin1"));
  } catch {
    // Not Linux, or no /proc.
    return Number.POSITIVE_INFINITY;
  }
}

/** Of so many descriptors, how many may be route clients; where they are few, half of them. */
export function connectionLimit(descriptorLimit: number): number {
  const others = REST + 2 * httpConnectionLimit(descriptorLimit);
  return Math.max(descriptorLimit - others, Math.floor(descriptorLimit / 2));
}

/** Of so many descriptors, how many may be connections of public HTTP, and as many again of the control socket. */
export function httpConnectionLimit(descriptorLimit = readDescriptorLimit()): number {
  return Math.min(MAX_HTTP_CONNECTIONS, Math.floor(descriptorLimit / DESCRIPTORS_PER_HTTP_CONNECTION));
}

/** Whether this process has no descriptor left: it cannot open a file. */
export function isOutOfDescriptors(): boolean {
  try {
    closeSync(openSync("/dev/null", "r"));
    return false;
  } catch (error) {
    const code = systemErrorCode(error);
    return code === "EMFILE" || code === "ENFILE";
  }
}
