/** The judge is judged: for each rule a server that breaks it, and one that does as it should. */
import { describe, expect, test } from "bun:test";
import { Breach, SlowModel } from "../support/models/slow-model.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";
const Q = "100 10.0.2.0/24 via 2001:db8::2";

type Step = (model: SlowModel) => void;
const joins =
  (peer: string, isServer = false): Step =>
  (model) =>
    model.join(peer, isServer);
const leaves =
  (peer: string): Step =>
  (model) =>
    model.leave(peer);
const isRetained =
  (peer: string): Step =>
  (model) =>
    model.retain(peer);
const isForgotten =
  (peer: string): Step =>
  (model) =>
    model.forget(peer);
const adds =
  (peer: string, route = R): Step =>
  (model) =>
    model.add(peer, 100, route);
const removes =
  (peer: string, route = R): Step =>
  (model) =>
    model.remove(peer, 100, route);
const subscribes =
  (peer: string): Step =>
  (model) =>
    model.subscribe(peer, 100);
const unsubscribes =
  (peer: string): Step =>
  (model) =>
    model.unsubscribe(peer, 100);
const asks =
  (peer: string): Step =>
  (model) =>
    model.keepaliveSent(peer);
const isAnswered =
  (peer: string): Step =>
  (model) =>
    model.keepaliveAnswered(peer);
const hearsAdd =
  (peer: string, route = R): Step =>
  (model) =>
    model.heardUpdate(peer, true, 100, route);
const hearsRemove =
  (peer: string, route = R): Step =>
  (model) =>
    model.heardUpdate(peer, false, 100, route);
const hearsEnd =
  (peer: string): Step =>
  (model) =>
    model.receivedEndOfRib(peer, 100);
const quiet: Step = (model) => model.atQuiet();
const settled: Step = (model) => model.releaseEndOfRib();

const start = [joins("a"), joins("s"), subscribes("s")];

const ALLOWED: Record<string, readonly Step[]> = {
  "a route that is told late": [
    ...start,
    adds("a"),
    adds("a", Q),
    hearsAdd("s"),
    hearsAdd("s", Q),
    hearsEnd("s"),
    quiet,
  ],
  "a route that came and went is not told": [...start, adds("a"), removes("a"), hearsEnd("s"), quiet],
  "one that came and went is told late, both": [
    ...start,
    adds("a"),
    removes("a"),
    hearsAdd("s"),
    hearsRemove("s"),
    hearsEnd("s"),
  ],
  "an End-of-RIB of the moment before the last change": [
    ...start,
    adds("a"),
    hearsEnd("s"),
    hearsAdd("s"),
    quiet,
  ],
  "frames under way before the fence": [
    ...start,
    adds("a"),
    unsubscribes("s"),
    asks("s"),
    hearsAdd("s"),
    isAnswered("s"),
    quiet,
  ],
  "frames under way to who has left": [...start, adds("a"), leaves("s"), hearsAdd("s"), quiet],
  "a route of who is retained": [...start, adds("a"), isRetained("a"), hearsAdd("s"), hearsEnd("s"), quiet],
  "a retained route that somebody takes over and withdraws": [
    ...start,
    joins("b"),
    adds("a"),
    hearsAdd("s"),
    hearsEnd("s"),
    isRetained("a"),
    adds("b"),
    removes("b"),
    hearsRemove("s"),
    isForgotten("a"),
    quiet,
  ],
  "nothing told and no mark while marks are held": [...start, quiet],
};

const BREACHES: Record<string, readonly [message: RegExp, steps: readonly Step[]]> = {
  "a route told twice": [/told already/, [...start, adds("a"), hearsAdd("s"), hearsAdd("s")]],
  "a REMOVE of what was never told": [/told already/, [...start, adds("a"), removes("a"), hearsRemove("s")]],
  "a state that never was": [/nobody has announced/, [...start, hearsAdd("s")]],
  "a REMOVE while the route is there": [
    /its view did not say/,
    [...start, adds("a"), hearsAdd("s"), hearsRemove("s")],
  ],
  "moments that go back": [
    /its view did not say/,
    [...start, adds("a"), removes("a"), hearsAdd("s"), hearsRemove("s"), hearsAdd("s")],
  ],
  "an echo": [/its view did not say/, [...start, adds("s"), hearsAdd("s")]],
  "a route from server to server": [
    /its view did not say/,
    [joins("x", true), joins("y", true), subscribes("y"), adds("x"), hearsAdd("y")],
  ],
  "a route older than the subscription": [
    /nobody has announced|its view did not say/,
    [joins("a"), joins("s"), adds("a"), removes("a"), subscribes("s"), hearsAdd("s")],
  ],
  "a VNI never subscribed": [/not subscribed/, [joins("a"), joins("s"), adds("a"), hearsAdd("s")]],
  "a frame behind the fence": [
    /not subscribed/,
    [...start, adds("a"), unsubscribes("s"), asks("s"), isAnswered("s"), hearsAdd("s")],
  ],
  "an End-of-RIB behind the fence": [
    /not subscribed/,
    [...start, unsubscribes("s"), asks("s"), isAnswered("s"), hearsEnd("s")],
  ],
  "a second End-of-RIB": [/a second time/, [...start, hearsEnd("s"), hearsEnd("s")]],
  "an End-of-RIB before existing routes": [
    /still to be sent/,
    [joins("a"), adds("a"), joins("s"), subscribes("s"), hearsEnd("s")],
  ],
  "an End-of-RIB that fits no one moment": [
    /still to be sent/,
    [...start, adds("a"), adds("a", Q), hearsAdd("s", Q), hearsEnd("s")],
  ],
  "an answer to no KEEPALIVE": [/hears answer 1 to 0/, [...start, isAnswered("s")]],
  "no answer": [/0 answers to 1/, [...start, hearsEnd("s"), asks("s"), quiet]],
  "an ADD that never comes": [/is not there/, [...start, adds("a"), hearsEnd("s"), quiet]],
  "a REMOVE that never comes": [
    /still there/,
    [...start, adds("a"), hearsAdd("s"), hearsEnd("s"), leaves("a"), quiet],
  ],
  "a REMOVE of what is retained": [
    /did not say/,
    [...start, adds("a"), hearsAdd("s"), isRetained("a"), hearsRemove("s")],
  ],
  "a route that stays when it is retained no longer": [
    /still there/,
    [...start, adds("a"), hearsAdd("s"), hearsEnd("s"), isRetained("a"), isForgotten("a"), quiet],
  ],
  "an End-of-RIB that never comes": [/never hears the End-of-RIB/, [...start, quiet]],
};

/** The marks are free from the start, but for the one case that is about holding them. */
function play(steps: readonly Step[], deferEndOfRib: boolean): void {
  const model = new SlowModel({ deferEndOfRib });
  for (const step of steps) step(model);
}

describe("allowed", () => {
  for (const [name, steps] of Object.entries(ALLOWED))
    test(name, () => play(steps, name.endsWith("are held")));
});

describe("breaches", () => {
  for (const [name, [message, steps]] of Object.entries(BREACHES)) {
    test(name, () => {
      play(steps.slice(0, -1), false);
      expect(() => play(steps, false)).toThrow(message);
    });
  }

  test("an End-of-RIB that should be held", () => {
    expect(() => play([...start, hearsEnd("s")], true)).toThrow(Breach);
    play([...start, settled, hearsEnd("s"), quiet], true);
  });
});
