/**
 * The attacks, as data: what each does, at which sizes, and what an innocent peer and the server's memory may suffer.
 *
 * `seen` is the size at which a version of this program failed; `short` is for CI. All are run at `seen` and at twice that by
 * `bun test/attack/run.ts --long`.
 */

import * as connections from "./attackers/connections.ts";
import * as crowds from "./attackers/crowds.ts";
import * as floods from "./attackers/floods.ts";
import * as hops from "./attackers/hops.ts";
import * as http from "./attackers/http.ts";
import * as readers from "./attackers/readers.ts";
import * as tables from "./attackers/tables.ts";
import type { Target } from "./attacking-peer.ts";

export interface Attack {
  /** Before the attack. */
  readonly prepare?: (target: Target, size: number) => Promise<void>;
  readonly attack: (target: Target, size: number, seconds: number) => Promise<void>;
  /** What `size` counts. */
  readonly unit: string;
  readonly short: number;
  readonly seen: number;
  /** Bounds other than the usual ones. */
  readonly bounds?: Partial<Bounds>;
  /** Flags of the server beyond those that all have. */
  readonly flags?: readonly string[];
  /** The server's limit of open files. */
  readonly openFiles?: number;
  /** Documents are read, patiently, before the attack and beside it. */
  readonly readsDocuments?: boolean;
}

export interface Bounds {
  /** Longest time that an innocent peer waits for the answer to its KEEPALIVE, for an update, or for an End-of-RIB. */
  readonly delayMs: number;
  /** Longest time until an innocent newcomer is established. */
  readonly newcomerMs: number;
  /** Longest time from an announcer's FIN until its route is withdrawn. */
  readonly departureMs: number;
  /** Of the server's resident memory, at its peak. */
  readonly peakMiB: number;
  /** Of it, what was not there before the attack. */
  readonly growthMiB: number;
  /** How many times its usual time a patient reader waits for a document. */
  readonly documentFactor: number;
}

export const USUAL_BOUNDS: Bounds = {
  delayMs: 250,
  newcomerMs: 2_000,
  departureMs: 1_000,
  peakMiB: 512,
  growthMiB: 2_048,
  documentFactor: 3,
};

const RAISED = ["--max-hops", "1000000", "--max-routes", "16777216"];

/** Of a million routes, but for CI. */
const DOCUMENTS = {
  prepare: http.prepareDocuments,
  unit: "readers",
  short: 6,
  seen: 200,
  readsDocuments: true,
  bounds: { delayMs: 50, growthMiB: 100 },
} as const;

