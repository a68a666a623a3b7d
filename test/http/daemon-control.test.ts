/** The operations of client and server, on clients and servers in memory. Their answers as text are in test/cli. */

import { describe, expect, test } from "bun:test";
import { eventLog } from "../../src/base/log-event.ts";
import type { LogFields } from "../../src/base/logger.ts";
import { ClientCounters } from "../../src/client/counters.ts";
import type { ClientStatus, ControlPath, PeerList } from "../../src/http/control/api.ts";
import { clientEndpoints } from "../../src/http/control/client-endpoints.ts";
import { Daemon } from "../../src/http/control/daemon.ts";
import { serverEndpoints } from "../../src/http/control/server-endpoints.ts";
import { HttpError } from "../../src/http/http-error.ts";
import { type HttpRoute, Router } from "../../src/http/router.ts";
import { formatRoute } from "../../src/route/announcement-text.ts";
import { RefusedMemory } from "../support/models/refused-memory.ts";
import { ClientRig, type RigClientOptions } from "../support/network/client-rig.ts";

const VERSION = { version: "1.2.3", commit: "abc1234", bun: "1.4.4" };
const R = "100 10.0.1.0/24 via 2001:db8::1";
const R_TEXT = "100#10.0.1.0/24@2001:db8::1";
const Q = "200 10.0.2.0/24 via 2001:db8::2";
const Q_TEXT = "200#10.0.2.0/24@2001:db8::2";
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

/** Asks as the control server does, and throws an error's answer as what it was. */
async function ask(
  routes: readonly HttpRoute[],
  path: ControlPath | `/v1/peers/${string}`,
  body: unknown = null,
): Promise<unknown> {
  const failures: unknown[] = [];
  const router = new Router({ routes, onFailure: (error) => failures.push(error) });
  const answer = await router.answer({
    method: body === null ? "GET" : "POST",
    path,
    query: new URLSearchParams(),
    host: "localhost",
    text: async () => JSON.stringify(body),
    signal: new AbortController().signal,
  });
  if (failures.length > 0) throw failures[0];
  if (typeof answer.body !== "string") throw new Error("a stream");
  const value = JSON.parse(answer.body);
  if (answer.status !== 200) throw new HttpError(value.code, value.message);
  return value;
}

/** Its code, and whether what was asked about is named. */
async function refusal(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof HttpError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("answered");
}

/** A server, a client to be controlled and another one that watches. */
async function setup({ drainMs = 0, ...options }: { drainMs?: number } & RigClientOptions = {}) {
  const rig = new ClientRig();
  const server = await rig.startServer(1);
  const { client, log } = rig.client([1], options);
  const watcher = rig.client([1]).subscribe(100, 200);
  rig.clock.advance(100);
  const daemon = new Daemon(VERSION, rig.clock);
  const stops: string[] = [];
  const logged: [message: string, fields: LogFields][] = [];
  const note = (message: string, fields: LogFields = {}) => void logged.push([message, fields]);
  const counters = new ClientCounters();
  client.addHandler(counters);
  const operations = clientEndpoints({
    client,
    daemon,
    counters,
    kernel: null,
    readiness: { isAgreementRequired: false },
    logger: eventLog({ debug: note, info: note, warn: note, error: note }),
    stop: () => {
      stops.push(client.drainedForMs === null ? "stop" : "stop, drained before");
      daemon.isStopping = true;
    },
    drainLeftMs: () => drainMs,
  });
  const settle = () => rig.clock.advance(100);
  return { rig, server, client, log, watcher, daemon, stops, logged, operations, settle };
}

