import { describe, expect, test } from "bun:test";
import { parseServerOptions, type ServerConfig } from "../../../src/cli/daemon/server-command.ts";
import { runDirectories } from "../../../src/cli/flags/socket-flag.ts";
import { UsageError, type UsageErrorCode } from "../../../src/cli/program/usage-error.ts";

const DEFAULTS: ServerConfig = {
  listen: { host: "::", port: 4711 },
  http: null,
  httpHosts: [],
  metricsPerPeer: "on",
  historyEntries: 100_000,
  keepaliveSeconds: 5,
  settleSeconds: 15,
  pacing: "auto",
  retainSeconds: 0,
  sendHoldSeconds: 90,
  maxHops: 4_096,
  maxRoutes: 1_000_000,
  maxVnis: 100_000,
  maxSubscriptions: 100_000,
  maxHalfOpen: 512,
  socket: { directory: runDirectories()[0] },
  config: null,
  verbose: false,
  logLevel: "info",
  logFormat: "auto",
};

describe("parseServerOptions takes", () => {
  const TAKEN: [string[], Partial<ServerConfig>][] = [
    [[], {}],
    [["--listen", "[::]:4713"], { listen: { host: "::", port: 4713 } }],
    [["-l", "192.0.2.1"], { listen: { host: "192.0.2.1", port: 4711 } }],
    [["-l:4713"], { listen: { host: "::", port: 4713 } }],
    [["--listen=[::1]:0"], { listen: { host: "::1", port: 0 } }],
    [["--listener", "[fe80::1%eth0]:4711"], { listen: { host: "fe80::1%eth0", port: 4711 } }],
    [["--http", "[::1]:8080"], { http: { host: "::1", port: 8080 } }],
    [["--http", "localhost"], { http: { host: "localhost", port: 4712 } }],
    [["--keepalive", "1"], { keepaliveSeconds: 1 }],
    [["--keepalive", "3600"], { keepaliveSeconds: 3600 }],
    [["--settle", "0"], { settleSeconds: 0 }],
    [["--settle", "0.5"], { settleSeconds: 0.5 }],
    [["--pacing", "never"], { pacing: "never" }],
    [["--retain", "30"], { retainSeconds: 30 }],
    [["--send-hold", "30"], { sendHoldSeconds: 30 }],
    [["--pacing=Always"], { pacing: "always" }],
    [["--socket", "/tmp/x.sock"], { socket: { path: "/tmp/x.sock" } }],
    [["--socket", "none"], { socket: null }],
    [["-v"], { verbose: true }],
    [["--verbose"], { verbose: true }],
  ];

  test.each(TAKEN)("%j", (args, expected) => {
    expect(parseServerOptions(args)).toEqual({ ...DEFAULTS, ...expected });
  });
});

describe("parseServerOptions refuses", () => {
  const REFUSED: [string[], UsageErrorCode, string, string | null][] = [
    [["--listen", "a:b"], "BAD_VALUE", "--listen: the port", "a:b\n  ^"],
    [["--listener", "300.0.0.1"], "BAD_VALUE", "--listen: not an IPv4 address", "300.0.0.1\n^~~~~~~~~"],
    [["--http", "::1:4712x"], "BAD_VALUE", "--http: ", "::1:4712x\n^~~~~~~~~"],
    [
      ["--keepalive", "0"],
      "BAD_VALUE",
      "--keepalive: a whole number of seconds from 1 to 3600 is needed, without a unit",
      "0\n^",
    ],
    [["--keepalive", "3601"], "BAD_VALUE", "--keepalive: ", "3601\n^~~~"],
    [["--keepalive", "2.5"], "BAD_VALUE", "--keepalive: ", "2.5\n^~~"],
    [["--keepalive", "5s"], "BAD_VALUE", "--keepalive: ", "5s\n^~"],
    [["--settle", "15s"], "BAD_VALUE", "--settle: a number of seconds", "15s\n^~~"],
    [["--settle", "."], "BAD_VALUE", "--settle: ", ".\n^"],
    [["--settle", "1728001"], "BAD_VALUE", "--settle: ", "1728001\n^~~~~~~"],
    [["--send-hold", "0.9"], "BAD_VALUE", "--send-hold: a number of seconds from 1 to", "0.9\n^~~"],
    [["--settle", "-1"], "BAD_VALUE", "--settle: a number of seconds from 0", "-1\n^~"],
    [["--keepalive", "5s"], "BAD_VALUE", "--keepalive: a whole number of seconds", "5s\n^~"],
    [
      ["--http", "4712"],
      "BAD_VALUE",
      "--http: this is a port alone: write :4712 (all addresses)",
      "4712\n^~~~",
    ],
    [["--pacing", "on"], "BAD_VALUE", "--pacing: one of auto, always, never is needed", "on\n^~"],
    [["-v", "100"], "UNEXPECTED_ARGUMENT", `unexpected argument "100"`, null],
    [["--vni", "100"], "UNKNOWN_FLAG", "unknown flag --vni", null],
    [["[::]:4711"], "UNEXPECTED_ARGUMENT", `unexpected argument "[::]:4711"`, null],
  ];

  test.each(REFUSED)("%j", (args, code, message, caret) => {
    try {
      parseServerOptions(args);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      expect(error.code).toBe(code);
      expect(error.message).toStartWith(message);
      expect(error.caret).toBe(caret);
      return;
    }
    throw new Error("taken");
  });
});
