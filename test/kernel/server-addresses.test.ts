import { describe, expect, test } from "bun:test";
import { ServerAddresses } from "../../src/kernel/server-addresses.ts";
import { formatAddress } from "../../src/net/address.ts";

/** A resolver that knows these names, and answers when the test lets it. */
class Bench {
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
  const { addresses, asked, takeFound } = bound(new Bench());
  for (const host of ["2001:db8::1", "192.0.2.1", "fe80::1%eth0", "2001:db8::1"]) addresses.connecting(host);
  expect(takeFound()).toEqual(["2001:db8::1", "192.0.2.1", "fe80::1"]);
  expect(asked).toEqual([]);
});

describe("one given by name", () => {
  test("is looked up as often as it is connected to, one time at a time, and may move", async () => {
    const bench = new Bench();
    bench.names.set("one.example", ["2001:db8::1", "192.0.2.1"]);
    bench.addresses.need(true);
    bench.addresses.connecting("one.example");
    bench.addresses.connecting("one.example");
    await bench.answer();
    expect(bench.takeFound()).toEqual(["2001:db8::1", "192.0.2.1"]);
    bench.names.set("one.example", ["2001:db8::2", "192.0.2.1"]);
    bench.addresses.connecting("one.example");
    await bench.answer();
    expect(bench.takeFound()).toEqual(["2001:db8::2"]);
    expect(bench.asked).toEqual(["one.example", "one.example"]);
  });

  test("that cannot be looked up is looked up again at the next connection", async () => {
    const bench = new Bench();
    bench.addresses.need(true);
    bench.addresses.connecting("one.example");
    await bench.answer();
    expect(bench.takeFound()).toEqual([]);
    bench.names.set("one.example", ["2001:db8::1"]);
    bench.addresses.connecting("one.example");
    await bench.answer();
    expect(bench.takeFound()).toEqual(["2001:db8::1"]);
  });

  test("is not looked up until routes go into the host's own table", async () => {
    const bench = new Bench();
    bench.names.set("one.example", ["2001:db8::1"]);
    bench.addresses.connecting("one.example");
    expect(bench.asked).toEqual([]);
    bench.addresses.need(true);
    bench.addresses.need(true);
    await bench.answer();
    expect(bench.takeFound()).toEqual(["2001:db8::1"]);
    expect(bench.asked).toHaveLength(1);
    bench.addresses.need(false);
    bench.addresses.connecting("one.example");
    expect(bench.asked).toHaveLength(1);
  });
});

function bound(bench: Bench) {
  return { addresses: bench.addresses, asked: bench.asked, takeFound: () => bench.takeFound() };
}
