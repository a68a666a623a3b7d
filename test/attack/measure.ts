/** One attack on a server of its own, with an observer beside it. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseEndpoint } from "../../src/net/endpoint.ts";
import { startBunbondServer } from "../support/bunbond-process.ts";
import type { Target } from "./attacking-peer.ts";
import { ATTACKS, type Bounds, USUAL_BOUNDS } from "./attacks.ts";
import { type Observed, Observer } from "./observer.ts";

const ATTACKER = fileURLToPath(new URL("attacker.ts", import.meta.url));
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
  readonly bounds: Bounds;
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
  const target: Target = { host: "127.0.0.1", port: portOf(server.address), httpPort: portOf(http) };
  const observer = new Observer(target);
  await observer.ready();
  const beforeMiB = residentMiB(server.pid);
  let peakMiB = beforeMiB;
  const memory = setInterval(() => {
    peakMiB = Math.max(peakMiB, residentMiB(server.pid));
  }, MEMORY_LOOK_MS);
  const startMs = performance.now();
  const words = [name, target.host, target.port, target.httpPort, size, seconds].map(String);
  const attacker = Bun.spawn([process.execPath, ATTACKER, ...words], { stdout: "ignore", stderr: "inherit" });
  const exitCode = await attacker.exited;
  if (exitCode !== 0) throw new Error(`the attacker of ${name} failed: exit code ${exitCode}`);
  const attackSeconds = (performance.now() - startMs) / 1000;
  await Bun.sleep(AFTERMATH_MS);
  const observed = await observer.finish();
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
    endMarkMaxMs: rounded(observed.endMarkMaxMs),
    departureMaxMs: rounded(observed.departureMaxMs),
    ownDelayMs: rounded(observed.ownDelayMs),
    beforeMiB,
    peakMiB,
    afterMiB: residentMiB(server.pid),
    bounds: { ...USUAL_BOUNDS, ...attack.bounds },
  };
}

/** What of the bounds was not kept, in words; empty: it held. */
export function broken(figures: Figures, factor = 1): string[] {
  const { bounds, keepaliveMaxMs, updateMaxMs, newcomerMaxMs, endMarkMaxMs, departureMaxMs } = figures;
  const { lostSessions, updates, peakMiB } = figures;
  const delayMs = bounds.delayMs * factor;
  return [
    ...(keepaliveMaxMs > delayMs ? [`a KEEPALIVE's answer took ${keepaliveMaxMs} ms`] : []),
    ...(updateMaxMs > delayMs ? [`an update took ${updateMaxMs} ms`] : []),
    ...(endMarkMaxMs > delayMs ? [`an end mark took ${endMarkMaxMs} ms`] : []),
    ...(departureMaxMs > bounds.departureMs * factor ? [`a departure took ${departureMaxMs} ms`] : []),
    ...(newcomerMaxMs > bounds.newcomerMs * factor ? [`a newcomer took ${newcomerMaxMs} ms`] : []),
    ...(lostSessions > 0 ? [`${lostSessions} innocent sessions were lost`] : []),
    ...(updates === 0 ? ["no update came at all"] : []),
    ...(peakMiB > bounds.peakMiB ? [`the server took ${peakMiB} MiB`] : []),
  ];
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
