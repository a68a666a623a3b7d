/**
 * What do questions of an operator cost beside 1,000,000 routes? A server holds the table, a peer asks for a KEEPALIVE's answer again
 * and again, and each kind of query is sent over HTTP meanwhile. One JSON line per kind: how long the query takes, and the longest
 * wait for an answer, beside that without queries.
 *
 *     npx bun test/bench/queries.ts [--executable FILE] [--routes N] [--seconds N]
 */
import { parseArgs } from "node:util";
import { AttackingPeer } from "../attack/attacking-peer.ts";
import { announce, hop, KEEPALIVE, word } from "../attack/frames.ts";
import { FROM_SOURCE, startBunbondServer } from "../support/process/bunbond-process.ts";

const { values } = parseArgs({
  options: {
    executable: { type: "string" },
    routes: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "4" },
  },
});
const routes = Number(values.routes);
const seconds = Number(values.seconds);
const HTTP_PORT = 47_129;
const HTTP = `http://[::1]:${HTTP_PORT}`;
/** Two of a thousand VNIs' worth of destinations. */
const VNIS = 1000;

const QUERIES: readonly (readonly [name: string, path: string])[] = [
  ["idle", ""],
  ["explain in all VNIs", "/v1/explain/64.0.0.7"],
  ["explain in one VNI", "/v1/explain/64.0.0.7?vni=7"],
  ["a page of routes", "/v1/routes?limit=1000"],
  ["routes of a rare next hop", "/v1/routes?nextHop=2001:db8::dead"],
  ["all routes as lines", "/v1/routes?format=jsonl"],
  ["VNIs", "/v1/vnis"],
  ["history", "/v1/history?limit=1000"],
  ["metrics", "/metrics"],
  ["peers", "/v1/peers"],
];

await using server = await startBunbondServer({
  command: values.executable === undefined ? FROM_SOURCE : [values.executable],
  flags: ["--http", `[::1]:${HTTP_PORT}`],
});
const port = Number(/:(\d+)$/.exec(server.address)?.[1]);
const target = { host: "::1", port, httpPort: HTTP_PORT };
const announcer = (await AttackingPeer.establish(target)).stayAlive();
for (let i = 0; i < routes; i++) {
  await announcer.add(
    announce({
      vni: i % VNIS,
      prefix: word(0x40000000 + Math.floor(i / VNIS)),
      lengthBits: 32,
      hop: hop(1 + (i % 200)),
    }),
  );
}
await announcer.fence();
const asker = await AttackingPeer.establish(target);

for (const [name, path] of QUERIES) {
  let isOver = false;
  let longestMs = 0;
  const waits: number[] = [];
  const asking = (async () => {
    while (!isOver) {
      const startMs = performance.now();
      const before = asker.keepalives;
      asker.write(Uint8Array.from(KEEPALIVE));
      await asker.until(() => asker.keepalives > before);
      const tookMs = performance.now() - startMs;
      waits.push(tookMs);
      longestMs = Math.max(longestMs, tookMs);
      await Bun.sleep(1);
    }
  })();
  const tookMs: number[] = [];
  const untilMs = performance.now() + seconds * 1000;
  if (path === "") await Bun.sleep(seconds * 1000);
  while (path !== "" && (performance.now() < untilMs || tookMs.length === 0)) {
    const startMs = performance.now();
    const answer = await fetch(HTTP + path);
    for await (const _ of answer.body ?? []);
    tookMs.push(performance.now() - startMs);
  }
  isOver = true;
  await asking;
  const sorted = tookMs.toSorted((a, b) => a - b);
  const sortedWaits = waits.toSorted((a, b) => a - b);
  const round = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms * 100) / 100);
  console.log(
    JSON.stringify({
      query: name,
      routes,
      queryMedianMs: round(sorted[sorted.length >> 1]),
      queries: tookMs.length,
      keepaliveMedianMs: round(sortedWaits[sortedWaits.length >> 1]),
      keepalive99Ms: round(sortedWaits[Math.floor(sortedWaits.length * 0.99)]),
      keepaliveLongestMs: round(longestMs),
    }),
  );
}
asker.leave();
announcer.leave();
