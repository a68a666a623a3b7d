/** The client's output into something that does not read it to the end, or not now. */
import { expect, test } from "bun:test";
import { ClientCore } from "../../src/client/client-core.ts";
import { parseEndpoint } from "../../src/net/endpoint.ts";
import { formatPrefix } from "../../src/net/prefix.ts";
import { parseAnnouncementText } from "../../src/route/announcement-text.ts";
import { StalledPipe } from "../support/network/stalled-pipe.ts";
import { TcpPeer } from "../support/network/tcp-peer.ts";
import { FROM_SOURCE, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { hasRoutes } from "../support/process/http-routes.ts";
import { withoutTime } from "../support/process/printed-change.ts";

test("a client whose reader has gone ends in good order at its next line", async () => {
  await using server = await startBunbondServer();
  using announcer = await TcpPeer.establish(server.address);
  const pipeline = `set -o pipefail; "$@" | { head -n 1; exec 0<&-; echo "reader gone" >&2; }`;
  const client = [...FROM_SOURCE, "client", "-s", server.address, "-v", "100", "--socket", "none"];
  await using shell = new ChildProcess({ command: ["bash", "--norc", "-c", pipeline, "bash", ...client] });
  announcer.send("ADD 100 10.0.1.0/24 via 2001:db8::1");
  await shell.logged(/^reader gone$/);
  announcer.send("ADD 100 10.0.2.0/24 via 2001:db8::1");
  expect(await shell.ended).toBe(0);
  expect(shell.stdoutLines.map(withoutTime)).toEqual(["+ 100 10.0.1.0/24 via 2001:db8::1"]);
});

test("a client on a full disk says so in its log, and its announcements stay", async () => {
  await using server = await startBunbondServer();
  using peer = (await TcpPeer.subscribe(server.address, 100)).peer;
  using announcer = await TcpPeer.establish(server.address);
  const own = "100 10.0.9.0/24 via 2001:db8::9";
  const flags = ["--announce", "100#10.0.9.0/24@2001:db8::9"];
  const client = [...FROM_SOURCE, "client", "-s", server.address, "-v", "100", "--socket", "none", ...flags];
  await using shell = new ChildProcess({
    command: ["bash", "--norc", "-c", 'exec "$@" >/dev/full', "bash", ...client],
  });
  await peer.heardUntil(`ADD ${own}`);
  announcer.send("ADD 100 10.0.1.0/24 via 2001:db8::1");
  await shell.logged(/ error changes can no longer be printed; the client continues reason=.*ENOSPC/);
  announcer.send("ADD 100 10.0.2.0/24 via 2001:db8::1");
  await peer.heardAll("ADD 100 10.0.1.0/24 via 2001:db8::1", "ADD 100 10.0.2.0/24 via 2001:db8::1");
  expect(await shell.stop()).toBe(1);
  await peer.heardUntil(`REMOVE ${own}`);
  expect(shell.stderrLines.at(-1)).toMatch(/^bunbond: cannot write the output: .*ENOSPC/);
});

/** Their lines, 185 bytes each, are more than pipe and client together hold, which is 4 MB. */
const ROUTES = Array.from(
  { length: 25_000 },
  (_, i) => parseAnnouncementText(`100#10.${i >> 8}.${i & 255}.0/24@2001:db8::1`).route,
);
const MARKER = parseAnnouncementText("100#192.0.2.255/32@2001:db8::255").route;

test("a reader that stands still holds nothing up, and has the present routes in the end", async () => {
  await using server = await startBunbondServer();
  const announcer = announcerAt(server.address);
  using pipe = await StalledPipe.create();
  await using client = new ChildProcess({ command: pipe.stdoutOf(clientCommand(server.address)) });
  for (const route of ROUTES) announcer.announce(route);
  announcer.start();
  await hasRoutes(client, ROUTES.length);
  for (const route of ROUTES.filter((_, i) => i % 2 === 0)) announcer.withdraw(route);
  await hasRoutes(client, ROUTES.length / 2);
  expect(server.stderrLines.filter((line) => line.includes("peer disconnected"))).toEqual([]);

  await using cat = new ChildProcess({ command: ["cat", pipe.path] });
  announcer.announce(MARKER);
  const marker = formatPrefix(MARKER.destination);
  await cat.until("the marker", () => cat.stdoutLines.at(-1)?.includes(marker) || undefined);
  const present = new Set<string>();
  for (const line of cat.stdoutLines) {
    const { event, destination = "" } = JSON.parse(line) as { event: string; destination?: string };
    if (event === "add" && !present.has(destination)) present.add(destination);
    else if (event !== "server" && !present.delete(destination)) throw new Error(`no change: ${line}`);
  }
  const left = ROUTES.filter((_, i) => i % 2 === 1).map(({ destination }) => formatPrefix(destination));
  expect([...present.symmetricDifference(new Set([...left, marker]))].slice(0, 5)).toEqual([]);
  // What came and went while nobody read is not mentioned.
  expect(cat.stdoutLines.length).toBeLessThan(ROUTES.length * 1.5);
  await announcer.stop();
});

function clientCommand(server: string): readonly string[] {
  const flags = ["--vni", "100", "--json", "--http", "[::1]:0", "--socket", "none"];
  return [...FROM_SOURCE, "client", "--server", server, ...flags];
}

function announcerAt(address: string): ClientCore {
  const endpoint = parseEndpoint(address);
  if ("code" in endpoint) throw new Error(endpoint.message);
  const announcer = new ClientCore({ servers: [endpoint] });
  announcer.subscribe(1); // the End-of-RIB tells it that it need not be pacing
  return announcer;
}
