/** What people are shown of a daemon's answers: everything that is in them, and nothing else. */
import type {
  ClientStatus,
  ClientVni,
  Counters,
  DaemonFacts,
  DisagreementSummary,
  GonePeerEntry,
  GonePeerList,
  KernelStatus,
  KernelTable,
  PeerDetail,
  PeerEntry,
  PeerList,
  ReportedFault,
  ServerEntry,
  ServerStatus,
  ServerVni,
} from "../../http/control/api.ts";
import { type Section, tableOf, type View } from "../program/output-format.ts";
import { type Column, type PairRow, phrase } from "../program/table.ts";

export const STATUS_VIEW: View<ClientStatus | ServerStatus> = {
  sections: (status) => (status.program === "client" ? clientSections(status) : serverSections(status)),
};

const PEER_COLUMNS: readonly Column<PeerEntry>[] = [
  { head: "ID", value: (peer) => peer.id },
  { head: "REMOTE", value: (peer) => peer.remote },
  { head: "STATE", value: (peer) => peer.state },
  { head: "SINCE", value: (peer) => peer.since, isTime: true, dropOrder: 1 },
  { head: "KEEPALIVE", value: (peer) => peer.keepaliveSeconds, dropOrder: 4 },
  { head: "SERVER", value: (peer) => peer.isServer, dropOrder: 5 },
  { head: "ANNOUNCED", value: (peer) => peer.announcedRoutes },
  { head: "SKIPPED", value: (peer) => peer.skippedUpdates, dropOrder: 3 },
  { head: "LIMITS MET", value: (peer) => peer.limitsMet, dropOrder: 2 },
  { head: "SUBSCRIPTIONS", value: (peer) => peer.subscriptionCount },
  { head: "BEHIND SINCE", value: (peer) => peer.behindSince, isTime: true, dropOrder: 7 },
  { head: "BLOCKED SINCE", value: (peer) => peer.blockedSince, isTime: true, dropOrder: 8 },
  { head: "VNIS", value: (peer) => peer.subscriptions, dropOrder: 6 },
  { head: "LAST HEARD", value: (peer) => peer.lastHeard, isTime: true, isWideOnly: true },
  { head: "ROUND TRIP MS", value: (peer) => peer.roundTripMs, isWideOnly: true },
  { head: "UPDATES IN", value: (peer) => peer.updatesReceived, isWideOnly: true },
  { head: "UPDATES OUT", value: (peer) => peer.updatesSent, isWideOnly: true },
  { head: "BYTES IN", value: (peer) => peer.receivedBytes, isWideOnly: true },
  { head: "BYTES OUT", value: (peer) => peer.sentBytes, isWideOnly: true },
  { head: "QUEUED BYTES", value: (peer) => peer.sendQueueBytes, isWideOnly: true },
];

const GONE_COLUMNS: readonly Column<GonePeerEntry>[] = [
  { head: "ID", value: (peer) => peer.id },
  { head: "REMOTE", value: (peer) => peer.remote },
  { head: "GONE", value: (peer) => peer.goneSince, isTime: true },
  { head: "WAS THERE SINCE", value: (peer) => peer.since, isTime: true, dropOrder: 1 },
  { head: "ROUTES", value: (peer) => peer.announcedRoutes },
  { head: "REASON", value: (peer) => peer.goneReason },
];

export const GONE_VIEW: View<GonePeerList> = {
  sections: ({ peers }) => [tableOf(GONE_COLUMNS, peers)],
  rows: ({ peers }) => peers,
};

