/** Where a server can listen, and how its clients reach it there. */
import { describe, expect, test } from "bun:test";
import { NetworkNamespace, reasonWithoutNamespaces } from "../support/kernel/network-namespace.ts";
import { announceFlag, standardRoute } from "../support/models/text-route.ts";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";

const ROUTE = standardRoute(100, "10.0.1.0/24", "2001:db8::1");

const IPV4_PEER = /^127\.0\.0\.1:\d+$/;
const IPV6_PEER = /^\[::1\]:\d+$/;

test.each([
  { listen: "0.0.0.0:0", hosts: ["127.0.0.1"], peers: [IPV4_PEER] },
  { listen: "127.0.0.1:0", hosts: ["127.0.0.1"], peers: [IPV4_PEER] },
  { listen: "[::1]:0", hosts: ["[::1]"], peers: [IPV6_PEER] },
  // Dual stack; an IPv4 peer's name is its IPv4 address.
  { listen: "[::]:0", hosts: ["127.0.0.1", "[::1]"], peers: [IPV4_PEER, IPV6_PEER] },
])("$listen is reached at $hosts", async ({ listen, hosts, peers }) => {
  await using server = await startBunbondServer({ listen });
  const port = server.address.split(":").at(-1) ?? "";
  expect(server.address).toBe(listen.replace(/0$/, port));
  const [first = "", second = first] = hosts;
  await using _announcer = startBunbondClient({
    servers: [`${first}:${port}`],
    announce: [announceFlag(ROUTE)],
  });
  await using client = startBunbondClient({ servers: [`${second}:${port}`], vnis: [100] });
  await client.viewIs([ROUTE]);
  const names = server.stderrLines.flatMap((line) => / established peer=(\S+)/.exec(line)?.[1] ?? []);
  for (const peer of peers) expect(names).toContainEqual(expect.stringMatching(peer));
});

const noNamespaces = reasonWithoutNamespaces();
const because = noNamespaces === null ? "" : ` (skipped: ${noNamespaces})`;

describe.skipIf(noNamespaces !== null)(`a link-local address${because}`, () => {
  test("with its zone is listened on, and connected to from another host by the zone there", async () => {
    await using clientHost = await NetworkNamespace.create([]);
    await using serverHost = await NetworkNamespace.create([
      `link add to-client type veth peer name to-server netns ${clientHost.pid}`,
      "address add fe80::7/64 dev to-client nodad",
      "link set to-client up",
    ]);
    clientHost.ip(["address add fe80::8/64 dev to-server nodad", "link set to-server up"]);
    const onServer = [...serverHost.enter, ...FROM_SOURCE];
    const onClient = [...clientHost.enter, ...FROM_SOURCE];

    await using server = await startBunbondServer({ command: onServer, listen: "[fe80::7%to-client]:0" });
    expect(server.address).toMatch(/^\[fe80::7%to-client\]:\d+$/);
    const fromThere = server.address.replace("to-client", "to-server");
    const common = { command: onClient, servers: [fromThere] };
    await using _announcer = startBunbondClient({ ...common, announce: [announceFlag(ROUTE)] });
    await using client = startBunbondClient({ ...common, vnis: [100] });
    await client.viewIs([ROUTE]);
    await client.established(fromThere);
  });

  test("without its zone is refused in one line", async () => {
    await using host = await NetworkNamespace.create([
      "address add fe80::7/64 dev lo nodad",
      "link set lo up",
    ]);
    const command = [...host.enter, ...FROM_SOURCE, "server", "--listen", "[fe80::7]:0", "--socket", "none"];
    await using server = new ChildProcess({ command, env: { NODE_ENV: undefined } });
    expect(await server.ended).toBe(1);
    expect(server.stderrLines).toEqual([
      "bunbond server: cannot listen on [fe80::7]:0: a link-local address needs the name of its interface, as in [fe80::1%eth0]:4711",
    ]);
  });
});
