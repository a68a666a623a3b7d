/**
 * The installer under whatever chance brings: a view that changes, others who meddle, a device that flaps, operations that
 * are refused, and deaths at any operation. When all is quiet, the kernel is what a slow model says; and between any
 * two operations no destination that is wanted is taken out, and nothing foreign is touched.
 *
 *     BUNBOND_RUNS=10000 bun test test/kernel/reconcile/installer-property.test.ts     that many runs; fast-check prints seeds
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { EcmpMode, TableMapping } from "../../../src/kernel/desired/settings.ts";
import type { FoundNexthop, Operation } from "../../../src/kernel/kernel.ts";
import { formatAddress } from "../../../src/net/address.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import { KERNEL_OPTIONS } from "../../../src/options/kernel-options.ts";
import {
  FIRST_ID,
  InstallerUnderTest,
  PROTOCOL,
  prefix,
  route,
} from "../../support/kernel/installer-under-test.ts";
import { address } from "../../support/kernel/memory-kernel.ts";

const { BUNBOND_RUNS } = process.env;
const VNIS = [100, 200];
/** The last one holds the first two hops: it does not come into the host's own table while one of them is in use. */
const DESTINATIONS = ["10.0.1.0/24", "10.0.1.0/25", "fd00:1::/64", "fd00::/16", "2001:db8::a/127"];
const COVERING = DESTINATIONS.at(-1);
const MAIN = 254;
const HOPS = ["2001:db8::a", "2001:db8::b", "2001:db8::c", "2001:db8::d", "192.0.2.1"];
const MAPPINGS: readonly (readonly TableMapping[])[] = [
  [{ vni: 100, table: 100 }],
  [
    { vni: 100, table: 100 },
    { vni: 200, table: 200 },
  ],
  [
    { vni: 200, table: 100 },
    { vni: 100, table: 100 },
  ],
  [
    { vni: 100, table: 100 },
    { vni: 200, table: MAIN },
  ],
  [],
];
const PREFERRED = [{ prefix: prefix("2001:db8::c/127"), weight: 7 }];
const FOREIGN = { protocol: 3, tos: 0, type: 1, linkIndex: 1 };

class Killed extends Error {}

class Machine {
  #ecmp: EcmpMode;
  readonly rig: InstallerUnderTest;
  mappings = MAPPINGS[0] ?? [];
  readonly view = new Set<string>();
  readonly own = new Set<string>();
  /** Of the view, what the installer has not been told since it was started. */
  untold: string[] = [];
  local = "";
  /** Nothing but what it will be told again has changed since the start: what is wanted in the end must stay all along. */
  isReplay = false;
  killAfter = Number.POSITIVE_INFINITY;

  constructor(ecmp: EcmpMode) {
    this.#ecmp = ecmp;
    this.rig = new InstallerUnderTest({ mappings: this.mappings, preferredNetworks: PREFERRED, ecmp });
    this.rig.kernel.onOperation = (operation) => {
      if (--this.killAfter < 0) throw new Killed();
      this.#judge(operation);
    };
  }

  /** The destination may not be in the table while a hop is in use that it holds. */
  isCovering(table: number, destination: string): boolean {
    if (table !== MAIN || destination !== COVERING) return false;
    const isHeld = (hop: string) => /^2001:db8::[ab]$/.test(hop);
    const isInKernel = this.rig.kernel
      .ourNexthops()
      .some(
        ({ encapAddress, isOdd }) => encapAddress !== null && !isOdd && isHeld(formatAddress(encapAddress)),
      );
    return isInKernel || this.#all().some(({ hops }) => hops.split(" ").some(isHeld));
  }

