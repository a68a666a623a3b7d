import { expect, test } from "bun:test";
import { InstallerUnderTest } from "../../support/kernel/installer-under-test.ts";

test("a status is a copy: what its reader does to it changes nothing", async () => {
  const { installer } = await InstallerUnderTest.started({ mappings: [{ vni: 100, table: 100 }] });
  const before = structuredClone(installer.status());
  const { tables, operations, drift } = installer.status();
  for (const table of tables) {
    Object.assign(table.vnis, [7, 8]);
    for (const counts of [table.ipv4, table.ipv6]) Object.assign(counts, { installed: 99 });
  }
  Object.assign(operations["add-route"], { done: 99 });
  Object.assign(drift, { routeMissing: 99 });
  expect(installer.status()).toEqual(before);
});
