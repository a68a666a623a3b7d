/**
 * A server that stands still for longer than its clients' patience: they leave it and return at different times, and none
 * of them may see the others' routes go meanwhile.
 */
import { describe, expect, test } from "bun:test";
import { routeOfText } from "../support/models/frame-text.ts";
import { ClientRig } from "../support/network/client-rig.ts";
import { SimulatedProcess } from "../support/scenario/simulated-process.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";

/** Two clients that announce a route each, and a watcher that has both in view. */
async function setup(settleSeconds: number, { keepaliveSeconds = 5, retainSeconds = 0, delayMs = 0 } = {}) {
  const rig = new ClientRig({ delayMs });
  const { clock } = rig;
  const process = new SimulatedProcess(clock, rig.network);
  await rig.startServer(1, { settleSeconds, retainSeconds, clock: process, network: process });
  const announcers = [R, Q].map((route) => {
    const { client } = rig.client([1], { keepaliveSeconds });
    client.announce(routeOfText(route));
    return client;
  });
  const { client, log } = rig.client([1]);
  client.subscribe(100);
  clock.advance(30_000);
  expect(log.takeChanges().sort()).toEqual([`+ ${R}`, `+ ${Q}`].sort());
  return { rig, clock, process, announcers, watcher: client, log };
}

describe("a server that stood still", () => {
  test.each([
    [5, [7_600, 8_000, 9_000, 10_000, 11_000, 12_000, 13_000, 14_000, 16_000, 21_000, 60_000, 3_600_000]],
    [1, [1_500, 1_600, 1_800, 2_000, 2_200, 2_500, 3_000, 5_000]],
  ])(
    "takes no route from anybody for that, whoever comes back first: keepalive %d s",
    async (seconds, times) => {
      const { clock, process, watcher, log } = await setup(15, { keepaliveSeconds: seconds });
      for (const [turn, stillMs] of times.entries()) {
        // Wherever its clients are between two KEEPALIVEs.
        clock.advance(130 * turn);
        process.pause();
        clock.advance(stillMs);
        process.resume();
        clock.advance(60_000);
        expect(log.takeChanges()).toEqual([]);
        expect(watcher.routeCount).toBe(2);
      }
    },
  );

  test("nor from who was gone before, and came back meanwhile", async () => {
    const { rig, clock, process, announcers, log } = await setup(15, { retainSeconds: 15, delayMs: 10 });
    await rig.until(announcers[1]?.stop(0, "keep") ?? Promise.resolve());
    clock.advance(11_000);
    process.pause();
    rig.client([1]).announce(Q);
    // Shorter than the others' patience; the time to retain ends in it.
    clock.advance(5_500);
    process.resume();
    clock.advance(60_000);
    expect(log.takeChanges()).toEqual([]);
  });

  test("withdraws what does not come back, when it has settled", async () => {
    const { clock, process, announcers, watcher, log } = await setup(15);
    process.pause();
    clock.advance(5_000);
    // It goes without a word that the server could hear.
    announcers[1]?.stop(0, "keep");
    clock.advance(20_000);
    process.resume();
    clock.advance(60_000);
    expect(log.takeChanges()).toEqual([`- ${Q}`]);
    expect(watcher.routeCount).toBe(1);
  });

  test("and long after is as strict as before", async () => {
    const { rig, clock, process, log } = await setup(15);
    process.pause();
    clock.advance(60_000);
    process.resume();
    clock.advance(60_000);
    const late = rig.client([1]).client;
    late.announce(routeOfText("100 10.0.3.0/24 via 2001:db8::3"));
    clock.advance(1_000);
    await rig.until(late.stop(0, "keep"));
    clock.advance(1_000);
    expect(log.takeChanges().map((change) => change[0])).toEqual(["+", "-"]);
  });

  test("but not for long enough to lose anybody changes nothing", async () => {
    const { clock, process, log } = await setup(15);
    process.pause();
    clock.advance(9_000);
    process.resume();
    clock.advance(60_000);
    expect(log.takeChanges()).toEqual([]);
  });
});
