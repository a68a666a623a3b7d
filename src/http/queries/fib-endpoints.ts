/** The queries about a client's kernel routes, as HTTP routes. */
import { type HttpAnswer, json, jsonLines } from "../connections/http-answer.ts";
import { HttpError } from "../http-error.ts";
import { type QueryReader, wholeNumberParameter } from "../query.ts";
import { type HttpRoute, queryRoute } from "../router.ts";
import type { FibEntry, FibPage, KernelRouteState } from "./api.ts";
import { type ClientSource, type FibFilter, type FibSource, pause } from "./query-source.ts";
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

/** A row takes some 10 µs. */
const ENTRIES_PER_PAUSE = 128;

const optionalTable = wholeNumberParameter(1, MAX_VNI, null);

const STATES: readonly KernelRouteState[] = [
  "installed",
  "pending",
  "refused",
  "skipped",
  "shadowed",
  "kept",
  "planned",
];

const FIB_QUERY = {
  table: optionalTable,
  vni: optionalVni,
  state: ((text, name) => {
    if (text === null) return null;
    const state = STATES.find((each) => each === text);
    if (state === undefined) throw bad(name, text, `one of ${STATES.join(", ")}`);
    return state;
  }) satisfies QueryReader<KernelRouteState | null>,
  limit: wholeNumberParameter(1, MAX_PAGE, DEFAULT_PAGE),
  cursor: readCursor,
  format: readFormat,
};

/** `/v1/fib`: desired and observed, as the client knows them. */
export function fibEndpoint(source: ClientSource): HttpRoute {
  return queryRoute("GET", "/v1/fib", FIB_QUERY, async ({ query, signal }): Promise<HttpAnswer> => {
    const { table, vni, state, limit, cursor, format } = query;
    const fib = fibOf(source);
    const after = cursor && { table: cursor.number, destination: cursor.destination };
    const entries = selected(source, fib, { table, vni, after }, state, signal);
    if (format === "jsonl") return jsonLines(entries);
    const page: FibEntry[] = [];
    let next: string | null = null;
    for await (const entry of entries) {
      const last = page.at(-1);
      if (page.length === limit && last !== undefined) {
        next = cursorAfter(last.table, last.destination);
        break;
      }
      page.push(entry);
    }
    return json(200, { entries: page, next } satisfies FibPage);
  });
}

/**
 * `/v1/fib/drift`: desired, and a fresh dump of the kernel. Only for the control socket: a dump of a million routes is some seconds
 * of work.
 */
export function fibDriftEndpoint(source: ClientSource): HttpRoute {
  return queryRoute("GET", "/v1/fib/drift", { table: optionalTable, vni: optionalVni }, async ({ query }) =>
    json(200, await fibOf(source).drift(query)),
  );
}

/** @throws HttpError */
function fibOf({ fib }: ClientSource): FibSource {
  if (fib !== null) return fib;
  throw new HttpError(
    "NO_KERNEL_ROUTES",
    "this client puts no routes into the kernel: start it with --install-routes VNI#TABLE",
  );
}

async function* selected(
  source: ClientSource,
  fib: FibSource,
  filter: FibFilter,
  state: KernelRouteState | null,
  signal: AbortSignal,
): AsyncGenerator<FibEntry> {
  let walked = 0;
  for (const entry of fib.entries(filter)) {
    if (++walked % ENTRIES_PER_PAUSE === 0) {
      await pause(source);
      // Nobody reads the rest.
      if (signal.aborted) return;
    }
    if (state === null || entry.state === state) yield entry;
  }
}
