/** Many clients, each a process of its own: all at once, and while their servers are restarted. */
import { expect, test } from "bun:test";
import { announceFlag, routeLine, standardRoute, type TextRoute } from "../support/models/text-route.ts";
import { freeAddress } from "../support/network/free-address.ts";
import {
  type BunbondServer,
  startBunbondClient,
  startBunbondServer,
} from "../support/process/bunbond-process.ts";
import type { RouteClient } from "../support/process/route-client.ts";

/** A tenth of the default times, but for settling, which has to be longer than all of the others together. */
const RETRY = "0.5-1";
const SETTLE_SECONDS = 4;
/** What goes with a server, and does not come back. */
const LOST = standardRoute(100, "192.0.2.255/32", "2001:db8::255");

/** Route `number` of a client. */
function routeOf(client: number, number: number): TextRoute {
  return standardRoute(100, `10.${client}.${number}.0/24`, `2001:db8::${(client + 1).toString(16)}`);
}

interface Crowd {
  readonly clients: readonly RouteClient[];
  /** What client number n must see: all but its own. */
  expected(n: number): TextRoute[];
}

/** Clients that announce and subscribe; all are started at once, and none is waited for. */
function startCrowd(
  stack: AsyncDisposableStack,
  { size, routesEach, servers }: { size: number; routesEach: number; servers: readonly string[] },
): Crowd {
  const routes = Array.from({ length: size }, (_, client) =>
    Array.from({ length: routesEach }, (_, number) => routeOf(client, number)),
  );
  const clients = routes.map((own) =>
    stack.use(startBunbondClient({ servers, vnis: [100], announce: own.map(announceFlag), retry: RETRY })),
  );
  return { clients, expected: (n) => routes.filter((_, client) => client !== n).flat() };
}

/**
 * Restarts a server under the crowd. A client that is nowhere else announces a route, and goes with the server: that
 * it leaves the views shows that everybody has heard the server's End-of-RIB, and swept what was not announced again.
 */
async function restart(
  stack: AsyncDisposableStack,
  server: BunbondServer,
  crowd: Crowd,
  end: "stop" | "kill",
): Promise<void> {
  const { address } = server;
  await using only = startBunbondClient({ servers: [address], announce: [announceFlag(LOST)] });
  await seen(crowd, [LOST]);
  await server[end]();
  await only.kill();
  for (const client of crowd.clients) await client.serverState("retry", address);
  stack.use(await startBunbondServer({ listen: address, settleSeconds: SETTLE_SECONDS }));
  await seen(crowd, []);
}

/** Waits until all see what they must, and these routes too. */
async function seen({ clients, expected }: Crowd, others: readonly TextRoute[]): Promise<void> {
  await Promise.all(clients.map((client, n) => client.viewIs([...expected(n), ...others])));
}

const changesOf = (client: RouteClient, sign: string) =>
  client.changes().filter((change) => change.startsWith(sign));

test("fifty clients that announce at once, at two servers, see all of each other, each route once", async () => {
  await using stack = new AsyncDisposableStack();
  const servers = [stack.use(await startBunbondServer()), stack.use(await startBunbondServer())];
  const addresses = servers.map(({ address }) => address);
  const crowd = startCrowd(stack, { size: 50, routesEach: 1, servers: addresses });
  await seen(crowd, []);
  for (const [n, client] of crowd.clients.entries()) {
    expect(client.changes().sort()).toEqual(
      crowd
        .expected(n)
        .map((route) => `+ ${routeLine(route)}`)
        .sort(),
    );
  }
});

test.concurrent("two servers restarted in turn under 1,000 routes: none of 20 clients sees a withdrawal", async () => {
  await using stack = new AsyncDisposableStack();
  const one = stack.use(await startBunbondServer({ listen: freeAddress() }));
  const two = stack.use(await startBunbondServer({ listen: freeAddress() }));
  const crowd = startCrowd(stack, { size: 20, routesEach: 50, servers: [one.address, two.address] });
  await seen(crowd, []);
  for (const client of crowd.clients) for (const { address } of [one, two]) await client.established(address);
  await restart(stack, one, crowd, "stop");
  await restart(stack, two, crowd, "kill");
  for (const client of crowd.clients) {
    // Those of the two clients that went with the servers, and no others.
    expect(changesOf(client, "-")).toEqual([LOST, LOST].map((route) => `- ${routeLine(route)}`));
    expect(changesOf(client, "+")).toHaveLength(950 + 2);
  }
});

test.concurrent("one server alone restarted under 20 clients that return at different times: no withdrawal at any", async () => {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startBunbondServer({ listen: freeAddress() }));
  const crowd = startCrowd(stack, { size: 20, routesEach: 5, servers: [server.address] });
  await seen(crowd, []);
  await restart(stack, server, crowd, "kill");
  for (const client of crowd.clients) {
    expect(changesOf(client, "-")).toEqual([`- ${routeLine(LOST)}`]);
    expect(changesOf(client, "+")).toHaveLength(95 + 1);
  }
});
