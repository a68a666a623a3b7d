/** Reads CPU time and memory of the server under load from /proc. */
import { readFileSync } from "node:fs";

/** USER_HZ: Linux counts CPU time for user space in hundredths of a second, whatever its own tick. */
const TICKS_PER_SECOND = 100;
const PEAK_INTERVAL_MS = 10;

export interface ProcessSample {
  /** User and system time of all threads since the start, in steps of 10 ms. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

export class ServerProcess {
  readonly pid: number;
  constructor(pid: number) {
    this.pid = pid;
  }

  /** @throws Error when there is no such process (any more) */
  sample(): ProcessSample {
    // The name in field 2 may contain anything, but ends with the last parenthesis: fields are counted after it.
    const stat = this.#read("stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const userTicks = Number(fields[11]);
    const systemTicks = Number(fields[12]);
    const rssKilobytes = /^VmRSS:\s*(\d+) kB$/m.exec(this.#read("status"))?.[1];
    return {
      cpuSeconds: (userTicks + systemTicks) / TICKS_PER_SECOND,
      rssBytes: Number(rssKilobytes) * 1024,
    };
  }

  /** Reads the memory many times a second, until the returned function is called, which returns the highest RSS. */
  watchPeak(): () => number {
    let peakBytes = 0;
    const look = () => {
      peakBytes = Math.max(peakBytes, this.sample().rssBytes);
    };
    look();
    const timer = setInterval(look, PEAK_INTERVAL_MS);
    return () => {
      clearInterval(timer);
      look();
      return peakBytes;
    };
  }

  #read(file: string): string {
    try {
      return readFileSync(`/proc/${this.pid}/${file}`, "utf8");
    } catch (cause) {
      throw new Error(`there is no process ${this.pid} to be measured (--server-pid)`, { cause });
    }
  }
}
