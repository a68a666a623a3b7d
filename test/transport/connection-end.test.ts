/** How a connection ends: for silence, by whoever wants it, and for faults. */
import { describe, expect, test } from "bun:test";
import { PacedWrites } from "../../src/transport/pacing.ts";
import { frameOfText } from "../support/models/frame-text.ts";
import {
  ConnectionUnderTest,
  type ConnectionUnderTestOptions,
  manyAdds,
} from "../support/network/connection-under-test.ts";
import { FakeClock } from "../support/network/fake-clock.ts";

const AMPLE = 1 << 30;

function established(options: ConnectionUnderTestOptions = {}): ConnectionUnderTest {
  return new ConnectionUnderTest(options).establish();
}

describe("silence", () => {
  test("for 2.5 intervals ends the connection, in order and for good", () => {
    const pair = established();
    pair.clock.advance(12_499);
    expect(pair.handler.calls).toEqual([]);
    pair.clock.advance(1);
    expect(pair.handler.calls).toEqual(["closed keepalive-timeout"]);
    expect(pair.peer.closedBecause).toBe("in order");
  });

  test("and whoever does not close then is reset 10 s later; what it sends meanwhile is not read", () => {
    const pair = established();
    pair.peer.stream.isReading = false;
    pair.clock.advance(12_500);
    pair.peer.send("KEEPALIVE", "ADD 1 ::/0 via ::1");
    pair.clock.advance(9_999);
    expect(pair.peer.closedBecause).toBeNull();
    pair.clock.advance(1);
    expect(pair.peer.closedBecause).toBe("connection reset");
    expect(pair.handler.calls).toEqual(["closed keepalive-timeout"]);
    expect(pair.clock.pendingTimers).toBe(0);
  });

  test("in the handshake ends it after 2.5 of the own intervals", () => {
    const pair = new ConnectionUnderTest();
    pair.clock.advance(5_000);
    pair.peer.send("HELLO 1");
    pair.clock.advance(12_499);
    expect(pair.handler.calls).toEqual([]);
    pair.clock.advance(1);
    expect(pair.handler.calls).toEqual(["closed handshake-timeout"]);
  });

  test("the first bytes of a frame are no sign of life", () => {
    const pair = established();
    pair.clock.advance(12_000);
    pair.peer.send("HEX 010000");
    pair.clock.advance(500);
    expect(pair.handler.calls).toEqual(["closed keepalive-timeout"]);
  });

  test("a process that was stopped reads what waits before it judges its peer", () => {
    for (const sentAfterMs of [0, 12_000, 20_000, 60_000]) {
      const pair = established();
      pair.clock.freeze(sentAfterMs);
      pair.peer.send("KEEPALIVE");
      pair.clock.freeze(60_000 - sentAfterMs);
      pair.clock.settle();
      expect(pair.handler.calls).toEqual(["keepalive"]);
      pair.clock.advance(12_500);
      expect(pair.handler.calls).toEqual(["keepalive", "closed keepalive-timeout"]);
    }
  });

  test("a process that was stopped ends a peer from which nothing waits", () => {
    const pair = established();
    pair.clock.freeze(60_000);
    pair.clock.settle();
    expect(pair.handler.calls).toEqual(["closed keepalive-timeout"]);
  });

  test("client: KEEPALIVEs go out each interval while a large table is being sent", () => {
    const pair = established({ role: "client", pace: new PacedWrites() });
    pair.peer.onMessage = (message) => {
      if (message.type === "KEEPALIVE") pair.peer.send("KEEPALIVE");
    };
    const add = frameOfText("ADD 1 10.0.0.0/8 via ::1");
    pair.source.nextRun = () => add;
    pair.connection.wake();
    pair.clock.advance(5_000);
    // Whether an ADD that is due at the same time comes before it or after it makes no difference.
    expect(pair.peer.takeHeard().slice(-2)).toContain("KEEPALIVE");
    pair.clock.advance(5_000);
    expect(pair.peer.takeHeard().slice(-2)).toContain("KEEPALIVE");
  });
});

