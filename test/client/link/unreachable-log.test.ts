/** What is logged of a server that is away, at the level that an operator sees and at that of who hunts a fault. */
import { expect, test } from "bun:test";
import { eventLog } from "../../../src/base/log-event.ts";
import type { LogFields } from "../../../src/base/logger.ts";
import { UnreachableLog } from "../../../src/client/link/unreachable-log.ts";
import { ClientRig } from "../../support/network/client-rig.ts";
import { FakeClock } from "../../support/network/fake-clock.ts";

const AWAY = "server unreachable, retrying";

class Lines {
  readonly all: { readonly level: string; readonly message: string; readonly fields: LogFields }[] = [];
  readonly logger = {
    debug: this.#at("debug"),
    info: this.#at("info"),
    warn: this.#at("warn"),
    error: this.#at("error"),
  };

  #at(level: string) {
    return (message: string, fields: LogFields = {}) => void this.all.push({ level, message, fields });
  }

  /** Since the last call: the warnings' reasons, how many tries were logged in all, and how often it was back. */
  take() {
    const lines = this.all.splice(0);
    const away = lines.filter(({ message }) => message === AWAY);
    return {
      warned: away.filter(({ level }) => level === "warn").map(({ fields: { reason } }) => reason),
      tries: away.length,
      back: lines.filter(({ level, message }) => level === "info" && message === "server established").length,
    };
  }
}

const REFUSED = "connect-failed (connection refused)";

test("a server that is down for an hour: a line now and then, and one when it is back", async () => {
  const rig = new ClientRig();
  const lines = new Lines();
  const { client } = rig.client([1], { logger: lines.logger });
  rig.clock.advance(299_000);
  const soon = lines.take();
  expect(soon.warned).toEqual([REFUSED]);
  expect(soon.tries).toBeGreaterThan(29);
  rig.clock.advance(3_301_000);
  const { warned, tries, back } = lines.take();
  expect(warned).toEqual(Array.from({ length: 11 }, () => REFUSED));
  expect(tries).toBeGreaterThan(330);
  expect(back).toBe(0);
  expect(client.servers()).toMatchObject([
    { state: "retry", awayForMs: 3_600_000, lastReason: { reason: "connect-failed" } },
  ]);
  await rig.startServer(1);
  rig.clock.advance(11_000);
  expect(client.servers()).toMatchObject([{ state: "established", awayForMs: null }]);
  expect(lines.take()).toEqual({ warned: [], tries: expect.any(Number), back: 1 });
});

test("says for how long it has been away", async () => {
  const rig = new ClientRig();
  const lines = new Lines();
  rig.client([1], { logger: lines.logger, retry: { minMs: 10_000, maxMs: 10_000 } });
  rig.clock.advance(300_000);
  const warnings = lines.all.filter(({ level }) => level === "warn").map(({ fields }) => fields);
  const common = { server: "[::1]:1", reason: REFUSED, afterSeconds: 10 };
  expect(warnings).toEqual([
    { ...common, awayForSeconds: 0 },
    { ...common, awayForSeconds: 300 },
  ]);
});

test("another reason is told at once, and so is each outage", async () => {
  const rig = new ClientRig();
  const lines = new Lines();
  await rig.startServer(1);
  rig.client([1], { logger: lines.logger });
  rig.clock.advance(1_000);
  rig.stopServer(1);
  rig.clock.advance(60_000);
  expect(lines.take()).toMatchObject({ warned: ["closed-by-peer", REFUSED], back: 1 });
  await rig.startServer(1);
  rig.clock.advance(11_000);
  rig.killServer(1);
  rig.clock.advance(60_000);
  expect(lines.take()).toMatchObject({ warned: ["connection-lost (connection reset)", REFUSED], back: 1 });
});

test("reasons that take turns are each told once in five minutes", () => {
  const clock = new FakeClock();
  const lines = new Lines();
  const log = new UnreachableLog(eventLog(lines.logger), clock, "[::1]:1");
  for (let tries = 0; tries < 60; tries++) {
    log.unreachable(tries % 2 === 0 ? "connect-failed" : "connect-timeout", 10_000);
    clock.advance(10_000);
  }
  const both = ["connect-failed", "connect-timeout"];
  expect(lines.take()).toMatchObject({ warned: [...both, ...both], tries: 60 });
});
