/** A network namespace with a tunnel device "tun", and iproute2 as the witness of what the kernel has in it. */
import { expect } from "bun:test";
import { ChildProcess } from "../process/child-process.ts";
import { NetworkNamespace } from "./network-namespace.ts";
import { RouteMonitor } from "./route-monitor.ts";

/** Takes its ends from the route as an ip6tnl does, which is not in every kernel. */
export const MAKE_TUNNEL = ["link add tun type vxlan external dstport 4789", "link set tun up"];

const PATIENCE_MS = 60_000;
const POLL_MS = 20;
/** The kernel's metric of IPv6 routes for which none is asked. */
const USUAL_METRIC = { "-4": "0", "-6": "1024" };

/** What came of asking the same questions again and again. */
export interface Asked {
  /** How often the questions were asked. */
  readonly rounds: number;
  /** A line each. */
  readonly answers: readonly string[];
  /** How many questions had an error for an answer. */
  readonly failures: number;
}

export class OverlayNamespace implements AsyncDisposable {
  readonly namespace: NetworkNamespace;
  private constructor(namespace: NetworkNamespace) {
    this.namespace = namespace;
  }

  /** In which `ip` has carried out the lines too. */
  static async create(...ipLines: readonly string[]): Promise<OverlayNamespace> {
    const namespace = new OverlayNamespace(await NetworkNamespace.create(["link set lo up", ...MAKE_TUNNEL]));
    try {
      namespace.ip(...ipLines);
      return namespace;
    } catch (error) {
      await namespace[Symbol.asyncDispose]();
      throw error;
    }
  }

  get enter(): readonly string[] {
    return this.namespace.enter;
  }

  /** Carries out `ip` command lines, without the word "ip". An option may come first, which `ip -batch` does not take. */
  ip(...lines: readonly string[]): void {
    this.sh(lines.map((line) => `ip ${line}`).join("\n"));
  }

  /** What a shell inside prints. */
  sh(script: string): string {
    const { stdout, stderr, success } = Bun.spawnSync([...this.enter, "sh", "-ec", script]);
    if (!success) throw new Error(`sh: ${stderr}`);
    return stdout.toString();
  }

  /** What `ip` prints: numbers instead of names, an entry a line, single spaces. */
  lines(...args: readonly string[]): string[] {
    // A table in which nothing ever was is an error to ip, and prints nothing.
    const { stdout } = Bun.spawnSync([...this.enter, "ip", "-N", "-o", ...args]);
    return linesOf(stdout.toString());
  }

  /**
   * The routes of a table and protocol, as "10.0.1.0/24 by 2001:db8::1 2001:db8::2": those of a nexthop object. Others
   * are "10.0.1.0/24 plain by …". A metric that is not the usual one stands behind.
   */
  routes(table = 100, protocol = 254): string[] {
    return (["-4", "-6"] as const).flatMap((family) =>
      this.#routeLines(family, table, protocol).map((line) => {
        const [destination] = line.split(" ", 1);
        const kind = / nhid \d/.test(line) ? "" : " plain";
        const hops = [...line.matchAll(/ (?:dst|via) (\S+)/g)].map(([, hop]) => ` ${hop}`);
        const [, metric = USUAL_METRIC[family]] = / metric (\d+)/.exec(line) ?? [];
        const suffix = metric === USUAL_METRIC[family] ? "" : ` metric ${metric}`;
        return `${destination}${kind} by${hops.join("")}${suffix}`;
      }),
    );
  }

  /** Waits until these are the routes. */
  routesAre(expected: readonly string[], table = 100, protocol = 254): Promise<void> {
    return eventually(() => this.routes(table, protocol), expected);
  }

  /** The object or group that the route to the destination goes by, as `ip` shows it: "id 7 group 1/2 proto 254". */
  nexthopOf(destination: string, table = 100, protocol = 254): string {
    const lines = (["-4", "-6"] as const).flatMap((family) => this.#routeLines(family, table, protocol));
    const line = lines.find((candidate) => candidate.startsWith(`${destination} `));
    const [, id] = / nhid (\d+)/.exec(line ?? "") ?? [];
    return this.nexthops().find((nexthop) => nexthop.startsWith(`id ${id} `)) ?? "";
  }

  /** By id. */
  nexthops(): string[] {
    return this.lines("nexthop");
  }

  /** All that is there of routes, nexthops and rules, in `ip`'s words; but the kernel's own table, "local". */
  everything(): string[] {
    const routes = ["-4", "-6"]
      .flatMap((family) => this.lines(family, "route", "show", "table", "all"))
      .filter((line) => !line.includes(" table 255 "));
    return [...this.lines("-4", "rule"), ...this.lines("-6", "rule"), ...routes, ...this.nexthops()];
  }

  /** From now on, what `ip monitor` says. */
  monitor(): Promise<RouteMonitor> {
    return RouteMonitor.start(this.namespace);
  }

  /** Asks `ip` the questions, command lines of it, from before the work begins until it is done. */
  async whileAsking(
    family: "any" | "-4" | "-6",
    questions: readonly string[],
    work: () => Promise<void>,
  ): Promise<Asked> {
    const option = family === "any" ? [] : [family];
    const command = [...this.enter, "ip", "-N", "-o", ...option, "-force", "-batch", "-"];
    await using asker = new ChildProcess({ command });
    // So many that ip is busy while the next ones are on their way; and a line that says that they are answered.
    const chunk = [...Array.from({ length: 64 }, () => questions).flat(), "link show lo"].join("\n");
    const isEnd = (line: string) => line.startsWith("1: lo:");
    const rounds = { asked: 0, answered: 0 };
    const ask = () => {
      asker.send(chunk);
      rounds.asked++;
    };
    let read = 0;
    const answered = (round: number) =>
      asker.until(`answers of round ${round}`, () => {
        for (; read < asker.stdoutLines.length; read++) {
          if (isEnd(asker.stdoutLines[read] ?? "")) rounds.answered++;
        }
        return rounds.answered >= round || undefined;
      });
    ask();
    await answered(1);
    let isDone = false;
    const done = work().finally(() => {
      isDone = true;
    });
    // Its failure is thrown below, when the questions that are under way are answered.
    done.catch(() => {});
    ask();
    while (!isDone) {
      ask();
      await answered(rounds.asked - 1);
    }
    await done;
    await answered(rounds.asked);
    // By its end, all of stderr is read too.
    await asker.stop();
    const answers = linesOf(asker.stdoutLines.filter((line) => !isEnd(line)).join("\n"));
    const failures = asker.stderrLines.filter((line) => line.startsWith("RTNETLINK answers: ")).length;
    return { rounds: rounds.asked * 64, answers, failures };
  }

  #routeLines(family: "-4" | "-6", table: number, protocol: number): string[] {
    return this.lines(family, "route", "show", "table", `${table}`, "proto", `${protocol}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.namespace[Symbol.asyncDispose]();
  }
}

/** The kernel tells no test that it has changed: looks until it is as expected, or a minute is over. */
export async function eventually<T>(probe: () => T | Promise<T>, expected: T): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await probe();
    if (Bun.deepEquals(found, expected)) return;
    if (performance.now() >= deadlineMs) expect<unknown>(found).toEqual(expected);
    await Bun.sleep(POLL_MS);
  }
}

function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.replaceAll(/[\s\\]+/g, " ").trim());
  return lines.filter((line) => line !== "");
}
