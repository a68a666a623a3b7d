/**
 * Routes into the kernel and out, 100,000 of either family, beside `ip -batch` (iproute2), which does the same to the
 * same tables of the same network namespace in turn. Root, some 20 s a round:
 *
 *     bun test/bench/kernel-routes.ts [--rounds N]
 *
 * One JSON line per figure. Ours is measured from the first route that comes into view to the last one that the kernel has, in
 * a process whose event loop is watched; theirs is the run of the program over a file. That all routes are there is counted
 * by iproute2 after each step. The first sync is the whole way: server, socket, view, kernel.
 *
 * IPv4 destinations are spread over 10.0.0.0/8. Where all of 100,000 host routes stand side by side, the kernel doubles or halves
 * one node of its trie (net/ipv4/fib_trie.c) within one operation, for some 28 ms here, however small the batches are.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../../src/cli/bench/figures.ts";
import { NetworkNamespace, reasonWithoutNamespaces } from "../support/kernel/network-namespace.ts";
import { FROM_SOURCE, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";
import { DEVICE, type Instruction, ipLines, PROTOCOL, TABLE } from "./kernel-routes-set.ts";
import type { LoopFigures } from "./loop-watch.ts";
import { machineLine } from "./support.ts";

const COUNT = 100_000;
const FAMILIES = [4, 6] as const;
const WORK = ["install", "move", "remove"] as const;
/** Multiples of `ip -batch`'s rate; moving has none to reach. */
const GOALS = { install: 1.5, move: null, remove: 1 } as const;
const MOST_STALL_MS = 20;

