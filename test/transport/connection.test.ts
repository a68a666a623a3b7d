/** What a connection does with what comes in, and in which order and pieces its own goes out. */
import { describe, expect, test } from "bun:test";
import { RUN_BYTES } from "../../src/transport/outbox.ts";
import { PacedWrites, UnpacedWrites } from "../../src/transport/pacing.ts";
import { frameOfText } from "../support/models/frame-text.ts";
import {
  ConnectionUnderTest,
  type ConnectionUnderTestOptions,
  manyAdds,
} from "../support/network/connection-under-test.ts";
import { FakeClock } from "../support/network/fake-clock.ts";
import { MessageReader } from "../support/network/message-reader.ts";

const AMPLE = 1 << 30;

function established(options: ConnectionUnderTestOptions = {}): ConnectionUnderTest {
  return new ConnectionUnderTest(options).establish();
}

describe("handshake", () => {
  test("server: HELLO alone, KEEPALIVE alone, and only then runs", () => {
    const pair = new ConnectionUnderTest();
    pair.give("ADD 100 10.0.0.0/8 via ::1");
    pair.peer.send("HELLO 3");
    pair.clock.settle();
    expect(pair.peer.takeHeard()).toEqual(["HELLO 5 server"]);
    expect(pair.source.asked).toBe(0);
    pair.peer.send("KEEPALIVE");
    pair.clock.settle();
    expect(pair.peer.takeHeard()).toEqual(["KEEPALIVE", "ADD 100 10.0.0.0/8 via ::1"]);
    expect(pair.handler.calls).toEqual(["established"]);
    expect(pair.connection.session.keepaliveSeconds).toBe(3);
  });

  test("client: HELLO at once, KEEPALIVE at the answer", () => {
    const pair = new ConnectionUnderTest({ role: "client" });
    pair.clock.settle();
    expect(pair.peer.takeHeard()).toEqual(["HELLO 5"]);
    pair.peer.send("HELLO 3 server");
    pair.clock.settle();
    expect(pair.peer.takeHeard()).toEqual(["KEEPALIVE"]);
    pair.peer.send("KEEPALIVE");
    pair.clock.settle();
    expect(pair.handler.calls).toEqual(["established"]);
    expect([pair.connection.session.peerIsServer, pair.connection.keepalivesAnswered]).toEqual([true, 1]);
  });
});

