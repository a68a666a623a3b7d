/**
 * From a client's death until 50 subscribers have heard that all its 1,000 routes are gone: killed (kill -9), so that
 * its kernel closes the connection, and cut off the network, so that only its silence tells. failover.ts has the rows
 * among the others.
 *
 * The dead client is BunBond's with either server, and so are the subscribers, which are light ones of the load
 * generator's. For the cut both servers have a keepalive interval of 1 s, and the client takes it over: 2.5 intervals
 * behind its last word it is dead. The cut falls at another point between two KEEPALIVEs each round, the same for
 * both servers. It needs network namespaces; the end of a cable between two of them is taken down.
 */

import { NetworkNamespace, reasonWithoutNamespaces } from "../support/kernel/network-namespace.ts";
import { startBunbondClient } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import type { RouteClient } from "../support/process/route-client.ts";
import { type ByServer, inTurnWarm, type Row, rowOf, type ServerName, type Setup } from "./support.ts";

const WATCHERS = new URL("death-watchers.ts", import.meta.url).pathname;
const SUBSCRIBERS = 50;
const ROUTES = 1000;
const KILLS_PER_ROUND = 5;
const CUT_KEEPALIVE_SECONDS = 1;

/** As death-watchers.ts expects them. */
const ANNOUNCED = Array.from(
  { length: ROUTES },
  (_, index) => `100#10.0.${index >> 8}.${index & 255}/32@2001:db8::1`,
);

type WatcherEvent =
  | { readonly event: "subscribed" | "complete" }
  | { readonly event: "gone"; readonly afterMs: number };

class Watchers extends ChildProcess {
  #eventsTaken = 0;

  static async start(address: string, within: readonly string[] = []): Promise<Watchers> {
    const words = [process.execPath, WATCHERS, address, `${SUBSCRIBERS}`, `${ROUTES}`];
    const watchers = new Watchers({ command: [...within, ...words] });
    await watchers.next("subscribed");
    return watchers;
  }

  async next<E extends WatcherEvent["event"]>(event: E): Promise<Extract<WatcherEvent, { event: E }>> {
    const line = await this.until(`"${event}" of the watchers`, () => this.stdoutLines[this.#eventsTaken]);
    this.#eventsTaken++;
    const said = JSON.parse(line) as WatcherEvent; // the program beside this file prints no others
    if (said.event !== event) throw new Error(`the watchers say ${line}`);
    return said as Extract<WatcherEvent, { event: E }>; // by its name, just compared
  }

  /** Milliseconds until the last has heard of it. */
  async gone(order: readonly string[]): Promise<number> {
    this.send(JSON.stringify(order));
    return (await this.next("gone")).afterMs;
  }
}

function startAnnouncer(
  { command }: Setup,
  server: string,
  keepaliveSeconds: number,
  within: readonly string[] = [],
): RouteClient {
  const announce = ANNOUNCED;
  return startBunbondClient({
    command: [...within, ...command],
    servers: [server],
    announce,
    keepaliveSeconds,
  });
}

export async function measureDeath(setup: Setup): Promise<Row[]> {
  const killed = await inTurnWarm(setup, async ({ address }) => {
    await using watchers = await Watchers.start(address);
    const values: number[] = [];
    for (let kill = 0; kill < KILLS_PER_ROUND; kill++) {
      await using announcer = startAnnouncer(setup, address, 5);
      await watchers.next("complete");
      values.push(await watchers.gone(["kill", `${announcer.pid}`]));
    }
    return values;
  });
  const about = `until ${SUBSCRIBERS} have heard that ${ROUTES} routes are gone`;
  const rows = [
    rowOf(
      { figure: `kill -9 of a client, ${about}`, unit: "ms", goal: { ratioAtMost: 1 } },
      { bunbond: killed.bunbond.flat(), rustbond: killed.rustbond.flat() },
    ),
  ];
  const obstacle = reasonWithoutNamespaces();
  if (obstacle !== null) {
    console.error(`  without cutting a cable: ${obstacle}`);
    return rows;
  }
  const cut: ByServer<number> = { bunbond: [], rustbond: [] };
  for (let round = 1; round <= setup.rounds; round++) {
    for (const name of setup.servers) {
      console.error(`  cut ${round} of ${setup.rounds}: ${name}`);
      cut[name].push((await cutCable(setup, name, (round - 0.5) / setup.rounds)) / 1000);
    }
  }
  const note = `keepalive interval ${CUT_KEEPALIVE_SECONDS} s; the last word came 0 to 1 intervals before the cut`;
  const figure = `cable cut, ${about}`;
  rows.push(rowOf({ figure, unit: "s", goal: { atMost: 2.6 * CUT_KEEPALIVE_SECONDS }, note }, cut));
  return rows;
}

/** `phase`, 0 to 1: where between two KEEPALIVEs of the client the cable is cut. */
async function cutCable(setup: Setup, name: ServerName, phase: number): Promise<number> {
  await using clientHost = await NetworkNamespace.create([]);
  await using serverHost = await NetworkNamespace.create([
    "link set lo up",
    `link add to-client type veth peer name to-server netns ${clientHost.pid}`,
    "address add fd00::1/64 dev to-client nodad",
    "link set to-client up",
  ]);
  clientHost.ip(["address add fd00::2/64 dev to-server nodad", "link set to-server up"]);
  await using server = await setup.start(name, {
    within: serverHost.enter,
    listen: "[::]:0",
    keepaliveSeconds: CUT_KEEPALIVE_SECONDS,
  });
  const port = server.address.split(":").at(-1) ?? "";
  await using watchers = await Watchers.start(`[::1]:${port}`, serverHost.enter);
  await using _announcer = startAnnouncer(
    setup,
    `[fd00::1]:${port}`,
    CUT_KEEPALIVE_SECONDS,
    clientHost.enter,
  );
  await watchers.next("complete");
  await Bun.sleep((1 + phase) * CUT_KEEPALIVE_SECONDS * 1000);
  return await watchers.gone(["run", ...clientHost.enter, "ip", "link", "set", "to-server", "down"]);
}
