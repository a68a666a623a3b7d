/**
 * Subscribers of one network, and how long it takes until the last of them has heard that a client is dead. They are
 * a process of their own because they may have to run in another network namespace than death.ts, which starts it:
 *
 *     bun test/bench/death-watchers.ts SERVER SUBSCRIBERS ROUTES
 *
 *     stdout                       stdin
 *     {"event":"subscribed"}
 *     {"event":"complete"}                                  each has all routes of the client (RouteSet, VNI 100)
 *                                  ["kill", "1234"]         now end that process, without asking it
 *                                  ["run", "ip", "link", …] or carry out that command
 *     {"event":"gone","afterMs":1.5}                        none has any route left; then from "complete" on again
 */

import { BenchConnection } from "../../src/cli/bench/bench-connection.ts";
import { type DeliveryCounts, wrongDeliveries } from "../../src/cli/bench/delivery-check.ts";
import { type Expectation, NO_ANNOUNCER } from "../../src/cli/bench/messages.ts";
import { RouteSet } from "../../src/cli/bench/route-set.ts";
import { parseEndpoint } from "../../src/net/endpoint.ts";
import { SystemClock } from "../../src/transport/schedule/system-clock.ts";
import { BunNetwork } from "../../src/transport/tcp-network.ts";

const KEEPALIVE_SECONDS = 5;

const [, , address = "", subscribers = "", routesPerAnnouncer = ""] = process.argv;
const server = parseEndpoint(address);
if ("code" in server) throw new Error(`${address}: ${server.message}`);
const routes = new RouteSet({
  vni: 100,
  family: 4,
  announcers: 1,
  routesPerAnnouncer: Number(routesPerAnnouncer),
});
const network = new BunNetwork();
const clock = new SystemClock();
const settings = { server, keepaliveSeconds: KEEPALIVE_SECONDS, paced: false, encode: [], routes };
const failed = (message: string): never => {
  throw new Error(message);
};
const connections = Array.from(
  { length: Number(subscribers) },
  (_, id) =>
    new BenchConnection(
      { id, announcer: NO_ANNOUNCER, subscribes: true },
      { settings, routes, network, clock, failed },
    ),
);

await Promise.all(connections.map((connection) => connection.open()));
await Promise.all(connections.map((connection) => connection.startSubscription()));
say({ event: "subscribed" });
let arrived = everybody({ actions: "add", routes: routes.routeCount, markers: 0 });
arrived.then(() => say({ event: "complete" }));
for await (const line of console) {
  await arrived;
  // Whoever writes the lines is death.ts.
  const [verb, ...words] = JSON.parse(line) as string[];
  const withdrawn = everybody({ actions: "remove", routes: 0, markers: 0 });
  const startedMs = performance.now();
  if (verb === "kill") process.kill(Number(words[0]), "SIGKILL");
  else Bun.spawnSync(words, { stdio: ["ignore", "ignore", "inherit"] });
  await withdrawn;
  say({ event: "gone", afterMs: performance.now() - startedMs });
  arrived = everybody({ actions: "add", routes: routes.routeCount, markers: 0 });
  arrived.then(() => say({ event: "complete" }));
}

async function everybody(expected: Expectation): Promise<void> {
  for (const connection of connections) connection.expect(expected);
  await Promise.all(connections.map((connection) => connection.complete));
  const counts: DeliveryCounts[] = connections.map(({ check }) => check.counts);
  const wrong = counts.reduce((sum, each) => sum + wrongDeliveries(each), 0);
  if (wrong > 0) throw new Error(`${wrong} deliveries were wrong`);
}

function say(event: object): void {
  console.log(JSON.stringify(event));
}
