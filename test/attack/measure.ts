/** One attack on a server of its own, with an observer beside it. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseEndpoint } from "../../src/net/endpoint.ts";
import { startBunbondServer } from "../support/process/bunbond-process.ts";
import type { Target } from "./attacking-peer.ts";
import { ATTACKS, type Bounds, USUAL_BOUNDS } from "./attacks.ts";
import type { Observed } from "./observer.ts";

const ATTACKER = fileURLToPath(new URL("attacker.ts", import.meta.url));
const OBSERVING = fileURLToPath(new URL("observing.ts", import.meta.url));
const PATIENT_READER = fileURLToPath(new URL("patient-reader.ts", import.meta.url));
/** To know how long a document takes without an attack. */
const USUAL_DOCUMENTS = 2;
/** For what the attacker's leaving sets off. */
const AFTERMATH_MS = 3_000;
const MEMORY_LOOK_MS = 50;

export interface Run {
  readonly name: string;
  readonly size: number;
  readonly seconds: number;
  /** How long after the attacker has left memory has to be back, 3 or more. */
  readonly memoryBackSeconds: number;
  /** What runs BunBond. */
  readonly command: readonly string[];
}

/** One line of the report. */
export interface Figures extends Observed {
  readonly attack: string;
  readonly size: number;
  readonly unit: string;
  readonly attackSeconds: number;
  readonly beforeMiB: number;
  readonly peakMiB: number;
  /** Some seconds after the attacker has left. */
  readonly afterMiB: number;
  /** What the same peers see of a server that nobody attacks, at the same time: the machine's own delays. */
  readonly idleServer: {
    readonly keepaliveMaxMs: number;
    readonly updateMaxMs: number;
    readonly newcomerMaxMs: number;
  };
  /** Of a patient HTTP reader; null where there is none. */
  readonly documents: Documents | null;
  readonly bounds: Bounds;
}

interface Documents {
  readonly usualMs: number;
  /** With the one that is not complete at the end. */
  readonly maxMs: number;
  readonly complete: number;
}

