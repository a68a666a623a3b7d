/** Who is let in when descriptors run out. With real ones: test/process/descriptor-limit.test.ts. */
import { describe, expect, test } from "bun:test";
import { eventLog } from "../../src/base/log-event.ts";
import { type LogFields, silentLogger } from "../../src/base/logger.ts";
import { Admission } from "../../src/server/admission.ts";
import { RunningCounters } from "../../src/server/counters.ts";
import { ClientRig, serverEndpoint } from "../support/network/client-rig.ts";
import { FakeClock } from "../support/network/fake-clock.ts";
import { MemoryNetwork } from "../support/network/memory-network.ts";
import { RawPeer } from "../support/network/raw-peer.ts";

class Rig extends ClientRig {
  betweenMs = 0;
  readonly warnings: [message: string, fields: LogFields][] = [];

  async startLimited(descriptorLimit: number) {
    this.network.descriptorLimit = descriptorLimit;
    const note = () => {};
    const warn = (message: string, fields: LogFields = {}) => this.warnings.push([message, fields]);
    return this.startServer(1, { logger: { debug: note, info: note, error: note, warn } });
  }

  /** One after the other; those that are let in complete their handshake. */
  connect(count: number): RawPeer[] {
    return Array.from({ length: count }, () => {
      const [peer] = this.connectHalf(1) as [RawPeer];
      for (const frame of ["HELLO 5", "KEEPALIVE"]) {
        if (!peer.isClosed) peer.send(frame);
        this.clock.settle();
      }
      return peer;
    });
  }

  /** They say nothing. */
  connectHalf(count: number): RawPeer[] {
    return Array.from({ length: count }, () => {
      const peer = new RawPeer(this.clock).connect(this.network, serverEndpoint(1));
      // Not all in the same turn: the oldest has had its time.
      this.clock.advance(this.betweenMs);
      return peer;
    });
  }
}

function refusal(connections: number, openFilesLimit: number, refused: number): Rig["warnings"][number] {
  return [
    "connections are refused: the limit of open files is reached",
    { connections, openFilesLimit, refused, hint: expect.stringContaining("LimitNOFILE=") },
  ];
}

test("one too many is reset at once, counted, and no peer; who is in stays", async () => {
  const rig = new Rig();
  const server = await rig.startLimited(6);
  expect(rig.connect(5).map(({ closedBecause }) => closedBecause)).toEqual([
    null,
    null,
    null,
    "connection reset",
    "connection reset",
  ]);
  expect(server.stats()).toMatchObject({
    peers: 3,
    counters: { connectionsAccepted: 3, refusals: { "descriptor-limit": 2 }, closes: {} },
  });
});

test("there is room again once a connection has closed, not while it has bytes to take", async () => {
  const rig = new Rig();
  const server = await rig.startLimited(4);
  const [first, second] = rig.connect(2);
  const refused = () => server.stats().counters.refusals["descriptor-limit"] ?? 0;
  first?.stream.abort();
  rig.clock.settle();
  expect([server.stats().peers, rig.connect(1)[0]?.isClosed, refused()]).toEqual([1, false, 0]);
  expect([rig.connect(1)[0]?.isClosed, refused()]).toEqual([true, 1]);
  second?.stream.end();
  rig.clock.settle();
  expect([rig.connect(1)[0]?.isClosed, refused()]).toEqual([false, 1]);
});

test("a warning a minute, with what to do and how many there were", async () => {
  const rig = new Rig();
  await rig.startLimited(4);
  rig.connect(3);
  rig.connect(10);
  expect(rig.warnings).toEqual([refusal(2, 4, 1)]);
  rig.clock.advance(59_999);
  // Those that were in have left, since they say nothing.
  rig.warnings.length = 0;
  rig.connect(3);
  expect(rig.warnings).toEqual([]);
  rig.clock.advance(1);
  rig.connect(5);
  expect(rig.warnings).toEqual([refusal(2, 4, 10 + 1 + 1)]);
});

