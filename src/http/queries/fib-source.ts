/**
 * The rows of the FIB model as entries of JSON: the state of each destination in the kernel, and why it is not as it should be.
 *
 *     row of the model (kernel-row.ts) ─▶ state, reason ─▶ /v1/fib
 *                                              └─ and which VNI asks ─▶ the kernel's part of /v1/routes and /v1/explain
 *     differences from a fresh dump (comparison.ts) ─▶ /v1/fib/drift
 */
import type { SkipReason } from "../../kernel/desired/skip-reason.ts";
import type { KernelRoutes } from "../../kernel/kernel-routes.ts";
import type { Comparison, Difference } from "../../kernel/reconcile/comparison.ts";
import type { KernelRow } from "../../kernel/reconcile/kernel-row.ts";
import { formatAddress } from "../../net/address.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import { formatPrefix } from "../../net/prefix.ts";
import { type FibDrift, type FibEntry, type KernelRouteEntry, MAX_DRIFT } from "./api.ts";
import type { FibSource } from "./query-source.ts";

/** A client's kernel routes, as far as queries read them. */
export interface KernelReader
  extends Pick<KernelRoutes, "rowOf" | "rows" | "compare" | "tableOf" | "deviceProblems"> {
  /** Whether nothing is changed in the kernel: the model then has what would be there. */
  readonly isDryRun: boolean;
}

export function fibSource(kernel: KernelReader): FibSource {
  return {
    kernelRoute(vni, destination) {
      const row = kernel.rowOf(vni, destination);
      return row === null ? null : kernelRouteEntry(row, vni, kernel);
    },
    *entries({ table, vni, after }) {
      const wanted = tableAskedFor(kernel, table, vni);
      if (wanted === "none") return;
      for (const row of kernel.rows({ table: wanted, after })) yield fibEntry(row, kernel);
    },
    async drift({ table, vni }) {
      const wanted = tableAskedFor(kernel, table, vni);
      return fibDrift(await kernel.compare(MAX_DRIFT), wanted);
    },
  };
}

/** Returns the only table of the filter; null: all tables, "none": none can be. */
function tableAskedFor(
  kernel: KernelReader,
  table: number | null,
  vni: number | null,
): number | null | "none" {
  if (vni === null) return table;
  const ofVni = kernel.tableOf(vni);
  return ofVni === null || (table !== null && table !== ofVni) ? "none" : ofVni;
}

interface Judgement {
  readonly state: KernelRouteEntry["state"];
  readonly reason: string | null;
}

/** What of a client's kernel routes concerns all rows. */
type Circumstances = Pick<KernelReader, "isDryRun" | "deviceProblems">;

/** Says what is true of a row, whichever VNI asks. */
function judge(row: KernelRow, { isDryRun, deviceProblems }: Circumstances): Judgement {
  const { state, fault, isPending, isAwaited, deviceCauses, skipped } = row;
  if (isDryRun && state !== "none") return { state: "planned", reason: "--dry-run: nothing is changed" };
  if (state === "in-place") {
    // The kernel takes routes by a device that is not external, but packets vanish in it.
    const reason = fault?.message ?? (deviceProblems.length === 0 ? null : deviceProblems.join("; "));
    return { state: "installed", reason };
  }
  if (fault !== null) {
    const what = fault.code === "EEXIST" ? "a route of another program is in its place: " : "";
    return { state: "refused", reason: `${what}${fault.message}` };
  }
  if (isAwaited) {
    return {
      state: "kept",
      reason: "it stays until the servers have sent all routes, or the kernel is scanned",
    };
  }
  if (state === "none" && !isPending) return { state: "skipped", reason: skippedText(skipped) };
  if (deviceCauses.length > 0) return { state: "refused", reason: deviceCauses.join("; ") };
  return { state: "pending", reason: "a change of it waits for its turn" };
}

