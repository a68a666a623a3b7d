import { ChildProcess } from "../process/child-process.ts";
import type { NetworkNamespace } from "./network-namespace.ts";

/** Routes in it are the kernel's own: addresses come and go a while after their device. */
const LOCAL_TABLE = 255;
/** Whose routes only mark a place among the others. */
const MARK_TABLE = 9;

/** What `ip monitor` says of routes and nexthops: "10.0.1.0/24 table 100 nhid 7 …", "Deleted id 7 …". */
export class RouteMonitor implements AsyncDisposable {
  readonly #namespace: NetworkNamespace;
  readonly #program: ChildProcess;
  #read = 0;
  #marks = 0;

  private constructor(namespace: NetworkNamespace) {
    this.#namespace = namespace;
    const command = [...namespace.enter, "ip", "-N", "-o", "monitor", "route", "nexthop"];
    this.#program = new ChildProcess({ command });
  }

  /** It reports all that happens from now on. */
  static async start(namespace: NetworkNamespace): Promise<RouteMonitor> {
    const monitor = new RouteMonitor(namespace);
    try {
      while (!monitor.#program.stdoutLines.some(isMark)) {
        monitor.#mark();
        // `ip monitor` does not say when it has subscribed: marks are made until one is seen.
        await Bun.sleep(20);
      }
      await monitor.take();
      return monitor;
    } catch (error) {
      await monitor[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * What has happened since the last call, in its order; but in the table "local". Some hundred changes at most: more may
   * overrun its socket.
   */
  async take(): Promise<string[]> {
    const end = `Deleted ${this.#mark()} `;
    const isThere = () =>
      this.#program.stdoutLines.findIndex((line) => line.startsWith(end)) + 1 || undefined;
    const until = await this.#program.until("the mark", isThere);
    const [complaint] = this.#program.stderrLines;
    if (complaint !== undefined) throw new Error(`ip monitor: ${complaint}`);
    const lines = this.#program.stdoutLines.slice(this.#read, until);
    this.#read = until;
    return lines
      .filter((line) => !isMark(line) && !line.includes(` table ${LOCAL_TABLE} `))
      .map((line) => line.replaceAll(/[\s\\]+/g, " ").trim());
  }

  /** Comes and goes. */
  #mark(): string {
    const address = `192.0.2.${++this.#marks}`;
    this.#namespace.ip(["add", "del"].map((verb) => `route ${verb} ${address} dev lo table ${MARK_TABLE}`));
    return address;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]();
  }
}

function isMark(line: string): boolean {
  return line.includes(` table ${MARK_TABLE} `);
}
