/** When losses mean that the server was cut off: peers, "-" before those that are lost. */
import { expect, test } from "bun:test";
import { isCutOff } from "../../src/server/cut-off-detection.ts";
import { peerOf } from "../support/network/memory-network.ts";

const many = (count: number, text: (n: number) => string) => Array.from({ length: count }, (_, n) => text(n));
const host = (n: number, net = "fd00") => `[${net}::${(n + 1).toString(16)}]:40000`;

test.each<readonly [string, boolean, readonly string[]]>([
  ["nobody there", false, []],
  ["the only one of one", false, ["-[fd00::1]:1"]],
  ["one of two", false, ["-[fd00::1]:1", "[fd00::2]:1"]],
  ["both of two", true, ["-[fd00::1]:1", "-[fd00::2]:1"]],
  ["one of three", false, ["-[fd00::1]:1", "[fd00::2]:1", "[fd00::3]:1"]],
  ["two of three", true, ["-[fd00::1]:1", "-[fd00::2]:1", "[fd00::3]:1"]],
  ["two of four: half is not most", false, ["-[fd00::1]:1", "-[fd00::2]:1", "[fd00::3]:1", "[fd00::4]:1"]],
  ["a rack of forty among a hundred", false, many(100, (n) => (n < 40 ? "-" : "") + host(n))],
  ["most of a hundred", true, many(100, (n) => (n < 60 ? "-" : "") + host(n))],
  ["most networks", true, many(9, (n) => (n < 5 ? "-" : "") + host(0, `fd00:${n}`))],
  [
    "all of one network, of three",
    false,
    many(90, (n) => (n < 30 ? "-" : "") + host(n, `fd0${Math.floor(n / 30)}`)),
  ],
  ["IPv4, each address for itself", true, many(5, (n) => `${n < 3 ? "-" : ""}192.0.2.${n}:1`)],
  ["clients of one host", true, many(10, (n) => `${n < 7 ? "-" : ""}[fd00::1]:${n}`)],
  [
    "all clients of one host beside another host",
    false,
    ["[fd00::2]:1", ...many(10, (n) => `-[fd00::1]:${n}`)],
  ],
  [
    "a thousand sessions of one host among three",
    false,
    [host(1), host(2), ...many(1_000, (n) => `-[fd00::1]:${n}`)],
  ],
  [
    "a thousand addresses of one network beside another one",
    false,
    [host(1, "fd01"), ...many(1_000, (n) => `-${host(n)}`)],
  ],
  [
    "a thousand IPv4 sessions of one host among three",
    false,
    ["192.0.2.2:1", "192.0.2.3:1", ...many(1_000, (n) => `-192.0.2.1:${n + 1}`)],
  ],
  [
    "all that come over a network, beside some on this host",
    true,
    ["[::1]:1", "127.0.0.1:2", "[::1]:3", "-[fd00::1]:1", "-[fd00::2]:1"],
  ],
  [
    "all on this host, beside some that come over a network",
    false,
    ["-[::1]:1", "-127.0.0.1:2", "[fd00::1]:1", "[fd00::2]:1"],
  ],
  ["all on this host, where there are no others", true, ["-[::1]:1", "-[::1]:2"]],
])("%s: %p", (_, expected, peers) => {
  const announcers = peers.map((peer) => ({
    address: peerOf(peer.replace("-", "")).address,
    isLost: peer.startsWith("-"),
  }));
  expect(isCutOff(announcers)).toBe(expected);
});