export const ATTACKS: Readonly<Record<string, Attack>> = {
  "hops-subscribed": { attack: hops.subscribed, unit: "hops", short: 10_000, seen: 150_000, flags: RAISED },
  "hops-opposite-order": {
    attack: hops.oppositeOrder,
    unit: "hops",
    short: 10_000,
    seen: 100_000,
    flags: RAISED,
  },
  "hops-tombstones": { attack: hops.tombstones, unit: "hops", short: 4_000, seen: 50_000, flags: RAISED },
  announcers: { attack: hops.announcers, unit: "peers", short: 200, seen: 1_500 },
  "flood-keepalives": { attack: floods.flood("keepalives"), unit: "peers", short: 100, seen: 1_000 },
  "flood-keepalives-unread": {
    attack: floods.flood("keepalives", false),
    unit: "peers",
    short: 100,
    seen: 500,
  },
  "flood-hellos": { attack: floods.flood("hellos"), unit: "peers", short: 100, seen: 300 },
  "flood-updates": { attack: floods.flood("updates"), unit: "peers", short: 100, seen: 300 },
  "flood-updates-of-one": { attack: floods.flood("shared"), unit: "peers", short: 100, seen: 900 },
  "flood-skipped": { attack: floods.flood("skipped"), unit: "peers", short: 100, seen: 900 },
  "flood-groups": { attack: floods.flood("groups"), unit: "peers", short: 100, seen: 900 },
  "flood-subscriptions": { attack: floods.flood("subscriptions"), unit: "peers", short: 100, seen: 300 },
  "flood-mixed": { attack: floods.mixed, unit: "peers", short: 100, seen: 1_250, bounds: { delayMs: 1_000 } },
  trickle: { attack: floods.trickle, unit: "peers", short: 50, seen: 500 },
  "churn-for-many": { attack: floods.churnForMany, unit: "subscribers", short: 100, seen: 1_000 },
  "short-prefixes": { attack: tables.shortPrefixes, unit: "prefixes", short: 60_000, seen: 471_040 },
  prefixes: {
    attack: tables.prefixes,
    unit: "prefixes",
    short: 100_000,
    seen: 16_800_000,
    flags: RAISED,
    bounds: { peakMiB: 2_048 },
  },
  "prefixes-of-many": {
    attack: tables.prefixesOfMany,
    unit: "prefixes",
    short: 100_000,
    seen: 16_800_000,
    bounds: { peakMiB: 2_048 },
  },
  vnis: { attack: tables.vnis, unit: "VNIs", short: 20_000, seen: 1_000_000 },
  subscriptions: { attack: tables.subscriptions, unit: "subscriptions", short: 20_000, seen: 1_000_000 },
  "subscription-pairs": { attack: tables.subscriptionPairs, unit: "pairs", short: 50_000, seen: 1_000_000 },
  "owed-withdrawals": { attack: tables.owedWithdrawals, unit: "routes", short: 50_000, seen: 1_000_000 },
  readers: { attack: tables.readers, unit: "readers", short: 100, seen: 4_000 },
  "silent-connections": {
    attack: connections.silent,
    unit: "sockets",
    short: 1_100,
    seen: 1_100,
    openFiles: 1_024,
  },
  "half-greeted": {
    attack: connections.halfGreeted,
    unit: "sockets",
    short: 1_100,
    seen: 1_100,
    openFiles: 1_024,
  },
  "connection-resets": { attack: connections.resets, unit: "sockets", short: 50, seen: 500 },
  "flood-from-many-sources": {
    attack: floods.flood("updates", true, true),
    unit: "source networks",
    short: 100,
    seen: 500,
  },
  toggles: { attack: crowds.toggles, unit: "peers", short: 100, seen: 1_000 },
  "leave-at-once": { attack: crowds.leaveAtOnce, unit: "peers", short: 100, seen: 1_000 },
  "end-of-rib-beside-leavers": {
    attack: crowds.endOfRibsBesideLeavers,
    unit: "peers",
    short: 100,
    seen: 1_000,
  },
  visitors: {
    attack: crowds.visitors,
    unit: "sockets",
    short: 20,
    seen: 50,
    flags: ["--retain", "60"],
    // Whoever goes is retained for so long.
    bounds: { departureMs: Number.POSITIVE_INFINITY, peakMiB: 256 },
  },
  "subscribe-over-and-over": {
    attack: readers.subscribeOverAndOver,
    unit: "routes",
    short: 50_000,
    seen: 500_000,
  },
  "non-readers": { attack: readers.nonReaders, unit: "peers", short: 50, seen: 500 },
  "half-closed": { attack: readers.halfClosed, unit: "peers", short: 20, seen: 100 },
  "http-idle": { attack: http.idle, unit: "connections", short: 1_100, seen: 1_500, openFiles: 1_024 },
  "http-idle-few-files": { attack: http.idle, unit: "connections", short: 300, seen: 300, openFiles: 256 },
  "http-unfinished": { attack: http.unfinished, unit: "connections", short: 300, seen: 1_500 },
  "http-aborted-documents": { ...DOCUMENTS, attack: http.abortedDocuments },
  "http-unread-documents": { ...DOCUMENTS, attack: http.unreadDocuments },
  "http-slow-documents": { ...DOCUMENTS, attack: http.slowDocuments },
};
