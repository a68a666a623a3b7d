/**
 * Cases of plan.ts as text: what the kernel has and what is desired, in the words of iproute2, and the plans that follow.
 *
 *     # a second hop makes a group, and the route moves to it        the case's name
 *     ecmp resilient                                                 a setting, see SETTINGS
 *     map 100 200                                                    VNI 100 → table 200; default: 100 → 100
 *     incomplete 100                                                 the servers have not sent all routes of the VNI
 *     local 2001:db8::1                                              the machine has that address
 *     free-ids 1                                                     how many ids of our block are free
 *     unscanned 1                                                    the last scan's dump of routes ends after so many
 *     scans 3                                                        how often the kernel is scanned; default: once
 *     nexthop #1 encap 2001:db8::1                                   an object: #n is the nth id of our block; "dev 9"
 *     nexthop #3 group #1/#2,100                                     a group, the second member with a weight; "resilient"
 *     route 10.0.1.0/24 table 100 nhid #3                            a route; "proto 3", "metric 9", "dev 4" as they are
 *     view 100 10.0.1.0/24 via 2001:db8::1 2001:db8::2               received routes
 *     gone 100 10.0.1.0/24 via 2001:db8::2                           withdrawn ones
 *     own 100 10.0.1.0/24 via 2001:db8::f                            an announcement of this machine
 *     1> ip route change 10.0.1.0/24 table 100 nhid #3 proto 254     the first plan
 *     2> ip nexthop del id #1                                        the second one, and so on until nothing is left
 *     stuck> 10.0.2.0/24 ENOSPC                                      nothing can be done for the row
 *     pinned> #2                                                     something foreign names the nexthop
 */
import type { DesiredSettings } from "../../../src/kernel/desired/settings.ts";
import { Fib } from "../../../src/kernel/fib/fib.ts";
import { defaultPriority } from "../../../src/kernel/fib/ownership.ts";
import { formatOperation } from "../../../src/kernel/format-operation.ts";
import type { FoundNexthop, FoundRoute, GroupMember } from "../../../src/kernel/kernel.ts";
import { takeDueRows } from "../../../src/kernel/objects/due-rows.ts";
import type { PlanReport } from "../../../src/kernel/objects/object-kind.ts";
import { ObjectKinds } from "../../../src/kernel/objects/object-kinds.ts";
import { planRows } from "../../../src/kernel/objects/plan.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import { DestinationViews } from "../models/destination-views.ts";
import { FakeClock } from "../network/fake-clock.ts";
import { FIRST_ID, PROTOCOL, prefix, route } from "./installer-under-test.ts";
import { address, MemoryKernel } from "./memory-kernel.ts";

const DEVICE_INDEX = 5;
const IDS = 2 ** 20;
/** More than any case has: a plan that does not end is a fault. */
const MAX_PLANS = 10;
const LIMIT = 1_000;

const SETTINGS: Readonly<Record<string, Partial<DesiredSettings>>> = {
  "ecmp resilient": { ecmp: "resilient" },
  "ipv4-only": { ipv4Only: true },
  "nat skip": { nat: "skip" },
  "prefer 2001:db8::2": { preferredNetworks: [{ prefix: prefix("2001:db8::2/128"), weight: 100 }] },
};

export interface PlanCase {
  readonly name: string;
  readonly given: readonly string[];
  /** Lines that begin as "1> ", "stuck> " or "pinned> ". */
  readonly plans: readonly string[];
}

export function parsePlanCases(text: string): PlanCase[] {
  return text
    .trim()
    .split("\n\n")
    .map((block) => {
      const [title = "", ...lines] = block.split("\n");
      const isResult = (line: string) => /^\w+> /.test(line);
      const given = lines.filter((line) => !isResult(line));
      return { name: title.replace("# ", ""), given, plans: lines.filter(isResult) };
    });
}

export function formatPlanCases(cases: readonly PlanCase[]): string {
  return `${cases.map(({ name, given, plans }) => [`# ${name}`, ...given, ...plans].join("\n")).join("\n\n")}\n`;
}

