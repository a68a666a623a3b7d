/**
 * `bunbond demo` shows a server and clients at work within seconds, with real processes on loopback. It fails if
 * anything that it announces does not happen.
 */
import type { Command, CommandContext } from "../program/command.ts";
import { parseFlags } from "../program/flags.ts";

const definition = {
  meta: {
    name: "demo",
    description: "Show a server and three clients at work, on free loopback ports, and check what they do.",
  },
  args: {},
};

/** The routes that the third client, which announces nothing, must receive. */
const ROUTES_OF_FIRST = ["100 10.0.1.0/24 via 2001:db8::1", "100 2001:db8:1::/48 via 2001:db8::1"];
const ROUTES_OF_SECOND = [
  "100 10.0.1.0/24 via 2001:db8::2",
  "100 10.0.3.0/24 via 2001:db8::2 type lb",
  "200 192.0.2.7/32 via 2001:db8::2 type nat ports 1024-2047",
];
const TIMEOUT_MS = 30_000;

export const demoCommand: Command = {
  definition,
  topics: ["operations", "output"],
  examples: [{ comment: "It takes a second or two", line: "bunbond demo" }],
  run: (context) => {
    parseFlags(definition.args, context.rawArgs);
    return new Demo(context).run();
  },
};

/** A child process whose lines are shown and waited for. */
interface Child {
  readonly name: string;
  readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly lines: string[];
}

class Demo {
  readonly #context: CommandContext;
  readonly #children: Child[] = [];
  readonly #startMs = performance.now();
  #wakeUp: () => void = () => {};

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async run(): Promise<number> {
    try {
      await this.#show();
      this.#say("Everything happened as expected.");
      return 0;
    } finally {
      for (const child of this.#children) child.process.kill("SIGKILL");
      await Promise.all(this.#children.map((child) => child.process.exited));
    }
  }

  async #show(): Promise<void> {
    this.#say("A server starts.");
    const server = this.#start("server", [
      "server",
      "--listen",
      "127.0.0.1:0",
      "--settle",
      "0",
      "--socket",
      "none",
    ]);
    const address = await this.#find(server, /listening address=(\S+)/);

    const subscribe = ["client", "--server", address, "--vni", "100,200", "--socket", "none"];
    this.#say(
      "Three clients connect. Two announce routes: IPv4 and IPv6, a load balancer target, NAT with ports.",
    );
    const first = this.#start("hv-1", [
      ...subscribe,
      "--announce=100#10.0.1.0/24@2001:db8::1",
      "--announce=100#2001:db8:1::/48@2001:db8::1",
    ]);
    const second = this.#start("hv-2", [
      ...subscribe,
      "--announce=100#10.0.1.0/24@2001:db8::2",
      "--announce=100#10.0.3.0/24@2001:db8::2#lb",
      "--announce=200#192.0.2.7/32@2001:db8::2#nat#1024#2047",
    ]);
    const third = this.#start("hv-3", subscribe);
    await this.#changes("+", [
      [first, ROUTES_OF_SECOND],
      [second, ROUTES_OF_FIRST],
      [third, [...ROUTES_OF_FIRST, ...ROUTES_OF_SECOND]],
    ]);

    this.#say(
      "Every client has what the others announced. Now hv-1 is killed (kill -9): its routes must be withdrawn.",
    );
    first.process.kill("SIGKILL");
    await this.#changes("-", [
      [second, ROUTES_OF_FIRST],
      [third, ROUTES_OF_FIRST],
    ]);

    this.#say(
      "They are withdrawn at both; 10.0.1.0/24 via hv-2 stays. hv-2 is stopped (SIGTERM), and withdraws its own.",
    );
    second.process.kill("SIGTERM");
    await this.#changes("-", [[third, ROUTES_OF_SECOND]]);
    if ((await second.process.exited) !== 0) throw new Error("hv-2 did not end with exit code 0");
  }

  #start(name: string, args: readonly string[]): Child {
    const process = Bun.spawn([...ownCommand(), ...args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const child: Child = { name, process, lines: [] };
    this.#children.push(child);
    void this.#collect(child, process.stdout, true);
    void this.#collect(child, process.stderr, false);
    return child;
  }

  async #collect(child: Child, stream: ReadableStream<Uint8Array>, isShown: boolean): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const printed of lines) {
        // The times of changes would only distract here.
        const line = isShown ? printed.replace(/^\d{4}-\S+Z (?=[+-] )/, "") : printed;
        child.lines.push(line);
        if (isShown) this.#print(`${child.name.padEnd(7)} ${line}`);
      }
      this.#wakeUp();
    }
  }

  async #find(child: Child, pattern: RegExp): Promise<string> {
    let found: string | undefined;
    await this.#until(
      () => {
        found = child.lines.map((line) => pattern.exec(line)?.[1]).find((match) => match !== undefined);
        return found !== undefined;
      },
      () => `${child.name} did not print ${pattern.source}; it printed: ${child.lines.join(" | ")}`,
    );
    return found ?? "";
  }

  async #changes(sign: "+" | "-", expected: readonly (readonly [Child, readonly string[]])[]): Promise<void> {
    const missing = () =>
      expected.flatMap(([child, routes]) =>
        routes
          .filter((route) => !child.lines.includes(`${sign} ${route}`))
          .map((r) => `${child.name}: ${sign} ${r}`),
      );
    await this.#until(
      () => missing().length === 0,
      () => `did not happen within ${TIMEOUT_MS / 1000} s: ${missing().join(", ")}`,
    );
  }

  async #until(isThere: () => boolean, complaint: () => string): Promise<void> {
    const deadlineMs = performance.now() + TIMEOUT_MS;
    while (!isThere()) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(complaint());
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #say(text: string): void {
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(2);
    this.#print(`\n${seconds} s  ${text}`);
  }

  #print(line: string): void {
    this.#context.io.stdout.write(`${line}\n`);
  }
}

/** Returns the command that started this program: the executable alone, or Bun with the script. */
function ownCommand(): string[] {
  return Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, Bun.main];
}
