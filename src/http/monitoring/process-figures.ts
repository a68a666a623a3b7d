/** What Linux says of this process, in the metrics that all Prometheus clients have (proc(5)). */
import { readdirSync, readFileSync } from "node:fs";
import { readDescriptorLimit } from "../../transport/descriptor-limit.ts";

export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly openFds: number;
  /** Infinity if there is no limit. */
  readonly maxFds: number;
  /** Since 1970. */
  readonly startSeconds: number;
}

/** Linux has pages of 4 KiB on x64, and on arm64 as Debian and Ubuntu build it; `process.memoryUsage` knows the true size. */
const PAGE_BYTES = 4096;

/** When the process was started, by the wall clock then. */
const startSeconds = Math.round(Date.now() - process.uptime() * 1000) / 1000;

export function readProcessFigures(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    virtualBytes: virtualPages() * PAGE_BYTES,
    openFds: openDescriptors(),
    maxFds: readDescriptorLimit(),
    startSeconds,
  };
}

function virtualPages(): number {
  try {
    return Number(readFileSync("/proc/self/statm", "latin1").split(" ")[0]);
  } catch {
    // Without a free descriptor, or outside of Linux.
    return Number.NaN;
  }
}

function openDescriptors(): number {
  try {
    // One of them reads the directory.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return Number.NaN;
  }
}
