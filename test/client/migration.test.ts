/**
 * The way from metalbond to BunBond in `bunbond help migration`, with servers and clients of Go's habits: clients first, each with a stand-in that
 * only announces until the real one runs, then the servers. Nobody may lose a route on the way.
 */
import { expect, test } from "bun:test";
import { ClientRig, serverEndpoint } from "../support/network/client-rig.ts";
import { ForeignServer } from "../support/network/foreign-server.ts";
import { GoClient } from "../support/network/go-client.ts";
import { SimulatedProcess } from "../support/scenario/simulated-process.ts";

const PORTS = [1, 2];
const HYPERVISORS = [0, 1, 2, 3];
const routeOf = (n: number) => `100 10.0.${n}.0/24 via 2001:db8::${n + 1}`;

test("clients with stand-ins, then servers: no watcher misses a route at any moment", async () => {
  const rig = new ClientRig({ delayMs: 1 });
  const { clock, network, random } = rig;
  const goServers = await Promise.all(
    PORTS.map((port) =>
      ForeignServer.start({ clock, network, endpoint: serverEndpoint(port), unsubscribeWithdraws: true }),
    ),
  );
  /** Go's client at both servers: a part for each. */
  const startGo = (announce: readonly string[]) => {
    const process = new SimulatedProcess(clock, network);
    const common = { random, vnis: [100], announce, clock: process, network: process };
    return { process, parts: PORTS.map((port) => new GoClient({ ...common, server: serverEndpoint(port) })) };
  };
  const old = HYPERVISORS.map((n) => startGo([routeOf(n)]));
  const watcher = rig.client(PORTS).subscribe(100);
  clock.advance(20_000);
  const all = HYPERVISORS.map(routeOf);
  expect(
    watcher.log
      .takeChanges()
      .map((change) => change.slice(2))
      .sort(),
  ).toEqual(all);

  for (const [n, { process }] of old.entries()) {
    const standIn = rig.client(PORTS).announce(routeOf(n));
    clock.advance(2_000);
    process.kill("end");
    clock.advance(3_000);
    rig.client(PORTS).subscribe(100).announce(routeOf(n));
    clock.advance(2_000);
    await rig.until(standIn.client.stop());
    // Those that are still of Go's make have all but their own.
    for (const [other, { process, parts }] of old.entries()) {
      if (process.isDead) continue;
      const others = all.filter((route) => route !== routeOf(other));
      expect(parts.map(({ routes }) => others.every((route) => routes.has(route)))).toEqual([true, true]);
    }
  }
  for (const [index, port] of PORTS.entries()) {
    goServers[index]?.stop();
    clock.advance(100);
    await rig.startServer(port, { settleSeconds: 15 });
    clock.advance(40_000);
  }
  expect(watcher.log.takeChanges()).toEqual([]);
  expect(watcher.view).toEqual(all);
  expect(goServers.flatMap(({ harm }) => harm)).toEqual([]);
});
