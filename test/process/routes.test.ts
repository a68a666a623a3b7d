/** A server and its clients, each a process of its own as a user starts them: every kind of route comes and goes. */

import { describe, expect, test } from "bun:test";
import { everyRoute, vnisOfEveryRoute } from "../support/models/every-route.ts";
import { announceFlag, routeLine, standardRoute } from "../support/models/text-route.ts";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { withoutTime } from "../support/process/printed-change.ts";

const OTHER = standardRoute(100, "10.0.9.0/24", "2001:db8::9");
/** Far less than the program gives itself for its end before it gives up. */
const QUICKLY_MS = 4_000;

test.each(["SIGTERM", "SIGINT"] as const)("every kind of route arrives, and goes on %s", async (signal) => {
  await using server = await startBunbondServer();
  const common = { servers: [server.address], vnis: vnisOfEveryRoute };
  await using one = startBunbondClient({ ...common, announce: everyRoute.map(announceFlag) });
  await using two = startBunbondClient({ ...common, announce: [announceFlag(OTHER)] });
  await two.viewIs(everyRoute);
  await one.viewIs([OTHER]);

  const signalledMs = performance.now();
  one.signal(signal);
  expect(await one.ended).toBe(0);
  expect(performance.now() - signalledMs).toBeLessThan(QUICKLY_MS);
  await two.viewIs([]);
  // It withdrew its routes itself; its going was not what took them away. What it knew it did not unsay.
  await server.logged(/peer disconnected.* reason=closed-by-peer routes=0$/);
  expect(one.changes()).toEqual([`+ ${routeLine(OTHER)}`]);
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s ends a server quickly, and its clients keep what they know",
  async (signal) => {
    await using server = await startBunbondServer();
    await using announcer = startBunbondClient({
      servers: [server.address],
      announce: [announceFlag(OTHER)],
    });
    await using client = startBunbondClient({ servers: [server.address], vnis: [100] });
    await client.viewIs([OTHER]);
    const signalledMs = performance.now();
    server.signal(signal);
    expect(await server.ended).toBe(0);
    expect(performance.now() - signalledMs).toBeLessThan(QUICKLY_MS);
    await client.serverState("retry");
    await client.logged(
      / error no server is established; the last known routes are kept routes=1 forSeconds=forever/,
    );
    expect(client.view()).toEqual([routeLine(OTHER)]);
    expect(await announcer.stop()).toBe(0);
  },
);

describe("what a client prints", () => {
  const ANNOUNCED = [
    "0#10.1.0.0/16@2001:db8::1",
    "100#10.0.1.0/24@2001:db8::1",
    "100#10.0.3.0/24@2001:db8::1#lb",
    "100#::/0#2001:db8::1#STD",
    "100#192.0.2.7/32#2001:db8::1#NAT#1024#2047",
    "4294967295#0.0.0.0/0@2001:db8::1",
  ];
  const TEXT = [
    "0 10.1.0.0/16 via 2001:db8::1",
    "100 10.0.1.0/24 via 2001:db8::1",
    "100 10.0.3.0/24 via 2001:db8::1 type lb",
    "100 192.0.2.7/32 via 2001:db8::1 type nat ports 1024-2047",
    "100 ::/0 via 2001:db8::1",
    "4294967295 0.0.0.0/0 via 2001:db8::1",
  ];
  const startText = (server: string, ...flags: string[]) =>
    new ChildProcess({
      command: [
        ...FROM_SOURCE,
        "client",
        "-s",
        server,
        "-v",
        "0,100",
        "-v4294967295",
        "--socket=none",
        ...flags,
      ],
      env: { NODE_ENV: undefined },
    });
  const whenPrinted = (client: ChildProcess, count: number) =>
    client.until(`${count} lines`, () =>
      client.stdoutLines.length >= count ? client.stdoutLines.map(withoutTime).sort() : undefined,
    );

  test("is a line per change", async () => {
    await using server = await startBunbondServer();
    await using client = startText(server.address);
    await using announcer = startBunbondClient({ servers: [server.address], announce: ANNOUNCED });
    const added = TEXT.map((line) => `+ ${line}`).sort();
    expect(await whenPrinted(client, TEXT.length)).toEqual(added);
    await announcer.stop();
    const removed = TEXT.map((line) => `- ${line}`);
    expect(await whenPrinted(client, 2 * TEXT.length)).toEqual([...added, ...removed].sort());
    // Nothing but changes goes to stdout, and the log to stderr.
    await client.stop();
    expect(client.stdoutLines).toHaveLength(2 * TEXT.length);
    await client.logged(/ info {2}server established /);
  });

  test("is an object per change with --json, and the server's state", async () => {
    await using server = await startBunbondServer();
    await using client = startText(server.address, "--json");
    const [announcement = ""] = ANNOUNCED.slice(4);
    await using announcer = startBunbondClient({ servers: [server.address], announce: [announcement] });
    await whenPrinted(client, 4);
    await announcer.stop();
    await whenPrinted(client, 5);
    await client.stop();
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const route = {
      time,
      vni: 100,
      destination: "192.0.2.7/32",
      nextHop: { address: "2001:db8::1", targetVni: 0, type: "NAT", natPortFrom: 1024, natPortTo: 2047 },
    };
    const state = (state: string) => ({ event: "server", time, server: server.address, state });
    expect(client.stdoutLines.map((line): unknown => JSON.parse(line))).toEqual([
      state("connecting"),
      state("handshake"),
      state("established"),
      { event: "add", ...route },
      { event: "remove", ...route },
      { ...state("stopped"), reason: "stopped" },
    ]);
  });
});

test("an IPv4 next hop is announced with a warning", async () => {
  await using server = await startBunbondServer();
  await using client = startBunbondClient({ servers: [server.address], vnis: [100] });
  await using announcer = startBunbondClient({
    servers: [server.address],
    announce: ["100#10.0.1.0/24@192.0.2.1"],
  });
  await client.viewIs([standardRoute(100, "10.0.1.0/24", "192.0.2.1")]);
  await announcer.logged(
    / warn {2}an option or setting has an unexpected effect problem="--announce 100#10\.0\.1\.0\/24@192\.0\.2\.1: the next hop 192\.0\.2\.1 is an IPv4 address/,
  );
});