describe("the end", () => {
  test("comes once, whoever makes it, and leaves no timer", () => {
    const ends: Record<string, (pair: ConnectionUnderTest) => void> = {
      stopped: ({ connection }) => connection.close({ reason: "stopped" }),
      "closed-by-peer": ({ peer }) => peer.end(),
      "connection-lost": ({ peer }) => peer.abort(),
      "keepalive-timeout": ({ clock }) => clock.advance(60_000),
      "protocol-error MALFORMED_MESSAGE": ({ peer }) => peer.send("HEX 0100010380"),
    };
    for (const [reason, end] of Object.entries(ends)) {
      const pair = established({ pace: new PacedWrites(), capacityBytes: 2_000 });
      pair.give(...manyAdds(1_000));
      pair.clock.settle();
      end(pair);
      pair.clock.settle();
      expect(pair.clock.pendingTimers).toBe(0);
      pair.connection.close({ reason: "reset" });
      pair.connection.wake();
      pair.clock.advance(60_000);
      expect(pair.handler.calls).toEqual([`closed ${reason}`]);
      expect([pair.connection.session.state, pair.peer.isClosed]).toEqual(["closed", true]);
    }
  });

  test("for a peer that asks for answer upon answer and reads none", () => {
    const pair = established({ capacityBytes: 1_000 });
    pair.peer.stream.isReading = false;
    const KEEPALIVES = Array.from({ length: 100 }, () => "KEEPALIVE");
    // 250 answers fill the pipe, 16,384 the queue, and up to 256 were gathered for the write that the pipe did not take.
    for (let sent = 0; sent < 16_600; sent += 100) pair.peer.send(...KEEPALIVES);
    pair.clock.settle();
    expect(pair.connection.session.state).toBe("established");
    for (let sent = 0; sent < 300; sent += 100) pair.peer.send(...KEEPALIVES);
    pair.clock.settle();
    expect(pair.handler.calls.at(-1)).toBe("closed send-queue-full");
    expect(pair.handler.calls.filter((call) => call.startsWith("closed")).length).toBe(1);
    expect(pair.clock.pendingTimers).toBe(0);
  });

  test.each(["established", "update 1", "keepalive"])("for a fault of ours in the handler's %s", (call) => {
    const clock = new FakeClock();
    const [faulty, other] = [new ConnectionUnderTest({ clock }), new ConnectionUnderTest({ clock })];
    faulty.handler.onCall = (seen) => {
      if (seen === call) throw new Error("a fault");
    };
    const frames = ["HELLO 5", "KEEPALIVE", "ADD 1 ::/0 via ::1", "KEEPALIVE"];
    for (const pair of [faulty, other]) pair.peer.send(...frames);
    clock.settle();
    expect(faulty.handler.calls.slice(-2)).toEqual([call, "closed internal-error"]);
    expect(faulty.peer.isClosed).toBe(true);
    expect(other.connection.session.state).toBe("established");
  });

  test("for a fault of ours in the source, whatever made it be asked", () => {
    const moments: Record<string, (pair: ConnectionUnderTest) => void> = {
      wake: (pair) => pair.connection.wake(),
      keepalive: (pair) => pair.peer.send("KEEPALIVE"),
      pace: (pair) => pair.clock.advance(4),
      writable: (pair) => {
        pair.peer.stream.isReading = true;
      },
    };
    for (const [name, happen] of Object.entries(moments)) {
      const pair = established({
        pace: new PacedWrites(),
        capacityBytes: name === "writable" ? 1_000 : AMPLE,
      });
      if (name === "writable") pair.peer.stream.isReading = false;
      pair.give(...manyAdds(1_000));
      pair.clock.settle();
      pair.source.nextRun = () => {
        throw new Error("a fault");
      };
      happen(pair);
      pair.clock.advance(10);
      expect(pair.handler.calls.at(-1)).toBe("closed internal-error");
      expect(pair.clock.pendingTimers).toBe(0);
    }
  });
});
