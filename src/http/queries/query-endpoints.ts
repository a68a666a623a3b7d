/** The queries about routes, as HTTP routes: the same on the control socket and on public HTTP. */
import { parseAddress } from "../../net/address.ts";
import type { IpAddress, Prefix } from "../../net/ip.ts";
import { formatPrefix, hostPrefix, parsePrefix } from "../../net/prefix.ts";
import { HistoryEntry } from "../../route/history.ts";
import { PROTOCOL_TYPE_NAMES } from "../../route/next-hop-type.ts";
import { NextHopType } from "../../wire/protocol.ts";
import { type HttpAnswer, json, jsonLinesTogether } from "../connections/http-answer.ts";
import { HttpError } from "../http-error.ts";
import { type QueryReader, switchParameter, wholeNumberParameter } from "../query.ts";
import { type HttpRoute, queryRoute, route } from "../router.ts";
import { sortedNumbers } from "../sorted-numbers.ts";
import type { ChangeEntry, HistoryPage, RouteEntry, RoutePage, VniEntry, VniList } from "./api.ts";
import { disagreementsEndpoint } from "./disagreements.ts";
import { eventStream, readEventId } from "./event-stream.ts";
import { explain } from "./explain.ts";
import { fibEndpoint } from "./fib-endpoints.ts";
import { findRoutes, type PagePosition, type RouteFilter, type RouteMatch } from "./find-routes.ts";
import { changeEntry, type HistoryFilter, isAskedFor } from "./history-entries.ts";
import { pause, type QuerySource } from "./query-source.ts";
import {
  bad,
  cursorAfter,
  DEFAULT_PAGE,
  MAX_PAGE,
  MAX_VNI,
  optionalVni,
  readCursor,
  readFormat,
} from "./query-values.ts";
import { type FoundDestination, routeEntries } from "./route-entries.ts";

/** Another one with each start of the process. */
const EPOCH = crypto.randomUUID().slice(0, 8);

/** A VNI's line is some 100 characters. */
const VNIS_PER_PAUSE = 200;
/** Destinations whose entries are made at a time, and for which the history is read once. */
const STREAMED_TOGETHER = 4000;

/** @param epoch names this run of the daemon, in which numbers of changes do not repeat */
export function queryEndpoints(source: QuerySource, epoch: string = EPOCH): HttpRoute[] {
  return [
    route("GET", "/v1/vnis", async () => json(200, await vniList(source))),
    queryRoute("GET", "/v1/vnis/:vni/routes", ROUTE_QUERY, ({ parameters, query, signal }) =>
      routesAnswer(source, filterOf(query, readVni(parameters.vni)), query, signal),
    ),
    queryRoute("GET", "/v1/routes", { ...ROUTE_QUERY, vni: optionalVni }, ({ query, signal }) =>
      routesAnswer(source, filterOf(query, query.vni), query, signal),
    ),
    queryRoute(
      "GET",
      "/v1/explain/:address",
      { vni: optionalVni, source: optionalAddress },
      async ({ parameters, query }) => {
        const asked = readAsked(parameters.address, "address").value;
        if (query.source !== null && query.source.family !== asked.family) {
          throw new HttpError(
            "BAD_QUERY",
            "source must be of the same family as the address that is asked about",
          );
        }
        return json(200, await explain(source, { asked, vni: query.vni, source: query.source }));
      },
    ),
    queryRoute("GET", "/v1/history", HISTORY_QUERY, async ({ query }) =>
      json(200, await historyPage(source, query)),
    ),
    queryRoute("GET", "/v1/events", EVENTS_QUERY, ({ query, lastEventId, signal }) => {
      const filter = historyFilter(query);
      const resumeAfter = readEventId(lastEventId ?? query.after ?? "");
      return {
        status: 200,
        headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-store" },
        body: eventStream({ source, epoch, filter, resumeAfter, hasSnapshot: query.snapshot, signal }),
      };
    }),
    ...(source.program === "client" ? [fibEndpoint(source), disagreementsEndpoint(source)] : []),
  ];
}

// --- history -----------------------------------------------------------------------------------------------

const CHANGE_QUERY = {
  vni: optionalVni,
  prefix: ((text, name) => (text === null ? null : readAsked(text, name))) satisfies QueryReader<unknown>,
  about: ((text, name) => readAbout(text, name)) satisfies QueryReader<unknown>,
};

const HISTORY_QUERY = {
  ...CHANGE_QUERY,
  since: ((text, name) => readSince(text, name)) satisfies QueryReader<number | null>,
  after: wholeNumberParameter(0, Number.MAX_SAFE_INTEGER, null),
  limit: wholeNumberParameter(1, MAX_PAGE, DEFAULT_PAGE),
};

