import { expect, test } from "bun:test";
import type { Link } from "../../src/kernel/kernel.ts";
import { findTunnel, tunnelWarning } from "../../src/kernel/tunnel-device.ts";

const LINK: Link = { index: 7, name: "overlay0", isUp: true, kind: "ip6tnl", isExternal: true };

test("the device is found by its name", () => {
  const other = { ...LINK, index: 8, name: "overlay1" };
  expect(findTunnel([LINK, other], "overlay1")).toBe(other);
  expect(() => findTunnel([LINK], "overlay1")).toThrow(
    expect.objectContaining({
      code: "DEVICE_MISSING",
      message:
        "there is no device overlay1: ip link add overlay1 type ip6tnl mode any external && ip link set overlay1 up",
    }),
  );
});

test.each<[Partial<Link>, string | null]>([
  [{}, null],
  [{ kind: "veth", isExternal: null }, null],
  [{ isUp: false }, "overlay0 is down, so the kernel takes no routes by it: ip link set overlay0 up"],
  [
    { isExternal: false },
    "overlay0 is not external, so packets do not reach their hypervisors: ip link del overlay0; ip link add overlay0 type ip6tnl mode any external && ip link set overlay0 up",
  ],
  [
    { name: "ip6tnl0", isExternal: false, isUp: false },
    "ip6tnl0 is the ip6_tunnel module's own fallback device, which is not external, so packets do not reach their hypervisors: ip link add overlay0 type ip6tnl mode any external && ip link set overlay0 up, and --tun overlay0",
  ],
])("%j: %p", (link, warning) => {
  expect(tunnelWarning({ ...LINK, ...link })).toBe(warning);
});
