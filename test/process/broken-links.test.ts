/** Cables that are cut without a word to either end, and connections that come and go all the time. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ControlClient } from "../../src/cli/commands/control-client.ts";
import { NetworkNamespace, reasonWithoutNamespaces } from "../support/kernel/network-namespace.ts";
import { announceFlag, routeLine, standardRoute } from "../support/models/text-route.ts";
import { freeAddress } from "../support/network/free-address.ts";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const R = standardRoute(100, "10.0.1.0/24", "2001:db8::1");
const Q = standardRoute(100, "10.0.2.0/24", "2001:db8::2");
const MARKER = standardRoute(100, "192.0.2.255/32", "2001:db8::255");

/** How many routes the server keeps for clients that are away. */
async function retained(directory: string): Promise<number> {
  const control = new ControlClient({
    socketPath: join(directory, "server.sock"),
    program: "server",
  });
  const status = await control.call("/v1/status", null);
  return status.program === "server" ? status.retainedAnnouncements : 0;
}

const noNamespaces = reasonWithoutNamespaces();
const because = noNamespaces === null ? "" : ` (skipped: ${noNamespaces})`;

describe.skipIf(noNamespaces !== null)(`a cut cable${because}`, () => {
  /** A server's host and a far host, with a cable between them that can be cut and mended. */
  async function twoHosts(stack: AsyncDisposableStack) {
    const far = stack.use(await NetworkNamespace.create(["link set lo up"]));
    const near = stack.use(
      await NetworkNamespace.create([
        `link add cable type veth peer name cable netns ${far.pid}`,
        ...["link set lo up", "address add fd00::1/64 dev cable nodad", "link set cable up"],
      ]),
    );
    far.ip(["address add fd00::2/64 dev cable nodad", "link set cable up"]);
    const neighbour = (what: string, hardware: string) => {
      near.ip([`neighbor ${what} fd00::2 dev cable ${hardware}`]);
      far.ip([`neighbor ${what} fd00::1 dev cable ${hardware}`]);
    };
    return {
      near: [...near.enter, ...FROM_SOURCE],
      far: [...far.enter, ...FROM_SOURCE],
      /** What is sent goes to a hardware address that nobody has: no end hears of it, and no carrier is lost. */
      cut: () => neighbour("replace", "lladdr 02:00:00:00:00:99 nud permanent"),
      mend: () => neighbour("delete", ""),
    };
  }

  test.concurrent("of the only server costs nobody a route", async () => {
    await using stack = new AsyncDisposableStack();
    const { near, far, cut, mend } = await twoHosts(stack);
    const settleSeconds = 8;
    await using server = await startBunbondServer({
      ...{ command: near, listen: "[::]:0", keepaliveSeconds: 1, settleSeconds },
    });
    const port = server.address.split(":").at(-1) ?? "";
    const routes = Array.from({ length: 6 }, (_, n) =>
      standardRoute(100, `10.0.${n}.0/24`, `2001:db8::${n + 1}`),
    );
    const clients = routes.map((route) =>
      stack.use(
        startBunbondClient({
          ...{ command: far, servers: [`[fd00::1]:${port}`], vnis: [100], keepaliveSeconds: 1, retry: "1-2" },
          announce: [announceFlag(route)],
        }),
      ),
    );
    const othersOf = (own: number) => routes.filter((_, n) => n !== own);
    for (const [n, client] of clients.entries()) await client.viewIs(othersOf(n));
    // No event says that KEEPALIVEs go on: long enough that a peer without them would have been closed.
    await Bun.sleep(6_000);
    cut();
    await server.logged(/most announcers were lost at once/);
    for (const client of clients) await client.serverState("retry");
    mend();
    // No event says that a route is not withdrawn: twice the time in which it would be.
    await Bun.sleep(2_000 * settleSeconds);
    for (const [n, client] of clients.entries()) {
      await client.viewIs(othersOf(n));
      expect(client.changes().filter((change) => change.startsWith("-"))).toEqual([]);
    }
  });

  test.concurrent("is noticed by both ends after 2.5 intervals; what the far one knew stays, and all is well when it is mended", async () => {
    await using stack = new AsyncDisposableStack();
    const { near, far, cut, mend } = await twoHosts(stack);
    await using server = await startBunbondServer({ command: near, listen: "[::]:0", keepaliveSeconds: 1 });
    const port = server.address.split(":").at(-1) ?? "";
    const common = { vnis: [100], keepaliveSeconds: 1 };
    await using beside = startBunbondClient({
      ...common,
      command: near,
      servers: [`[::1]:${port}`],
      announce: [announceFlag(R)],
    });
    await using across = startBunbondClient({
      ...common,
      command: far,
      servers: [`[fd00::1]:${port}`],
      announce: [announceFlag(Q)],
    });
    await beside.viewIs([Q]);
    await across.viewIs([R]);
    cut();
    await beside.viewIs([]);
    await server.logged(/ warn {2}peer disconnected.*fd00::2.* reason=keepalive-timeout routes=1$/);
    await across.logged(/server unreachable.* reason=keepalive-timeout/);
    await across.logged(/server unreachable.* reason=connect-timeout/);
    mend();
    await beside.viewIs([Q]);
    await across.established();
    await using marker = startBunbondClient({
      ...common,
      command: near,
      servers: [`[::1]:${port}`],
      announce: [announceFlag(MARKER)],
    });
    await across.viewIs([R, MARKER]);
    expect(across.changes()).toEqual([R, MARKER].map((route) => `+ ${routeLine(route)}`));
    expect(beside.changes().slice(0, 3)).toEqual(["+", "-", "+"].map((sign) => `${sign} ${routeLine(Q)}`));
    await marker.stop();
  });

  test.concurrent("is not noticed by others if it is mended inside --retain", async () => {
    await using stack = new AsyncDisposableStack();
    const { near, far, cut, mend } = await twoHosts(stack);
    using directory = temporaryDirectory();
    await using server = await startBunbondServer({
      ...{ command: near, listen: "[::]:0", keepaliveSeconds: 1, flags: ["--retain", "60"] },
      socket: join(directory.path, "server.sock"),
    });
    const port = server.address.split(":").at(-1) ?? "";
    await using beside = startBunbondClient({ command: near, servers: [`[::1]:${port}`], vnis: [100] });
    await using across = startBunbondClient({
      ...{ command: far, servers: [`[fd00::1]:${port}`], keepaliveSeconds: 1, announce: [announceFlag(Q)] },
    });
    await beside.viewIs([Q]);
    cut();
    await server.logged(
      / warn {2}peer disconnected, its routes are retained.*fd00::2.* reason=keepalive-timeout routes=1 /,
    );
    await across.logged(/server unreachable.* reason=keepalive-timeout/);
    mend();
    // Its route is its own again once it has announced it anew; the server has no event for that, only a number.
    while ((await retained(directory.path)) > 0) await Bun.sleep(20);
    await across.stop();
    await beside.viewIs([]);
    expect(beside.changes()).toEqual(["+", "-"].map((sign) => `${sign} ${routeLine(Q)}`));
  });
});