const EVENTS_QUERY = {
  ...CHANGE_QUERY,
  /** False for a reader that reads the state page by page. */
  snapshot: ((text, name) => text === null || switchParameter(text, name)) satisfies QueryReader<boolean>,
  after: ((text) => text) satisfies QueryReader<string | null>,
};

type Values<Q extends Record<string, QueryReader<unknown>>> = {
  readonly [Name in keyof Q]: ReturnType<Q[Name]>;
};

function historyFilter({ vni, prefix, about }: Values<typeof CHANGE_QUERY>): HistoryFilter {
  return { vni, prefix: prefix?.value ?? null, about };
}

/**
 * Resolves to the changes after a number or a time, the oldest first; without either, to the last ones. A page ends where its limit
 * is reached.
 */
async function historyPage(source: QuerySource, query: Values<typeof HISTORY_QUERY>): Promise<HistoryPage> {
  const { history, clock } = source;
  const filter = historyFilter(query);
  const { limit, after, since } = query;
  const { first, next } = history;
  const entry = new HistoryEntry();
  const found: ChangeEntry[] = [];
  const isBackward = after === null && since === null;
  let from = first;
  if (after !== null) from = Math.max(from, after + 1);
  if (since !== null) from = Math.max(from, history.firstSince(clock.nowMs() - (Date.now() - since)));
  let looked = 0;
  for (let i = isBackward ? next - 1 : from; found.length < limit; i += isBackward ? -1 : 1) {
    if (isBackward ? i < first : i >= next) break;
    if (++looked % ENTRIES_PER_PAUSE === 0) await pause(source);
    if (history.read(i, entry) && isAskedFor(entry, filter)) found.push(changeEntry(source, entry));
  }
  return { first: history.first, next, changes: isBackward ? found.reverse() : found };
}

const ENTRIES_PER_PAUSE = 4096;

async function vniList(source: QuerySource): Promise<VniList> {
  return { program: source.program, vnis: await vniEntries(source) };
}

/** Resolves to the VNIs, in order. */
async function vniEntries(source: QuerySource): Promise<VniEntry[]> {
  const entries: VniEntry[] = [];
  for (const vni of sortedNumbers(
    () => numbersOf(source),
    (one) => one,
  )) {
    if (vni === null || entries.length % VNIS_PER_PAUSE === 0) await pause(source);
    if (vni === null) continue;
    const summary = source.routes.summary(vni) ?? { vni, ipv4Routes: 0, ipv6Routes: 0, digest: NO_ROUTES };
    entries.push(
      source.program === "server"
        ? { ...summary, subscribers: source.subscriberCount(vni) }
        : { ...summary, subscribed: source.isSubscribed(vni), complete: source.isComplete(vni) },
    );
  }
  return entries;
}

const NO_ROUTES = "0".repeat(16);

/** Iterates over the VNIs that are shown; some may come twice. */
function* numbersOf(source: QuerySource): Iterable<number> {
  if (source.program === "server") yield* source.vnis();
  else {
    for (const { vni } of source.routes.summaries()) yield vni;
    yield* source.subscriptions();
  }
}

// --- routes ------------------------------------------------------------------------------------------------

const ROUTE_QUERY = {
  prefix: ((text, name) => (text === null ? null : readAsked(text, name))) satisfies QueryReader<unknown>,
  match: ((text, name) => readMatch(text, name)) satisfies QueryReader<unknown>,
  type: ((text, name) => readType(text, name)) satisfies QueryReader<unknown>,
  nextHop: optionalAddress,
  from: ((text) => text) satisfies QueryReader<string | null>,
  stale: switchParameter,
  text: ((text) => text) satisfies QueryReader<string | null>,
  limit: wholeNumberParameter(1, MAX_PAGE, DEFAULT_PAGE),
  cursor: ((text, name) => {
    const cursor = readCursor(text, name);
    return cursor && { vni: cursor.number, destination: cursor.destination };
  }) satisfies QueryReader<PagePosition | null>,
  format: readFormat,
};

type RouteQuery = { readonly [Name in keyof typeof ROUTE_QUERY]: ReturnType<(typeof ROUTE_QUERY)[Name]> };

function filterOf(
  { prefix, match, type, nextHop, from, stale, text }: RouteQuery,
  vni: number | null,
): RouteFilter {
  return {
    vni,
    // An address is looked up as a packet's destination is, a prefix is the destination itself.
    prefix: prefix && { value: prefix.value, match: match ?? (prefix.isAddress ? "longest" : "exact") },
    type,
    nextHop,
    from,
    onlyStale: stale,
    text,
  };
}

