import { expect, test } from "bun:test";
import { Echo, OwnEchoes } from "../../../src/client/view/own-echoes.ts";
import type { PeerKind } from "../../../src/client/view/peer-kind.ts";
import { routeKey } from "../../../src/route/route-key.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { routeOfText } from "../../support/models/frame-text.ts";

const R = routeOfText("100 10.0.1.0/24 via 2001:db8::1");
/** Equal to R but for its VNI. */
const OTHER = routeOfText("200 10.0.1.0/24 via 2001:db8::1");

/** What happens to R; at the KEEPALIVE "sent" by us, and the "answer" to it, its number is the next one. */
type Step = "withdraw" | "write" | "keepalive" | "answer" | "is-bunbond";

test.each<readonly [string, readonly Step[], keyof typeof Echo]>([
  ["nothing was withdrawn", [], "OF_OWN"],
  ["withdrawn, and its REMOVE is not written", ["withdraw"], "PERHAPS"],
  ["an answer before the REMOVE is written", ["keepalive", "withdraw", "answer"], "PERHAPS"],
  ["the REMOVE is written", ["withdraw", "write"], "PERHAPS"],
  ["a KEEPALIVE follows it", ["withdraw", "write", "keepalive"], "PERHAPS"],
  [
    "an answer to the KEEPALIVE before it",
    ["keepalive", "withdraw", "write", "keepalive", "answer"],
    "PERHAPS",
  ],
  ["the answer: the server has read the REMOVE", ["withdraw", "write", "keepalive", "answer"], "OF_OWN"],
  [
    "withdrawn again before the answer, and the second REMOVE is not written",
    ["withdraw", "write", "keepalive", "withdraw", "answer"],
    "PERHAPS",
  ],
  [
    "withdrawn again, and the first REMOVE's answer comes",
    ["withdraw", "write", "keepalive", "withdraw", "write", "keepalive", "answer"],
    "PERHAPS",
  ],
  [
    "withdrawn again, and both answers come",
    ["withdraw", "write", "keepalive", "withdraw", "write", "keepalive", "answer", "answer"],
    "OF_OWN",
  ],
  ["a REMOVE of a route that the server did not have from us", ["write", "keepalive"], "OF_OWN"],
  ["the server turns out to be a BunBond", ["withdraw", "write", "is-bunbond"], "NEVER"],
  ["withdrawn from a BunBond", ["is-bunbond", "withdraw", "write"], "NEVER"],
])("%s", (_, steps, expected) => {
  const server: { peerKind: PeerKind } = { peerKind: "unknown" };
  const echoes = new OwnEchoes(server);
  let sent = 0;
  let answered = 0;
  const act = (step: Step): void => {
    switch (step) {
      case "withdraw":
        echoes.withdrawn(routeKey(R));
        break;
      case "write":
        echoes.removeWritten(routeKey(R));
        break;
      case "keepalive":
        echoes.keepaliveSent(++sent);
        expect(echoes.needsKeepalive).toBe(false);
        break;
      case "answer":
        echoes.keepaliveAnswered(++answered);
        break;
      case "is-bunbond":
        server.peerKind = "bunbond";
        echoes.clear();
    }
  };
  for (const step of steps) act(step);
  expect(echoes.kindOf(received(R))).toBe(Echo[expected]);
  expect(echoes.kindOf(received(OTHER))).toBe(server.peerKind === "bunbond" ? Echo.NEVER : Echo.OF_OWN);
});

test("a KEEPALIVE is needed after a REMOVE, but not for a BunBond", () => {
  const server: { peerKind: PeerKind } = { peerKind: "unknown" };
  const echoes = new OwnEchoes(server);
  echoes.withdrawn(routeKey(R));
  expect(echoes.needsKeepalive).toBe(false);
  echoes.removeWritten(routeKey(R));
  expect(echoes.needsKeepalive).toBe(true);
  server.peerKind = "bunbond";
  echoes.clear();
  expect(echoes.needsKeepalive).toBe(false);
  echoes.withdrawn(routeKey(R));
  echoes.removeWritten(routeKey(R));
  expect(echoes.needsKeepalive).toBe(false);
});

function received(route: typeof R): UpdateFields {
  const fields = new UpdateFields();
  fillUpdateFields(fields, route.vni, route.destination, route.nextHop);
  return fields;
}