/** The client of kernel-routes-client.ts. */
class LedClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  #answers = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(namespace: NetworkNamespace): Promise<LedClient> {
    const script = join(import.meta.dir, "kernel-routes-client.ts");
    const command = [...namespace.enter, process.execPath, script];
    const child = new ChildProcess({ command, env: { NODE_ENV: undefined } });
    await child.until("readiness", () => child.stdoutLines[0]);
    return new LedClient(child);
  }

  async tell(instruction: Instruction): Promise<LoopFigures> {
    this.#child.send(JSON.stringify(instruction));
    const line = await this.#child.until("its figures", () => this.#child.stdoutLines[this.#answers + 1]);
    this.#answers += 2;
    return JSON.parse(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** By figure, one value per round. */
class Figures {
  readonly #values = new Map<string, number[]>();

  add(figure: string, value: number): void {
    this.#values.getOrInsertComputed(figure, () => []).push(value);
  }

  /** Rates: the best is the highest. */
  printRate(figure: string, peer: string, goal: number | null): void {
    const ours = this.#spread(figure, Math.max);
    const theirs = this.#spread(peer, Math.max);
    const ratio = ours.best / theirs.best;
    const medianRatio = ours.median / theirs.median;
    const isMet = goal === null ? null : ratio >= goal;
    const line = { figure, unit: "routes/s", bunbond: ours, "ip -batch": theirs, ratio, medianRatio, isMet };
    console.log(JSON.stringify(line));
  }

  print(figure: string, unit: string, atMost: number | null): void {
    const bunbond = this.#spread(figure, Math.min);
    console.log(
      JSON.stringify({ figure, unit, bunbond, isMet: atMost === null ? null : bunbond.best <= atMost }),
    );
  }

  #spread(figure: string, best: (...values: number[]) => number) {
    const values = this.#values.get(figure) ?? [];
    return { best: best(...values), median: median(values) };
  }
}

const reason = reasonWithoutNamespaces();
if (reason !== null) {
  console.error(`kernel-routes: skipped: ${reason}`);
  process.exit(0);
}
const { values: flags } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
using directory = temporaryDirectory();
await using namespace = await NetworkNamespace.create([
  "link set lo up",
  `link add ${DEVICE} type vxlan external dstport 4789`,
  `link set ${DEVICE} up`,
]);
const figures = new Figures();
console.log(machineLine());
for (let round = 1; round <= Number(flags.rounds); round++) {
  console.error(`round ${round} of ${flags.rounds}`);
  for (const family of FAMILIES) {
    await measureIp(family);
    await measureInstaller(family);
  }
  await measureWholeWay();
}
for (const family of FAMILIES) {
  for (const work of WORK) {
    figures.printRate(`IPv${family} ${work}`, `IPv${family} ${work} by ip`, GOALS[work]);
    figures.print(`IPv${family} ${work}: longest stall`, "ms", MOST_STALL_MS);
  }
}
figures.print("first sync of both: time", "ms", null);
figures.print("first sync of both: longest stall", "ms", MOST_STALL_MS);
figures.print("first sync of both: client's memory", "MB", null);

async function measureInstaller(family: 4 | 6): Promise<void> {
  await using client = await LedClient.start(namespace);
  const change = async (what: "add" | "remove", hop: number, destinations: number) => {
    const led = await client.tell({ type: "change", change: what, family, hop, count: COUNT, destinations });
    expectCount(family, destinations);
    return led;
  };
  const note = (work: (typeof WORK)[number], { ms, stallMs }: LoopFigures) => {
    figures.add(`IPv${family} ${work}`, (COUNT * 1000) / ms);
    figures.add(`IPv${family} ${work}: longest stall`, stallMs);
  };
  note("install", await change("add", 0, COUNT));
  // To a second next hop beside the first: a group for each pair.
  note("move", await change("add", 1, COUNT));
  await change("remove", 1, COUNT);
  note("remove", await change("remove", 0, 0));
}

async function measureIp(family: 4 | 6): Promise<void> {
  const lines = ipLines(family, COUNT);
  for (const work of WORK) {
    const path = join(directory.path, `${family}-${work}`);
    await Bun.write(`${path}-objects`, lines[work].objects.join("\n"));
    await Bun.write(path, lines[work].others.join("\n"));
    const script = `ip -6 -batch ${path}-objects; ip -batch ${path}`;
    const startMs = performance.now();
    const child = Bun.spawn([...namespace.enter, "sh", "-ec", script], { stderr: "inherit" });
    if ((await child.exited) !== 0) throw new Error("ip -batch failed");
    figures.add(`IPv${family} ${work} by ip`, (COUNT * 1000) / (performance.now() - startMs));
    expectCount(family, work === "remove" ? 0 : COUNT);
  }
  namespace.ip(["nexthop flush"]);
}

async function measureWholeWay(): Promise<void> {
  await using server = await startBunbondServer({ command: [...namespace.enter, ...FROM_SOURCE] });
  const script = join(import.meta.dir, "kernel-routes-announcer.ts");
  const command = [...namespace.enter, process.execPath, script, server.address, `${COUNT}`];
  await using announcer = new ChildProcess({ command });
  await announcer.until("its routes at the server", () => announcer.stdoutLines[0]);
  await using client = await LedClient.start(namespace);
  const sync = { type: "connect", server: server.address, destinations: 2 * COUNT } as const;
  const { ms, stallMs, rssBytes } = await client.tell(sync);
  for (const family of FAMILIES) expectCount(family, COUNT);
  figures.add("first sync of both: time", ms);
  figures.add("first sync of both: longest stall", stallMs);
  figures.add("first sync of both: client's memory", rssBytes / 1e6);
  await client.tell({ type: "unsubscribe" });
  for (const family of FAMILIES) expectCount(family, 0);
}

function expectCount(family: 4 | 6, expected: number): void {
  const list = `ip -${family} route show table ${TABLE} proto ${PROTOCOL} 2>/dev/null | grep -c ' nhid '`;
  const { stdout } = Bun.spawnSync([...namespace.enter, "sh", "-c", list]);
  const found = Number(stdout.toString());
  if (found !== expected) throw new Error(`IPv${family}: ${found} routes in the kernel, not ${expected}`);
}
