/** The metrics that a server and a client have in common, and that need nothing of either. */
import type { CountsByVni, FamilyCounts } from "../../route/table/route-table.ts";
import { NextHopType } from "../../wire/protocol.ts";
import type { Daemon } from "../control/daemon.ts";
import { byLabel, type FamiliesOf, plain, type Sample } from "./families.ts";
import { readProcessFigures } from "./process-figures.ts";

/** Beyond this many VNIs the routes of the others are summed up. */
export const SHOWN_VNIS = 1000;
/** The value of the label for the others. */
const OTHER_VNIS = "other";

export type CommonMetric =
  | "bunbond_build_info"
  | "bunbond_ready"
  | "bunbond_config_last_reload_successful"
  | "bunbond_event_loop_lag_seconds"
  | "bunbond_http_refusals_total"
  | "process_cpu_seconds_total"
  | "process_resident_memory_bytes"
  | "process_virtual_memory_bytes"
  | "process_open_fds"
  | "process_max_fds"
  | "process_start_time_seconds";

export function commonFamilies(daemon: Daemon, isReady: boolean): FamiliesOf<CommonMetric> {
  const { version, commit, bun } = daemon.version;
  const ofProcess = readProcessFigures();
  return {
    bunbond_build_info: () => [{ labels: { version, commit, bun }, value: 1 }],
    bunbond_ready: () => plain(isReady ? 1 : 0),
    bunbond_config_last_reload_successful: () => plain(daemon.isConfigurationCurrent() ? 1 : 0),
    bunbond_event_loop_lag_seconds: () => plain(daemon.lag.maxSeconds),
    bunbond_http_refusals_total: () => byLabel("reason", daemon.http.refusals),
    process_cpu_seconds_total: () => plain(ofProcess.cpuSeconds),
    process_resident_memory_bytes: () => plain(ofProcess.residentBytes),
    process_virtual_memory_bytes: () => plain(ofProcess.virtualBytes),
    process_open_fds: () => plain(ofProcess.openFds),
    process_max_fds: () => plain(ofProcess.maxFds),
    process_start_time_seconds: () => plain(ofProcess.startSeconds),
  };
}

export function* routeSamples({ vnis, others }: CountsByVni): Generator<Sample<"bunbond_routes">, void> {
  for (const counts of vnis) yield* ofVni(String(counts.vni), counts);
  if (others.ipv4 + others.ipv6 > 0) yield* ofVni(OTHER_VNIS, others);
}

export function digestSamples({ vnis }: CountsByVni): Sample<"bunbond_vni_digest">[] {
  return vnis.map(({ vni, digest }) => ({ labels: { vni: String(vni) }, value: digest }));
}

function* ofVni(vni: string, { ipv4, ipv6 }: FamilyCounts): Generator<Sample<"bunbond_routes">, void> {
  yield { labels: { vni, family: "ipv4" }, value: ipv4 };
  yield { labels: { vni, family: "ipv6" }, value: ipv6 };
}

const NEXT_HOP_TYPES = [
  ["standard", NextHopType.STANDARD],
  ["nat", NextHopType.NAT],
  ["loadbalancer-target", NextHopType.LOADBALANCER_TARGET],
] as const;

export function nextHopSamples(byType: readonly number[]): Sample<"bunbond_nexthops">[] {
  return NEXT_HOP_TYPES.map(([type, number]) => ({ labels: { type }, value: byType[number] ?? 0 }));
}
