/** When a client counts as started. */
import { expect, test } from "bun:test";
import { FirstTries } from "../../../src/cli/daemon/first-tries.ts";
import type { ServerState } from "../../../src/client/link/server-link.ts";
import { FakeClock } from "../../support/network/fake-clock.ts";

const ONE = { host: "one.example", port: 4711 };
const TWO = { host: "two.example", port: 4711 };

function rig() {
  const clock = new FakeClock();
  const tries = new FirstTries([ONE, TWO], clock);
  let isDone = false;
  void tries.done.then(() => {
    isDone = true;
  });
  const isDoneNow = async () => {
    await Promise.resolve();
    return isDone;
  };
  return { clock, tries, isDoneNow };
}

const states: readonly (readonly [ServerState, boolean])[] = [
  ["connecting", false],
  ["handshake", false],
  ["established", true],
  ["retry", true],
  // It was removed by a reload.
  ["stopped", true],
];
test.each(states)(
  "with one server connected, the other one in state %s makes it %p",
  async (state, expected) => {
    const { clock, tries, isDoneNow } = rig();
    tries.serverState(ONE, "established");
    tries.serverState(ONE, "established");
    expect(await isDoneNow()).toBeFalse();
    tries.serverState(TWO, state);
    expect(await isDoneNow()).toBe(expected);
    expect(clock.pendingTimers).toBe(expected ? 0 : 1);
  },
);

test("a server that does not answer is waited for no longer than 10 s", async () => {
  const { clock, tries, isDoneNow } = rig();
  tries.serverState(ONE, "established");
  tries.serverState(TWO, "connecting");
  clock.advance(9_999);
  expect(await isDoneNow()).toBeFalse();
  clock.advance(1);
  expect(await isDoneNow()).toBeTrue();
});