describe("a client", () => {
  test("announces and withdraws, and says of each route what was done", async () => {
    const { operations, client, watcher, settle } = await setup();
    const facts = { state: "running", establishedServers: 1 };
    expect(await ask(operations, "/v1/announce", { routes: [R_TEXT] })).toEqual({
      results: [{ route: R, outcome: "announced" }],
      ...facts,
    });
    expect(await ask(operations, "/v1/announce", { routes: [R_TEXT, Q_TEXT, Q_TEXT] })).toEqual({
      results: [
        { route: R, outcome: "already-announced" },
        { route: Q, outcome: "announced" },
        { route: Q, outcome: "already-announced" },
      ],
      ...facts,
    });
    settle();
    expect(watcher.view).toEqual([R, Q]);
    expect(await ask(operations, "/v1/withdraw", { routes: [`${R_TEXT}#lb`, R_TEXT] })).toEqual({
      results: [
        { route: `${R} type lb`, outcome: "not-announced" },
        { route: R, outcome: "withdrawn" },
      ],
      ...facts,
    });
    settle();
    expect(watcher.view).toEqual([Q]);
    expect(Array.from(client.announcements(), formatRoute)).toEqual([Q]);
  });

  test("logs what did not come from its flags, and of what was wanted already nothing", async () => {
    const { operations, logged } = await setup();
    await ask(operations, "/v1/announce", { routes: [R_TEXT] });
    await ask(operations, "/v1/announce", { routes: [R_TEXT] });
    await ask(operations, "/v1/announce", { routes: [R_TEXT, Q_TEXT] });
    await ask(operations, "/v1/withdraw", { routes: [Q_TEXT, R_TEXT] });
    await ask(operations, "/v1/subscribe", { vnis: [7, 8] });
    await ask(operations, "/v1/peers/reset", { peer: "[::1]:1" });
    await ask(operations, "/v1/drain", { action: "start" });
    expect(logged).toEqual([
      ["changed by command", { change: "announced", count: 1, first: R }],
      ["changed by command", { change: "announced", count: 1, first: Q }],
      ["changed by command", { change: "withdrawn", count: 2, first: Q }],
      ["changed by command", { change: "subscribed", count: 2, first: 7 }],
      ["reset by command", { server: "[::1]:1" }],
      ["drain by command", { outcome: "drained", announcements: 0 }],
    ]);
  });

  test("does nothing of a request that is partly wrong", async () => {
    const { operations, client } = await setup();
    const answer = ask(operations, "/v1/announce", { routes: [R_TEXT, "100#10.0.1.0/24"] });
    expect(await refusal(answer)).toStartWith("BAD_BODY: routes[1]: ");
    expect(client.announcementCount).toBe(0);
  });

  test("subscribes and unsubscribes", async () => {
    const { operations, client, watcher, settle } = await setup();
    watcher.announce(R);
    const facts = { state: "running", establishedServers: 1 };
    expect(await ask(operations, "/v1/subscribe", { vnis: [100, 100] })).toEqual({
      results: [
        { vni: 100, outcome: "subscribed" },
        { vni: 100, outcome: "already-subscribed" },
      ],
      ...facts,
    });
    settle();
    expect(Array.from(client.routes(), formatRoute)).toEqual([R]);
    expect(await ask(operations, "/v1/unsubscribe", { vnis: [7, 100] })).toEqual({
      results: [
        { vni: 7, outcome: "not-subscribed" },
        { vni: 100, outcome: "unsubscribed" },
      ],
      ...facts,
    });
    expect(client.routeCount).toBe(0);
  });

  test("takes changes while no server is there, and says that none is", async () => {
    const { rig, operations, watcher, settle } = await setup();
    rig.stopServer(1);
    settle();
    expect(await ask(operations, "/v1/announce", { routes: [R_TEXT] })).toMatchObject({
      results: [{ outcome: "announced" }],
      establishedServers: 0,
    });
    await rig.startServer(1);
    rig.clock.advance(20_000);
    expect(watcher.view).toEqual([R]);
  });

  test("tells how it is", async () => {
    const { rig, operations, watcher, client, settle } = await setup({
      staleTimes: { staleTimeMs: 1, staleTimeAloneMs: 1e6 },
    });
    watcher.announce(R);
    await ask(operations, "/v1/announce", { routes: [Q_TEXT] });
    await ask(operations, "/v1/subscribe", { vnis: [100, 300] });
    rig.clock.advance(2_000);
    const common = {
      program: "client",
      ...VERSION,
      pid: process.pid,
      state: "running",
      startedAt: time,
      routes: 1,
      announcements: 1,
      removedServersRoutes: 0,
      vnis: [
        { vni: 100, subscribed: true, routes: 1, announcements: 0 },
        { vni: 200, subscribed: false, routes: 0, announcements: 1 },
        { vni: 300, subscribed: true, routes: 0, announcements: 0 },
      ],
      disagreements: [],
      kernel: null,
    };
    expect(await ask(operations, "/v1/status")).toEqual({
      ...common,
      uptimeSeconds: 2,
      counters: {
        "messagesReceived.end-of-rib": 2,
        "messagesReceived.hello": 1,
        "messagesReceived.keepalive": 2,
        "messagesReceived.update": 1,
        "messagesSent.hello": 1,
        "messagesSent.keepalive": 2,
        "messagesSent.subscribe": 2,
        "messagesSent.update": 1,
        receivedBytes: 75,
        sentBytes: 64,
        "routeUpdates.added": 1,
        vniDisagreementsFound: 0,
      },
      servers: [
        {
          server: "[::1]:1",
          state: "established",
          since: time,
          awaySince: null,
          lastReason: null,
          sessions: 1,
          staleRoutes: 0,
        },
      ],
    });
    rig.stopServer(1);
    settle();
    expect(await ask(operations, "/v1/status")).toEqual({
      ...common,
      uptimeSeconds: 2,
      counters: expect.objectContaining({ "peerCloses.closed-by-peer": 1, "routeUpdates.added": 1 }),
      servers: [
        {
          server: "[::1]:1",
          state: "retry",
          since: time,
          awaySince: time,
          lastReason: "closed-by-peer",
          sessions: 1,
          staleRoutes: 1,
        },
      ],
    });
    const { servers } = (await ask(operations, "/v1/status")) as ClientStatus;
    const server = { ...servers[0], since: time, awaySince: time };
    expect(await ask(operations, "/v1/peers")).toEqual({ servers: [server] });
    expect(await ask(operations, `/v1/peers/${encodeURIComponent("[::1]:1")}`)).toEqual(server);
    expect(await refusal(ask(operations, "/v1/peers/2"))).toBe(
      "PEER_NOT_FOUND: no server is 2; /v1/peers has them",
    );
    expect(client.routeCount).toBe(1);
  });

  test("resets the server that is named, and no other", async () => {
    const { rig, operations, log, client } = await setup();
    log.takeStates();
    expect(await ask(operations, "/v1/peers/reset", { peer: "[0::1]:1" })).toEqual({ peer: "[::1]:1" });
    rig.clock.advance(100);
    // Without the wait of a retry.
    expect(log.takeStates()).toEqual([
      "[::1]:1 retry: reset",
      "[::1]:1 connecting",
      "[::1]:1 handshake",
      "[::1]:1 established",
    ]);
    expect(client.servers()).toMatchObject([{ sessions: 2, lastReason: { reason: "reset" } }]);
    for (const peer of ["[::1]:2", "1", "::1::"]) {
      const answer = ask(operations, "/v1/peers/reset", { peer });
      expect(await refusal(answer)).toBe(`PEER_NOT_FOUND: no server ${peer}; 'bunbond status' shows them`);
    }
    expect(log.takeStates()).toEqual([]);
  });

  test("resets a server that is away: the next try comes at once", async () => {
    const { rig, operations, log } = await setup();
    rig.stopServer(1);
    rig.clock.advance(100);
    await rig.startServer(1);
    log.takeStates();
    await ask(operations, "/v1/peers/reset", { peer: "[::1]:1" });
    rig.clock.advance(100);
    expect(log.takeStates()).toEqual(["[::1]:1 connecting", "[::1]:1 handshake", "[::1]:1 established"]);
    rig.clock.advance(20_000);
    expect(log.takeStates()).toEqual([]);
  });

  test("drains, and takes that back", async () => {
    const { operations, watcher, settle } = await setup();
    await ask(operations, "/v1/announce", { routes: [R_TEXT] });
    settle();
    expect(watcher.view).toEqual([R]);
    const facts = { establishedServers: 1, stopsInSeconds: null };
    const drained = { announcements: 1, state: "drained", ...facts };
    expect(await ask(operations, "/v1/drain", { action: "start" })).toEqual({
      outcome: "drained",
      ...drained,
    });
    settle();
    expect(watcher.view).toEqual([]);
    expect(await ask(operations, "/v1/drain", { action: "start" })).toEqual({
      outcome: "already-drained",
      ...drained,
    });
    expect(await ask(operations, "/v1/status")).toMatchObject({ state: "drained", announcements: 1 });
    expect(await ask(operations, "/v1/announce", { routes: [Q_TEXT] })).toMatchObject({ state: "drained" });
    settle();
    expect(watcher.view).toEqual([]);
    const running = { announcements: 2, state: "running", ...facts };
    expect(await ask(operations, "/v1/drain", { action: "undo" })).toEqual({ outcome: "undone", ...running });
    settle();
    expect(watcher.view).toEqual([R, Q]);
    expect(await ask(operations, "/v1/drain", { action: "undo" })).toEqual({
      outcome: "not-drained",
      ...running,
    });
  });

  test("announces all or none where memory is refused, and undoes no drain by halves", async () => {
    const { operations, watcher, client, settle } = await setup();
    const routes = Array.from({ length: 60 }, (_, n) => `100#10.9.${n}.0/24@2001:db8::${(n % 20) + 1}`);
    await ask(operations, "/v1/announce", { routes: [R_TEXT] });
    settle();
    {
      using memory = new RefusedMemory();
      // The first growths find memory.
      memory.growthsLeft = 2;
      expect(await refusal(ask(operations, "/v1/announce", { routes }))).toStartWith("TABLE_FULL: ");
    }
    settle();
    expect([watcher.view, client.announcementCount]).toEqual([[R], 1]);
    await ask(operations, "/v1/drain", { action: "start" });
    await ask(operations, "/v1/announce", { routes });
    {
      using memory = new RefusedMemory();
      memory.growthsLeft = 2;
      expect(await refusal(ask(operations, "/v1/drain", { action: "undo" }))).toStartWith("TABLE_FULL: ");
    }
    settle();
    expect([watcher.view, client.drainedForMs !== null]).toEqual([[], true]);
  });

  test("drains and stops, which is not taken back", async () => {
    const { operations, watcher, stops, settle } = await setup({ drainMs: 1_500 });
    await ask(operations, "/v1/announce", { routes: [R_TEXT] });
    settle();
    expect(await ask(operations, "/v1/drain", { action: "stop" })).toMatchObject({
      outcome: "stopping",
      stopsInSeconds: 2,
      state: "stopping",
    });
    expect(stops).toEqual(["stop"]);
    for (const action of ["undo", "start"]) {
      expect(await refusal(ask(operations, "/v1/drain", { action }))).toStartWith("STOPPING: ");
    }
    // It would not be told to anybody any more.
    expect(await refusal(ask(operations, "/v1/announce", { routes: [Q_TEXT] }))).toStartWith("STOPPING: ");
    expect(await refusal(ask(operations, "/v1/subscribe", { vnis: [300] }))).toStartWith("STOPPING: ");
    settle();
    expect(watcher.view).toEqual([]);
    expect(await ask(operations, "/v1/status")).toMatchObject({ state: "stopping" });
  });
});

