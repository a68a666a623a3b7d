/** When SIGHUP comes, and what it does then. With signals: test/process/reload.test.ts. */
import { expect, test } from "bun:test";
import { eventLog } from "../../../src/base/log-event.ts";
import * as LOG from "../../../src/base/log-events.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { stopOnHangup } from "../../../src/cli/daemon/reload.ts";
import { HangupSignal, hasTerminalIn, ignoresHangup } from "../../../src/cli/program/hangup-signal.ts";

const hangUp = () => process.emit("SIGHUP");

test("one that comes early does what it means as soon as that is known, once", () => {
  const before = process.listenerCount("SIGHUP");
  let count = 0;
  {
    using hangup = new HangupSignal();
    hangUp();
    hangUp();
    hangup.handle(() => count++);
    expect(count).toBe(1);
    hangUp();
    expect(count).toBe(2);
    hangup.handle(() => {});
    hangUp();
    expect(count).toBe(2);
  }
  expect(process.listenerCount("SIGHUP")).toBe(before);
});

test("without a file it stops, and says why, once; with one that is the reloader's", () => {
  const log: string[] = [];
  let stops = 0;
  const logger = eventLog({ ...silentLogger, info: (message: string) => log.push(message) });
  using signal = new HangupSignal();
  const hangup = { handle: (act: () => void) => signal.handle(act), wasIgnored: false, hadTerminal: true };
  hangUp();
  stopOnHangup({ config: "edge.yaml" }, hangup, logger, () => stops++);
  expect([stops, log]).toEqual([0, []]);
  stopOnHangup({ config: null }, { ...hangup, hadTerminal: false }, logger, () => stops++);
  expect([stops, log.splice(0)]).toEqual([0, [LOG.hangupIgnored.message]]);
  stopOnHangup({ config: null }, { ...hangup, wasIgnored: true }, logger, () => stops++);
  hangUp();
  expect([stops, log]).toEqual([0, []]);
  stopOnHangup({ config: null }, hangup, logger, () => stops++);
  hangUp();
  expect([stops, log]).toEqual([1, ["SIGHUP ends this process: there is no --config to read again"]]);
});

test.each([
  ["SigIgn:\t0000000000000000\n", false],
  ["SigIgn:\t0000000000000001\n", true],
  // Signals 2 and 4, which are the bits beside.
  ["SigIgn:\t000000000000100a\n", false],
  ["SigBlk:\t0000000000000001\nSigIgn:\t000000000100100f\nSigCgt:\t0000000000000000\n", true],
  ["", false],
])("%j", (status, isIgnored) => {
  expect(ignoresHangup(status)).toBe(isIgnored);
});

test.each([
  ["4321 (bunbond) S 1 4321 4321 0 -1 4194560", false],
  ["4321 (bunbond) S 1 4321 4321 34816 4321 4194304", true],
  ["4321 (a) b 7 (c) S 1 4321 4321 1025 4321 4194304", true],
  ["", false],
])("the terminal in %j", (stat, hasOne) => {
  expect(hasTerminalIn(stat)).toBe(hasOne);
});
