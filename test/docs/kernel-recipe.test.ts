/**
 * The recipe of `bunbond help kernel` for a virtual machine's own routes, carried out by iproute2 in a network namespace: the
 * kernel is asked which device a packet leaves by.
 */

import { describe, expect, test } from "bun:test";
import { reasonWithoutNamespaces } from "../support/kernel/network-namespace.ts";
import { OverlayNamespace } from "../support/kernel/overlay-namespace.ts";
import { block, commandLines } from "../support/process/documents.ts";

const VM_ROUTE_LINES = commandLines(block("sh", "The virtual machines' own routes"));

describe("a virtual machine's own route, in a network namespace", () => {
  const reason = reasonWithoutNamespaces();
  const because = reason === null ? "" : ` (skipped: ${reason})`;
  const rules = commandLines(block("sh", "Which packets use the table")).filter((line) =>
    line.startsWith("ip rule "),
  );
  const toVm = [
    "route get 10.0.5.7 from 10.0.1.5 iif overlay",
    "route get 10.0.5.7 from 10.0.5.8 iif tap7",
    "-6 route get fd00:5::7 from fd00:1::5 iif overlay",
    "-6 route get fd00:5::7 from fd00:5::8 iif tap7",
  ];
  const toOthers = [
    "route get 192.0.2.9 from 10.0.5.7 iif tap7",
    "-6 route get 2001:db8:f::9 from fd00:5::7 iif tap7",
  ];

  /** The VNI has a default route, and the host a network of its own. */
  function makeNamespace(): Promise<OverlayNamespace> {
    return OverlayNamespace.create(
      "link set tun down",
      "link set tun name overlay",
      "link set overlay up",
      "link add tap7 type veth peer name tap7-peer",
      "link set tap7 up",
      "link set tap7-peer up",
      "link add eth0 type veth peer name eth0-peer",
      "link set eth0 up",
      "link set eth0-peer up",
      "addr add 192.0.2.1/24 dev eth0",
      "addr add 2001:db8:f::1/64 dev eth0 nodad",
      ...rules.flatMap((line) => [line, line.replace("ip ", "ip -6 ")]).map((line) => line.slice(3)),
      "-6 nexthop add id 1 encap ip6 dst 2001:db8::1 dev overlay",
      "route add default table 100 nhid 1",
      "-6 route add default table 100 nhid 1",
    );
  }

  function deviceOf(namespace: OverlayNamespace, question: string): string {
    namespace.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    return / dev (\S+)/.exec(namespace.sh(`ip ${question}`))?.[1] ?? "none";
  }

  test.skipIf(reason !== null)(`in main comes after the VNI's default route${because}`, async () => {
    await using namespace = await makeNamespace();
    for (const line of VM_ROUTE_LINES.filter((one) => one.includes(" route "))) {
      namespace.sh(line.replace(" table 1100", ""));
    }
    expect(rules).toHaveLength(2);
    for (const question of toVm) expect(deviceOf(namespace, question)).toBe("overlay");
  });

  test.skipIf(reason !== null)(`comes first as the topic shows it${because}`, async () => {
    await using namespace = await makeNamespace();
    for (const line of VM_ROUTE_LINES) namespace.sh(line);
    for (const question of toVm) expect(deviceOf(namespace, question)).toBe("tap7");
    for (const question of toOthers) expect(deviceOf(namespace, question)).toBe("overlay");
    // The filter finds the way back by the rule for the tap, and only by that.
    namespace.sh("sysctl -qw net.ipv4.conf.overlay.rp_filter=1");
    expect(deviceOf(namespace, toVm[0] ?? "")).toBe("tap7");
    namespace.sh("ip rule del iif tap7 lookup 100");
    expect(() => deviceOf(namespace, toVm[0] ?? "")).toThrow("Invalid argument");
    namespace.sh("sysctl -qw net.ipv4.conf.overlay.rp_filter=2");
    expect(() => deviceOf(namespace, toVm[0] ?? "")).toThrow("Invalid argument");
    namespace.sh("sysctl -qw net.ipv4.conf.overlay.rp_filter=0");
    expect(deviceOf(namespace, toVm[0] ?? "")).toBe("tap7");
  });

  test.skipIf(reason !== null)(
    `in main comes first with the other rules, and so do the host's own networks${because}`,
    async () => {
      await using namespace = await makeNamespace();
      for (const line of VM_ROUTE_LINES) {
        const isRoute = line.includes(" route ");
        namespace.sh(
          isRoute
            ? line.replace(" table 1100", "")
            : line.replace("lookup 1100", "lookup main suppress_prefixlength 0"),
        );
      }
      for (const question of toVm) expect(deviceOf(namespace, question)).toBe("tap7");
      for (const question of toOthers) expect(deviceOf(namespace, question)).toBe("eth0");
    },
  );
});
