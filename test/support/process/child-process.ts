/**
 * A program under test as a child process whose output is read line by line.
 *
 * Tests wait for what the program says, never for an amount of time: `until` looks again whenever a
 * line has come, and fails at once when the program has ended, with the end of its stderr. A child
 * never outlives its test (`await using`), nor the test run. Every line of our log is checked to be in its catalogue.
 */

import type { LogEvent } from "../../../src/base/log-event.ts";
import * as LOG from "../../../src/base/log-events.ts";

const DEFAULT_WAIT_MS = 30_000;
/** How long a program may take from SIGTERM to its end. */
const STOP_WAIT_MS = 20_000;
const FAILURE_STDERR_LINES = 10;

export interface ChildOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly cwd?: string;
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** All that are not disposed of yet, in the order of their start: the cause of a failure is often another's. */
const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.signal("SIGKILL");
});

/** Calls `onLine` for each line, without its line feed; a last line may lack it. */
async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}

const EVENTS: readonly LogEvent[] = Object.values(LOG);
/** A line of our log, but for debug lines. */
const LOG_LINE = /^\S+Z (info|warn|error) +(.*)$/;

/** Returns false if the line is one of our log that has an event which the catalogue does not have. */
function isCatalogued(line: string): boolean {
  const [, level, text = ""] = LOG_LINE.exec(line) ?? [];
  if (level === undefined) return true;
  return EVENTS.some((event) => event.level === level && text.startsWith(event.message));
}

export class ChildProcess {
  readonly stdoutLines: string[] = [];
  readonly stderrLines: string[] = [];
  readonly #command: string;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #lookAgain = new Set<() => void>();
  /** Done when the program has ended and all its output is read. */
  readonly #ended: Promise<number>;
  #exitText: string | undefined;

  constructor(options: ChildOptions) {
    this.#command = options.command.join(" ");
    this.#child = Bun.spawn([...options.command], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    children.add(this);
    this.#ended = this.#read();
  }

  async #read(): Promise<number> {
    const { stdout, stderr, exited } = this.#child;
    const keep = (lines: string[]) => (line: string) => {
      lines.push(line);
      this.#wake();
    };
    await Promise.all([
      readLines(stdout, keep(this.stdoutLines)),
      readLines(stderr, keep(this.stderrLines)),
      exited,
    ]);
    this.#exitText = `ended with ${this.#child.signalCode ?? this.#child.exitCode}`;
    this.#wake();
    return exited;
  }

  #wake(): void {
    for (const look of this.#lookAgain) look();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The end of the program and all its output: its exit code (128 + signal number if it was killed). */
  get ended(): Promise<number> {
    return this.#ended;
  }

  /** Writes one line to the program's stdin. */
  send(line: string): void {
    this.#child.stdin.write(`${line}\n`);
    this.#child.stdin.flush();
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Asks the program to end (SIGTERM) and gives its exit code. */
  async stop(): Promise<number> {
    this.signal("SIGTERM");
    await this.until("its end after SIGTERM", () => this.#exitText, { timeoutMs: STOP_WAIT_MS });
    return this.#ended;
  }

  /** Ends the program without asking it. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#ended;
  }

  /**
   * What `probe` gives, once that is not undefined. Probes read what the program has printed.
   * `what` is for the failure's text: what was waited for and, as a function, how far it has come.
   */
  until<T>(
    what: string | (() => string),
    probe: () => T | undefined,
    { timeoutMs = DEFAULT_WAIT_MS } = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.#lookAgain.delete(look);
        settle();
      };
      const fail = (why: string) => {
        const text = typeof what === "string" ? what : what();
        const others = [...children].filter((child) => child !== this);
        const programs = [this, ...others].map((child) => child.describe());
        finish(() => reject(new Error([`waiting for ${text}: ${why}`, ...programs].join("\n"))));
      };
      const look = () => {
        try {
          const found = probe();
          if (found !== undefined) finish(() => resolve(found));
          else if (this.#exitText !== undefined) fail("the program has ended");
        } catch (error) {
          finish(() => reject(error));
        }
      };
      const timer = setTimeout(() => fail(`nothing in ${timeoutMs} ms`), timeoutMs);
      this.#lookAgain.add(look);
      look();
    });
  }

  /** The match of the first line on stderr that matches. */
  logged(pattern: RegExp): Promise<RegExpExecArray> {
    return this.until(`${pattern} on stderr`, () => {
      for (const line of this.stderrLines) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      return undefined;
    });
  }

  /** The program, its state and the end of its stderr, for failures. */
  describe(): string {
    const stderr = this.stderrLines.slice(-FAILURE_STDERR_LINES).map((line) => `  | ${line}`);
    return [`${this.#command}: ${this.#exitText ?? "running"}, stderr:`, ...stderr].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const unknown = this.stderrLines.filter((line) => !isCatalogued(line));
    await this.kill();
    children.delete(this);
    if (unknown.length > 0) throw new Error(`not in the catalogue of the log:\n${unknown.join("\n")}`);
  }
}

/** The server with the address it says it listens on; if it does not come to that, it is ended. */
export async function withAddress<T extends ChildProcess>(
  server: T,
  readAddress: () => Promise<string>,
): Promise<T & { readonly address: string }> {
  try {
    return Object.assign(server, { address: await readAddress() });
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