describe("a server", () => {
  async function serverSetup() {
    const { rig, server, settle, client, watcher } = await setup();
    const daemon = new Daemon(VERSION, rig.clock);
    return { rig, server, settle, client, watcher, daemon, operations: serverEndpoints(server, daemon) };
  }

  test("tells how it is", async () => {
    const { operations, watcher, settle } = await serverSetup();
    watcher.announce(R);
    settle();
    expect(await ask(operations, "/v1/status")).toEqual({
      program: "server",
      ...VERSION,
      pid: process.pid,
      state: "running",
      startedAt: time,
      uptimeSeconds: 0,
      listen: "[::1]:1",
      settled: true,
      peers: 2,
      establishedPeers: 2,
      routes: 1,
      retainedAnnouncements: 0,
      vniCount: 2,
      vnis: [
        { vni: 100, routes: 1, subscribers: 1, digest: expect.stringMatching(/^[0-9a-f]{16}$/) },
        { vni: 200, routes: 0, subscribers: 1, digest: "0000000000000000" },
      ],
      counters: {
        connectionsAccepted: 2,
        "messagesReceived.hello": 2,
        "messagesReceived.keepalive": 3,
        "messagesReceived.subscribe": 2,
        "messagesReceived.update": 1,
        "messagesSent.end-of-rib": 2,
        "messagesSent.hello": 2,
        "messagesSent.keepalive": 3,
        receivedBytes: 73,
        repeatedHellos: 0,
        "routeUpdates.added": 1,
        sentBytes: 61,
      },
    });
  });

  test("lists its peers, and resets the one that is named", async () => {
    const { operations, watcher, settle } = await serverSetup();
    watcher.announce(R);
    settle();
    const common = {
      state: "established",
      since: time,
      keepaliveSeconds: 5,
      isServer: false,
      skippedUpdates: 0,
      limitsMet: [],
      lastHeard: time,
      roundTripMs: 0,
      receivedBytes: expect.any(Number),
      sentBytes: expect.any(Number),
      sendQueueBytes: 0,
      blockedSince: null,
      behindSince: null,
      updatesSent: 0,
    };
    expect(await ask(operations, "/v1/peers")).toEqual({
      peers: [
        {
          id: 1,
          remote: expect.any(String),
          ...common,
          announcedRoutes: 0,
          subscriptionCount: 0,
          subscriptions: [],
          updatesReceived: 0,
        },
        {
          id: 2,
          remote: expect.any(String),
          ...common,
          announcedRoutes: 1,
          subscriptionCount: 2,
          subscriptions: [100, 200],
          updatesReceived: 1,
        },
      ],
    });
    const { peers } = (await ask(operations, "/v1/peers")) as PeerList;
    expect(await ask(operations, "/v1/peers/2")).toEqual({
      ...peers[1],
      since: time,
      lastHeard: time,
      goneSince: null,
      goneReason: null,
      backlogRoutes: 0,
      retainedRoutes: 0,
    });
    expect(await refusal(ask(operations, "/v1/peers/3"))).toBe(
      "PEER_NOT_FOUND: no peer has the id 3, and none had it in the last hour; 'bunbond peers --gone' shows them",
    );
    expect(await ask(operations, "/v1/peers/reset", { peer: "2" })).toEqual({ peer: "2" });
    expect(await ask(operations, "/v1/peers")).toMatchObject({ peers: [{ id: 1 }] });
    expect(await ask(operations, "/v1/status")).toMatchObject({
      routes: 0,
      counters: { "peerCloses.reset": 1 },
    });
    for (const peer of ["2", "[::1]:1"]) {
      const answer = ask(operations, "/v1/peers/reset", { peer });
      expect(await refusal(answer)).toBe(
        `PEER_NOT_FOUND: no peer has the id ${peer}; 'bunbond peers' shows them`,
      );
    }
  });
});

test("when a daemon was started does not depend on when that is asked", () => {
  const rig = new ClientRig();
  const daemon = new Daemon(VERSION, rig.clock);
  const { startedAt } = daemon.facts();
  // The rig's clock and the wall clock go on each by itself.
  rig.clock.advance(7_000);
  expect(daemon.facts()).toMatchObject({ startedAt, uptimeSeconds: 7 });
});

test("a server counts what it keeps for peers that are gone, until somebody takes it over or its time ends", async () => {
  const rig = new ClientRig();
  const server = await rig.startServer(1, { retainSeconds: 60 });
  const one = rig.client([1]).announce(R, Q);
  rig.clock.advance(100);
  await rig.until(one.client.stop(0, "keep"));
  rig.clock.advance(100);
  expect(server.stats()).toMatchObject({ peers: 0, routes: 2, retainedAnnouncements: 2 });
  rig.client([1]).announce(R);
  rig.clock.advance(100);
  expect(server.stats()).toMatchObject({ routes: 2, retainedAnnouncements: 1 });
  rig.clock.advance(60_000);
  expect(server.stats()).toMatchObject({ routes: 1, retainedAnnouncements: 0 });
});