export const PEER_VIEW: View<PeerDetail> = {
  sections: (peer) => [
    {
      pairs: [
        { name: "peer", value: phrase`${peer.id}, ${peer.remote}` },
        { name: "state", value: peer.state },
        { name: "since", value: peer.since, isTime: true },
        { name: "gone since", value: peer.goneSince, isTime: true },
        { name: "gone because", value: peer.goneReason },
        { name: "is a server", value: peer.isServer },
        { name: "last heard", value: peer.lastHeard, isTime: true },
        { name: "keepalive", value: phrase`${peer.keepaliveSeconds} s` },
        { name: "round trip", value: phrase`${peer.roundTripMs} ms` },
        { name: "announced routes", value: peer.announcedRoutes },
        { name: "retained routes", value: peer.retainedRoutes },
        { name: "skipped updates", value: peer.skippedUpdates },
        { name: "limits met", value: peer.limitsMet },
        { name: "subscriptions", value: phrase`${peer.subscriptionCount}: ${peer.subscriptions}` },
        { name: "routes still to be sent", value: peer.backlogRoutes },
        { name: "behind since", value: peer.behindSince, isTime: true },
        { name: "blocked since", value: peer.blockedSince, isTime: true },
        { name: "queued bytes", value: peer.sendQueueBytes },
        { name: "updates", value: phrase`${peer.updatesReceived} received, ${peer.updatesSent} sent` },
        { name: "bytes", value: phrase`${peer.receivedBytes} received, ${peer.sentBytes} sent` },
      ],
    },
  ],
};

export const PEERS_VIEW: View<PeerList> = {
  sections: ({ peers }) => [tableOf(PEER_COLUMNS, peers)],
  rows: ({ peers }) => peers,
};

const SERVER_COLUMNS: readonly Column<ServerEntry>[] = [
  { head: "SERVER", value: (entry) => entry.server },
  { head: "STATE", value: (entry) => entry.state },
  { head: "SINCE", value: (entry) => entry.since, isTime: true },
  { head: "AWAY SINCE", value: (entry) => entry.awaySince, isTime: true, dropOrder: 1 },
  { head: "SESSIONS", value: (entry) => entry.sessions, dropOrder: 2 },
  { head: "STALE", value: (entry) => entry.staleRoutes },
  { head: "LAST REASON", value: (entry) => entry.lastReason },
];

const CLIENT_VNI_COLUMNS: readonly Column<ClientVni>[] = [
  { head: "VNI", value: ({ vni }) => vni },
  { head: "SUBSCRIBED", value: ({ subscribed }) => subscribed },
  { head: "ROUTES", value: ({ routes }) => routes },
  { head: "ANNOUNCEMENTS", value: ({ announcements }) => announcements },
];

/** A server that was compared in a VNI. */
interface DisagreeingServer extends Omit<DisagreementSummary, "servers"> {
  readonly server: string;
  readonly lacks: number;
}

const DISAGREEMENT_COLUMNS: readonly Column<DisagreeingServer>[] = [
  { head: "SERVERS DISAGREE ABOUT VNI", value: ({ vni }) => vni },
  { head: "ROUTES", value: ({ routes }) => routes },
  { head: "OR MORE", value: ({ atLeast }) => atLeast, dropOrder: 1 },
  { head: "SERVER", value: ({ server }) => server },
  { head: "LACKS", value: ({ lacks }) => lacks },
];

function disagreementSections(disagreements: readonly DisagreementSummary[]): Section[] {
  if (disagreements.length === 0) return [];
  const rows = disagreements.flatMap(({ servers, ...facts }) =>
    servers.map((server) => ({ ...facts, ...server })),
  );
  return [tableOf(DISAGREEMENT_COLUMNS, rows)];
}

const SERVER_VNI_COLUMNS: readonly Column<ServerVni>[] = [
  { head: "VNI", value: ({ vni }) => vni },
  { head: "ROUTES", value: ({ routes }) => routes },
  { head: "SUBSCRIBERS", value: ({ subscribers }) => subscribers },
  { head: "DIGEST", value: ({ digest }) => digest, isWideOnly: true },
];

const KERNEL_COLUMNS: readonly Column<KernelTable>[] = [
  { head: "TABLE", value: ({ table }) => table },
  { head: "FAMILY", value: ({ family }) => family },
  { head: "VNIS", value: ({ vnis }) => vnis, dropOrder: 4 },
  { head: "SETTLED", value: ({ settled }) => settled, dropOrder: 3 },
  { head: "WANTED", value: ({ wanted }) => wanted },
  { head: "INSTALLED", value: ({ installed }) => installed },
  { head: "PENDING", value: ({ pending }) => pending, dropOrder: 2 },
  { head: "COLLIDED", value: ({ collided }) => collided },
  { head: "FAILED", value: ({ failed }) => failed },
  { head: "SHADOWED", value: ({ shadowed }) => shadowed, dropOrder: 5 },
  {
    head: "SKIPPED",
    value: ({ skipped }) => Object.entries(skipped).map(([reason, routes]) => `${reason} ${routes}`),
    dropOrder: 1,
  },
];

