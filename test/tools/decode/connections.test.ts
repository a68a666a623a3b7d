/** The bounds of what is kept of a capture, with small limits. */
import { expect, test } from "bun:test";
import type { TcpSegment } from "../../../src/tools/capture/tcp-segment.ts";
import { Connections } from "../../../src/tools/decode/connections.ts";
import { encodeMessage } from "../../../src/wire/codec.ts";
import { address } from "../../net/model.ts";

const KEEPALIVE = encodeMessage({ type: "KEEPALIVE" });
const SERVER = { address: address("2001:db8::10"), port: 4711 };

function segment(port: number, sequence: number, data: Uint8Array, isSyn = false): TcpSegment {
  const source = { address: address("2001:db8::7"), port };
  return {
    kind: "segment",
    source,
    destination: SERVER,
    sequence,
    isSyn,
    isLast: false,
    data,
    missingBytes: 0,
  };
}

function packet(number: number) {
  return { number, time: null, linkType: 101, bytes: new Uint8Array(0) };
}

test("the connection that was quiet for longest ends when there are too many", () => {
  const connections = new Connections({ maxConnections: 2, maxWaitingBytes: 1 << 20 });
  const half = KEEPALIVE.subarray(0, 2);
  const ports = [1, 2, 1, 3, 2];
  const ended = ports.map((port, index) => {
    const isNew = ports.indexOf(port) === index;
    const records = [
      ...connections.add(packet(index), segment(port, 0, new Uint8Array(0), isNew)),
      ...connections.add(packet(index), segment(port, 1, isNew ? half : new Uint8Array(0))),
    ];
    return records.map(({ direction, item }) => `${item.kind} ${direction?.source.port}`);
  });
  // The last segment is one of a new connection, as far as is known.
  expect(ended).toEqual([[], [], [], ["cut 2"], ["cut 1"]]);
  expect(connections.count).toBe(4);
});

test("a gap is given up when too many bytes of all connections wait", () => {
  const connections = new Connections({ maxConnections: 1000, maxWaitingBytes: 2000 });
  let gaps = 0;
  for (let port = 1; port <= 100; port++) {
    Array.from(connections.add(packet(port), segment(port, 0, new Uint8Array(0), true)));
    for (const { item } of connections.add(packet(port), segment(port, 101, KEEPALIVE)))
      if (item.kind === "gap") gaps++;
  }
  // Each waits with its own cost: some 29 fit.
  expect(gaps).toBeGreaterThan(60);
  expect(gaps).toBeLessThan(80);
});