test("a limit that is raised meanwhile is found within seconds", async () => {
  const rig = new Rig();
  const server = await rig.startLimited(4);
  const isRefused = () => rig.connect(1)[0]?.isClosed;
  rig.connect(2);
  rig.network.descriptorLimit = 6;
  expect(isRefused()).toBe(true);
  rig.clock.advance(10_000);
  expect([isRefused(), isRefused()]).toEqual([false, true]);
  expect(server.stats()).toMatchObject({ peers: 3, counters: { refusals: { "descriptor-limit": 2 } } });
});

test("of those that are half-open the oldest is reset, and who is established stays", async () => {
  const rig = new Rig();
  rig.betweenMs = 50;
  const server = await rig.startServer(1, { maxHalfOpen: 3 });
  const [established] = rig.connect(1);
  const silent = rig.connectHalf(5);
  expect(silent.map(({ isClosed }) => isClosed)).toEqual([true, true, false, false, false]);
  expect(established?.isClosed).toBe(false);
  // One that completes its handshake makes room.
  for (const frame of ["HELLO 5", "KEEPALIVE"]) {
    silent[2]?.send(frame);
    rig.clock.settle();
  }
  expect([rig.connectHalf(1)[0]?.isClosed, silent[3]?.isClosed]).toEqual([false, false]);
  expect(rig.connectHalf(1)[0]?.isClosed).toBe(false);
  expect([silent[2]?.isClosed, silent[3]?.isClosed]).toEqual([false, true]);
  expect(server.stats().counters.refusals).toEqual({ "half-open-limit": 3 });
});

test("who has sent its HELLO goes after those that have not, and nobody within some turns", async () => {
  const rig = new Rig();
  await rig.startServer(1, { maxHalfOpen: 3 });
  const halfOpen = rig.connectHalf(3);
  halfOpen[0]?.send("HELLO 5");
  rig.clock.settle();
  const closed = () => halfOpen.map(({ isClosed }) => isClosed);
  // One too many, for as long as all are young.
  expect([rig.connectHalf(1)[0]?.isClosed, ...closed()]).toEqual([false, false, false, false]);
  rig.clock.advance(100);
  expect([rig.connectHalf(1)[0]?.isClosed, ...closed()]).toEqual([false, false, true, true]);
  rig.clock.advance(250);
  const last = rig.connectHalf(2);
  expect([...last.map(({ isClosed }) => isClosed), ...closed()]).toEqual([false, false, false, true, true]);
});

test("where no place is left, a half-open connection makes room for the next", async () => {
  const rig = new Rig();
  const server = await rig.startLimited(6);
  rig.betweenMs = 50;
  const [established] = rig.connect(1);
  const [oldest, other] = rig.connectHalf(2);
  expect(rig.connect(1)[0]?.isClosed).toBe(false);
  expect([established, oldest, other].map((peer) => peer?.isClosed)).toEqual([false, true, false]);
  expect(server.stats()).toMatchObject({ peers: 3, counters: { refusals: { "half-open-limit": 1 } } });
  expect(rig.warnings.map(([message]) => message)).toEqual([
    "connections without a handshake are reset: there are too many",
  ]);
});

