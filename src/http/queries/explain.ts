/**
 * Why an address works, or does not: the longest match of each VNI in this daemon's own tries (RFC 4632, 5.1), with the shorter
 * destinations it goes before, who announced it, who was sent it, and on a client what the kernel has of it.
 *
 *     no match ─▶ not announced, or its VNI is not subscribed, or the servers have not sent all yet
 *     a match  ─▶ only stale holders ─▶ stale
 *              ─▶ the client itself announces it ─▶ own
 *              ─▶ not in the kernel, although it should be ─▶ not installed, because …
 *              ─▶ works
 */
import { formatAddress } from "../../net/address.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import { formatPrefix, hostPrefix, isHostPrefix } from "../../net/prefix.ts";
import { formatNextHop } from "../../route/announcement-text.ts";
import { sortedNumbers } from "../sorted-numbers.ts";
import {
  type ExplainedMatch,
  type Explanation,
  MAX_MATCHES,
  MAX_RECIPIENTS,
  type NextHopEntry,
  type RecipientEntry,
  type RouteEntry,
  type Verdict,
} from "./api.ts";
import { pause, type QuerySource } from "./query-source.ts";
import { type FoundDestination, routeEntries } from "./route-entries.ts";

export interface ExplainQuery {
  readonly asked: Prefix;
  /** Null: all VNIs. */
  readonly vni: number | null;
  /** The address from which packets come; null if it does not matter. */
  readonly source: IpAddress | null;
}

/** So many VNIs are looked up between two pauses: a look is some microseconds. */
const VNIS_PER_PAUSE = 200;

interface Match extends FoundDestination {
  readonly covering: readonly Prefix[];
  readonly sourceDestination: Prefix | null;
}

export async function explain(source: QuerySource, query: ExplainQuery): Promise<Explanation> {
  const { matches, matchCount } = await findMatches(source, query);
  const entries = await routeEntries(source, matches);
  const explained = entries.map((entry, i) => explainMatch(source, matches[i] as Match, entry));
  const { verdict, summary } = overall(source, query, explained);
  return {
    asked: textOf(query.asked),
    verdict,
    summary,
    matches: explained,
    matchCount,
    source: query.source === null ? null : formatAddress(query.source),
  };
}

async function findMatches(
  source: QuerySource,
  { asked, vni, source: from }: ExplainQuery,
): Promise<{ readonly matches: Match[]; readonly matchCount: number }> {
  const matches: Match[] = [];
  let matchCount = 0;
  let looked = 0;
  const vnis =
    vni === null
      ? sortedNumbers(
          () => source.routes.vnis(),
          (one) => one,
        )
      : [vni];
  for (const number of vnis) {
    if (number === null || ++looked % VNIS_PER_PAUSE === 0) await pause(source);
    if (number === null) continue;
    const [destination, ...covering] = source.routes.covering(number, asked);
    const [sourceDestination = null] = from === null ? [] : source.routes.covering(number, hostPrefix(from));
    if (destination === undefined || (from !== null && sourceDestination === null)) continue;
    matchCount++;
    if (matches.length >= MAX_MATCHES) continue;
    const routes = source.routes.inspect(number, destination);
    matches.push({ vni: number, destination, routes, covering, sourceDestination });
  }
  return { matches, matchCount };
}

function explainMatch(source: QuerySource, match: Match, entry: RouteEntry): ExplainedMatch {
  const { verdict, summary } = judge(source, entry);
  return {
    ...entry,
    verdict,
    summary,
    covering: match.covering.map(formatPrefix),
    sourceDestination: match.sourceDestination === null ? null : formatPrefix(match.sourceDestination),
    recipients: source.program === "server" ? recipientsOf(source, match) : [],
  };
}

function recipientsOf(source: Extract<QuerySource, { program: "server" }>, match: Match): RecipientEntry[] {
  const { vni, destination, routes } = match;
  return routes.flatMap(({ nextHop }) => {
    const recipients = source.recipients({ vni, destination, nextHop }, MAX_RECIPIENTS);
    if (recipients === null) return [];
    const notSent = recipients.shown.filter(({ wasSent }) => !wasSent);
    return {
      nextHop: formatNextHop(nextHop),
      subscribers: recipients.subscribers,
      sent: recipients.sent,
      notSent: notSent.map(({ source: { name } }) => name),
    };
  });
}

interface Judgement {
  readonly verdict: Verdict;
  readonly summary: string;
}

