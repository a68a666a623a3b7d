/** Peers on plain sockets at a server process: what the protocol promises, however the bytes come. */
import { expect, test } from "bun:test";
import { frameOfText } from "../support/models/frame-text.ts";
import { LONG_KEEPALIVE_SECONDS, TcpPeer } from "../support/network/tcp-peer.ts";
import { startBunbondServer } from "../support/process/bunbond-process.ts";

const ROUTE = "100 10.0.1.0/24 via 2001:db8::1";
const OTHER = "100 10.0.2.0/24 via 2001:db8::2";
const MARKER = "100 192.0.2.255/32 via 2001:db8::255";
const HELLO = `HELLO ${LONG_KEEPALIVE_SECONDS}`;
const ANSWERS = [`${HELLO} server`, "KEEPALIVE"];

test("a session that comes byte by byte", async () => {
  await using server = await startBunbondServer({ keepaliveSeconds: LONG_KEEPALIVE_SECONDS });
  using announcer = await TcpPeer.establish(server.address);
  announcer.send(`ADD ${ROUTE}`);
  using watcher = (await TcpPeer.subscribe(server.address, 100)).peer;
  using peer = await TcpPeer.connect(server.address);
  for (const frame of [HELLO, "KEEPALIVE", "SUBSCRIBE 100", `ADD ${OTHER}`]) {
    for (const byte of frameOfText(frame)) {
      peer.sendBytes(Uint8Array.of(byte));
      await announcer.roundTrip(); // the server has read the byte when the next one is sent
    }
  }
  expect(await peer.heardUntil("END 100")).toEqual([...ANSWERS, `ADD ${ROUTE}`]);
  expect(await watcher.heardUntil(`ADD ${OTHER}`)).toEqual([]);
});

test("a session that comes in one piece", async () => {
  await using server = await startBunbondServer({ keepaliveSeconds: LONG_KEEPALIVE_SECONDS });
  using announcer = await TcpPeer.establish(server.address);
  announcer.send(`ADD ${ROUTE}`);
  using watcher = (await TcpPeer.subscribe(server.address, 100)).peer;
  using peer = await TcpPeer.connect(server.address);
  peer.send(HELLO, "KEEPALIVE", "SUBSCRIBE 100", `ADD ${OTHER}`);
  expect(await peer.heardUntil("END 100")).toEqual([...ANSWERS, `ADD ${ROUTE}`]);
  expect(await watcher.heardUntil(`ADD ${OTHER}`)).toEqual([]);
});

test("a second SUBSCRIBE and an UNSUBSCRIBE without subscription change nothing", async () => {
  await using server = await startBunbondServer({ keepaliveSeconds: LONG_KEEPALIVE_SECONDS });
  using announcer = await TcpPeer.establish(server.address);
  announcer.send(`ADD ${ROUTE}`);
  const { peer, existing } = await TcpPeer.subscribe(server.address, 100);
  using subscriber = peer;
  expect(existing).toEqual([`ADD ${ROUTE}`]);
  subscriber.send("SUBSCRIBE 100", "UNSUBSCRIBE 200", "SUBSCRIBE 100");
  await subscriber.roundTrip();
  announcer.send(`ADD ${MARKER}`);
  expect(await subscriber.heardUntil(`ADD ${MARKER}`)).toEqual([]);
});

test("nothing of a VNI comes behind the answer to the KEEPALIVE that follows its UNSUBSCRIBE", async () => {
  await using server = await startBunbondServer({ keepaliveSeconds: LONG_KEEPALIVE_SECONDS });
  using announcer = await TcpPeer.establish(server.address);
  announcer.send(`ADD ${ROUTE}`);
  using subscriber = (await TcpPeer.subscribe(server.address, 100)).peer;
  subscriber.send("SUBSCRIBE 200");
  await subscriber.heardUntil("END 200");
  subscriber.send("UNSUBSCRIBE 100");
  await subscriber.roundTrip();
  announcer.send(`REMOVE ${ROUTE}`, `ADD ${OTHER}`, "ADD 200 10.0.0.0/8 via 2001:db8::1");
  expect(await subscriber.heardUntil("ADD 200 10.0.0.0/8 via 2001:db8::1")).toEqual([]);
});