describe("input", () => {
  test("is the same however it is cut", () => {
    const frames = [
      "HELLO 5",
      "KEEPALIVE",
      "SUBSCRIBE 7",
      "ADD 7 10.0.0.0/8 via ::1",
      "UNSUBSCRIBE 7",
      "KEEPALIVE",
    ];
    const bytes = Uint8Array.from(frames.flatMap((frame) => [...frameOfText(frame)]));
    const calls = ["established", "subscribe 7", "update 7", "unsubscribe 7", "keepalive"];
    for (let size = 1; size <= bytes.length; size++) {
      const pair = new ConnectionUnderTest();
      for (let at = 0; at < bytes.length; at += size) {
        pair.peer.sendBytes(bytes.subarray(at, at + size));
        pair.clock.settle();
      }
      expect(pair.handler.calls).toEqual(calls);
    }
  });

  test("stops at the first bad frame of a chunk", () => {
    const pair = established();
    pair.peer.send("SUBSCRIBE 1", "HEX 01000006", "SUBSCRIBE 2");
    pair.clock.settle();
    expect(pair.handler.calls).toEqual(["subscribe 1", "closed protocol-error UNKNOWN_TYPE"]);
  });

  test.each(["SUBSCRIBE 1", "UNSUBSCRIBE 1", "ADD 1 ::/0 via ::1", "ADD 1 10.0.0.0/33 via ::1"])(
    "before ESTABLISHED, %s reaches no handler",
    (frame) => {
      for (const before of [[], ["HELLO 5"]]) {
        const pair = new ConnectionUnderTest();
        pair.peer.send(...before, frame);
        pair.clock.settle();
        expect(pair.handler.calls).toEqual(["closed protocol-error OUT_OF_STATE"]);
      }
    },
  );

  test("stops when the handler closes", () => {
    const pair = established();
    pair.handler.onCall = (call) => {
      if (call === "subscribe 1") pair.connection.close({ reason: "reset" });
    };
    pair.peer.send("SUBSCRIBE 1", "SUBSCRIBE 2", "KEEPALIVE");
    pair.clock.settle();
    expect(pair.handler.calls).toEqual(["subscribe 1", "closed reset"]);
    expect(pair.peer.takeHeard()).toEqual([]);
  });

  test("an UPDATE with a bad value is skipped, and the next one is not", () => {
    const pair = established();
    pair.peer.send("ADD 1 10.0.0.0/33 via ::1", "ADD 2 10.0.0.0/8 via ::1");
    pair.clock.settle();
    expect(pair.handler.calls).toEqual(["skipped BAD_PREFIX_LENGTH", "update 2"]);
  });

  test("client: End-of-RIBs are no answers to KEEPALIVEs, but signs of life", () => {
    const pair = established({ role: "client" });
    expect([pair.connection.sendKeepalive(), pair.connection.sendKeepalive()]).toEqual([2, 3]);
    pair.peer.send("END 0", "KEEPALIVE", "END 4294967295");
    pair.clock.settle();
    expect(pair.handler.calls).toEqual(["endOfRib 0", "keepalive", "endOfRib 4294967295"]);
    expect(pair.connection.keepalivesAnswered).toBe(2);
    for (let marks = 0; marks < 5; marks++) {
      pair.clock.advance(10_000);
      pair.peer.send("END 0");
    }
    expect(pair.connection.session.state).toBe("established");
  });

  describe("of which each frame takes a millisecond", () => {
    const slow = (options: ConnectionUnderTestOptions = {}) => {
      const clock = new FakeClock();
      const pair = established({ ...options, clock });
      pair.handler.onCall = () => clock.freeze(1);
      return pair;
    };

    test("is read in steps of some milliseconds, between which others have their turn", () => {
      const pair = slow();
      const frames = manyAdds(1_000, 7);
      const readAtTurns: number[] = [];
      const look = () => {
        readAtTurns.push(pair.handler.calls.length);
        if (pair.handler.calls.length < frames.length) pair.clock.soon(look);
      };
      pair.peer.send(...frames);
      pair.clock.soon(look);
      pair.clock.settle();
      expect(pair.handler.calls).toEqual(frames.map(() => "update 7"));
      const steps = readAtTurns.map((read, turn) => read - (readAtTurns[turn - 1] ?? 0));
      expect(Math.max(...steps)).toBeLessThanOrEqual(32);
    });

    test("is waited for by its sender", () => {
      const capacityBytes = 10_000;
      const pair = slow({ capacityBytes });
      const frames = manyAdds(2_000, 7);
      const lengths = frames.map((frame) => frameOfText(frame).length);
      let unreadBytes = lengths.reduce((sum, length) => sum + length, 0);
      let mostTakenBytes = 0;
      pair.handler.onCall = () => {
        pair.clock.freeze(1);
        unreadBytes -= lengths[pair.handler.calls.length - 1] ?? 0;
        mostTakenBytes = Math.max(mostTakenBytes, unreadBytes - pair.peer.unsentBytes);
      };
      pair.peer.send(...frames);
      pair.clock.settle();
      expect(unreadBytes).toBe(0);
      expect(mostTakenBytes).toBeLessThan(3 * capacityBytes);
    });

    test("is read to its end when the stream has ended meanwhile", () => {
      const pair = slow();
      const frames = manyAdds(1_000, 7);
      pair.peer.send(...frames);
      pair.clock.soon(() => pair.connection.closed(null));
      pair.clock.settle();
      const read = frames.map(() => "update 7");
      expect(pair.handler.calls).toEqual([...read, "closed closed-by-peer"]);
    });

    test("ends where the handler closes, and at a bad frame", () => {
      for (const bad of [true, false]) {
        const pair = slow();
        pair.handler.onCall = () => {
          pair.clock.freeze(1);
          if (!bad && pair.handler.calls.length === 100) pair.connection.close({ reason: "reset" });
        };
        pair.peer.send(...manyAdds(100, 7), ...(bad ? ["HEX 01000006"] : []), ...manyAdds(100, 7));
        pair.clock.settle();
        const reason = bad ? "protocol-error UNKNOWN_TYPE" : "reset";
        expect(pair.handler.calls.slice(99)).toEqual(["update 7", `closed ${reason}`]);
        expect(pair.peer.isClosed).toBe(true);
      }
    });
  });

  test("server: a KEEPALIVE with a payload is answered like any other", () => {
    const pair = established();
    pair.peer.send("END 100");
    pair.clock.settle();
    expect(pair.peer.takeHeard()).toEqual(["KEEPALIVE"]);
  });
});