  #all(): { table: number; destination: string; hops: string }[] {
    return [100, 200, MAIN].flatMap((table) =>
      DESTINATIONS.flatMap((destination) => {
        const hops = this.wanted(table, destination);
        return hops === null ? [] : [{ table, destination, hops }];
      }),
    );
  }

  /** What the table should hold for the destination, unless it covers, as the kernel prints it; null: nothing. */
  wanted(table: number, destination: string, view: ReadonlySet<string> = this.view): string | null {
    for (const { vni } of this.mappings.filter((mapping) => mapping.table === table)) {
      const key = `${vni} ${destination} `;
      if ([...this.own].some((text) => text.startsWith(key))) return null;
      const hops = [...view].filter((text) => text.startsWith(key)).map((text) => text.split(" ")[3] ?? "");
      const usable = new Set(hops.filter((hop) => hop.includes(":") && hop !== this.local));
      if (usable.size === 0) continue;
      const weighted = [...usable].map((hop) => (usable.size > 1 && /[cd]$/.test(hop) ? `${hop}*7` : hop));
      return weighted.sort().join(" ");
    }
    return null;
  }

  /** Runs until nothing is due, through deaths. */
  async settle(run: () => Promise<void> = () => this.rig.settle()): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      await this.restart();
    }
  }

  async restart(ecmp = this.#ecmp): Promise<void> {
    this.#ecmp = ecmp;
    this.killAfter = Number.POSITIVE_INFINITY;
    // A start without it fails.
    this.rig.kernel.setLink({ name: "tun" });
    this.rig.kernel.missNext = 0;
    await this.rig.restart({ mappings: this.mappings, preferredNetworks: PREFERRED, ecmp });
    this.untold = [...this.view];
    this.isReplay = true;
    for (const text of this.own) this.rig.announced(route(text));
  }

  tell(count: number): void {
    for (const text of this.untold.splice(0, count)) this.rig.added(route(text));
  }

  /** All is well from here on: everything is told, and everybody leaves the kernel alone. */
  async quiet(): Promise<void> {
    const { kernel } = this.rig;
    this.killAfter = Number.POSITIVE_INFINITY;
    kernel.refuse = () => null;
    kernel.isMuted = false;
    kernel.missNext = 0;
    kernel.cutAfter = Number.POSITIVE_INFINITY;
    kernel.isBusy = false;
    kernel.poll();
    if (!kernel.link?.isUp || kernel.link.name !== "tun") kernel.setLink({ isUp: true, name: "tun" });
    this.tell(this.untold.length);
    for (const vni of VNIS) this.rig.installer.complete(vni);
    this.rig.installer.reconcile();
    await this.rig.advance(5_000);
    this.rig.installer.reconcile();
    await this.rig.rest();
  }

  check(): void {
    const { kernel } = this.rig;
    expect(kernel.violations).toEqual([]);
    const isForeign = (table: number, destination: string) =>
      [...kernel.routes.values()].flat().some((found) => {
        const isDefault = found.priority === (found.destination.family === 6 ? 1024 : 0);
        const isThere = found.table === table && formatPrefix(found.destination) === destination;
        return isThere && isDefault && found.protocol !== PROTOCOL;
      });
    const found = new Set(kernel.ours());
    const [objects, groups] = [new Set<string>(), new Set<string>()];
    for (const { table, destination, hops } of this.#all()) {
      if (this.isCovering(table, destination)) continue;
      for (const hop of hops.split(" ")) objects.add(hop.replace("*7", ""));
      if (hops.includes(" ")) groups.add(hops);
      const line = `${table} ${destination} via ${hops}`;
      if (!found.delete(line) && !isForeign(table, destination)) expect([...kernel.ours()]).toContain(line);
    }
    this.#checkGroups();
    expect([...found]).toEqual([]);
    const nexthops = kernel.ourNexthops().filter(({ isOdd }) => !isOdd);
    const pinned = new Set([...kernel.routes.values()].flat().map(({ nexthopId }) => nexthopId));
    const isPinned = ({ id }: FoundNexthop) => pinned.has(id);
    const left = (all: FoundNexthop[], isNeeded: (text: string) => boolean) => {
      const texts = all.map((nexthop) => ({ nexthop, text: this.#text(nexthop) }));
      return texts
        .filter(({ nexthop, text }) => !isNeeded(text) && !isPinned(nexthop))
        .map(({ text }) => text);
    };
    const isInPinnedGroup = (text: string) =>
      nexthops.some(
        (nexthop) => nexthop.members !== null && isPinned(nexthop) && this.#text(nexthop).includes(text),
      );
    const all = nexthops.filter(({ members }) => members === null);
    expect(left(all, (text) => objects.has(text) || isInPinnedGroup(text))).toEqual([]);
    expect(
      left(
        nexthops.filter(({ members }) => members !== null),
        (text) => groups.has(text),
      ),
    ).toEqual([]);
  }

  /** Resilient groups are one for each route, plain ones one for each set. */
  #checkGroups(): void {
    const { kernel } = this.rig;
    const routes = [...kernel.routes.values()].flat();
    const named = new Set<string>();
    for (const { protocol, nexthopId } of routes) {
      const group = kernel.nexthops.get(nexthopId);
      if (protocol !== PROTOCOL || group?.members == null) continue;
      expect(group.isResilient).toBe(this.#ecmp === "resilient");
      if (this.#ecmp === "plain") named.add(`${nexthopId}`);
      else expect(routes.filter((other) => other.nexthopId === nexthopId)).toHaveLength(1);
    }
    const sets = new Set([...named].map((id) => this.#text(kernel.nexthops.get(Number(id)) as FoundNexthop)));
    expect(sets.size).toBe(named.size);
  }

  #text({ members, encapAddress }: FoundNexthop): string {
    if (members === null) return encapAddress === null ? "none" : formatAddress(encapAddress);
    const hops = members.map(({ id, weight }) => {
      const object = this.rig.kernel.nexthops.get(id);
      return `${object === undefined ? "none" : this.#text(object)}${weight === 1 ? "" : `*${weight}`}`;
    });
    return hops.sort().join(" ");
  }

  /** A destination that is wanted is not taken out. */
  #judge(operation: Operation): void {
    if (operation.type !== "delete-route") return;
    const { table, destination, priority } = operation;
    if (priority !== (destination.family === 6 ? 1024 : 0)) return;
    const text = formatPrefix(destination);
    if (this.isCovering(table, text)) return;
    const routes = [...this.rig.kernel.routes.values()].find(([first]) => {
      return (
        first?.table === table && first.priority === priority && formatPrefix(first.destination) === text
      );
    });
    // A foreign route beside ours makes a replace impossible.
    if (routes?.some(({ protocol }) => protocol !== PROTOCOL)) return;
    const told = new Set(this.view).difference(new Set(this.untold));
    const hops = this.wanted(table, text, this.isReplay ? this.view : told);
    if (hops !== null) this.rig.kernel.violations.push(`took out ${table} ${text} via ${hops}`);
  }
}

const text = fc
  .tuple(
    fc.constantFrom(...VNIS),
    fc.constantFrom(...DESTINATIONS),
    fc.constantFrom(...HOPS),
    fc.constantFrom("", " lb"),
  )
  .map(([vni, destination, hop, type]) => `${vni} ${destination} via ${hop}${type}`);
const nth = fc.nat({ max: 20 });

type Step = (machine: Machine) => void | Promise<void>;

function step<T>(
  weight: number,
  input: fc.Arbitrary<T>,
  run: (machine: Machine, input: T) => void | Promise<void>,
) {
  const arbitrary = input.map((value): { readonly run: Step; toString(): string } => {
    return { run: (machine) => run(machine, value), toString: () => `${run.name} ${JSON.stringify(value)}` };
  });
  return { weight, arbitrary };
}

const steps = fc.oneof(
  step(12, fc.array(text, { minLength: 1, maxLength: 4 }), function add({ view, untold, rig }, texts) {
    for (const added of texts) {
      if (view.has(added)) continue;
      view.add(added);
      if (!untold.includes(added)) rig.added(route(added));
    }
  }),
  step(8, nth, function remove(machine, n) {
    const removed = [...machine.view][n % Math.max(1, machine.view.size)];
    if (removed === undefined) return;
    machine.view.delete(removed);
    machine.isReplay = false;
    if (machine.untold.includes(removed))
      machine.untold = machine.untold.filter((other) => other !== removed);
    else machine.rig.removed(route(removed));
  }),
  step(2, text, function announce(machine, announced) {
    const { own, rig } = machine;
    machine.isReplay = false;
    if (own.has(announced)) own.delete(announced);
    else own.add(announced);
    if (own.has(announced)) rig.announced(route(announced));
    else rig.withdrawn(route(announced));
  }),
  step(6, fc.constantFrom(0, 0, 0, 300, 1_500, 4_000), function wait({ rig }, ms) {
    return ms === 0 ? rig.settle() : rig.advance(ms);
  }),
  step(4, nth, function tell(machine, n) {
    machine.tell(n);
  }),
  step(2, fc.constantFrom(...VNIS), function complete(machine, vni) {
    machine.tell(machine.untold.length);
    machine.rig.installer.complete(vni);
  }),
  step(2, fc.constant(0), function restart(machine) {
    return machine.restart();
  }),
  step(1, fc.constantFrom(...KERNEL_OPTIONS.ecmp.words), function restartWith(machine, ecmp) {
    return machine.restart(ecmp);
  }),
  step(3, fc.nat({ max: 6 }), function die(machine, operations) {
    machine.killAfter = operations;
  }),
  step(2, fc.constantFrom(...MAPPINGS), function map(machine, mappings) {
    machine.mappings = mappings;
    machine.isReplay = false;
    machine.rig.installer.setMappings(mappings);
  }),
  step(2, fc.constantFrom("", ...HOPS.slice(0, 3)), function setLocal(machine, local) {
    // What is local is learned by a scan only: until then the model would be ahead.
    machine.local = local;
    // It may have been the only hop of a destination that was told of so far: then that goes, whatever is still to be told.
    const isTold = (text: string) => !machine.untold.includes(text) && text.split(" ")[3] === local;
    if ([...machine.view].some(isTold)) machine.isReplay = false;
    machine.rig.kernel.locals = local === "" ? [] : [address(local)];
    machine.rig.installer.reconcile();
    return machine.rig.advance(1_500);
  }),
  step(2, nth, function deleteOurRoute({ rig }, n) {
    const ours = [...rig.kernel.routes.values()].flat().filter(({ protocol }) => protocol === PROTOCOL);
    rig.kernel.deleteRoute((found) => found === ours[n % Math.max(1, ours.length)]);
  }),
  step(2, nth, function deleteOurNexthop({ rig }, n) {
    const ours = rig.kernel.ourNexthops();
    rig.kernel.deleteNexthop(ours[n % Math.max(1, ours.length)]?.id ?? 0);
  }),
  step(2, fc.constant(0), function flushGroups({ rig }) {
    for (const { id, members } of rig.kernel.ourNexthops()) {
      if (members !== null) rig.kernel.deleteNexthop(id);
    }
  }),
  step(
    3,
    fc.tuple(nth, fc.constantFrom("foreign", "odd", "other hop", "other link")),
    function replaceNexthop({ rig: { kernel } }, [n, how]) {
      const objects = kernel.ourNexthops().filter(({ members }) => members === null);
      const found = objects[n % Math.max(1, objects.length)];
      if (found === undefined) return;
      if (how === "foreign") kernel.replaceNexthop({ ...found, protocol: 3 });
      else if (how === "odd") kernel.replaceNexthop({ ...found, isOdd: true });
      else if (how === "other link") kernel.replaceNexthop({ ...found, linkIndex: 99 });
      else kernel.replaceNexthop({ ...found, encapAddress: address(HOPS[n % 4] ?? "") });
    },
  ),
  step(1, fc.nat({ max: 4 }), function cutDumps({ rig }, count) {
    rig.kernel.cutAfter = count;
    rig.installer.reconcile();
  }),
  step(1, fc.constant(0), function endCuts({ rig }) {
    rig.kernel.cutAfter = Number.POSITIVE_INFINITY;
  }),
  step(
    3,
    fc.tuple(fc.constantFrom(...DESTINATIONS), fc.constantFrom("append", "replace"), nth),
    function addForeignRoute({ rig }, [destination, how, n]) {
      const { kernel } = rig;
      const key = prefix(destination);
      const id = kernel.ourNexthops()[n]?.id ?? 0;
      const priority = key.family === 6 ? 1024 : 0;
      const found = { ...FOREIGN, table: 100, destination: key, priority, nexthopId: id };
      // One foreign route for a destination, or a foreign replace would take a foreign one away.
      if (
        [...kernel.routes.values()]
          .flat()
          .some(({ destination: d, protocol }) => protocol === 3 && formatPrefix(d) === destination)
      )
        return;
      kernel.foreignRoute(found, how as "append" | "replace");
    },
  ),
  step(3, fc.constant(0), function deleteForeignRoute({ rig }) {
    rig.kernel.deleteRoute(({ protocol }) => protocol === 3);
  }),
  step(1, nth, function addForeignNexthop({ rig }, n) {
    const id = FIRST_ID + n;
    if (rig.kernel.nexthops.has(id)) return;
    rig.kernel.foreignNexthop({
      ...rig.kernel.ourNexthop(id, address("fd00::9"), 5),
      isOdd: n % 2 === 0,
      protocol: n % 2 === 0 ? PROTOCOL : 3,
    });
  }),
  step(1, nth, function addNexthopLikeOurs({ rig }, n) {
    const id = FIRST_ID + n;
    if (!rig.kernel.nexthops.has(id))
      rig.kernel.foreignNexthop(rig.kernel.ourNexthop(id, address(HOPS[n % 4] ?? ""), 5));
  }),
  step(2, fc.constantFrom(true, false), function setLinkUp({ rig }, isUp) {
    rig.kernel.setLink({ isUp });
  }),
  step(1, fc.constantFrom(5, 6, 7), function makeLinkAnew({ rig }, index) {
    rig.kernel.setLink(null);
    rig.kernel.setLink({ index });
  }),
  step(
    2,
    fc.record({
      type: fc.constantFrom(
        ...(["add-nexthop", "add-group", "add-resilient-group", "replace-resilient-group"] as const),
        ...(["add-route", "replace-route", "delete-route", "none"] as const),
      ),
    }),
    function refuse({ rig }, { type }) {
      rig.kernel.refuse = (operation) =>
        operation.type === type ? ["ENOMEM", "Cannot allocate memory"] : null;
    },
  ),
  step(2, fc.nat({ max: 4 }), function missRoutes({ rig }, count) {
    rig.kernel.missNext = count;
    rig.installer.reconcile();
  }),
  step(3, fc.boolean(), function setBusy({ rig }, isBusy) {
    rig.kernel.isBusy = isBusy;
    if (!isBusy) rig.kernel.poll();
  }),
  step(1, fc.constant(0), function rename({ rig }) {
    rig.kernel.setLink({ name: rig.kernel.link?.name === "tun" ? "old" : "tun" });
  }),
  step(1, fc.constant(0), function overrun({ rig }) {
    rig.kernel.notify({ type: "overrun" });
  }),
);

test("the kernel ends as wanted, and nothing is lost or touched on the way", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...KERNEL_OPTIONS.ecmp.words),
      fc.array(steps, { maxLength: 40 }),
      async (ecmp, script) => {
        const machine = new Machine(ecmp);
        await machine.rig.start();
        for (const { run } of script) {
          await machine.settle(async () => {
            await run(machine);
          });
          await machine.settle();
          expect(machine.rig.kernel.violations).toEqual([]);
        }
        await machine.quiet();
        machine.check();
      },
    ),
    { numRuns: Number(BUNBOND_RUNS ?? 100) },
  );
});