/** What the kernel has of a destination for one VNI, another of the table may win it. */
export function kernelRouteEntry(
  row: KernelRow,
  vni: number,
  circumstances: Circumstances,
): KernelRouteEntry {
  const { table, vnis, shadowed } = row;
  const winner = shadowed?.winner ?? null;
  if (winner !== null && vnis.indexOf(vni) > vnis.indexOf(winner)) {
    return { table, state: "shadowed", problem: `VNI ${winner} of table ${table} has the destination, too` };
  }
  const { state, reason } = judge(row, circumstances);
  return { table, state, problem: reason };
}

export function fibEntry(row: KernelRow, circumstances: Circumstances): FibEntry {
  const { table, vnis, destination, desired, observed } = row;
  return {
    table,
    vnis,
    destination: formatPrefix(destination),
    ...judge(row, circumstances),
    desired: desired.map(formatAddress),
    observed: observed === null ? null : (observed.nextHops ?? []).map(formatAddress),
    nexthopId: observed?.nexthopId ?? null,
  };
}

function fibDrift(
  { differences, count, compared, isWhole }: Comparison,
  table: number | null | "none",
): FibDrift {
  const shown = table === null ? differences : differences.filter((one) => one.table === table);
  // Where not all are named, it is not known how many of the others are in the table.
  return {
    entries: shown.map(driftEntry),
    count: table === null ? count : shown.length,
    compared,
    complete: isWhole && (table === null || count === differences.length),
  };
}

export function driftEntry(difference: Difference): FibEntry {
  const { kind, table, destination, desired, found, nexthopId, row } = difference;
  const texts = (addresses: readonly IpAddress[]) => addresses.map(formatAddress);
  return {
    table,
    vnis: row?.vnis ?? [],
    destination: formatPrefix(destination),
    state: kind,
    desired: texts(desired),
    observed: found && texts(found),
    nexthopId,
    reason: reasonOf(difference, destination),
  };
}

function reasonOf({ kind, inTheWay, row }: Difference, destination: Prefix): string {
  if (row === null)
    return "a route of ours with another metric or in a table that is not mapped is of no use";
  const known = judge(row, { isDryRun: false, deviceProblems: [] });
  if (known.state !== "installed" && known.state !== "pending" && known.reason !== null) return known.reason;
  if (inTheWay !== null) return `a route of another program is in its place: ${inTheWay}`;
  if (known.state === "pending" && known.reason !== null) return known.reason;
  const family = destination.family === 6 ? "-6 " : "";
  const what = kind === "missing" ? "removed" : "changed";
  return `another program has ${what} it without a notification: the next scan repairs it (ip ${family}monitor route shows when)`;
}

/** Why routes in view are not installed. */
const SKIPPED: Readonly<Record<SkipReason, string>> = {
  ownAnnouncement: "this client announces the destination itself",
  localHop: "the next hop is an address of this machine",
  ipv4Hop: "the next hop is an IPv4 address, and the tunnel is IPv6",
  unusableHop: "no tunnel can end at the next hop",
  excludedType: "--exclude-type excludes its type",
  nat: "--install-nat skip leaves NAT routes out",
  ipv6Destination: "--ipv4-only leaves IPv6 destinations out",
  tooManyHops: "the destination has more next hops than a group can have",
  coversUnderlay:
    "the host's own table would no longer reach a next hop or a server that the destination contains",
  loopbackDestination: "no tenant can have a loopback destination",
  multicastDestination: "no tenant can have a multicast destination",
  linkLocalDestination: "no tenant can have a link-local destination",
  broadcastDestination: "no tenant can have the broadcast address",
  unspecifiedDestination: "no tenant can have an unspecified destination",
  ipv4MappedDestination: "no tenant can have an IPv4-mapped destination",
};

function skippedText(skipped: ReadonlyMap<SkipReason, number>): string {
  return Array.from(skipped.keys(), (reason) => SKIPPED[reason]).join("; ");
}
