/** The test files that need no process, no socket and no C library, found by what they import. */
import { dirname, join, normalize } from "node:path";

const REPOSITORY = dirname(dirname(import.meta.dir));

/** What starts a process, opens a socket, or calls the C library (network namespaces are entered by processes). */
const EDGE =
  /\bBun\.(?:spawn|spawnSync|listen|connect|serve|udpSocket|\$)|\bfetch\(|["'](?:bun:ffi|node:(?:net|child_process|http|dgram|tls))["']/;

/**
 * Left out: each takes more than half a second of processor time, for large tables or long schedules; and the facts of doctor are
 * those of a real host.
 */
const SLOW: readonly string[] = [
  "test/cli/commands/host-commands.test.ts",
  "test/cli/config/config-file.test.ts",
  "test/cli/program/output-format.test.ts",
  "test/client/agreement.test.ts",
  "test/client/client-core.test.ts",
  "test/client/fault-schedule.test.ts",
  "test/client/foreign-server.test.ts",
  "test/client/memory-refused.test.ts",
  "test/client/moving-destinations.test.ts",
  "test/client/outages.test.ts",
  "test/client/run-time-servers.test.ts",
  "test/client/servers.test.ts",
  "test/client/view/stale-timers.test.ts",
  "test/http/monitoring/monitor.test.ts",
  "test/http/public/routes-document.test.ts",
  "test/http/queries/fib.test.ts",
  "test/http/queries/queries.test.ts",
  "test/kernel/desired/underlay.test.ts",
  "test/kernel/reconcile/adoption.test.ts",
  "test/kernel/reconcile/drift.test.ts",
  "test/kernel/reconcile/many-hops.test.ts",
  "test/kernel/reconcile/memory-refused.test.ts",
  "test/kernel/reconcile/tunnel-device.test.ts",
  "test/kernel/reconcile/turns.test.ts",
  "test/library/client.test.ts",
  "test/route/digest.test.ts",
  "test/route/history.test.ts",
  "test/route/table/text-order.test.ts",
  "test/route/trie/prefix-trie-steps.test.ts",
  "test/route/trie/prefix-trie.test.ts",
  "test/scenario/network.test.ts",
  "test/server/cut-off.test.ts",
  "test/server/exchange/bounded-work.test.ts",
  "test/server/exchange/bulk.test.ts",
  "test/server/exchange/route-exchange.test.ts",
  "test/server/exchange/table-memory.test.ts",
  "test/server/go-client.test.ts",
  "test/server/server.test.ts",
  "test/server/slow-consumer.test.ts",
  "test/server/stalled-socket.test.ts",
  "test/tools/decode/decoder.test.ts",
  "test/transport/pacing.test.ts",
  "test/transport/schedule/read-schedule.test.ts",
];

/** Path from the root of the repository → text without comments. */
export type TestSources = ReadonlyMap<string, string>;

export async function readTestSources(): Promise<TestSources> {
  const paths = Array.from(new Bun.Glob("{src,test}/**/*.ts").scanSync(REPOSITORY)).sort();
  const read = async (path: string) => [path, withoutComments(await Bun.file(join(REPOSITORY, path)).text())];
  return new Map((await Promise.all(paths.map(read))) as [string, string][]);
}

export function testFilesOf(sources: TestSources): string[] {
  return [...sources.keys()].filter((path) => path.endsWith(".test.ts"));
}

export function isSlow(path: string): boolean {
  return SLOW.includes(path);
}

/** Returns the paths of the fast test files, in order. */
export function fastTestFiles(sources: TestSources): string[] {
  return testFilesOf(sources).filter((path) => edgesOf(path, sources).length === 0 && !isSlow(path));
}

/**
 * Returns the modules that are an edge: of the file itself, of those of test/ that it imports, directly or not, and of those of
 * src/ that these name. What src/ imports itself does not count: a server has a network of sockets at hand that a test with a
 * network in memory does not use (no-edges.ts sees to that).
 */
export function edgesOf(path: string, sources: TestSources, seen = new Set<string>()): string[] {
  const source = sources.get(path);
  if (source === undefined || seen.has(path)) return [];
  seen.add(path);
  const modules = path.startsWith("src/") ? [] : importsOf(source);
  const imported = modules.flatMap((module) => edgesOf(normalize(join(path, "..", module)), sources, seen));
  return EDGE.test(source) ? [path, ...imported] : imported;
}

/** Returns the modules that are imported for more than their types. */
function importsOf(source: string): string[] {
  const statements = source.matchAll(
    /^(?:import|export)\b(?! type\b)[^"';]*?(?:\bfrom\s*)?["'](\.[^"']+)["']/gm,
  );
  return Array.from(statements, ([, module = ""]) => module);
}

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}