/** The verdict about one match. */
function judge(source: QuerySource, { vni, destination, nextHops, kernel }: RouteEntry): Judgement {
  const used = nextHops.filter((hop) => hop.used);
  const what = `${destination} in VNI ${vni}`;
  if (used.length === 0) {
    const isOwn = nextHops.some(({ holders }) => holders.some(({ state }) => state === "own"));
    if (isOwn) return { verdict: "own", summary: `${what} is on this host: the client announces it itself` };
    return { verdict: "not-announced", summary: `${what} is being withdrawn` };
  }
  const hops = counted(used.length, "next hop");
  const holders = namesOf(used);
  if (kernel !== null && kernel.problem !== null) {
    const is = kernel.state === "installed" ? "is installed, but" : "is not installed:";
    return { verdict: "not-installed", summary: `${what} ${is} ${kernel.problem}` };
  }
  if (used.every(({ holders: all }) => all.every(({ state }) => state === "stale" || state === "retained"))) {
    const lost = source.program === "server" ? "announced by lost peers" : "received from lost servers";
    return { verdict: "stale", summary: `${what} has ${hops}, but all are stale: ${lost} (${holders})` };
  }
  const where = source.program === "server" ? `announced by ${holders}` : `received from ${holders}`;
  const absent = source.program === "client" ? "; this client puts no routes of the VNI into the kernel" : "";
  const installed = kernel === null ? absent : `, and the kernel has it in table ${kernel.table}`;
  return { verdict: "works", summary: `${what} has ${hops}, ${where}${installed}` };
}

/** The verdict about the whole question: the worst of the matches, or why there is none. */
function overall(source: QuerySource, query: ExplainQuery, matches: readonly ExplainedMatch[]): Judgement {
  const [worst] = matches.toSorted((a, b) => SEVERITY.indexOf(a.verdict) - SEVERITY.indexOf(b.verdict));
  if (worst !== undefined) return { verdict: worst.verdict, summary: worst.summary };
  const asked = textOf(query.asked);
  const { vni } = query;
  const from = query.source === null ? "" : ` that also has a route to ${formatAddress(query.source)}`;
  if (source.program === "server") {
    const where = vni === null ? "in any VNI" : `in VNI ${vni}`;
    return {
      verdict: "not-announced",
      summary: `no connected peer announces a route to ${asked} ${where}${from}`,
    };
  }
  if (vni !== null && !source.isSubscribed(vni)) {
    const summary = `this client does not subscribe to VNI ${vni}: bunbond subscribe ${vni}`;
    return { verdict: "not-subscribed", summary };
  }
  const vnis = vni === null ? [...source.subscriptions()] : [vni];
  if (vnis.length === 0) {
    return { verdict: "not-subscribed", summary: "this client subscribes to no VNI: bunbond subscribe VNI" };
  }
  const { established, all } = source.servers();
  if (established === 0) {
    const summary = `no route to ${asked}: none of ${counted(all, "server")} is connected (bunbond status)`;
    return { verdict: "incomplete", summary };
  }
  const missing = vnis.filter((one) => !source.isComplete(one));
  if (missing.length > 0) {
    const summary = `no route to ${asked} yet: the servers have not sent all of VNI ${missing.slice(0, 5).join(", ")}`;
    return { verdict: "incomplete", summary };
  }
  const shown =
    vnis.slice(0, SHOWN_VNIS).join(", ") + (vnis.length > SHOWN_VNIS ? `, … (${vnis.length})` : "");
  const where =
    vni === null
      ? `the VNIs that this client subscribes to (${shown})${from}; ask a server about others`
      : `VNI ${vni}${from}`;
  return { verdict: "not-announced", summary: `no server has a route to ${asked} in ${where}` };
}

/** The worst first. */
const SEVERITY: readonly Verdict[] = [
  "not-installed",
  "not-announced",
  "incomplete",
  "not-subscribed",
  "stale",
  "own",
  "works",
];

const SHOWN_NAMES = 3;
const SHOWN_VNIS = 5;

/** Returns the names of the holders, each once. */
function namesOf(hops: readonly NextHopEntry[]): string {
  const names = [...new Set(hops.flatMap(({ holders }) => holders.map(({ name, id }) => nameOf(name, id))))];
  const more = names.length - SHOWN_NAMES;
  return names.slice(0, SHOWN_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function nameOf(name: string, id: number | null): string {
  return id === null ? name : `${name} (peer ${id})`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** Returns an address without its length. */
function textOf(prefix: Prefix): string {
  return isHostPrefix(prefix) ? formatAddress(prefix) : formatPrefix(prefix);
}