export async function measure({ name, size, seconds, memoryBackSeconds, command }: Run): Promise<Figures> {
  const attack = ATTACKS[name];
  if (attack === undefined) throw new Error(`there is no attack ${name}: ${Object.keys(ATTACKS).join(", ")}`);
  const { flags = [], openFiles, unit } = attack;
  const limited = openFiles === undefined ? [] : ["prlimit", `--nofile=${openFiles}`];
  await using server = await startBunbondServer({
    command: [...limited, ...command],
    listen: "127.0.0.1:0",
    flags: ["--http", "127.0.0.1:0", ...flags],
  });
  const [, http = ""] = await server.logged(/serving HTTP.*\baddress=(\S+)/);
  await using idle = await startBunbondServer({ command, listen: "127.0.0.1:0" });
  const target: Target = { host: "127.0.0.1", port: portOf(server.address), httpPort: portOf(http) };
  const words = [name, target.host, target.port, target.httpPort, size, seconds].map(String);
  const attacker = Bun.spawn([process.execPath, ATTACKER, ...words], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  // It is ready.
  await lines(attacker.stdout).next();
  await using reader =
    attack.readsDocuments === true ? new PatientReader(`http://${http}/routes.json`) : null;
  await reader?.begin();
  const beforeMiB = residentMiB(server.pid);
  await using observers = new Observers(target, portOf(idle.address));
  await observers.ready();
  let peakMiB = beforeMiB;
  const memory = setInterval(() => {
    peakMiB = Math.max(peakMiB, residentMiB(server.pid));
  }, MEMORY_LOOK_MS);
  const startMs = performance.now();
  attacker.stdin.write("go\n");
  attacker.stdin.flush();
  const exitCode = await attacker.exited;
  if (exitCode !== 0) throw new Error(`the attacker of ${name} failed: exit code ${exitCode}`);
  const attackSeconds = (performance.now() - startMs) / 1000;
  const documents = reader?.finish() ?? null;
  await Bun.sleep(AFTERMATH_MS);
  const [observed, baseline] = await observers.finish();
  await Bun.sleep(memoryBackSeconds * 1000 - AFTERMATH_MS);
  clearInterval(memory);
  return {
    attack: name,
    size,
    unit,
    attackSeconds: rounded(attackSeconds),
    ...observed,
    keepaliveMaxMs: rounded(observed.keepaliveMaxMs),
    updateMaxMs: rounded(observed.updateMaxMs),
    newcomerMaxMs: rounded(observed.newcomerMaxMs),
    endOfRibMaxMs: rounded(observed.endOfRibMaxMs),
    departureMaxMs: rounded(observed.departureMaxMs),
    ownDelayMs: rounded(observed.ownDelayMs),
    idleServer: {
      keepaliveMaxMs: rounded(baseline.keepaliveMaxMs),
      updateMaxMs: rounded(baseline.updateMaxMs),
      newcomerMaxMs: rounded(baseline.newcomerMaxMs),
    },
    documents,
    beforeMiB,
    peakMiB,
    afterMiB: residentMiB(server.pid),
    bounds: { ...USUAL_BOUNDS, ...attack.bounds },
  };
}

/** What of the bounds was not kept, in words; empty: it held. */
export function broken(figures: Figures, factor = 1): string[] {
  const { bounds, keepaliveMaxMs, updateMaxMs, newcomerMaxMs, endOfRibMaxMs, departureMaxMs } = figures;
  const { lostSessions, updates, peakMiB, documents } = figures;
  const delayMs = bounds.delayMs * factor;
  return [
    ...(keepaliveMaxMs > delayMs ? [`a KEEPALIVE's answer took ${keepaliveMaxMs} ms`] : []),
    ...(updateMaxMs > delayMs ? [`an update took ${updateMaxMs} ms`] : []),
    ...(endOfRibMaxMs > delayMs ? [`an End-of-RIB took ${endOfRibMaxMs} ms`] : []),
    ...(departureMaxMs > bounds.departureMs * factor ? [`a departure took ${departureMaxMs} ms`] : []),
    ...(newcomerMaxMs > bounds.newcomerMs * factor ? [`a newcomer took ${newcomerMaxMs} ms`] : []),
    ...(lostSessions > 0 ? [`${lostSessions} innocent sessions were lost`] : []),
    ...(updates === 0 ? ["no update came at all"] : []),
    ...(documents !== null && documents.maxMs > documents.usualMs * bounds.documentFactor * factor
      ? [`a document took ${documents.maxMs} ms in place of ${documents.usualMs}`]
      : []),
    ...(peakMiB - figures.beforeMiB > bounds.growthMiB
      ? [`the server's memory grew by ${peakMiB - figures.beforeMiB} MiB`]
      : []),
    ...(peakMiB > bounds.peakMiB ? [`the server took ${peakMiB} MiB`] : []),
  ];
}

/** They are to be late for the server's sake only: where that may be, they run before everybody else. */
const AT_ONCE = ["chrt", "--fifo", "10"];

class Observers implements AsyncDisposable {
  readonly #process;
  readonly #said;

  constructor(target: Target, idlePort: number) {
    const mayRunAtOnce = Bun.which("chrt") !== null && Bun.spawnSync([...AT_ONCE, "true"]).exitCode === 0;
    const words = [target.host, target.port, idlePort].map(String);
    this.#process = Bun.spawn([...(mayRunAtOnce ? AT_ONCE : []), process.execPath, OBSERVING, ...words], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#said = lines(this.#process.stdout);
  }

  async ready(): Promise<void> {
    await this.#said.next();
  }

  /** Of the server that is attacked, and of the other one. */
  async finish(): Promise<[Observed, Observed]> {
    this.#process.stdin.write("finish\n");
    this.#process.stdin.flush();
    const { value } = await this.#said.next();
    return JSON.parse(value ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }
}

class PatientReader implements AsyncDisposable {
  readonly #process;
  readonly #times: number[] = [];
  readonly #usual = Promise.withResolvers<void>();
  #usualMs = 0;
  #sinceMs = 0;

  constructor(url: string) {
    this.#process = Bun.spawn([process.execPath, PATIENT_READER, url], { stdout: "pipe", stderr: "inherit" });
    void this.#run();
  }

  /** The usual time is known. */
  async begin(): Promise<void> {
    await this.#usual.promise;
    this.#usualMs = Math.max(...this.#times.splice(0));
  }

  finish(): Documents {
    this.#process.kill();
    const maxMs = Math.max(...this.#times, performance.now() - this.#sinceMs);
    return { usualMs: rounded(this.#usualMs), maxMs: rounded(maxMs), complete: this.#times.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }

  async #run(): Promise<void> {
    for await (const line of lines(this.#process.stdout)) {
      this.#sinceMs = performance.now();
      this.#times.push(Number(line));
      if (this.#times.length === USUAL_DOCUMENTS) this.#usual.resolve();
    }
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const whole = text.split("\n");
    text = whole.pop() ?? "";
    yield* whole;
  }
}

function portOf(address: string): number {
  const endpoint = parseEndpoint(address);
  if ("code" in endpoint) throw new Error(`${address}: ${endpoint.message}`);
  return endpoint.port ?? 0;
}

function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return Math.round(Number(kib) / 1024);
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
