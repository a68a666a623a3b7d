/**
 * How many connections the system lets this process have. Each is a descriptor, and where none is left, Bun's listener
 * is woken by every waiting connection for ever: it takes a whole processor and says nothing. So a server stops before
 * that, with some left for the rest: HTTP, the control socket, files.
 */
import { readFileSync } from "node:fs";

/** Bun itself, the listeners and the log have some 15, HTTP and the control socket one a connection. */
const RESERVE = 64;

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

/** Of so many descriptors, how many may be connections; where they are few, half of them. */
export function connectionLimit(descriptorLimit: number): number {
  return Math.max(descriptorLimit - RESERVE, Math.floor(descriptorLimit / 2));
}
