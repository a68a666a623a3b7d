/** When a server is known to have read what is wanted: on the wire, frame by frame. */
import { describe, expect, test } from "bun:test";
import { subscribedLink } from "../support/network/scripted-link.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";

function confirmed(link: ReturnType<typeof subscribedLink>): { times: number; readonly cancel: () => void } {
  const count = { times: 0, cancel: link.client.confirm(() => count.times++) };
  link.clock.settle();
  return count;
}

describe.each([{ endOfRibs: true }, { endOfRibs: false }])("a confirmation, with %j", ({ endOfRibs }) => {
  test("is the answer to a KEEPALIVE behind everything", () => {
    const link = subscribedLink([100], { endOfRibs });
    link.announce(R);
    expect(link.take()).toEqual([`ADD ${R}`]);
    link.client.subscribe(200);
    const count = confirmed(link);
    const written = link.take();
    expect([written[0], written.at(-1)]).toEqual(["SUBSCRIBE 200", "KEEPALIVE"]);
    expect(count.times).toBe(0);
    link.answerAll();
    expect(count.times).toBe(1);
    link.answerAll();
    link.clock.advance(20_000);
    expect(count.times).toBe(1);
  });

  test("waits until the socket has taken everything", () => {
    const link = subscribedLink([100], { endOfRibs });
    link.roomBytes = 10;
    link.announce(R, Q);
    const count = confirmed(link);
    link.answerAll();
    expect(count.times).toBe(0);
    link.makeRoom();
    link.answerAll();
    expect(count.times).toBe(1);
  });

  test("that was called off does not come", () => {
    const link = subscribedLink([100], { endOfRibs });
    const count = confirmed(link);
    count.cancel();
    link.answerAll();
    expect(count.times).toBe(0);
  });

  test("comes on the next connection, when the present one breaks before", () => {
    const link = subscribedLink([100], { endOfRibs });
    const count = confirmed(link);
    link.breakConnection();
    link.clock.advance(5_000);
    expect(count.times).toBe(0);
    link.establish();
    for (let answers = 0; answers < 3; answers++) link.answerAll();
    expect(count.times).toBe(1);
  });
});

test("who asks for none causes no KEEPALIVE", () => {
  const link = subscribedLink([100], { endOfRibs: true });
  link.announce(R, Q);
  expect(link.take()).toEqual([`ADD ${R}; ADD ${Q}`]);
});