describe("output", () => {
  test.each([1_000, 70_000])(
    "in a pipe of %d bytes, a KEEPALIVE waits for one run at most",
    (capacityBytes) => {
      const pair = established({ capacityBytes });
      pair.peer.stream.isReading = false;
      pair.give(...manyAdds(5_000));
      pair.clock.settle();
      pair.peer.send("KEEPALIVE");
      pair.clock.settle();
      pair.peer.stream.isReading = true;
      pair.clock.settle();
      const heard = pair.peer.takeHeard();
      const before = heard.slice(0, heard.indexOf("KEEPALIVE"));
      const beforeBytes = before.reduce((sum, frame) => sum + frameOfText(frame).length, 0);
      expect(heard.length).toBe(5_001);
      expect(beforeBytes).toBeLessThanOrEqual(capacityBytes + RUN_BYTES);
    },
  );

  test("partial writes, wherever they end, never put anything into a frame", () => {
    const adds = manyAdds(12);
    for (let capacityBytes = 1; capacityBytes <= 100; capacityBytes++) {
      const pair = established({ capacityBytes, pace: new UnpacedWrites(100) });
      pair.peer.onMessage = () => pair.source.spoil();
      pair.give(...adds);
      pair.peer.send(...Array.from({ length: 6 }, () => "KEEPALIVE"));
      pair.clock.settle();
      const heard = pair.peer.takeHeard();
      expect(heard.filter((frame) => frame !== "KEEPALIVE")).toEqual(adds);
      expect(heard.length).toBe(adds.length + 6);
      expect(pair.connection.drained).toBe(true);
    }
  });

  test("the source is not asked while the socket takes nothing, however often it wakes", () => {
    const pair = established({ capacityBytes: 1_000 });
    pair.peer.stream.isReading = false;
    pair.give(...manyAdds(4_000));
    pair.clock.settle();
    expect(pair.connection.drained).toBe(false);
    const { asked } = pair.source;
    for (let wakes = 0; wakes < 10; wakes++) {
      pair.connection.wake();
      pair.clock.settle();
    }
    expect(pair.source.asked).toBe(asked);
    pair.peer.stream.isReading = true;
    pair.clock.settle();
    expect(pair.peer.takeHeard().length).toBe(4_000);
    expect(pair.connection.drained).toBe(true);
  });

  test("many wakes in one turn ask once", () => {
    const pair = established();
    const { asked } = pair.source;
    for (let wakes = 0; wakes < 10; wakes++) pair.connection.wake();
    expect(pair.source.asked).toBe(asked);
    pair.clock.settle();
    expect(pair.source.asked).toBe(asked + 1);
  });

  test("one connection's megabytes do not keep the others waiting", () => {
    const clock = new FakeClock();
    const run = new Uint8Array(60_000);
    const asked: string[] = [];
    const pairs = ["a", "b"].map((name) => ({ name, pair: established({ clock, capacityBytes: AMPLE }) }));
    for (const { name, pair } of pairs) {
      pair.peer.stream.events = { received() {}, writable() {}, closed() {} };
      let runsLeft = 50;
      pair.source.nextRun = () => {
        asked.push(name);
        return runsLeft-- > 0 ? run : new Uint8Array(0);
      };
      pair.connection.wake();
    }
    clock.settle();
    const streaks = asked.join("").match(/a+|b+/g) ?? [];
    expect(asked.length).toBe(102);
    // 1 MB a turn, in runs of 60,000 bytes.
    expect(Math.max(...streaks.map((streak) => streak.length))).toBeLessThanOrEqual(18);
  });

  test("an update goes before others' bulk that was due sooner", () => {
    const clock = new FakeClock();
    const order: string[] = [];
    const pairs = ["bulk 1", "bulk 2", "update"].map((name) => {
      const pair = established({ clock });
      const { nextRun } = pair.source;
      pair.source.onlyBulkIsDue = name !== "update";
      pair.source.nextRun = (limitBytes) => {
        const run = nextRun.call(pair.source, limitBytes);
        if (run.length > 0) order.push(name);
        return run;
      };
      return pair;
    });
    for (const pair of pairs) pair.give(...manyAdds(1));
    clock.settle();
    expect(order).toEqual(["update", "bulk 1", "bulk 2"]);
  });

  test("a KEEPALIVE that the source sends while it is asked goes before its next run", () => {
    const pair = established({ role: "client", pace: new UnpacedWrites(100) });
    const { nextRun } = pair.source;
    let wantsKeepalive = true;
    pair.source.nextRun = (limitBytes) => {
      if (!wantsKeepalive) return nextRun.call(pair.source, limitBytes);
      wantsKeepalive = false;
      pair.connection.sendKeepalive();
      return new Uint8Array(0);
    };
    pair.give("SUBSCRIBE 100");
    pair.clock.settle();
    expect(pair.peer.takeHeard()).toEqual(["KEEPALIVE", "SUBSCRIBE 100"]);
  });
});

