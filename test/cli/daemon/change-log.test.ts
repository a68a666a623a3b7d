import { expect, test } from "bun:test";
import type { LogFields, LogLevel } from "../../../src/base/logger.ts";
import { ChangeLog } from "../../../src/cli/daemon/change-log.ts";
import { INSPECTION } from "../../../src/server/inspection.ts";
import { ClientRig } from "../../support/network/client-rig.ts";

const R = "100 10.0.1.0/24 via 2001:db8::1";

async function setup() {
  const rig = new ClientRig();
  const server = await rig.startServer(1);
  const announcer = rig.client([1]);
  rig.clock.advance(1000);
  const lines: string[] = [];
  const logger = {
    level: "info" as LogLevel,
    debug: (message: string, fields: LogFields = {}) =>
      void lines.push(
        [message, ...["vni", "destination", "nextHop", "reason", "id", "changes"].map((name) => fields[name])]
          .filter((one) => one !== undefined)
          .join(" "),
      ),
  };
  const log = new ChangeLog(server[INSPECTION]().history, logger, rig.clock);
  return { rig, announcer, lines, logger, log };
}

test("changes are logged while the level is debug, and not before", async () => {
  const { rig, announcer, lines, logger, log } = await setup();
  announcer.announce(R);
  rig.clock.advance(1000);
  expect(lines).toEqual([]);
  logger.level = "debug";
  announcer.withdraw(R);
  rig.clock.advance(1000);
  expect(lines).toEqual(["route removed 100 10.0.1.0/24 2001:db8::1 withdrawn 1"]);
  log.stop();
  announcer.announce(R);
  rig.clock.advance(1000);
  expect(lines).toHaveLength(1);
});

test("of very many changes the first ones are logged, and the others counted", async () => {
  const { rig, announcer, lines, logger } = await setup();
  logger.level = "debug";
  announcer.announce(
    ...Array.from({ length: 2000 }, (_, i) => `100 10.${i >> 8}.${i & 255}.0/24 via 2001:db8::1`),
  );
  rig.clock.advance(5000);
  const further = lines
    .filter((line) => line.startsWith("further"))
    .map((line) => Number(line.split(" ").at(-1)));
  const logged = lines.length - further.length;
  expect(logged + further.reduce((sum, count) => sum + count, 0)).toBe(2000);
  expect(further.length).toBeGreaterThan(0);
});
