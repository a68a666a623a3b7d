/** Who is let in when descriptors run out. With real ones: test/process/descriptor-limit.test.ts. */
import { expect, test } from "bun:test";
import type { LogFields } from "../../src/session/logger.ts";
import { ClientBench, serverEndpoint } from "../support/client-bench.ts";
import { RawPeer } from "../support/raw-peer.ts";

class Stage extends ClientBench {
  readonly warnings: [message: string, fields: LogFields][] = [];

  async startLimited(descriptorLimit: number) {
    this.network.descriptorLimit = descriptorLimit;
    const note = () => {};
    const warn = (message: string, fields: LogFields = {}) => this.warnings.push([message, fields]);
    return this.startServer(1, { logger: { debug: note, info: note, error: note, warn } });
  }

  /** In the order of their connecting. */
  connect(count: number): RawPeer[] {
    const peers = Array.from({ length: count }, () =>
      new RawPeer(this.clock).connect(this.network, serverEndpoint(1)),
    );
    this.clock.settle();
    return peers;
  }
}

function refusal(connections: number, openFilesLimit: number, refused: number): Stage["warnings"][number] {
  return [
    "connections are refused: the limit of open files is reached",
    { connections, openFilesLimit, refused, hint: expect.stringContaining("LimitNOFILE=") },
  ];
}

test("one too many is reset at once, counted, and no peer; who is in stays", async () => {
  const stage = new Stage();
  const server = await stage.startLimited(6);
  expect(stage.connect(5).map(({ closedBecause }) => closedBecause)).toEqual([
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
  const stage = new Stage();
  const server = await stage.startLimited(4);
  const [first, second] = stage.connect(2);
  const refused = () => server.stats().counters.refusals["descriptor-limit"] ?? 0;
  first?.stream.abort();
  stage.clock.settle();
  expect([server.stats().peers, stage.connect(1)[0]?.isClosed, refused()]).toEqual([1, false, 0]);
  expect([stage.connect(1)[0]?.isClosed, refused()]).toEqual([true, 1]);
  second?.stream.end();
  stage.clock.settle();
  expect([stage.connect(1)[0]?.isClosed, refused()]).toEqual([false, 1]);
});

test("a warning a minute, with what to do and how many there were", async () => {
  const stage = new Stage();
  await stage.startLimited(4);
  stage.connect(3);
  stage.connect(10);
  expect(stage.warnings).toEqual([refusal(2, 4, 1)]);
  stage.clock.advance(59_999);
  // Those that were in have left, for want of a handshake.
  stage.warnings.length = 0;
  stage.connect(3);
  expect(stage.warnings).toEqual([]);
  stage.clock.advance(1);
  stage.connect(5);
  expect(stage.warnings).toEqual([refusal(2, 4, 10 + 1 + 1)]);
});

test("a limit that is raised meanwhile is found within seconds", async () => {
  const stage = new Stage();
  const server = await stage.startLimited(4);
  const isRefused = () => stage.connect(1)[0]?.isClosed;
  stage.connect(2);
  stage.network.descriptorLimit = 6;
  expect(isRefused()).toBe(true);
  stage.clock.advance(10_000);
  expect([isRefused(), isRefused()]).toEqual([false, true]);
  expect(server.stats()).toMatchObject({ peers: 3, counters: { refusals: { "descriptor-limit": 2 } } });
});
