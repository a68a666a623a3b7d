/** The real kernel, in network namespaces. Its state is read by iproute2, not by our own scan. */
import { describe, expect, test } from "bun:test";
import type { GroupMember, KernelEvent, Link, Operation } from "../../../src/kernel/kernel.ts";
import { formatAddress, parseAddress } from "../../../src/net/address.ts";
import type { IpAddress, Prefix } from "../../../src/net/ip.ts";
import { formatPrefix, parsePrefix } from "../../../src/net/prefix.ts";
import { NamespaceKernel } from "../../support/kernel/namespace-kernel.ts";
import { NetworkNamespace, reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";

const noNamespaces = reasonWithoutNamespaces();
const because = noNamespaces === null ? "" : ` (skipped: ${noNamespaces})`;

/** Any device takes routes with an encapsulation; a real ip6tnl is not in every kernel. */
const DEVICES = [
  "link set lo up",
  "link add tun type veth peer name far",
  "link set tun up",
  "link set far up",
];

class Rig implements AsyncDisposable {
  readonly namespace: NetworkNamespace;
  readonly kernel: NamespaceKernel;
  readonly linkIndex: number;
  private constructor(namespace: NetworkNamespace, kernel: NamespaceKernel, linkIndex: number) {
    this.namespace = namespace;
    this.kernel = kernel;
    this.linkIndex = linkIndex;
  }

  static async set(ipLines: readonly string[] = DEVICES): Promise<Rig> {
    const namespace = await NetworkNamespace.create(ipLines);
    const kernel = new NamespaceKernel(namespace);
    expect(await kernel.open()).toBe("open");
    const tun = (await kernel.links()).find(({ name }) => name === "tun");
    return new Rig(namespace, kernel, tun?.index ?? 0);
  }

  apply(...operations: Operation[]) {
    return this.kernel.apply(operations, this.linkIndex);
  }

  async done(...operations: Operation[]): Promise<void> {
    expect(await this.apply(...operations)).toEqual([]);
  }

  /** What `ip -j` prints. Its JSON has a key twice where there is an encapsulation: then take `lines`. */
  // biome-ignore lint/suspicious/noExplicitAny: iproute2's JSON has no types
  json(...args: string[]): any[] {
    const { stdout } = Bun.spawnSync([...this.namespace.enter, "ip", "-j", ...args]);
    return JSON.parse(stdout.toString());
  }

  /** What `ip -N` (numbers, no names) prints, with single spaces. */
  lines(...args: string[]): string[] {
    const { stdout } = Bun.spawnSync([...this.namespace.enter, "ip", "-N", ...args]);
    const lines = stdout.toString().split("\n");
    return lines.map((line) => line.trim().replaceAll(/\s+/g, " ")).filter((line) => line !== "");
  }

  /** "10.0.1.0/24 nhid 3 proto 254 metric 0" of each route in the table. */
  routes(family: "-4" | "-6", table = 100): string[] {
    // Only the first line of a route begins with its destination.
    return this.lines(family, "route", "show", "table", `${table}`).flatMap((line) => {
      const [, destination, nhid] = /^(\S+) nhid (\d+)/.exec(line) ?? [];
      const [, protocol] = / proto (\d+)/.exec(line) ?? [];
      const [, metric = "0"] = / metric (\d+)/.exec(line) ?? [];
      return destination === undefined
        ? []
        : [`${destination} nhid ${nhid} proto ${protocol} metric ${metric}`];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernel[Symbol.asyncDispose]();
    await this.namespace[Symbol.asyncDispose]();
  }
}

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(`${text} is no prefix`);
  return parsed.prefix;
}

const addNexthop = (id: number, text: string): Operation => ({
  type: "add-nexthop",
  id,
  address: address(text),
});
const addGroup = (id: number, members: readonly GroupMember[]): Operation => ({
  type: "add-group",
  id,
  members,
});
const addRoute = (text: string, nexthopId: number, table = 100): Operation => ({
  type: "add-route",
  table,
  destination: prefix(text),
  nexthopId,
});
const replaceRoute = (text: string, nexthopId: number, priority: number, table = 100): Operation => ({
  type: "replace-route",
  table,
  destination: prefix(text),
  priority,
  nexthopId,
});
const deleteRoute = (text: string, nexthopId: number, priority: number, table = 100): Operation => ({
  type: "delete-route",
  table,
  destination: prefix(text),
  priority,
  nexthopId,
});
const HYPERVISORS = [addNexthop(1, "2001:db8::1"), addNexthop(2, "2001:db8::2")];
const members = (count: number): GroupMember[] =>
  Array.from({ length: count }, (_, index) => ({ id: index + 1, weight: 1 }));

describe.skipIf(noNamespaces !== null)(`the kernel${because}`, () => {
  test("has the routes of both families that are added, replaced and deleted", async () => {
    await using rig = await Rig.set();
    const weighted = [
      { id: 1, weight: 1 },
      { id: 2, weight: 255 },
    ];
    await rig.done(...HYPERVISORS, addGroup(3, weighted));
    const encap = (n: number) =>
      `id ${n} encap ip6 id 0 src :: dst 2001:db8::${n} hoplimit 0 tc 0 dev tun scope 253 proto 254`;
    expect(rig.lines("nexthop")).toEqual([encap(1), encap(2), "id 3 group 1/2,255 proto 254"]);

    const far = 4_000_000_000;
    await rig.done(
      addRoute("10.0.1.0/24", 3),
      addRoute("0.0.0.0/0", 1),
      addRoute("10.0.2.1/32", 1, far),
      addRoute("2001:db8:1::/64", 3),
      addRoute("::/0", 2, far),
    );
    const table100 = () => [...rig.routes("-4"), ...rig.routes("-6")];
    const tableFar = () => [...rig.routes("-4", far), ...rig.routes("-6", far)];
    expect(table100()).toEqual([
      "default nhid 1 proto 254 metric 0",
      "10.0.1.0/24 nhid 3 proto 254 metric 0",
      "2001:db8:1::/64 nhid 3 proto 254 metric 1024",
    ]);
    expect(tableFar()).toEqual([
      "10.0.2.1 nhid 1 proto 254 metric 0",
      "default nhid 2 proto 254 metric 1024",
    ]);

    await rig.done(
      replaceRoute("10.0.1.0/24", 2, 0),
      replaceRoute("2001:db8:1::/64", 1, 1024),
      deleteRoute("0.0.0.0/0", 1, 0),
      deleteRoute("::/0", 0, 1024, far),
      { type: "delete-nexthop", id: 3 },
    );
    expect(table100()).toEqual([
      "10.0.1.0/24 nhid 2 proto 254 metric 0",
      "2001:db8:1::/64 nhid 1 proto 254 metric 1024",
    ]);
    expect(tableFar()).toEqual(["10.0.2.1 nhid 1 proto 254 metric 0"]);
    expect(rig.lines("nexthop")).toEqual([encap(1), encap(2)]);
  });

  test("is read as iproute2 reads it", async () => {
    await using rig = await Rig.set([
      ...DEVICES,
      "address add 192.0.2.1/24 dev tun",
      "address add 192.0.2.7 peer 198.51.100.7 dev far",
      "address add 2001:db8:f::1/64 dev tun nodad",
      "nexthop add id 7 via 192.0.2.9 dev tun",
      "nexthop add id 8 blackhole",
      "nexthop add id 9 encap ip6 id 5 dst 2001:db8::9 dev tun",
      "nexthop add id 10 encap ip6 dst 2001:db8::a dev tun proto 254",
      "route add 203.0.113.0/24 dev tun metric 77 tos 0x10 table 300 proto 99",
      "route add blackhole 203.0.113.7 table 300",
      "route add 203.0.113.128/25 table 301 nexthop dev far nexthop dev tun",
      "route add 2001:db8:7::/48 via 2001:db8:f::9 table 302 proto 254 metric 5",
    ]);
    const { kernel, linkIndex } = rig;
    const links = await kernel.links();
    const far = links.find(({ name }) => name === "far")?.index;
    const up = { isUp: true, isExternal: null, mtuBytes: 1500, ipv6: "on" } as const;
    expect(links.map(({ index: _, ...link }: Link) => link)).toEqual(
      expect.arrayContaining([
        { ...up, name: "lo", kind: null, mtuBytes: 65_536 },
        { ...up, name: "tun", kind: "veth" },
        { ...up, name: "far", kind: "veth" },
      ]),
    );
    expect(links.map(({ index, name }) => [index, name])).toEqual(
      rig.json("link").map(({ ifindex, ifname }) => [ifindex, ifname]),
    );
    const texts = (await kernel.localAddresses()).map(formatAddress);
    expect(texts).toEqual(
      expect.arrayContaining(["127.0.0.1", "::1", "192.0.2.1", "192.0.2.7", "2001:db8:f::1"]),
    );
    expect(texts).not.toContain("198.51.100.7");

    const plain = { members: null, isResilient: false, protocol: 0, linkIndex, encapAddress: null };
    expect(await kernel.nexthops()).toEqual([
      { ...plain, id: 7, isOdd: true },
      { ...plain, id: 8, isOdd: true, linkIndex: 0 },
      { ...plain, id: 9, isOdd: true, encapAddress: address("2001:db8::9") },
      { ...plain, id: 10, isOdd: true, encapAddress: address("2001:db8::a"), protocol: 254 },
    ]);

    const routes = (await kernel.routes()).map(({ destination, ...rest }) => ({
      destination: formatPrefix(destination),
      ...rest,
    }));
    const route = { priority: 0, tos: 0, type: 1, nexthopId: 0, protocol: 3, linkIndex };
    expect(routes).toEqual(
      expect.arrayContaining([
        { ...route, destination: "203.0.113.0/24", table: 300, priority: 77, tos: 16, protocol: 99 },
        { ...route, destination: "203.0.113.7/32", table: 300, type: 6, linkIndex: 0 },
        { ...route, destination: "203.0.113.128/25", table: 301, linkIndex: far },
        { ...route, destination: "2001:db8:7::/48", table: 302, priority: 5, protocol: 254 },
        { ...route, destination: "192.0.2.0/24", table: 254, protocol: 2 },
      ]),
    );
    expect(routes.filter(({ table }) => table === 255)).toEqual([]);
  });

  test("fail with the kernel's reasons, each for its operation, and the others are done", async () => {
    await using rig = await Rig.set();
    await rig.done(...HYPERVISORS, addRoute("10.0.1.0/24", 1));
    const failures = await rig.apply(
      addNexthop(1, "2001:db8::7"),
      addRoute("10.0.2.0/24", 1),
      addRoute("10.0.1.0/24", 2),
      addRoute("10.0.3.0/24", 77),
      addGroup(3, [{ id: 77, weight: 1 }]),
      addRoute("2001:db8:1::/64", 2),
      replaceRoute("10.0.4.0/24", 1, 0),
      deleteRoute("10.0.5.0/24", 1, 0),
      { type: "delete-nexthop", id: 78 },
    );
    expect(failures).toEqual([
      { index: 0, code: "EEXIST", message: "File exists" },
      { index: 2, code: "EEXIST", message: "File exists" },
      { index: 3, code: "EINVAL", message: "Nexthop id does not exist" },
      { index: 4, code: "EINVAL", message: "Invalid nexthop id" },
      { index: 6, code: "ENOENT", message: "No such file or directory" },
      { index: 7, code: "ESRCH", message: "No such process" },
      { index: 8, code: "ENOENT", message: "No such file or directory" },
    ]);
    expect(rig.routes("-4")).toEqual([
      "10.0.1.0/24 nhid 1 proto 254 metric 0",
      "10.0.2.0/24 nhid 1 proto 254 metric 0",
    ]);
    expect(rig.routes("-6")).toEqual(["2001:db8:1::/64 nhid 2 proto 254 metric 1024"]);
  });

  test("takes 20,000 routes in and out, and names each that fails", async () => {
    await using rig = await Rig.set();
    const texts = Array.from({ length: 20_000 }, (_, i) =>
      i % 2 === 0 ? `10.${i >> 8}.${i & 255}.0/24` : `2001:db8:${i.toString(16)}::/48`,
    );
    await rig.done(...HYPERVISORS, ...texts.map((text) => addRoute(text, 1)));
    const count = (family: "-4" | "-6") => rig.routes(family).length;
    expect([count("-4"), count("-6")]).toEqual([10_000, 10_000]);
    const routes = await rig.kernel.routes();
    const found = routes
      .filter(({ table }) => table === 100)
      .map(({ destination }) => formatPrefix(destination));
    expect(found.sort()).toEqual(texts.toSorted());

    // All fail, far more than any buffer of the system's would hold at once.
    const failures = await rig.apply(...texts.map((text) => addRoute(text, 2)));
    expect(failures.map(({ index, code }) => [index, code])).toEqual(
      texts.map((_, index) => [index, "EEXIST"]),
    );

    await rig.done(...texts.map((text) => deleteRoute(text, 1, text.includes(":") ? 1024 : 0)));
    expect([count("-4"), count("-6")]).toEqual([0, 0]);
  });

  test.each([38, 39, 256, 400])("reads all routes after one with %d hops", async (hops) => {
    await using rig = await Rig.set();
    const texts = ["10.0.0.0/24", "10.0.1.0/24", "2001:db8:a::/64", "2001:db8:b::/64"];
    const objects = members(hops).map(({ id }) => addNexthop(id, `2001:db8::${id.toString(16)}`));
    await rig.done(...objects, addGroup(1000, members(hops)));
    // Another's route of many hops comes first, ours after it.
    const foreign = new NamespaceKernel(rig.namespace, { protocol: 99 });
    expect(await foreign.open()).toBe("open");
    await using _ = foreign;
    const many = [addRoute("10.0.0.0/25", 1000, 90), addRoute("2001:db8:a::/65", 1000, 90)];
    expect(
      await foreign.apply([...many, ...many.map((route) => ({ ...route, table: 100 }) as Operation)], 0),
    ).toEqual([]);
    const ours = hops <= 256 ? 1000 : 1;
    await rig.done(...texts.map((text) => addRoute(text, ours)));
    const found = (await rig.kernel.routes()).filter(({ protocol }) => protocol === 254);
    expect(found.map(({ destination, nexthopId }) => [formatPrefix(destination), nexthopId])).toEqual(
      texts.map((text) => [text, ours]),
    );
    const nexthops = await rig.kernel.nexthops();
    expect(nexthops).toHaveLength(hops + 1);
    expect(nexthops.at(-1)?.members).toEqual(members(hops));
  });

  test("reports what others change, and nothing of ours", async () => {
    await using rig = await Rig.set();
    const { kernel, namespace } = rig;
    await kernel.watch();
    await rig.done(...HYPERVISORS, addRoute("10.0.1.0/24", 1), addRoute("2001:db8:1::/64", 2));
    await rig.done(replaceRoute("10.0.1.0/24", 2, 0), deleteRoute("2001:db8:1::/64", 2, 1024));
    namespace.ip(["route del 10.0.1.0/24 table 100", "nexthop del id 1", "nexthop add id 9 blackhole"]);
    namespace.ip(["link set tun down", "link set tun name gone", "link del gone"]);
    await kernel.event("the end of the device", (event) => event.type === "link" && event.link === null);
    const { events } = kernel;
    const routes = events.flatMap((event) =>
      event.type === "route" && event.route.table === 100 ? [event] : [],
    );
    expect(routes).toMatchObject([{ isDeleted: true, route: { protocol: 254, nexthopId: 2 } }]);
    const nexthops = events.flatMap((event) => (event.type === "nexthop" ? [event] : []));
    expect(nexthops.map(({ isDeleted, nexthop }) => [nexthop.id, isDeleted])).toEqual([
      [1, true],
      [9, false],
    ]);
    const seen = events.flatMap((event) =>
      event.type === "link" && event.index === rig.linkIndex ? [[event.link?.name, event.link?.isUp]] : [],
    );
    expect(seen).toContainEqual(["tun", false]);
    expect(seen).toContainEqual(["gone", false]);
    expect(seen.at(-1)).toEqual([undefined, undefined]);
  });

  test("reports that the device has lost its carrier, with which the objects go, and IPv6 addresses", async () => {
    await using rig = await Rig.set();
    const { kernel, namespace } = rig;
    await kernel.watch();
    await rig.done(...HYPERVISORS);
    const isOfTun = (isUp: boolean) => (event: KernelEvent) =>
      event.type === "link" && event.link?.name === "tun" && event.link.isUp === isUp;
    namespace.ip(["link set far down"]);
    await kernel.event("the loss of the carrier", isOfTun(false));
    expect((await kernel.links()).find(({ name }) => name === "tun")?.isUp).toBe(false);
    expect(rig.lines("nexthop")).toEqual([]);
    expect(await rig.apply(addNexthop(1, "2001:db8::1"))).toMatchObject([{ code: "ENETDOWN" }]);
    namespace.ip(["link set far up"]);
    await kernel.event("the carrier", isOfTun(true));
    await rig.done(...HYPERVISORS);

    namespace.ip(["address add 2001:db8:f::1/128 dev lo", "address del 2001:db8:f::1/128 dev lo"]);
    const isAddress = (isDeleted: boolean) => (event: KernelEvent) =>
      event.type === "address" &&
      event.isDeleted === isDeleted &&
      formatAddress(event.address) === "2001:db8:f::1";
    await kernel.event("the address", isAddress(false));
    await kernel.event("its end", isAddress(true));
  });

  test("reports at once what has happened, when it is polled", async () => {
    await using rig = await Rig.set();
    await rig.kernel.watch();
    await rig.done(...HYPERVISORS, addRoute("10.0.1.0/24", 1));
    expect(await rig.kernel.pollAfter("route replace blackhole 10.0.1.0/24 table 100")).toBe(1);
    expect(await rig.kernel.pollAfter("route show")).toBe(0);
    rig.namespace.ip(["nexthop del id 2"]);
    await rig.kernel.event("what the event loop brings", ({ type }) => type === "nexthop");
  });

  test("reports when it could not report everything, and goes on reporting", async () => {
    await using rig = await Rig.set();
    const { kernel, namespace } = rig;
    await kernel.watch();
    // More than its socket has room for.
    const texts = Array.from({ length: 120_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`);
    await using other = new NamespaceKernel(namespace, { protocol: 99 });
    expect(await other.open()).toBe("open");
    kernel.pause(true);
    expect(
      await other.apply([...HYPERVISORS, ...texts.map((text) => addRoute(text, 1, 90))], rig.linkIndex),
    ).toEqual([]);
    kernel.pause(false);
    await kernel.event("an overrun", ({ type }) => type === "overrun");
    namespace.ip(["route del 10.0.0.0/32 table 90"]);
    await kernel.event("a deletion", (event) => event.type === "route" && event.isDeleted);
  });
});
