/** These functions format a daemon's answers for people: everything that the answers contain, and nothing else. */
import type {
  ClientStatus,
  Counters,
  DaemonFacts,
  KernelStatus,
  PeerList,
  ServerStatus,
} from "../../http/control/api.ts";
import type { Style } from "../program/style.ts";
import { cellText, pairs, table } from "../program/table.ts";

export function statusText(status: ClientStatus | ServerStatus, style: Style): string {
  const sections =
    status.program === "client" ? clientSections(status, style) : serverSections(status, style);
  return sections.join("\n");
}

export function peersText({ peers }: PeerList, style: Style): string {
  const heads = [
    "ID",
    "REMOTE",
    "STATE",
    "SINCE",
    "KEEPALIVE",
    "SERVER",
    "ANNOUNCED",
    "SKIPPED",
    "LIMITS MET",
    "SUBSCRIPTIONS",
    "VNIS",
  ];
  const rows = peers.map((peer) => [
    peer.id,
    peer.remote,
    peer.state,
    peer.since,
    peer.keepaliveSeconds,
    peer.isServer,
    peer.announcedRoutes,
    peer.skippedUpdates,
    peer.limitsMet.join(","),
    peer.subscriptionCount,
    peer.subscriptions.join(","),
  ]);
  return table(heads, rows, style);
}

function clientSections(status: ClientStatus, style: Style): string[] {
  const servers = status.servers.map((server) => [
    server.server,
    server.state,
    server.since,
    server.awaySince,
    server.sessions,
    server.staleRoutes,
    server.lastReason,
  ]);
  const vnis = status.vnis.map(({ vni, subscribed, routes, announcements }) => [
    vni,
    subscribed,
    routes,
    announcements,
  ]);
  return [
    pairs(
      [
        ...factRows(status),
        ["routes", `${status.routes}`],
        ["held of removed servers", `${status.removedServersRoutes}`],
        ["announcements", `${status.announcements}`],
      ],
      style,
    ),
    table(["SERVER", "STATE", "SINCE", "AWAY SINCE", "SESSIONS", "STALE", "LAST REASON"], servers, style),
    table(["VNI", "SUBSCRIBED", "ROUTES", "ANNOUNCEMENTS"], vnis, style),
    ...kernelSections(status.kernel, style),
    counterTable(status.counters, style),
  ];
}

function kernelSections(kernel: KernelStatus | null, style: Style): string[] {
  if (kernel === null) return [pairs([["kernel routes", cellText(null)]], style)];
  const tables = kernel.tables.map((entry) => [
    entry.table,
    entry.family,
    entry.vnis.join(","),
    entry.settled,
    entry.wanted,
    entry.installed,
    entry.pending,
    entry.collided,
    entry.failed,
    entry.shadowed,
    Object.entries(entry.skipped)
      .map(([reason, routes]) => `${reason} ${routes}`)
      .join(", "),
  ]);
  const faults = kernel.faults.map(({ table, destination, attempts, code, message }) => [
    table,
    destination,
    attempts,
    code,
    message,
  ]);
  return [
    pairs(
      [
        ["kernel routes", `by ${kernel.device}, which is ${kernel.deviceState}`],
        ...kernel.deviceProblems.map((problem): [string, string] => ["NOT RIGHT", problem]),
        ...(kernel.ecmpProblem === null ? [] : [["NOT RIGHT", kernel.ecmpProblem] as const]),
        ["dry run", cellText(kernel.dryRun)],
        ["route protocol", `${kernel.routeProtocol}`],
        ["nexthops", `${kernel.nexthops}`],
        ["groups", `${kernel.groups}, ${kernel.resilientGroups} resilient`],
        ["ECMP", kernel.ecmp],
        ["drift", `${kernel.drift}`],
        ["last reconcile", cellText(kernel.lastReconcile)],
      ],
      style,
    ),
    table(KERNEL_HEADS, tables, style),
    ...(faults.length === 0
      ? []
      : [table(["TABLE", "NOT RIGHT", "ATTEMPTS", "CODE", "MESSAGE"], faults, style)]),
  ];
}

const KERNEL_HEADS = [
  "TABLE",
  "FAMILY",
  "VNIS",
  "SETTLED",
  "WANTED",
  "INSTALLED",
  "PENDING",
  "COLLIDED",
  "FAILED",
  "SHADOWED",
  "SKIPPED",
];

function serverSections(status: ServerStatus, style: Style): string[] {
  const vnis = status.vnis.map(({ vni, routes, subscribers }) => [vni, routes, subscribers]);
  const otherVnis = status.vniCount - vnis.length;
  return [
    pairs(
      [
        ...factRows(status),
        ["listening", status.listen],
        ["settled", cellText(status.settled)],
        ["peers", `${status.peers}, ${status.establishedPeers} established`],
        ["routes", `${status.routes}`],
        ["retained", `${status.retainedAnnouncements} announcements of lost peers`],
        [
          "VNIs",
          otherVnis === 0 ? `${status.vniCount}` : `${status.vniCount}, of which ${vnis.length} are shown`,
        ],
      ],
      style,
    ),
    table(["VNI", "ROUTES", "SUBSCRIBERS"], vnis, style),
    counterTable(status.counters, style),
  ];
}

function factRows(facts: DaemonFacts): [name: string, value: string][] {
  const { program, version, commit, bun, pid, state, startedAt, uptimeSeconds } = facts;
  return [
    ["program", `${program} ${version} (commit ${commit}, bun ${bun}), pid ${pid}`],
    ["state", state],
    ["started", `${startedAt}, ${uptimeSeconds} s ago`],
  ];
}

function counterTable(counters: Counters, style: Style): string {
  return table(["COUNTER", "VALUE"], Object.entries(counters), style);
}