/** Plans and applies until nothing is left to do, and returns the case's lines of plans. */
export async function playPlanCase(given: readonly string[]): Promise<string[]> {
  const of = (key: string) =>
    given.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const settings = Object.assign({}, DEFAULTS, ...given.map((line) => SETTINGS[line] ?? {}));
  const fib = new Fib(PROTOCOL, settings, () => {});
  const maps = of("map").map((text) => text.split(" ").map(Number));
  const mappings = maps.map(([vni = 0, table = 0]) => ({ vni, table }));
  fib.setMappings(mappings.length > 0 ? mappings : [{ vni: 100, table: 100 }]);
  fib.setLocalAddresses(of("local").map(address));

  const view = new DestinationViews();
  fib.follow(view);
  const kinds = new ObjectKinds(fib, { unneededForMs: 0 });
  const clock = new FakeClock();
  const kernel = new MemoryKernel(PROTOCOL, clock);
  for (const text of of("nexthop")) kernel.foreignNexthop(nexthopOf(text));
  for (const text of of("route")) kernel.foreignRoute(routeOf(text));
  const [cutAfter] = of("unscanned").map(Number);
  const [scans = 1] = of("scans").map(Number);
  for (let scan = 0; scan < scans; scan++) {
    if (cutAfter !== undefined && scan === scans - 1) kernel.cutAfter = cutAfter;
    let isDone = false;
    void kinds.scan(kernel, DEVICE_INDEX, clock).then(() => {
      isDone = true;
    });
    while (!isDone) {
      clock.settle();
      await Promise.resolve();
    }
  }
  const [free = IDS] = of("free-ids").map(Number);
  for (let id = FIRST_ID + free; id < FIRST_ID + IDS; id++) {
    if (fib.nexthops.get(id) === undefined) fib.nexthops.setForeign(id, true);
  }
  for (const received of of("view").flatMap(routesOf)) {
    view.add(received);
    fib.added(received);
  }
  for (const withdrawn of of("gone").flatMap(routesOf)) {
    view.remove(withdrawn);
    fib.removed(withdrawn);
  }
  for (const announced of of("own").flatMap(routesOf)) {
    view.announce(announced);
    fib.announcementChanged(announced);
  }
  const incomplete = of("incomplete").map(Number);
  for (const vni of mappings.length > 0 ? mappings.map(({ vni: mapped }) => mapped) : [100]) {
    if (!incomplete.includes(vni)) fib.complete(vni);
  }
  return planAll(fib, kinds, kernel);
}

function planAll(fib: Fib, kinds: ObjectKinds, kernel: MemoryKernel): string[] {
  const lines: string[] = [];
  const notes: string[] = [];
  const report: PlanReport = {
    stuck: (_, destination, { code }) => notes.push(`stuck> ${formatPrefix(destination)} ${code}`),
    pinned: (id) => notes.push(`pinned> ${named(`${id}`)}`),
  };
  for (let plan = 1; plan <= MAX_PLANS; ) {
    while (fib.changes.hasWalks) fib.changes.walk(LIMIT);
    checkPurity(fib);
    const next = kinds.plan(LIMIT, 0, report);
    if (next === null) return [...lines, ...notes];
    const { steps } = next;
    if (steps.length === 0) continue;
    const operations = steps.map(({ operation }) => operation);
    lines.push(
      ...operations.map((operation) => `${plan}> ${named(formatOperation(operation, PROTOCOL, "tun"))}`),
    );
    kinds.results(steps, kernel.apply(operations, DEVICE_INDEX), 0);
    plan++;
  }
  return [...lines, ...notes, "… and so on"];
}

/** Planning reads the model only. The rows are due afterwards as before. */
function checkPurity(fib: Fib): void {
  const { rows } = takeDueRows(fib, LIMIT);
  if (!Bun.deepEquals(planRows(fib, rows), planRows(fib, rows))) {
    throw new Error("planning has changed the model");
  }
  for (const row of rows) fib.changes.mark(row);
}

const DEFAULTS: DesiredSettings = {
  excludedTypes: [],
  nat: "plain",
  ipv4Only: false,
  preferredNetworks: [],
  ecmp: "plain",
};

/** With ids of our block as #n. */
function named(text: string): string {
  return text.replace(/\d{8,}/g, (id) => `#${Number(id) - FIRST_ID}`);
}

function idOf(text: string): number {
  return text.startsWith("#") ? FIRST_ID + Number(text.slice(1)) : Number(text);
}

function nexthopOf(text: string): FoundNexthop {
  const words = text.split(" ");
  const [id = "", kind, value = ""] = words;
  const common = {
    id: idOf(id),
    protocol: numberAfter(words, "proto", PROTOCOL),
    isOdd: words.includes("odd"),
  };
  if (kind === "encap") {
    const linkIndex = numberAfter(words, "dev", DEVICE_INDEX);
    return { ...common, members: null, isResilient: false, linkIndex, encapAddress: address(value) };
  }
  const members = value.split("/").map((member): GroupMember => {
    const [memberId = "", weight = "1"] = member.split(",");
    return { id: idOf(memberId), weight: Number(weight) };
  });
  return { ...common, members, isResilient: words.includes("resilient"), linkIndex: 0, encapAddress: null };
}

function routeOf(text: string): FoundRoute {
  const words = text.split(" ");
  const destination = prefix(words[0] ?? "");
  const nhid = words.indexOf("nhid");
  return {
    table: numberAfter(words, "table", 100),
    destination,
    protocol: numberAfter(words, "proto", PROTOCOL),
    priority: numberAfter(words, "metric", defaultPriority(destination.family)),
    tos: numberAfter(words, "tos", 0),
    type: 1,
    nexthopId: nhid < 0 ? 0 : idOf(words[nhid + 1] ?? ""),
    linkIndex: numberAfter(words, "dev", 0),
  };
}

/** "100 10.0.1.0/24 via 2001:db8::1 2001:db8::2 nat": one route for each hop. */
function routesOf(text: string) {
  const [vni, destination, , ...hops] = text.split(" ");
  const [type = "standard"] = hops.filter((hop) => !hop.includes(":"));
  return hops
    .filter((hop) => hop.includes(":"))
    .map((hop) => route(`${vni} ${destination} via ${hop} ${type}`));
}

function numberAfter(words: readonly string[], key: string, fallback: number): number {
  const at = words.indexOf(key);
  return at < 0 ? fallback : Number(words[at + 1]);
}
