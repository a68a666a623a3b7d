import { describe, expect, test } from "bun:test";
import { ServerAddresses } from "../../src/kernel/server-addresses.ts";
import { formatAddress } from "../../src/net/address.ts";

/** A resolver that knows these names, and answers when the test lets it. */
class Rig {
  readonly names = new Map<string, readonly string[]>();
  readonly asked: string[] = [];
  #answers: (() => void)[] = [];
  readonly #found: string[] = [];
  readonly addresses = new ServerAddresses(
    (name) => {
      this.asked.push(name);
      return new Promise((resolve, reject) => {
        this.#answers.push(() => {
          const known = this.names.get(name);
          if (known === undefined) reject(new Error("no such name"));
          else resolve(known);
        });
      });
    },
    (address) => this.#found.push(formatAddress(address)),
  );

  async answer(): Promise<void> {
    for (const answer of this.#answers.splice(0)) answer();
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }

  takeFound(): string[] {
    return this.#found.splice(0);
  }
}

test("one given by address is known at once, once, and without its zone", () => {
  const { addresses, asked, takeFound } = bound(new Rig());
  for (const host of ["2001:db8::1", "192.0.2.1", "fe80::1%eth0", "2001:db8::1"]) addresses.connecting(host);
  expect(takeFound()).toEqual(["2001:db8::1", "192.0.2.1", "fe80::1"]);
  expect(asked).toEqual([]);
});

describe("one given by name", () => {
  test("is looked up as often as it is connected to, one time at a time, and may move", async () => {
    const rig = new Rig();
    rig.names.set("one.example", ["2001:db8::1", "192.0.2.1"]);
    rig.addresses.need(true);
    rig.addresses.connecting("one.example");
    rig.addresses.connecting("one.example");
    await rig.answer();
    expect(rig.takeFound()).toEqual(["2001:db8::1", "192.0.2.1"]);
    rig.names.set("one.example", ["2001:db8::2", "192.0.2.1"]);
    rig.addresses.connecting("one.example");
    await rig.answer();
    expect(rig.takeFound()).toEqual(["2001:db8::2"]);
    expect(rig.asked).toEqual(["one.example", "one.example"]);
  });

  test("that cannot be looked up is looked up again at the next connection", async () => {
    const rig = new Rig();
    rig.addresses.need(true);
    rig.addresses.connecting("one.example");
    await rig.answer();
    expect(rig.takeFound()).toEqual([]);
    rig.names.set("one.example", ["2001:db8::1"]);
    rig.addresses.connecting("one.example");
    await rig.answer();
    expect(rig.takeFound()).toEqual(["2001:db8::1"]);
  });

  test("is not looked up until routes go into the host's own table", async () => {
    const rig = new Rig();
    rig.names.set("one.example", ["2001:db8::1"]);
    rig.addresses.connecting("one.example");
    expect(rig.asked).toEqual([]);
    rig.addresses.need(true);
    rig.addresses.need(true);
    await rig.answer();
    expect(rig.takeFound()).toEqual(["2001:db8::1"]);
    expect(rig.asked).toHaveLength(1);
    rig.addresses.need(false);
    rig.addresses.connecting("one.example");
    expect(rig.asked).toHaveLength(1);
  });
});

function bound(rig: Rig) {
  return { addresses: rig.addresses, asked: rig.asked, takeFound: () => rig.takeFound() };
}