test.concurrent("a server that flaps, and connections that are reset all the time: views are exact in the end", async () => {
  using directory = temporaryDirectory();
  const address = freeAddress();
  const socketOf = (name: string) => join(directory.path, `${name}.sock`);
  const control = (name: string) => new ControlClient({ socketPath: socketOf(name), program: null });
  await using steady = await startBunbondServer();
  const servers = [address, steady.address];
  await using one = startBunbondClient({ servers, vnis: [100, 200], socket: socketOf("one") });
  await using two = startBunbondClient({
    servers,
    vnis: [100],
    announce: [announceFlag(Q)],
    socket: socketOf("two"),
  });
  await two.established(steady.address);
  for (let turn = 0; turn < 8; turn++) {
    await using flapping = await startBunbondServer({ listen: address, settleSeconds: turn % 2 });
    await one.established(address);
    await control("two").call(turn % 2 === 0 ? "/v1/announce" : "/v1/withdraw", {
      routes: [announceFlag(R)],
    });
    await control("one").call("/v1/peers/reset", { peer: address });
    await control("two").call("/v1/peers/reset", { peer: turn % 3 === 0 ? steady.address : address });
    await flapping[turn % 2 === 0 ? "kill" : "stop"]();
  }
  await using _last = await startBunbondServer({ listen: address, settleSeconds: 1 });
  await control("two").call("/v1/announce", { routes: [announceFlag(MARKER)] });
  await one.viewIs([Q, MARKER]);
  await two.viewIs([]);
  // Nothing of the turns is left under way when both have marked their ends: a withdrawal of the last one is the proof.
  for (const client of [one, two]) for (const server of servers) await client.established(server);
  await control("two").call("/v1/withdraw", { routes: [announceFlag(MARKER)] });
  await one.viewIs([Q]);
});
