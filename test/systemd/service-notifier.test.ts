/** What a daemon sends to its service manager, and when, on a fake clock. */
import { describe, expect, test } from "bun:test";
import { ServiceNotifier } from "../../src/systemd/service-notifier.ts";
import { FakeClock } from "../support/network/fake-clock.ts";

function rig({ watchdogMs = null as number | null, isManaged = true } = {}) {
  const clock = new FakeClock();
  const sent: string[] = [];
  const manager = {
    watchdogMs,
    monotonicUs: () => 1_234_567,
    send: (assignments: string) => void sent.push(assignments),
  };
  const service = new ServiceNotifier({ manager: isManaged ? manager : null, clock });
  return { clock, service, takeSent: () => sent.splice(0) };
}

describe("readiness", () => {
  test("is reported once, with the status", () => {
    const { service, takeSent } = rig();
    service.ready(() => "2 routes");
    service.ready(() => "3 routes");
    expect(takeSent()).toEqual(["READY=1\nSTATUS=2 routes"]);
  });

  test("does not come after the stop", () => {
    const { service, clock, takeSent } = rig({ watchdogMs: 1000 });
    service.stopping(0);
    takeSent();
    service.ready(() => "2 routes");
    clock.advance(60_000);
    expect(takeSent()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});

test("the status is sent each 10 s if it has changed, as one line", () => {
  const { service, clock, takeSent } = rig();
  let status = "1 route";
  service.ready(() => status);
  takeSent();
  clock.advance(60_000);
  expect(takeSent()).toEqual([]);
  status = "2\nroutes";
  clock.advance(9_999);
  expect(takeSent()).toEqual([]);
  clock.advance(1);
  expect(takeSent()).toEqual(["STATUS=2 routes"]);
});

describe("the watchdog", () => {
  test("is fed at readiness, and each half of its time from then on, also while the daemon stops", () => {
    const { service, clock, takeSent } = rig({ watchdogMs: 30_000 });
    clock.advance(100_000);
    expect(takeSent()).toEqual([]);
    service.ready(() => "");
    expect(takeSent()).toEqual(["READY=1", "WATCHDOG=1"]);
    clock.advance(45_000);
    expect(takeSent()).toEqual(["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
    service.stopping(0);
    takeSent();
    clock.advance(15_000);
    expect(takeSent()).toEqual(["WATCHDOG=1"]);
    service.close();
    clock.advance(100_000);
    expect(takeSent()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("a reload", () => {
  test("is reported with systemd's clock, and its end as readiness", () => {
    const { service, takeSent } = rig();
    let status = "1 route";
    service.ready(() => status);
    takeSent();
    status = "2 routes";
    service.reloading();
    service.reloaded();
    expect(takeSent()).toEqual(["RELOADING=1\nMONOTONIC_USEC=1234567", "READY=1\nSTATUS=2 routes"]);
  });

  test("before readiness is not reported: its end would be taken for readiness", () => {
    const { service, takeSent } = rig();
    service.reloading();
    service.reloaded();
    expect(takeSent()).toEqual([]);
  });
});

test("a stop is reported once, with the time that it may take", () => {
  const { service, takeSent } = rig();
  service.ready(() => "1 route");
  takeSent();
  service.stopping(120_000);
  service.stopping(0);
  service.reloading();
  service.reloaded();
  expect(takeSent()).toEqual(["STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=130000000"]);
});

test("without a service manager nothing is done", () => {
  const { service, clock } = rig({ isManaged: false });
  service.ready(() => {
    throw new Error("the status is not needed");
  });
  service.reloading();
  service.reloaded();
  service.stopping(0);
  expect(clock.pendingTimers).toBe(0);
});
