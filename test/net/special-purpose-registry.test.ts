/** The attributes of IANA's registries, against the columns of its own CSV files (July 2026). */
import { expect, test } from "bun:test";
import { classesWithin, classifyPrefix } from "../../src/net/address-class.ts";
import { formatPrefix } from "../../src/net/prefix.ts";
import { IPV4_SPECIAL_PURPOSE, IPV6_SPECIAL_PURPOSE } from "../../src/net/special-purpose-registry.ts";
import { prefix } from "./model.ts";

const registry = await Bun.file(new URL("../vectors/iana-special-purpose.csv", import.meta.url)).text();

const ROWS = registry
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => line.split(","));

/** "N/A" and an empty cell are no answer. */
const ANSWERS: Readonly<Record<string, boolean>> = { True: true, False: false };

test.each(ROWS)(
  "%s: source %s, destination %s, forwardable %s, globally reachable %s, reserved %s",
  (...row) => {
    const [block = "", ...cells] = row;
    const found = classifyPrefix(prefix(block));
    const { source, destination, forwardable, globallyReachable, reservedByProtocol } = found;
    expect(formatPrefix(found.block)).toBe(block);
    expect([source, destination, forwardable, globallyReachable, reservedByProtocol]).toEqual(
      cells.map((cell) => ANSWERS[cell] ?? null),
    );
  },
);

test("the registry's blocks are those of the CSV files", () => {
  const blocks = [...IPV4_SPECIAL_PURPOSE, ...IPV6_SPECIAL_PURPOSE].map(([block]) =>
    formatPrefix(prefix(block)),
  );
  expect(blocks.toSorted()).toEqual(ROWS.map(([block = ""]) => block).toSorted());
});

test("a prefix is of the class that holds all of it, and the classes of its parts are listed", () => {
  expect(classifyPrefix(prefix("192.0.0.0/23"))).toMatchObject({ name: "Global Unicast" });
  expect(classesWithin(prefix("192.0.0.0/23")).map(({ block }) => formatPrefix(block))).toEqual([
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
  ]);
  expect(classesWithin(prefix("10.0.0.0/8"))).toEqual([]);
  expect(classesWithin(prefix("2001:db8::/33"))).toEqual([]);
});
