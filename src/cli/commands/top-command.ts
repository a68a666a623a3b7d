/**
 * `bunbond top`: the peers of a running server with their rates, the busiest or slowest first, anew after each interval.
 *
 *     /v1/peers ─▶ sample ─ interval ─▶ sample ─▶ rates (ratesOf) ─▶ sorted table, the terminal is cleared before it
 */
import type { PeerEntry } from "../../http/control/api.ts";
import { readOneOf, readWholeNumber } from "../flags/values.ts";
import type { Command } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { DAEMON_AWAY, EXIT_OK } from "../program/exit-codes.ts";
import { parseFlags } from "../program/flags.ts";
import { printObject, readOutput, tableOf, type View } from "../program/output-format.ts";
import type { Column } from "../program/table.ts";
import { peersOf } from "./control-client.ts";
import { clientOf, controlFlags } from "./control-flags.ts";

/** A peer with its rates per second since the sample before. */
export interface PeerRates {
  readonly id: number;
  readonly remote: string;
  readonly updatesInPerSecond: number;
  readonly updatesOutPerSecond: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  readonly queuedBytes: number;
  readonly behindSince: string | null;
  readonly announcedRoutes: number;
  readonly subscriptions: number;
}

export interface TopSample {
  readonly time: string;
  readonly intervalSeconds: number;
  readonly peers: readonly PeerRates[];
}

const ORDERS = ["in", "out", "queue", "behind", "routes"] as const;
type Order = (typeof ORDERS)[number];

const MEASURES: Readonly<Record<Order, (peer: PeerRates) => number>> = {
  in: (peer) => peer.updatesInPerSecond,
  out: (peer) => peer.updatesOutPerSecond,
  queue: (peer) => peer.queuedBytes,
  // Who has been behind for longest comes first.
  behind: (peer) => (peer.behindSince === null ? Number.NEGATIVE_INFINITY : -Date.parse(peer.behindSince)),
  routes: (peer) => peer.announcedRoutes,
};

/** Returns the rates between two samples, the greatest first. A peer that is new has its rates since it came. */
export function ratesOf(
  before: readonly PeerEntry[],
  after: readonly PeerEntry[],
  seconds: number,
  order: Order,
): PeerRates[] {
  const earlier = new Map(before.map((peer) => [peer.id, peer]));
  const measure = MEASURES[order];
  return after
    .map((peer): PeerRates => {
      const first = earlier.get(peer.id);
      const rate = (now: number, then = 0) => Math.round(((now - then) / seconds) * 10) / 10;
      return {
        id: peer.id,
        remote: peer.remote,
        updatesInPerSecond: rate(peer.updatesReceived, first?.updatesReceived),
        updatesOutPerSecond: rate(peer.updatesSent, first?.updatesSent),
        bytesInPerSecond: rate(peer.receivedBytes, first?.receivedBytes),
        bytesOutPerSecond: rate(peer.sentBytes, first?.sentBytes),
        queuedBytes: peer.sendQueueBytes,
        behindSince: peer.behindSince,
        announcedRoutes: peer.announcedRoutes,
        subscriptions: peer.subscriptionCount,
      };
    })
    .sort((a, b) => measure(b) - measure(a) || a.id - b.id);
}

const COLUMNS: readonly Column<PeerRates>[] = [
  { head: "ID", value: (peer) => peer.id },
  { head: "REMOTE", value: (peer) => peer.remote },
  { head: "UPDATES IN/s", value: (peer) => peer.updatesInPerSecond },
  { head: "UPDATES OUT/s", value: (peer) => peer.updatesOutPerSecond },
  { head: "BYTES IN/s", value: (peer) => peer.bytesInPerSecond, dropOrder: 1 },
  { head: "BYTES OUT/s", value: (peer) => peer.bytesOutPerSecond, dropOrder: 2 },
  { head: "QUEUED", value: (peer) => peer.queuedBytes },
  { head: "BEHIND SINCE", value: (peer) => peer.behindSince, isTime: true },
  { head: "ROUTES", value: (peer) => peer.announcedRoutes },
  { head: "SUBSCRIPTIONS", value: (peer) => peer.subscriptions, dropOrder: 3 },
];

const definition = {
  meta: {
    name: "top",
    description:
      "Show the peers of a running server with their rates, the busiest or slowest first, until SIGINT.",
  },
  args: {
    interval: {
      type: "string",
      valueHint: "SEC",
      example: "2",
      default: "2",
      description: "Seconds between two tables, 1 to 3600.",
    },
    count: { type: "string", valueHint: "N", example: "1", description: "End after so many tables." },
    sort: {
      type: "string",
      valueHint: ORDERS.join("|"),
      example: "behind",
      default: "out",
      description:
        "What comes first: the most updates in or out, the longest queue, who has been behind for longest, or the most routes.",
    },
    ...controlFlags("server"),
  },
} satisfies CommandDefinition;

/** Clears a terminal, and goes to its upper left corner (ECMA-48: CUP, ED). */
const CLEAR = "\x1b[H\x1b[2J";

/** `directories` are where the default sockets are. */
export function topCommand(directories: readonly string[]): Command {
  return {
    definition,
    topics: ["operations", "output"],
    examples: [
      { comment: "Who is slow?", line: "bunbond top --sort behind" },
      { comment: "One sample, for a program", line: "bunbond top --count 1 -o json" },
    ],
    exitCodes: [DAEMON_AWAY],
    async run({ rawArgs, io }) {
      const flags = parseFlags(definition.args, rawArgs);
      const seconds = readWholeNumber("--interval", flags.interval, 1, 3600, "seconds");
      const order = readOneOf("--sort", flags.sort, ORDERS);
      const most =
        flags.count === undefined
          ? Number.POSITIVE_INFINITY
          : readWholeNumber("--count", flags.count, 1, 1_000_000);
      const format = readOutput(flags);
      const isLive = io.stdoutIsTty && (format === "table" || format === "wide");
      const rows = isLive && process.stdout.rows > 2 ? process.stdout.rows - 2 : Number.POSITIVE_INFINITY;
      const view: View<TopSample> = {
        sections: ({ peers }) => [tableOf(COLUMNS, peers.slice(0, rows))],
        rows: ({ peers }) => peers,
      };
      const client = await clientOf(flags, "server", directories);
      let isGone = false;
      io.stdout.onGone(() => {
        isGone = true;
      });
      let before = await peersOf(client);
      let beforeMs = performance.now();
      for (let count = 0; count < most && !isGone; count++) {
        await Bun.sleep(seconds * 1000);
        const after = await peersOf(client);
        const nowMs = performance.now();
        const intervalSeconds = (nowMs - beforeMs) / 1000;
        const peers = ratesOf(before.peers, after.peers, intervalSeconds, order);
        if (isLive) io.stdout.write(CLEAR);
        printObject(io, { time: new Date().toISOString(), intervalSeconds, peers }, view, format);
        await io.stdout.drained();
        before = after;
        beforeMs = nowMs;
      }
      return EXIT_OK;
    },
  };
}
