/** When SIGHUP comes, and what it does then. With signals: test/process/reload.test.ts. */
import { expect, test } from "bun:test";
import { eventLog } from "../../../src/base/log-event.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { stopOnHangup } from "../../../src/cli/daemon/reload.ts";
import { HangupSignal, ignoresHangup } from "../../../src/cli/program/hangup-signal.ts";

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
  using hangup = new HangupSignal();
  hangUp();
  stopOnHangup({ config: "edge.yaml" }, hangup, logger, () => stops++);
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
