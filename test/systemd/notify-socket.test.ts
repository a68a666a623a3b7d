/** The environment that a service manager makes, and its socket. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { openServiceManager, readNotifyEnvironment } from "../../src/systemd/notify-socket.ts";
import { NotifyReceiver } from "../support/process/notify-receiver.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const PID = 42;

describe("the environment", () => {
  test.each([
    ["no manager", {}, null],
    ["an empty socket", { NOTIFY_SOCKET: "" }, null],
    ["a relative path", { NOTIFY_SOCKET: "notify" }, null],
    ["a path that is too long", { NOTIFY_SOCKET: `/${"x".repeat(108)}` }, null],
    ["a path", { NOTIFY_SOCKET: "/run/n" }, { socket: "/run/n", watchdogMs: null }],
    ["an abstract name", { NOTIFY_SOCKET: "@n" }, { socket: "@n", watchdogMs: null }],
    ["a watchdog", { NOTIFY_SOCKET: "@n", WATCHDOG_USEC: "30000000" }, { socket: "@n", watchdogMs: 30_000 }],
    [
      "a watchdog of this process",
      { NOTIFY_SOCKET: "@n", WATCHDOG_USEC: "30000000", WATCHDOG_PID: "42" },
      { socket: "@n", watchdogMs: 30_000 },
    ],
    [
      "a watchdog of another process",
      { NOTIFY_SOCKET: "@n", WATCHDOG_USEC: "30000000", WATCHDOG_PID: "41" },
      { socket: "@n", watchdogMs: null },
    ],
    ["a watchdog of 0", { NOTIFY_SOCKET: "@n", WATCHDOG_USEC: "0" }, { socket: "@n", watchdogMs: null }],
  ])("%s", (_, environment, expected) => {
    expect(readNotifyEnvironment(environment, PID)).toEqual(expected);
  });
});

const failed = (socket: string): never => {
  throw new Error(`cannot send to ${socket}`);
};

describe("the socket", () => {
  test.each(["path", "abstract"])("%s", async (kind) => {
    await using directory = temporaryDirectory();
    const path = join(directory.path, "notify");
    const socket = kind === "path" ? path : `@${path}`;
    using receiver = new NotifyReceiver(socket);
    const manager = openServiceManager({ NOTIFY_SOCKET: socket }, PID, failed);
    manager?.send("READY=1\nSTATUS=ä");
    manager?.send("WATCHDOG=1");
    receiver.receive();
    expect(receiver.received).toEqual(["READY=1\nSTATUS=ä", "WATCHDOG=1"]);
  });

  test("to which nothing listens is reported once", () => {
    const failures: string[] = [];
    const socket = `@bunbond-nobody-${process.pid}`;
    const manager = openServiceManager({ NOTIFY_SOCKET: socket }, PID, (name) => failures.push(name));
    manager?.send("READY=1");
    manager?.send("WATCHDOG=1");
    expect(failures).toEqual([socket]);
  });

  test("comes with systemd's clock", async () => {
    const manager = openServiceManager({ NOTIFY_SOCKET: "@n" }, PID, failed);
    // The clock of /proc/uptime is CLOCK_BOOTTIME, which is never behind CLOCK_MONOTONIC; its unit is 10 ms.
    const [uptime = ""] = (await Bun.file("/proc/uptime").text()).split(" ");
    const us = manager?.monotonicUs() ?? 0;
    expect(us).toBeGreaterThan(0);
    expect(us).toBeLessThan((Number(uptime) + 60) * 1_000_000);
    expect(manager?.monotonicUs()).toBeGreaterThanOrEqual(us);
  });
});
