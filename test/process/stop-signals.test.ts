/**
 * SIGTERM ends the executable at any moment, also where it is PID 1 of a PID namespace, as in a container: there the kernel
 * drops whatever has no handler.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync, readlinkSync } from "node:fs";
import { builtExecutable } from "../support/process/built-executable.ts";
import { startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const { success: hasNamespaces } = Bun.spawnSync(["unshare", "-pf", "--mount-proc", "true"], {
  stderr: "ignore",
});
const because = hasNamespaces ? "" : " (skipped: a PID namespace needs root)";

const executable = await builtExecutable();
const SERVER = ["server", "--listen", "[::1]:0", "--socket", "none"];
/** Of a process that SIGTERM has ended, and of a daemon that it has stopped. */
const EXIT_CODES = [143, 0];
const DELAYS_MS = [0, 1, 2, 4, 6, 8, 10, 12, 15, 20, 30, 50, 100];

function readIfThere(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

/** Looks until the condition holds; what is looked at are files of /proc, which tell nobody of changes. */
async function pollUntil<T>(probe: () => T | undefined): Promise<T> {
  for (;;) {
    const found = probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The executable as PID 1 of its own PID namespace; `pid` is its number out here. */
async function startAsPidOne(args: readonly string[]) {
  const child = new ChildProcess({
    command: ["unshare", "-pf", "--mount-proc", "--kill-child", executable, ...args],
  });
  const pid = await pollUntil(() => {
    const [first] = readIfThere(() =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "latin1"),
    ).split(" ");
    const isExecuted = readIfThere(() => readlinkSync(`/proc/${first}/exe`)) === executable;
    return isExecuted ? Number(first) : undefined;
  });
  return Object.assign(child, { innerPid: pid });
}

/** Whether the process has a handler for SIGTERM, which is signal 15: by the mask SigCgt of proc(5). */
function catchesTerm(pid: number): boolean {
  const status = readIfThere(() => readFileSync(`/proc/${pid}/status`, "latin1"));
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return ((BigInt(`0x${mask}`) >> 14n) & 1n) === 1n;
}

test("SIGTERM at any moment after exec ends a server", async () => {
  for (const delayMs of DELAYS_MS) {
    await using server = new ChildProcess({ command: [executable, ...SERVER] });
    // The moment itself is what is tried.
    await Bun.sleep(delayMs);
    expect([delayMs, EXIT_CODES]).toEqual([delayMs, expect.arrayContaining([await server.stop()])]);
  }
});

describe.skipIf(!hasNamespaces)(`as PID 1${because}`, () => {
  test("SIGTERM at any moment after its handler is there ends a server", async () => {
    for (const delayMs of DELAYS_MS) {
      await using server = await startAsPidOne(SERVER);
      await pollUntil(() => catchesTerm(server.innerPid) || undefined);
      // The moment itself is what is tried.
      await Bun.sleep(delayMs);
      process.kill(server.innerPid, "SIGTERM");
      expect([delayMs, EXIT_CODES]).toEqual([delayMs, expect.arrayContaining([await server.ended])]);
    }
  });

  test("SIGTERM ends a command that is no daemon, and waits", async () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/silent.sock`;
    using silent = Bun.listen({ unix: path, socket: { data() {} } });
    silent.ref();
    await using status = await startAsPidOne(["status", "--socket", path]);
    await pollUntil(() => catchesTerm(status.innerPid) || undefined);
    process.kill(status.innerPid, "SIGTERM");
    expect(await status.ended).toBe(143);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("a second signal, %s, ends a client that is still draining", async (signal, exitCode) => {
    await using server = await startBunbondServer();
    const announcement = ["--announce", "100#10.0.1.0/24@2001:db8::1"];
    const flags = ["--server", server.address, ...announcement, "--drain", "600", "--socket", "none"];
    await using client = await startAsPidOne(["client", ...flags]);
    await client.logged(/server established/);
    process.kill(client.innerPid, "SIGTERM");
    await client.logged(/draining/);
    process.kill(client.innerPid, signal);
    expect(await client.ended).toBe(exitCode);
  });
});