async function routesAnswer(
  source: QuerySource,
  filter: RouteFilter,
  { limit, cursor, format }: RouteQuery,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  if (format === "jsonl") return jsonLinesTogether(allRoutes(source, filter, cursor, signal));
  return json(200, await routePage(source, filter, limit, cursor, signal));
}

async function routePage(
  source: QuerySource,
  filter: RouteFilter,
  limit: number,
  cursor: PagePosition | null,
  signal: AbortSignal,
): Promise<RoutePage> {
  const found: FoundDestination[] = [];
  let hasMore = false;
  for (const one of findRoutes(source, filter, cursor)) {
    if (one === null) {
      await pause(source);
      // Nobody reads the rest.
      if (signal.aborted) break;
      continue;
    }
    hasMore = found.length === limit;
    if (hasMore) break;
    found.push(one);
  }
  const last = found.at(-1);
  return {
    routes: await routeEntries(source, found),
    next: hasMore && last !== undefined ? cursorAfter(last.vni, formatPrefix(last.destination)) : null,
  };
}

/** Iterates over the entries of all routes, as the reader takes them. */
async function* allRoutes(
  source: QuerySource,
  filter: RouteFilter,
  cursor: PagePosition | null,
  signal: AbortSignal,
) {
  let together: FoundDestination[] = [];
  for (const one of findRoutes(source, filter, cursor)) {
    if (signal.aborted) return;
    if (one === null) await pause(source);
    else together.push(one);
    if (together.length < STREAMED_TOGETHER) continue;
    yield* inPieces(await routeEntries(source, together));
    together = [];
  }
  yield* inPieces(await routeEntries(source, together));
}

/** Lines that are sent together: some 30 KB. */
const LINES_PER_PIECE = 100;

function* inPieces(entries: readonly RouteEntry[]): Generator<readonly RouteEntry[]> {
  for (let i = 0; i < entries.length; i += LINES_PER_PIECE) yield entries.slice(i, i + LINES_PER_PIECE);
}

// --- values ------------------------------------------------------------------------------------------------

function readVni(text: string): number {
  const vni = wholeNumberParameter(0, MAX_VNI, null)(text, "the VNI");
  if (vni === null) throw bad("the VNI", text, `a number from 0 to ${MAX_VNI}`);
  return vni;
}

interface Asked {
  readonly value: Prefix;
  readonly isAddress: boolean;
}

function readAsked(text: string, name: string): Asked {
  const address = parseAddress(text);
  if (address !== null) return { value: hostPrefix(address), isAddress: true };
  const parsed = parsePrefix(text);
  if (parsed === null) throw bad(name, text, "an address or a prefix, as 10.0.1.7 or 10.0.1.0/24");
  return { value: parsed.prefix, isAddress: false };
}

function optionalAddress(text: string | null, name: string): IpAddress | null {
  if (text === null) return null;
  const address = parseAddress(text);
  if (address === null) throw bad(name, text, "an address, as 2001:db8::1");
  return address;
}

function readAbout(text: string | null, name: string): "routes" | "peers" | null {
  if (text === null || text === "routes" || text === "peers") return text;
  throw bad(name, text, "routes or peers");
}

/** Milliseconds of a second, minute, hour and day. */
const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads "5m" or a time in RFC 3339, as milliseconds since 1970. */
function readSince(text: string | null, name: string): number | null {
  if (text === null) return null;
  const [, count = "", unit = ""] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (unitMs !== undefined) return Date.now() - Number(count) * unitMs;
  const timeMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs))
    throw bad(name, text, "a duration as 30s, 5m, 2h or 1d, or a time as 2026-01-31T12:00:00Z");
  return timeMs;
}

const MATCHES: readonly RouteMatch[] = ["exact", "longer", "shorter", "longest"];

function readMatch(text: string | null, name: string): RouteMatch | null {
  if (text === null) return null;
  const match = MATCHES.find((each) => each === text);
  if (match === undefined) throw bad(name, text, `one of ${MATCHES.join(", ")}`);
  return match;
}

const TYPES = [NextHopType.STANDARD, NextHopType.NAT, NextHopType.LOADBALANCER_TARGET];

function readType(text: string | null, name: string): NextHopType | null {
  if (text === null) return null;
  const type = TYPES.find((each) => PROTOCOL_TYPE_NAMES[each] === text.toUpperCase());
  if (type === undefined)
    throw bad(name, text, `one of ${TYPES.map((each) => PROTOCOL_TYPE_NAMES[each]).join(", ")}`);
  return type;
}
