import { describe, expect, test } from "bun:test";
import { eventLog } from "../../../src/base/log-event.ts";
import { type Logger, silentLogger } from "../../../src/base/logger.ts";
import { kernelOptionNames } from "../../../src/cli/flags/kernel-flags.ts";
import type { Link } from "../../../src/kernel/kernel.ts";
import { OPTION_NAMES } from "../../../src/kernel/option-names.ts";
import { findTunnel, TunnelDevice, tunnelProblems } from "../../../src/kernel/reconcile/tunnel-device.ts";

const LINK: Link = {
  index: 7,
  name: "overlay0",
  isUp: true,
  kind: "ip6tnl",
  isExternal: true,
  mtuBytes: 1452,
  ipv6: "on",
};
const LOOPBACK: Link = { ...LINK, index: 1, name: "lo", kind: null, isExternal: null, mtuBytes: 65_536 };

test("the device is found by its name", () => {
  const other = { ...LINK, index: 8, name: "overlay1" };
  expect(findTunnel([LINK, other], "overlay1", OPTION_NAMES)).toBe(other);
  expect(() => findTunnel([LINK], "overlay1", OPTION_NAMES)).toThrow(
    expect.objectContaining({
      code: "DEVICE_MISSING",
      message:
        "there is no device overlay1: ip link add overlay1 type ip6tnl mode any external && ip link set overlay1 up",
    }),
  );
});

test.each<[Partial<Link>, string[]]>([
  [{}, []],
  [
    { name: "eth0", kind: null, isExternal: null },
    [
      "eth0 is no tunnel that we know, so packets may leave it as they are: ip link add overlay0 type ip6tnl mode any external && ip link set overlay0 up, and device overlay0",
    ],
  ],
  [
    { isUp: false },
    ["overlay0 is down or without a carrier, so the kernel takes no routes by it: ip link set overlay0 up"],
  ],
  [
    { isExternal: false },
    [
      "overlay0 is not external, so packets do not reach their hypervisors: ip link del overlay0; ip link add overlay0 type ip6tnl mode any external && ip link set overlay0 up",
    ],
  ],
  [
    { name: "ip6tnl0", isExternal: false, isUp: false },
    [
      "ip6tnl0 is the ip6_tunnel module's own fallback device, which is not external, so packets do not reach their hypervisors: ip link add overlay0 type ip6tnl mode any external && ip link set overlay0 up, and device overlay0",
    ],
  ],
  [
    { mtuBytes: 1279, ipv6: "none" },
    [
      "overlay0 has an MTU of 1279, and IPv6, by which all routes leave, needs 1280: ip link set overlay0 mtu 1280, or more",
    ],
  ],
  [
    { ipv6: "off" },
    [
      "IPv6, by which all routes leave, is switched off on overlay0: sysctl -w net.ipv6.conf.overlay0.disable_ipv6=0 (and net.ipv6.conf.default.disable_ipv6=0 for devices that are made later)",
    ],
  ],
  [
    { ipv6: "off", name: "over.100" },
    [
      "IPv6, by which all routes leave, is switched off on over.100: sysctl -w net/ipv6/conf/over.100/disable_ipv6=0 (and net.ipv6.conf.default.disable_ipv6=0 for devices that are made later)",
    ],
  ],
  [
    { ipv6: "none" },
    [
      "overlay0 has no IPv6, by which all routes leave, as after a change of its MTU or with a kind that cannot: ip link set overlay0 down && ip link set overlay0 up",
    ],
  ],
])("%j: %p", (link, problems) => {
  const changed = { ...LINK, ...link };
  expect(tunnelProblems(changed, [LOOPBACK, changed], OPTION_NAMES)).toEqual(problems);
});

test.each([
  [
    "off",
    "IPv6, by which all routes leave, is switched off on all devices: sysctl -w net.ipv6.conf.all.disable_ipv6=0 (and net.ipv6.conf.default.disable_ipv6=0 for devices that are made later)",
  ],
  [
    "none",
    "this kernel runs without IPv6, by which all routes leave: take ipv6.disable=1 off its command line, or load the module ipv6",
  ],
] as const)("IPv6 is %s everywhere", (ipv6, problem) => {
  const links = [LINK, LOOPBACK].map((link) => ({ ...link, ipv6 }));
  expect(tunnelProblems({ ...LINK, ipv6 }, links, OPTION_NAMES)).toEqual([problem]);
});