test("a route of two announcers stays until both have gone, and each hears of the other's alone", async () => {
  await using server = await startBunbondServer({ keepaliveSeconds: LONG_KEEPALIVE_SECONDS });
  using watcher = (await TcpPeer.subscribe(server.address, 100)).peer;
  using first = (await TcpPeer.subscribe(server.address, 100)).peer;
  using second = (await TcpPeer.subscribe(server.address, 100)).peer;

  first.send(`ADD ${ROUTE}`);
  expect(await watcher.heardUntil(`ADD ${ROUTE}`)).toEqual([]);
  expect(await second.heardUntil(`ADD ${ROUTE}`)).toEqual([]);
  second.send(`ADD ${ROUTE}`, `ADD ${ROUTE}`, `ADD ${OTHER}`);
  // Of its own announcement nobody hears; the first hears of the second's; it is nothing new to the watcher.
  expect(await first.heardUntil(`ADD ${OTHER}`)).toEqual([`ADD ${ROUTE}`]);
  expect(await watcher.heardUntil(`ADD ${OTHER}`)).toEqual([]);

  first.end();
  expect(await second.heardUntil(`REMOVE ${ROUTE}`)).toEqual([]); // it is the only one left to have it
  second.send(`ADD ${MARKER}`);
  expect(await watcher.heardUntil(`ADD ${MARKER}`)).toEqual([]);
  second.end();
  await watcher.heardUntil(`REMOVE ${ROUTE}`);
});

test("a stranger's REMOVE changes nothing", async () => {
  await using server = await startBunbondServer({ keepaliveSeconds: LONG_KEEPALIVE_SECONDS });
  using owner = (await TcpPeer.subscribe(server.address, 100)).peer;
  owner.send(`ADD ${ROUTE}`);
  const { peer, existing } = await TcpPeer.subscribe(server.address, 100);
  using stranger = peer;
  expect(existing).toEqual([`ADD ${ROUTE}`]);
  stranger.send(`REMOVE ${ROUTE}`, `ADD ${MARKER}`);
  expect(await owner.heardUntil(`ADD ${MARKER}`)).toEqual([]);
  using late = await TcpPeer.subscribe(server.address, 100).then(({ peer, existing }) => {
    expect(existing.sort()).toEqual([`ADD ${ROUTE}`, `ADD ${MARKER}`].sort());
    return peer;
  });
  owner.send(`REMOVE ${ROUTE}`);
  expect(await late.heardUntil(`REMOVE ${ROUTE}`)).toEqual([]);
});

test("announcements that differ in host bits alone are one, and one REMOVE takes them back", async () => {
  await using server = await startBunbondServer({ keepaliveSeconds: LONG_KEEPALIVE_SECONDS });
  using watcher = (await TcpPeer.subscribe(server.address, 100)).peer;
  using peer = await TcpPeer.establish(server.address);
  peer.send("ADD 100 10.0.1.7/24 via 2001:db8::1", "ADD 100 10.0.1.9/24 via 2001:db8::1", `ADD ${MARKER}`);
  expect(await watcher.heardUntil(`ADD ${MARKER}`)).toEqual([`ADD ${ROUTE}`]);
  peer.send("REMOVE 100 10.0.1.200/24 via 2001:db8::1", `REMOVE ${MARKER}`);
  expect(await watcher.heardUntil(`REMOVE ${MARKER}`)).toEqual([`REMOVE ${ROUTE}`]);
});

test("a route from a server goes to clients, and not to other servers", async () => {
  await using server = await startBunbondServer({ keepaliveSeconds: LONG_KEEPALIVE_SECONDS });
  using client = (await TcpPeer.subscribe(server.address, 100)).peer;
  const establishServer = async () => {
    const peer = await TcpPeer.connect(server.address);
    peer.send(`${HELLO} server`, "KEEPALIVE", "SUBSCRIBE 100");
    await peer.heardUntil("END 100");
    return peer;
  };
  using one = await establishServer();
  using two = await establishServer();
  one.send(`ADD ${ROUTE}`);
  await client.heardUntil(`ADD ${ROUTE}`);
  client.send(`ADD ${OTHER}`);
  expect(await two.heardUntil(`ADD ${OTHER}`)).toEqual([]);
  expect(await one.heardUntil(`ADD ${OTHER}`)).toEqual([]);
});