describe("while as many are half-open as may be", () => {
  const nothing = () => {};

  /** Its listener can be paused; whoever comes sends its HELLO or not. */
  class Queue {
    readonly clock = new FakeClock();
    isPaused = false;
    readonly #counters = new RunningCounters();
    readonly #admission = new Admission({
      network: new MemoryNetwork({ clock: this.clock }),
      clock: this.clock,
      logger: eventLog(silentLogger),
      counters: this.#counters,
      maxHalfOpen: 64,
    });
    #ports = 1;

    constructor() {
      this.#admission.setListener({
        endpoint: { host: "::1", port: 1 },
        pause: () => {
          this.isPaused = true;
        },
        resume: () => {
          this.isPaused = false;
        },
        stop: nothing,
      });
    }

    comes(host: string, receivedHello = false): { isReset: boolean; establish(): void } {
      const state = { isReset: false, establish: nothing };
      const stream = {
        remote: { address: host, port: this.#ports++ },
        local: "",
        write: () => 0,
        pause: nothing,
        resume: nothing,
        end: nothing,
        endWithin: nothing,
        abort: () => {
          state.isReset = true;
        },
      };
      this.#admission.admit(stream, (_, established) => {
        state.establish = established;
        return { receivedHello, received: nothing, writable: nothing, closed: nothing };
      });
      return state;
    }

    crowd(count: number, host = "192.0.2.1") {
      return Array.from({ length: count }, () => this.comes(host));
    }
  }

  test("nobody is accepted until the oldest has had its time", () => {
    const queue = new Queue();
    queue.crowd(63);
    expect(queue.isPaused).toBe(false);
    queue.comes("192.0.2.1");
    expect(queue.isPaused).toBe(true);
    queue.clock.advance(99);
    expect(queue.isPaused).toBe(true);
    queue.clock.advance(1);
    expect(queue.isPaused).toBe(false);
  });

  test("one that is established makes room at once", () => {
    const queue = new Queue();
    const [first] = queue.crowd(64);
    first?.establish();
    expect(queue.isPaused).toBe(false);
  });

  test("one that has sent its HELLO outlasts a crowd that says nothing, from its own address, too", () => {
    const queue = new Queue();
    const [first] = queue.crowd(64);
    queue.clock.advance(100);
    const newcomer = queue.comes("192.0.2.1", true);
    expect([first?.isReset, newcomer.isReset]).toEqual([true, false]);
    for (let round = 0; round < 20; round++) {
      queue.crowd(64);
      queue.clock.advance(100);
    }
    expect(newcomer.isReset).toBe(false);
  });

  test("a source with more than its share makes room for others, whatever those have sent", () => {
    const queue = new Queue();
    const innocent = queue.comes("198.51.100.1");
    for (let round = 0; round < 20; round++) {
      queue.crowd(64);
      queue.clock.advance(100);
    }
    expect(innocent.isReset).toBe(false);
  });
});

describe("while more than three quarters of 100 places are taken", () => {
  /** Tries to connect from that host, and completes its handshake at once. */
  class Door {
    readonly counters = new RunningCounters();
    readonly #admission = new Admission({
      network: Object.assign(new MemoryNetwork({ clock: new FakeClock() }), { descriptorLimit: 150 }),
      clock: new FakeClock(),
      logger: eventLog(silentLogger),
      counters: this.counters,
      maxHalfOpen: 512,
    });
    #ports = 1;

    enters(host: string): boolean {
      const remote = { address: host, port: this.#ports++ };
      const nothing = () => {};
      let isIn = false;
      this.#admission.admit(
        {
          remote,
          local: "",
          write: () => 0,
          pause: nothing,
          resume: nothing,
          end: nothing,
          endWithin: nothing,
          abort: nothing,
        },
        (_, established) => {
          isIn = true;
          established();
          return { receivedHello: true, received: nothing, writable: nothing, closed: nothing };
        },
      );
      return isIn;
    }

    count(host: (i: number) => string, tries: number): number {
      return Array.from({ length: tries }, (_, i) => this.enters(host(i))).filter(Boolean).length;
    }
  }

  test("an address has no more than its share, and others get in", () => {
    const door = new Door();
    // Alone it may have all, until there are others: then half of 100.
    expect(door.count(() => "192.0.2.1", 80)).toBe(80);
    expect(door.enters("192.0.2.2")).toBe(true);
    expect(door.count(() => "192.0.2.1", 30)).toBe(0);
    expect(door.count((i) => `198.51.100.${i}`, 19)).toBe(19);
    expect(door.counters.refusals).toEqual({ "source-share": 30 });
  });

  test("all addresses of an IPv6 network of 64 bits are one", () => {
    const door = new Door();
    expect(door.enters("2001:db8:0:1::1")).toBe(true);
    expect(door.count((i) => `2001:db8::${i.toString(16)}`, 99)).toBe(75);
    expect(door.enters("2001:db8:0:2::1")).toBe(true);
  });

  test("with fewer places taken, whoever comes first", () => {
    const door = new Door();
    expect(door.enters("192.0.2.2")).toBe(true);
    expect(door.count(() => "192.0.2.1", 75)).toBe(75);
    expect(door.count(() => "192.0.2.1", 5)).toBe(0);
  });
});
