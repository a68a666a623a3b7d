/** A client and its servers, of which some are late, or die and return. */
import { expect, test } from "bun:test";
import { announceFlag, routeLine, standardRoute } from "../support/models/text-route.ts";
import { freeAddress } from "../support/network/free-address.ts";
import { startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import type { RouteClient } from "../support/process/route-client.ts";

const ROUTE = standardRoute(100, "10.0.1.0/24", "2001:db8::1");
const ON_FIRST_ONLY = standardRoute(100, "10.0.2.0/24", "2001:db8::2");
const MARKER = standardRoute(100, "192.0.2.255/32", "2001:db8::255");

/** Both clients wait until they have given up once, so that the server really comes late. */
async function retried(...clients: readonly RouteClient[]): Promise<void> {
  for (const client of clients) await client.serverState("retry");
}

test("a server that is down at the start, and comes late", async () => {
  const address = freeAddress();
  await using client = startBunbondClient({ servers: [address], vnis: [100] });
  await using announcer = startBunbondClient({ servers: [address], announce: [announceFlag(ROUTE)] });
  await retried(client, announcer);
  await client.logged(
    new RegExp(
      `server unreachable.* server=${RegExp.escape(address)} reason="connect-failed \\(ECONNREFUSED: no program listens there, or there is no route to that host\\)"`,
    ),
  );
  await using _server = await startBunbondServer({ listen: address });
  await client.viewIs([ROUTE]);
});

/** A client at two servers, another that announces to both, and one that announces to the first only. */
async function withTwoServers(
  flags: readonly string[],
  run: (setup: {
    readonly client: RouteClient;
    readonly onFirstOnly: RouteClient;
    readonly second: string;
    killFirst(): Promise<void>;
    restartFirst(): Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  await using first = await startBunbondServer();
  await using second = await startBunbondServer();
  const servers = [first.address, second.address];
  await using _onBoth = startBunbondClient({ servers, announce: [announceFlag(ROUTE)] });
  await using onFirstOnly = startBunbondClient({
    servers: [first.address],
    announce: [announceFlag(ON_FIRST_ONLY)],
  });
  await using client = startBunbondClient({ servers, vnis: [100], flags });
  await client.viewIs([ROUTE, ON_FIRST_ONLY]);
  for (const server of servers) await client.established(server);
  // What comes from the second server later shows that it has sent what it had.
  await using onSecond = startBunbondClient({
    servers: [second.address],
    vnis: [100],
    announce: [announceFlag(MARKER)],
  });
  await onSecond.viewIs([ROUTE]);
  await client.viewIs([ROUTE, ON_FIRST_ONLY, MARKER]);
  await onSecond.stop();
  await client.viewIs([ROUTE, ON_FIRST_ONLY]);
  await using stack = new AsyncDisposableStack();
  await run({
    client,
    onFirstOnly,
    second: second.address,
    async killFirst() {
      await first.kill();
      await client.serverState("retry", first.address);
    },
    async restartFirst() {
      const from = client.events.length;
      stack.use(await startBunbondServer({ listen: first.address }));
      await client.event(
        (event) =>
          event.event === "server" && event.server === first.address && event.state === "established",
        "the first server's return",
        from,
      );
    },
  });
}

test("two servers, one killed: what it alone had goes with --stale-time 0, and comes back with it", async () => {
  await withTwoServers(["--stale-time", "0"], async ({ client, killFirst, restartFirst }) => {
    const from = client.events.length;
    await killFirst();
    await client.viewIs([ROUTE]);
    await restartFirst();
    await client.viewIs([ROUTE, ON_FIRST_ONLY]);
    expect(client.changes(from)).toEqual([`- ${routeLine(ON_FIRST_ONLY)}`, `+ ${routeLine(ON_FIRST_ONLY)}`]);
  });
});

test("two servers, one killed: by default its routes stay, until it returns without them", async () => {
  await withTwoServers([], async ({ client, onFirstOnly, second, killFirst, restartFirst }) => {
    const from = client.events.length;
    await killFirst();
    await using marker = startBunbondClient({ servers: [second], announce: [announceFlag(MARKER)] });
    await client.viewIs([ROUTE, ON_FIRST_ONLY, MARKER]);
    await onFirstOnly.stop();
    await restartFirst();
    await client.viewIs([ROUTE, MARKER]);
    expect(client.changes(from)).toEqual([`+ ${routeLine(MARKER)}`, `- ${routeLine(ON_FIRST_ONLY)}`]);
    await marker.stop();
  });
});

test("a client that stops withdraws at all its servers", async () => {
  await using first = await startBunbondServer();
  await using second = await startBunbondServer();
  const servers = [first.address, second.address];
  await using announcer = startBunbondClient({ servers, announce: [announceFlag(ROUTE)] });
  await using atFirst = startBunbondClient({ servers: [first.address], vnis: [100] });
  await using atSecond = startBunbondClient({ servers: [second.address], vnis: [100] });
  await atFirst.viewIs([ROUTE]);
  await atSecond.viewIs([ROUTE]);
  expect(await announcer.stop()).toBe(0);
  await atFirst.viewIs([]);
  await atSecond.viewIs([]);
});