describe("gentle pace", () => {
  test("at most 1,400 bytes of whole frames each 4 ms", () => {
    const pair = established({ pace: new PacedWrites(), capacityBytes: AMPLE });
    const adds = manyAdds(1_000);
    const startMs = pair.clock.nowMs();
    pair.give(...adds);
    pair.clock.advance(2_000);
    expect(pair.peer.takeHeard()).toEqual(adds);
    for (const [index, { atMs, bytes }] of pair.peer.chunks.entries()) {
      expect(atMs).toBe(startMs + 4 * index);
      expect(bytes.length).toBeLessThanOrEqual(1_400);
      // A reader of its own for each chunk: it must not end inside a frame.
      const wholeBytes = [...new MessageReader().read(bytes)].reduce(
        (sum, frame) => sum + frame.bytes.length,
        0,
      );
      expect(wholeBytes).toBe(bytes.length);
      // Nor be needlessly small: the last one is what was left.
      if (index < pair.peer.chunks.length - 1) expect(bytes.length).toBeGreaterThan(1_350);
    }
  });

  test("wakes do not hurry it, and KEEPALIVEs do not wait for it", () => {
    const pair = established({ pace: new PacedWrites() });
    pair.give(...manyAdds(100));
    pair.clock.settle();
    pair.peer.takeHeard();
    pair.connection.wake();
    pair.peer.send("KEEPALIVE");
    pair.clock.settle();
    expect(pair.peer.takeHeard()).toEqual(["KEEPALIVE"]);
  });

  test("full speed begins at once", () => {
    const pair = established({ pace: new PacedWrites(), capacityBytes: AMPLE });
    pair.give(...manyAdds(1_000));
    pair.clock.settle();
    expect(pair.peer.takeHeard().length).toBeLessThan(40);
    pair.connection.setPace(new UnpacedWrites(RUN_BYTES));
    pair.clock.settle();
    expect(pair.peer.takeHeard().length).toBeGreaterThan(960);
  });
});
