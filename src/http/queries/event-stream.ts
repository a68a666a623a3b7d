/**
 * The changes of a daemon as server-sent events (WHATWG HTML, 9.2), with the state first:
 *
 *     event: begin     {"epoch": …, "after": N}      a snapshot follows, of the time at change N or later
 *     event: route     a destination with its next hops, as in /v1/routes
 *     event: end       {}                            the snapshot is whole
 *     event: change    a change, as in /v1/history    id: EPOCH-NUMBER
 *     : …              nothing has happened for a while
 *
 * The snapshot is walked while routes change, and is followed by all changes since its beginning; so it may contain some of them
 * already. Who applies them in order (an add sets, a remove deletes, each by holder) has exactly the daemon's state. There is no
 * gap: a reader that comes back with Last-Event-ID gets the changes since then, or a new `begin` if these are forgotten or the
 * daemon is another one.
 */
import { isHostPrefix } from "../../net/prefix.ts";
import { HistoryEntry } from "../../route/history.ts";
import { findRoutes, type RouteFilter } from "./find-routes.ts";
import { changeEntry, type HistoryFilter, isAskedFor } from "./history-entries.ts";
import { pause, type QuerySource } from "./query-source.ts";
import { type FoundDestination, routeEntries } from "./route-entries.ts";

/** A reader's place: the last change that it has. */
export interface EventPosition {
  readonly epoch: string;
  readonly number: number;
}

export interface EventStreamOptions {
  readonly source: QuerySource;
  /** Names this run of the daemon: numbers of changes begin anew with each. */
  readonly epoch: string;
  readonly filter: HistoryFilter;
  readonly resumeAfter: EventPosition | null;
  /** False: no routes come between `begin` and `end`. */
  readonly hasSnapshot?: boolean;
  readonly signal: AbortSignal;
}

/** Proxies and readers take a connection for dead that is silent for much longer. */
const HEARTBEAT_MS = 15_000;
/** Destinations of a snapshot that are sent together. */
const DESTINATIONS_TOGETHER = 200;
/** Changes that are read without a pause. */
const CHANGES_TOGETHER = 500;

/** Yields pieces of the stream. The next one is made after the reader has taken the last, so a slow reader costs no memory. */
export async function* eventStream(options: EventStreamOptions): AsyncGenerator<string> {
  const { source, epoch, filter, resumeAfter, hasSnapshot = true, signal } = options;
  const { history } = source;
  const entry = new HistoryEntry();
  let next =
    resumeAfter !== null && resumeAfter.epoch === epoch && resumeAfter.number < history.next
      ? resumeAfter.number + 1
      : -1;
  while (!signal.aborted) {
    if (next < history.first) {
      // A snapshot is needed: at the beginning, and where changes were forgotten that the reader has not been sent.
      next = history.next;
      yield event("begin", { epoch, after: next - 1 });
      if (hasSnapshot && filter.about !== "peers") yield* snapshot(source, filter, signal);
      yield event("end", {});
      continue;
    }
    let piece = "";
    const end = Math.min(history.next, next + CHANGES_TOGETHER);
    // Entries may be forgotten while the reader takes its time, never within this loop.
    for (; next < end && history.read(next, entry); next++) {
      if (!isAskedFor(entry, filter)) continue;
      piece += event("change", changeEntry(source, entry), `${epoch}-${next}`);
    }
    if (piece !== "") yield piece;
    if (next < history.next) await pause(source);
    else if (!(await isRecorded(source, signal))) yield ": nothing has changed\n\n";
  }
}

async function* snapshot(
  source: QuerySource,
  { vni, prefix }: HistoryFilter,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const everything: RouteFilter = {
    vni,
    // As for changes: of an address, what contains it.
    prefix: prefix && { value: prefix, match: isHostPrefix(prefix) ? "shorter" : "longer" },
    type: null,
    nextHop: null,
    from: null,
    onlyStale: false,
    text: null,
  };
  let together: FoundDestination[] = [];
  for (const found of findRoutes(source, everything)) {
    if (signal.aborted) return;
    if (found === null) await pause(source);
    else together.push(found);
    if (together.length < DESTINATIONS_TOGETHER) continue;
    yield await routeEvents(source, together);
    together = [];
  }
  if (together.length > 0) yield await routeEvents(source, together);
}

async function routeEvents(source: QuerySource, found: readonly FoundDestination[]): Promise<string> {
  const entries = await routeEntries(source, found);
  return entries.map((entry) => event("route", entry)).join("");
}

/** Resolves to true after the next change, to false after some time without one or when the reader has gone. */
function isRecorded({ history, clock }: QuerySource, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (result: boolean) => {
      cancel();
      timer.cancel();
      signal.removeEventListener("abort", aborted);
      resolve(result);
    };
    const aborted = () => end(false);
    // The reader is served after the change is made, not within it.
    const cancel = history.onceRecorded(() => clock.soon(() => end(true)));
    const timer = clock.after(HEARTBEAT_MS, () => end(false));
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
  });
}

function event(name: string, data: unknown, id?: string): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Reads the id of an event; null if it is not one of these. */
export function readEventId(text: string): EventPosition | null {
  const [, epoch = "", number = ""] = /^([\w.]+)-(\d+)$/.exec(text) ?? [];
  return epoch === "" ? null : { epoch, number: Number(number) };
}
