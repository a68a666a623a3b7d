/** Echo messages are those of the RFCs, and the path MTU is found whatever routers say. */
import { describe, expect, test } from "bun:test";
import {
  checksum,
  echoRequest,
  findPathMtu,
  type ProbeResult,
  replySequence,
  roundTrips,
} from "../../../src/tools/ping/echo.ts";

const TOKEN = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

describe("messages", () => {
  test("a request has the size of its packet, and a right checksum in IPv4", () => {
    const request = { identifier: 0x1234, sequence: 0x0102, token: TOKEN, packetBytes: 44 };
    const ipv4 = echoRequest({ ...request, family: 4 });
    expect(ipv4.toHex()).toBe(`0800d4b5123401020102030405060708${"00".repeat(8)}`);
    // Of a message with its checksum, the sum is 0.
    expect(checksum(ipv4)).toBe(0);
    // The kernel fills it in.
    const ipv6 = echoRequest({ ...request, family: 6, packetBytes: 64 });
    expect(ipv6.toHex()).toBe(`80000000123401020102030405060708${"00".repeat(8)}`);
  });

  test("only an answer to it is one", () => {
    const reply = (type: number) =>
      Uint8Array.fromHex(`${type.toString(16).padStart(2, "0")}000000999901020102030405060708`);
    expect(replySequence(reply(129), 6, TOKEN)).toBe(0x0102);
    expect(replySequence(reply(0), 4, TOKEN)).toBe(0x0102);
    expect(replySequence(reply(128), 6, TOKEN)).toBeNull();
    expect(replySequence(reply(129), 6, TOKEN.toReversed())).toBeNull();
    expect(replySequence(reply(129).slice(0, 15), 6, TOKEN)).toBeNull();
  });
});

test("round trips are counted and summed up", () => {
  expect(roundTrips([1, null, 3])).toEqual({
    sent: 3,
    received: 2,
    lossPercent: 33.3,
    minMs: 1,
    avgMs: 2,
    maxMs: 3,
  });
  expect(roundTrips([null])).toMatchObject({ received: 0, lossPercent: 100, avgMs: null });
});

describe("the path MTU", () => {
  /** A path of links; one that is `silent` drops what is too large without a message. */
  function path(links: readonly { readonly mtu: number; readonly silent?: true }[], losses = 0) {
    let left = losses;
    let probes = 0;
    const probe = async (size: number): Promise<ProbeResult> => {
      probes++;
      if (left-- > 0) return { kind: "lost" };
      for (const { mtu, silent } of links) {
        if (size > mtu) return silent ? { kind: "lost" } : { kind: "too-big", fitsBytes: mtu };
      }
      return { kind: "answered" };
    };
    return { probe, probes: () => probes };
  }

  test.each([
    [[{ mtu: 1500 }], 1500, false],
    [[{ mtu: 9000 }, { mtu: 1500 }, { mtu: 1400 }], 1400, false],
    [[{ mtu: 9000 }, { mtu: 1500, silent: true }], 1500, true],
    [[{ mtu: 1500, silent: true }, { mtu: 1400 }], 1400, true],
    [[{ mtu: 1280, silent: true }], 1280, true],
    [[{ mtu: 1000, silent: true }], null, false],
  ] as const)("of %j is %p", async (links, bytes, isBlackHole) => {
    const { probe, probes } = path(links);
    expect(await findPathMtu(1280, 9000, probe)).toEqual({ bytes, isBlackHole });
    expect(probes()).toBeLessThan(40);
  });

  test("is right although a probe is lost", async () => {
    expect(await findPathMtu(1280, 9000, path([{ mtu: 1500 }], 1).probe)).toEqual({
      bytes: 1500,
      isBlackHole: false,
    });
  });
});
