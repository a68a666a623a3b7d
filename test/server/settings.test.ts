/** Times that a server is given: those that cannot be are refused before it listens. */

import { describe, expect, test } from "bun:test";
import type { ServerOptions } from "../../src/server/options.ts";
import { Server } from "../../src/server/server.ts";
import { ClientRig } from "../support/network/client-rig.ts";
import { FakeClock } from "../support/network/fake-clock.ts";
import { MemoryNetwork } from "../support/network/memory-network.ts";

type Times = Pick<ServerOptions, "keepaliveSeconds" | "settleSeconds" | "retainSeconds" | "sendHoldSeconds">;

const LISTEN = { host: "::1", port: 4711 };

function setup() {
  const clock = new FakeClock();
  const network = new MemoryNetwork({ clock });
  return {
    clock,
    start: (times: Times = {}) => Server.start({ listen: LISTEN, clock, network, ...times }),
  };
}

const NO_KEEPALIVES = [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32];
/** The last is longer than a timer can be. */
const NO_SECONDS = [-1, -0.001, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31 / 1000];

const BAD: readonly (readonly [option: keyof Times, seconds: number])[] = [
  ...NO_KEEPALIVES.map((seconds) => ["keepaliveSeconds", seconds] as const),
  ...(["settleSeconds", "retainSeconds", "sendHoldSeconds"] as const).flatMap((option) =>
    NO_SECONDS.map((seconds) => [option, seconds] as const),
  ),
  // Every socket is full for a moment.
  ["sendHoldSeconds", 0],
  ["sendHoldSeconds", 0.9],
];

describe("refused", () => {
  test.each(BAD)("at the start: %s %d", async (option, seconds) => {
    const { clock, start } = setup();
    await expect(start({ [option]: seconds })).rejects.toMatchObject({
      name: "BadOptionError",
      code: "BAD_OPTION",
      option,
      value: seconds,
    });
    // Nothing of it is left, and nobody listens.
    expect(clock.pendingTimers).toBe(0);
    using server = await start();
    expect(server.endpoint).toEqual(LISTEN);
  });

  // The time to settle is of the start alone.
  test.each(BAD.filter(([option]) => option !== "settleSeconds"))(
    "while it runs: %s %d",
    async (option, seconds) => {
      using server = await setup().start();
      expect(() => server.configure({ [option]: seconds })).toThrow(
        expect.objectContaining({ code: "BAD_OPTION", option }),
      );
    },
  );

  test("with all that comes with it", async () => {
    const rig = new ClientRig();
    const server = await rig.startServer(1);
    const settings = { keepaliveSeconds: 1, retainSeconds: Number.NaN };
    expect(() => server.configure(settings)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    rig.client([1]);
    rig.clock.advance(1_000);
    expect(server.peers()).toMatchObject([{ keepaliveSeconds: 5 }]);
  });
});

test("the least and the most are taken", async () => {
  const least = { keepaliveSeconds: 1, settleSeconds: 0, retainSeconds: 0, sendHoldSeconds: 1 };
  const seconds = (2 ** 31 - 1) / 1000;
  const most = {
    keepaliveSeconds: 2 ** 32 - 1,
    settleSeconds: seconds,
    retainSeconds: seconds,
    sendHoldSeconds: seconds,
  };
  for (const times of [least, most]) {
    using server = await setup().start(times);
    const { settleSeconds, ...settings } = times;
    server.configure(settings);
  }
});
