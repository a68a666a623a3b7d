/** Which name is asked where, and when: resolvers that answer when they are told to, and a clock that does not move by itself. */
import { beforeEach, expect, test } from "bun:test";
import { HostNames } from "../../src/transport/host-names.ts";
import { FakeClock } from "../support/network/fake-clock.ts";

/** A resolver whose answers are given by hand. */
class ScriptedResolver {
  readonly asked: string[] = [];
  readonly #open = new Map<string, PromiseWithResolvers<void>>();

  readonly ask = (name: string): Promise<void> => {
    this.asked.push(name);
    const answer = Promise.withResolvers<void>();
    this.#open.set(name, answer);
    return answer.promise;
  };

  async finds(name: string): Promise<void> {
    this.#open.get(name)?.resolve();
    await settled();
  }

  async fails(name: string, code: string): Promise<void> {
    this.#open.get(name)?.reject(Object.assign(new Error(code), { code }));
    await settled();
  }
}

/** Everything that promises set off has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

let clock: FakeClock;
let cares: ScriptedResolver;
let system: ScriptedResolver;
let names: HostNames;
let outcomes: string[];

beforeEach(() => {
  clock = new FakeClock();
  cares = new ScriptedResolver();
  system = new ScriptedResolver();
  names = new HostNames({ cares: cares.ask, system: system.ask }, clock);
  outcomes = [];
});

function ask(name: string): void {
  names.ready(name).then(
    () => outcomes.push(`${name} ready`),
    (error: Error) => outcomes.push(error.message),
  );
}

async function advance(ms: number): Promise<void> {
  clock.advance(ms);
  await settled();
}

test("a name that c-ares finds waits for nobody, and is known for a while", async () => {
  for (const name of ["a", "b", "c", "good"]) ask(name);
  await cares.finds("good");
  expect(outcomes).toEqual(["good ready"]);
  expect(system.asked).toEqual([]);
  await advance(29_000);
  outcomes = [];
  ask("good");
  await settled();
  expect(outcomes).toEqual(["good ready"]);
  await advance(2_000);
  ask("good");
  expect(cares.asked.filter((name) => name === "good")).toHaveLength(2);
});

test("the system is asked for one name at a time, and each that waits is told in time", async () => {
  for (const name of ["a", "b", "c"]) ask(name);
  await advance(999);
  expect(system.asked).toEqual([]);
  await advance(1);
  expect(system.asked).toEqual(["a"]);
  await advance(9_000);
  expect(outcomes).toEqual(["a", "b", "c"].map((name) => `getaddrinfo EAI_AGAIN ${name}`));
  await system.fails("a", "EAI_AGAIN");
  expect(system.asked).toEqual(["a", "b"]);
});

test("a name that c-ares does not know is the system's at once, and has its error", async () => {
  ask("mdns.local");
  ask("none.invalid");
  await cares.fails("mdns.local", "DNS_ENOTFOUND");
  await cares.fails("none.invalid", "DNS_ENOTFOUND");
  expect(system.asked).toEqual(["mdns.local"]);
  await system.finds("mdns.local");
  await system.fails("none.invalid", "ENOTFOUND");
  expect(outcomes).toEqual(["mdns.local ready", "getaddrinfo ENOTFOUND none.invalid"]);
});

test("who asks again joins what is under way, and a name found meanwhile takes no turn", async () => {
  ask("a");
  ask("late");
  await advance(10_000);
  expect(outcomes).toHaveLength(2);
  ask("late");
  await cares.finds("late");
  expect(outcomes.at(-1)).toBe("late ready");
  await system.fails("a", "EAI_AGAIN");
  expect(cares.asked).toEqual(["a", "late"]);
  expect(system.asked).toEqual(["a"]);
});
