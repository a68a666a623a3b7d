/**
 * What memory a connection costs a server that has 1,000 of them, established and idle, none of them subscribed.
 * `bun test/bench/idle.ts` (flags: support.ts)
 */
import { BenchConnection } from "../../src/cli/bench/bench-connection.ts";
import { NO_ANNOUNCER } from "../../src/cli/bench/messages.ts";
import { RouteSet } from "../../src/cli/bench/route-set.ts";
import { ServerProcess } from "../../src/cli/bench/server-process.ts";
import { parseEndpoint } from "../../src/net/endpoint.ts";
import { SystemClock } from "../../src/transport/schedule/system-clock.ts";
import { BunNetwork } from "../../src/transport/tcp-network.ts";
import { inTurnFresh, printRows, type Row, type RunningServer, rowOf, type Setup } from "./support.ts";

const CONNECTIONS = 1000;
const AT_ONCE = 100;
/** Some KEEPALIVEs of each, and time for a garbage collector. */
const REST_MS = 7000;

export async function measureIdle(setup: Setup): Promise<Row[]> {
  const values = await inTurnFresh(setup, kilobytesPerConnection);
  return [rowOf({ figure: "memory per idle connection", unit: "KB", goal: { atMost: 12 } }, values)];
}

async function kilobytesPerConnection(server: RunningServer): Promise<number> {
  const process = new ServerProcess(server.pid);
  const before = process.sample().rssBytes;
  const connections = Array.from({ length: CONNECTIONS }, (_, id) => connectionOf(server, id));
  for (let i = 0; i < CONNECTIONS; i += AT_ONCE) {
    await Promise.all(connections.slice(i, i + AT_ONCE).map((connection) => connection.open()));
  }
  await Bun.sleep(REST_MS);
  const grownBytes = process.sample().rssBytes - before;
  for (const connection of connections) connection.close();
  return grownBytes / CONNECTIONS / 1000;
}

function connectionOf({ address }: RunningServer, id: number): BenchConnection {
  const endpoint = parseEndpoint(address);
  if ("code" in endpoint) throw new Error(`${address}: ${endpoint.message}`);
  const routes = { vni: 0, family: 4, announcers: 1, routesPerAnnouncer: 1 } as const;
  return new BenchConnection(
    { id, announcer: NO_ANNOUNCER, subscribes: false },
    {
      settings: { server: endpoint, keepaliveSeconds: 5, paced: false, encode: [], routes },
      routes: new RouteSet(routes),
      network: new BunNetwork(),
      clock: new SystemClock(),
      failed: (message) => {
        throw new Error(message);
      },
    },
  );
}

if (import.meta.main) await printRows(measureIdle);
