/** The metrics about single peers, and their sums where single peers are not reported (`--metrics-per-peer off`). */
import { MESSAGE_KINDS, Traffic } from "../../transport/traffic.ts";
import type { FamiliesOf, Sample } from "./families.ts";

/** A server's client or a client's server: one, or all that have the same name. */
export interface PeerRow {
  readonly peer: string;
  readonly isUp: boolean;
  /** Null unless it is established. */
  readonly session: PeerSession | null;
  readonly traffic: Traffic;
}

export interface PeerSession {
  // Both in seconds since 1970.
  readonly establishedSeconds: number;
  readonly lastKeepaliveSeconds: number | null;
  readonly sendQueueBytes: number;
  readonly sendBlockedSeconds: number;
  readonly isSlow: boolean;
  readonly subscriptions: number;
}

/** A peer is slow if there was always something left to be sent for longer than this. */
export const SLOW_AFTER_MS = 10_000;

export type PeerMetric =
  | "bunbond_peer_up"
  | "bunbond_peer_established_timestamp_seconds"
  | "bunbond_peer_last_keepalive_timestamp_seconds"
  | "bunbond_peer_send_queue_bytes"
  | "bunbond_peer_send_blocked_seconds"
  | "bunbond_peer_slow"
  | "bunbond_messages_received_total"
  | "bunbond_messages_sent_total"
  | "bunbond_received_bytes_total"
  | "bunbond_sent_bytes_total";

/**
 * Returns the families about peers. `rows` is null if single peers are not reported: then what can be summed up is, from `total`, and
 * nothing else is reported.
 */
export function peerFamilies(
  rows: readonly PeerRow[] | null,
  direction: "inbound" | "outbound",
  total: Traffic,
): FamiliesOf<PeerMetric> {
  const carriers: readonly { readonly peer: string | null; readonly traffic: Traffic }[] = rows ?? [
    { peer: null, traffic: total },
  ];
  return {
    bunbond_peer_up: function* () {
      for (const { peer, isUp } of rows ?? []) yield { labels: { peer, direction }, value: isUp ? 1 : 0 };
    },
    bunbond_peer_established_timestamp_seconds: () =>
      ofSessions(rows, ({ establishedSeconds }) => establishedSeconds),
    bunbond_peer_last_keepalive_timestamp_seconds: () =>
      ofSessions(rows, ({ lastKeepaliveSeconds }) => lastKeepaliveSeconds),
    bunbond_peer_send_queue_bytes: () => ofSessions(rows, ({ sendQueueBytes }) => sendQueueBytes),
    bunbond_peer_send_blocked_seconds: () => ofSessions(rows, ({ sendBlockedSeconds }) => sendBlockedSeconds),
    bunbond_peer_slow: () => ofSessions(rows, ({ isSlow }) => (isSlow ? 1 : 0)),
    bunbond_messages_received_total: function* () {
      for (const { peer, traffic } of carriers) yield* messages(peer, traffic.received);
    },
    bunbond_messages_sent_total: function* () {
      for (const { peer, traffic } of carriers) yield* messages(peer, traffic.sent);
    },
    bunbond_received_bytes_total: function* () {
      for (const { peer, traffic } of carriers) yield { labels: { peer }, value: traffic.receivedBytes };
    },
    bunbond_sent_bytes_total: function* () {
      for (const { peer, traffic } of carriers) yield { labels: { peer }, value: traffic.sentBytes };
    },
  };
}

/** Samples of a value that only established peers have; null: this one does not. */
export function* ofSessions(
  rows: readonly PeerRow[] | null,
  valueIn: (session: PeerSession) => number | null,
) {
  for (const { peer, session } of rows ?? []) {
    const value = session === null ? null : valueIn(session);
    if (value !== null) yield { labels: { peer }, value };
  }
}

function* messages(
  peer: string | null,
  counts: Float64Array,
): Generator<Sample<"bunbond_messages_sent_total">, void> {
  for (const [kind, type] of MESSAGE_KINDS.entries()) {
    const value = counts[kind] as number;
    // Half of the kinds go in one direction only.
    if (value > 0) yield { labels: { peer, type }, value };
  }
}

/** Collects rows of which several may be of one name: those are one row. */
export class PeerRows {
  readonly #rows = new Map<string, PeerRow>();

  add(row: PeerRow): void {
    const before = this.#rows.get(row.peer);
    this.#rows.set(row.peer, before === undefined ? row : merged(before, row));
  }

  all(): readonly PeerRow[] {
    return [...this.#rows.values()];
  }
}

/** Sums what can be summed; of times the latest and of waits the longest counts. */
function merged(a: PeerRow, b: PeerRow): PeerRow {
  const traffic = new Traffic();
  traffic.add(a.traffic);
  traffic.add(b.traffic);
  const session =
    a.session === null || b.session === null ? (a.session ?? b.session) : mergedSession(a.session, b.session);
  return { peer: a.peer, isUp: a.isUp || b.isUp, session, traffic };
}

function mergedSession(a: PeerSession, b: PeerSession): PeerSession {
  return {
    establishedSeconds: Math.max(a.establishedSeconds, b.establishedSeconds),
    lastKeepaliveSeconds: Math.max(a.lastKeepaliveSeconds ?? 0, b.lastKeepaliveSeconds ?? 0),
    sendQueueBytes: a.sendQueueBytes + b.sendQueueBytes,
    sendBlockedSeconds: Math.max(a.sendBlockedSeconds, b.sendBlockedSeconds),
    isSlow: a.isSlow || b.isSlow,
    subscriptions: a.subscriptions + b.subscriptions,
  };
}