test("to an operator its option is a flag, in errors and warnings", () => {
  const fallback = { ...LINK, name: "ip6tnl0", isExternal: false };
  const warnings: string[] = [];
  const warn: Logger["warn"] = (message, { problem = message } = {}) => void warnings.push(`${problem}`);
  const logger = eventLog({ ...silentLogger, warn });
  const device = new TunnelDevice("ip6tnl0", logger, kernelOptionNames);
  expect(() => device.find([])).toThrow(/ip link set overlay0 up, and --tun overlay0$/);
  device.find([fallback]);
  device.look([{ ...fallback, index: 8 }]);
  const remedy = expect.stringMatching(/, and --tun overlay0$/);
  expect(warnings).toEqual([remedy, "the tunnel device was recreated", remedy]);
});

describe("it is followed", () => {
  const OTHER: Link = { ...LINK, index: 9, name: "other" };
  const DOWN: Link = { ...LINK, isUp: false };

  function found(link = LINK): { device: TunnelDevice; takeLog(): string[] } {
    const log: string[] = [];
    const note: Logger["info"] = (message, { problem = message } = {}) => void log.push(`${problem}`);
    const device = new TunnelDevice(
      "overlay0",
      eventLog({ ...silentLogger, info: note, warn: note, error: note }),
    );
    device.find([OTHER, link]);
    log.length = 0;
    return { device, takeLog: () => log.splice(0) };
  }

  // The link in a notification, whether it concerns us, and the device as it is known then.
  test.each<[string, number, Link | null, boolean, Link | null]>([
    ["another link", 9, { ...OTHER, isUp: false }, false, LINK],
    ["another link goes", 9, null, false, LINK],
    ["something that is no matter", 7, { ...LINK }, false, LINK],
    ["it goes down: nothing is tried from then on", 7, DOWN, true, DOWN],
    ["it goes", 7, null, true, null],
    ["it has another name", 7, { ...LINK, name: "old" }, true, LINK],
    ["there is another of its name", 12, { ...LINK, index: 12 }, true, LINK],
  ])("%s", (_, index, link, concernsUs, known) => {
    const { device } = found();
    expect(device.handle(index, link)).toBe(concernsUs);
    expect(device.link).toEqual(known);
  });

  test("down, up, away, and made anew as what does not work", () => {
    const { device, takeLog } = found();
    device.handle(7, DOWN);
    expect(takeLog()).toEqual(["the tunnel device is not up; the kernel has removed its routes"]);
    device.look([OTHER, LINK]);
    expect(takeLog()).toEqual(["the tunnel device is up"]);
    device.look([OTHER]);
    expect(takeLog()).toEqual(["the tunnel device is not up; the kernel has removed its routes"]);
    device.look([OTHER, { ...LINK, index: 12, isExternal: false }]);
    expect(takeLog()).toEqual([
      "the tunnel device is up",
      expect.stringContaining("overlay0 is not external"),
    ]);
  });

  test("by its index when it has another name, until there is one of the old name", () => {
    const { device, takeLog } = found();
    const renamed = { ...LINK, name: "old" };
    device.look([OTHER, renamed]);
    expect(device.link).toEqual(renamed);
    device.look([OTHER, renamed]);
    expect(device.handle(7, renamed)).toBe(false);
    expect(takeLog()).toEqual(["the tunnel device was renamed; its routes stay on it"]);
    // One that is not up yet is waited for: the old one works.
    const next = { ...LINK, index: 12 };
    device.look([OTHER, renamed, { ...next, isUp: false }]);
    expect(device.link).toEqual(renamed);
    expect(takeLog()).toEqual([]);
    expect(device.handle(12, next)).toBe(true);
    device.look([OTHER, renamed, next]);
    expect(device.link).toEqual(next);
    expect(takeLog()).toEqual(["the tunnel device was recreated"]);
  });

  test("what is wrong with it is said once, and that it is right again", () => {
    const { device, takeLog } = found();
    const off: Link = { ...LINK, ipv6: "off" };
    expect(device.hasChanged(off)).toBe(true);
    expect(device.lookAgain([OTHER, off])).toBe(true);
    const problem = expect.stringContaining("is switched off on overlay0");
    expect(takeLog()).toEqual([problem]);
    expect([device.problems, device.refusalCauses]).toEqual([[problem], [problem]]);
    device.lookAgain([OTHER, off]);
    device.look([OTHER, off]);
    expect(takeLog()).toEqual([]);
    device.lookAgain([OTHER, LINK]);
    expect(takeLog()).toEqual(["the tunnel device has no problem any more"]);
    expect(device.problems).toEqual([]);
    // What concerns the kernel's routes is left to a scan.
    expect(device.lookAgain([OTHER, DOWN])).toBe(false);
    expect(device.lookAgain([OTHER])).toBe(false);
    expect(device.link).toEqual(LINK);
    device.look([OTHER]);
    expect(device.problems).toEqual([expect.stringContaining("there is no device overlay0: ip link add")]);
  });
});