const FAULT_COLUMNS: readonly Column<ReportedFault>[] = [
  { head: "TABLE", value: ({ table }) => table },
  { head: "NOT RIGHT", value: ({ destination }) => destination },
  { head: "ATTEMPTS", value: ({ attempts }) => attempts, dropOrder: 1 },
  { head: "CODE", value: ({ code }) => code },
  { head: "MESSAGE", value: ({ message }) => message },
];

const COUNTER_COLUMNS: readonly Column<readonly [name: string, value: number]>[] = [
  { head: "COUNTER", value: ([name]) => name },
  { head: "VALUE", value: ([, value]) => value },
];

function clientSections(status: ClientStatus): Section[] {
  return [
    {
      pairs: [
        ...factRows(status),
        { name: "routes", value: status.routes },
        { name: "held of removed servers", value: status.removedServersRoutes },
        { name: "announcements", value: status.announcements },
      ],
    },
    tableOf(SERVER_COLUMNS, status.servers),
    ...disagreementSections(status.disagreements),
    tableOf(CLIENT_VNI_COLUMNS, status.vnis),
    ...kernelSections(status.kernel),
    counterTable(status.counters),
  ];
}

function kernelSections(kernel: KernelStatus | null): Section[] {
  if (kernel === null) return [{ pairs: [{ name: "kernel routes", value: null }] }];
  const problems = [...kernel.deviceProblems, ...(kernel.ecmpProblem === null ? [] : [kernel.ecmpProblem])];
  return [
    {
      pairs: [
        { name: "kernel routes", value: phrase`by ${kernel.device}, which is ${kernel.deviceState}` },
        ...problems.map((value): PairRow => ({ name: "NOT RIGHT", value })),
        { name: "dry run", value: kernel.dryRun },
        { name: "route protocol", value: kernel.routeProtocol },
        { name: "nexthops", value: kernel.nexthops },
        { name: "groups", value: phrase`${kernel.groups}, ${kernel.resilientGroups} resilient` },
        { name: "ECMP", value: kernel.ecmp },
        { name: "drift", value: kernel.drift },
        { name: "last reconcile", value: kernel.lastReconcile, isTime: true },
      ],
    },
    tableOf(KERNEL_COLUMNS, kernel.tables),
    ...(kernel.faults.length === 0 ? [] : [tableOf(FAULT_COLUMNS, kernel.faults)]),
  ];
}

function serverSections(status: ServerStatus): Section[] {
  const { vnis, vniCount } = status;
  return [
    {
      pairs: [
        ...factRows(status),
        { name: "listening", value: status.listen },
        { name: "settled", value: status.settled },
        { name: "peers", value: phrase`${status.peers}, ${status.establishedPeers} established` },
        { name: "routes", value: status.routes },
        { name: "retained", value: phrase`${status.retainedAnnouncements} announcements of lost peers` },
        {
          name: "VNIs",
          value: vniCount === vnis.length ? vniCount : phrase`${vniCount}, of which ${vnis.length} are shown`,
        },
      ],
    },
    tableOf(SERVER_VNI_COLUMNS, vnis),
    counterTable(status.counters),
  ];
}

function factRows(facts: DaemonFacts): PairRow[] {
  const { program, version, commit, bun, pid, state, startedAt, uptimeSeconds } = facts;
  return [
    { name: "program", value: phrase`${program} ${version} (commit ${commit}, bun ${bun}), pid ${pid}` },
    { name: "state", value: state },
    { name: "started", value: startedAt, isTime: true },
    { name: "uptime", value: phrase`${uptimeSeconds} s` },
  ];
}

function counterTable(counters: Counters): Section {
  return tableOf(COUNTER_COLUMNS, Object.entries(counters));
}
