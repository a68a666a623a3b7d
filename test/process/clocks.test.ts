/** Servers and clients need not agree what time it is, nor whether it goes forward. */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { announceFlag, routeLine, standardRoute } from "../support/models/text-route.ts";
import { freeAddress } from "../support/network/free-address.ts";
import { startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import type { RouteClient } from "../support/process/route-client.ts";

const SOURCE = fileURLToPath(new URL("../../src", import.meta.url));
const SHIFTED_DATE = fileURLToPath(new URL("../support/process/shifted-date.ts", import.meta.url));
const YEAR_SECONDS = 31_556_952;
const KEEPALIVE_SECONDS = 1;

const R = standardRoute(100, "10.0.1.0/24", "2001:db8::1");
const Q = standardRoute(100, "10.0.2.0/24", "2001:db8::2");
const SILENT = standardRoute(100, "10.0.3.0/24", "2001:db8::3");
const GONE = standardRoute(100, "10.0.4.0/24", "2001:db8::4");

/** BunBond by a clock that is so many years ahead, and jumps. */
function yearsAhead(years: number): readonly string[] {
  const seconds = Math.round(years * YEAR_SECONDS);
  return [
    "env",
    `CLOCK_AHEAD_SECONDS=${seconds}`,
    process.execPath,
    "--preload",
    SHIFTED_DATE,
    "src/main.ts",
  ];
}

const yearsSeen = (client: RouteClient) =>
  new Set(client.stdoutLines.map((line) => /"time":"([+-]?\d+)-/.exec(line)?.[1]));

test.concurrent("clocks that are decades apart and jump: nothing ends too early, nor stays too long", async () => {
  const thisYear = new Date().getFullYear();
  const listen = freeAddress();
  const timesOf = { listen, command: yearsAhead(-30), keepaliveSeconds: KEEPALIVE_SECONDS };
  await using first = await startBunbondServer({ ...timesOf, flags: ["--retain", "1"] });
  const common = { servers: [listen], keepaliveSeconds: KEEPALIVE_SECONDS, vnis: [100], retry: "0.5-1" };
  await using ahead = startBunbondClient({ ...common, command: yearsAhead(30), announce: [announceFlag(R)] });
  await using right = startBunbondClient({ ...common, announce: [announceFlag(Q)] });
  await using silent = startBunbondClient({
    ...common,
    command: yearsAhead(-50),
    announce: [announceFlag(SILENT)],
  });
  await using gone = startBunbondClient({
    ...common,
    command: yearsAhead(99),
    announce: [announceFlag(GONE)],
  });
  await ahead.viewIs([Q, SILENT, GONE]);
  await right.viewIs([R, SILENT, GONE]);

  // Keepalive, in its time: longer than 2.5 intervals for the others, who stay. Then retain.
  const stoodStillMs = performance.now();
  silent.signal("SIGSTOP");
  await ahead.viewIs([Q, GONE]);
  // 2.5 intervals from the last KEEPALIVE, which may be an interval old, and 1 s of retention.
  expect(performance.now() - stoodStillMs).toBeGreaterThanOrEqual(2_500);
  await right.viewIs([R, GONE]);
  for (const client of [ahead, right]) {
    expect(client.events.flatMap((event) => (event.event === "server" ? [event.state] : []))).toEqual([
      ...["connecting", "handshake", "established"],
    ]);
  }

  // Retry and settle: the End-of-RIB comes, but not before all are back.
  await first.kill();
  await gone.kill();
  for (const client of [ahead, right]) await client.serverState("retry");
  await using _second = await startBunbondServer({ ...timesOf, settleSeconds: 4 });
  await ahead.viewIs([Q]);
  await right.viewIs([R]);
  for (const client of [ahead, right]) {
    const removed = client.changes().filter((change) => change.startsWith("-"));
    expect(removed).toEqual([SILENT, GONE].map((route) => `- ${routeLine(route)}`));
  }

  // Their clocks really were wrong.
  expect(yearsSeen(right)).toContain(`${thisYear}`);
  expect(Number([...yearsSeen(ahead)][0])).toBeWithin(thisYear + 29, thisYear + 32);
  expect(first.stderrLines[0]).toStartWith(`${thisYear - 30}`);
});

test("nothing that decides looks at the wall clock, only what people read, and the clock for suspension.ts", async () => {
  const readers: string[] = [];
  for await (const path of new Bun.Glob("**/*.ts").scan(SOURCE)) {
    const code = (await Bun.file(`${SOURCE}/${path}`).text()).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    // A date that is made of a number is only a form of it.
    const readsTime = code.replace(/new Date\((?!\))/g, "");
    if (/\bDate\b|\bTemporal\b|\bhrtime\b|timeOrigin/.test(readsTime)) readers.push(path.split("/")[0] ?? "");
  }
  expect([...new Set(readers)].sort()).toEqual(["cli", "http", "page", "transport"]);
  const users: string[] = [];
  for await (const path of new Bun.Glob("**/*.ts").scan(SOURCE)) {
    if (/\.wallMs\b/.test(await Bun.file(`${SOURCE}/${path}`).text())) users.push(path);
  }
  // The first one for times in metrics.
  expect(users.sort()).toEqual(["http/control/daemon.ts", "server/suspension.ts"]);
});
