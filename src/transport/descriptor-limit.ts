/**
 * These functions divide the process's descriptors among connections. Each connection takes one, and when none is left,
 * every waiting connection wakes Bun's listener again and again: it uses a whole processor and reports nothing. So each
 * kind of connection has its share:
 *
 *     limit   route clients   public HTTP   control socket   the rest
 *        64              32             4                4         24
 *       256             192            16               16         32
 *     1,024             896            48               48         32
 */

import { closeSync, openSync, readFileSync } from "node:fs";
import { systemErrorCode } from "../base/system-error.ts";

/**
 * The descriptors for everything else: Bun itself, the listeners and the log have some 15, and files are opened for a
 * moment.
 */
const REST = 32;
/** The most connections of public HTTP, and of the control socket: they serve readers and operators, not tenants. */
const MAX_HTTP_CONNECTIONS = 48;
/** If there are few descriptors, each of the two gets one in this many. */
const DESCRIPTORS_PER_HTTP_CONNECTION = 16;

/** Returns the soft limit of open files in the text of /proc/PID/limits (proc(5)); Infinity if there is none. */
export function parseDescriptorLimit(limits: string): number {
  const soft = /^Max open files +(\d+) /m.exec(limits)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}

/** Returns the limit of this process now: Bun has raised it to the hard limit at the start. */
export function readDescriptorLimit(): number {
  try {
    return parseDescriptorLimit(readFileSync("/proc/self/limits", "latin1"));
  } catch {
    // The system is not Linux, or /proc is not mounted.
    return Number.POSITIVE_INFINITY;
  }
}

/** Returns how many of this many descriptors may be route clients: half of them, if they are few. */
export function connectionLimit(descriptorLimit: number): number {
  const others = REST + 2 * httpConnectionLimit(descriptorLimit);
  return Math.max(descriptorLimit - others, Math.floor(descriptorLimit / 2));
}

/** Returns how many of this many descriptors may be connections of public HTTP, and as many again of the control socket. */
export function httpConnectionLimit(descriptorLimit = readDescriptorLimit()): number {
  return Math.min(MAX_HTTP_CONNECTIONS, Math.floor(descriptorLimit / DESCRIPTORS_PER_HTTP_CONNECTION));
}

/** Returns true if this process has no descriptor left, so that it cannot open a file. */
export function isOutOfDescriptors(): boolean {
  try {
    closeSync(openSync("/dev/null", "r"));
    return false;
  } catch (error) {
    const code = systemErrorCode(error);
    return code === "EMFILE" || code === "ENFILE";
  }
}
