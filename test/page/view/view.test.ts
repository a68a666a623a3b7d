/** The small parts of the page: numbers, pages of lists, plots, and places. */
import { describe, expect, test } from "bun:test";
import type { RouteEntry } from "../../../src/http/queries/api.ts";
import { CHANGE_COLUMNS, changeRow } from "../../../src/page/view/change-row.ts";
import { CursorPages } from "../../../src/page/view/cursor-pages.ts";
import { counted, formatAge, formatCount, formatSince } from "../../../src/page/view/format.ts";
import { pageOf } from "../../../src/page/view/list-pages.ts";
import { formatPlace, parsePlace, VIEWS, viewAfterKey } from "../../../src/page/view/page-place.ts";
import { PEER_COLUMNS, peerRow, peersBehind } from "../../../src/page/view/peer-row.ts";
import { RateSeries } from "../../../src/page/view/rate-series.ts";
import { ROUTE_COLUMNS, routeRows } from "../../../src/page/view/route-rows.ts";

test.each([
  [-5, "0 s"],
  [59_999, "59 s"],
  [60_000, "1 min"],
  [7_200_000, "2 h"],
  [86_400_000 * 400, "400 d"],
])("%d ms are %s", (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});

test("numbers", () => {
  expect(formatCount(0)).toBe("0");
  expect(formatCount(1_234_567)).toBe("1\u202f234\u202f567");
  expect(counted(1, "route")).toBe("1 route");
  expect(counted(2.4, "route")).toBe("2 routes");
  expect(formatSince("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:00:09Z"))).toBe("9 s ago");
  for (const missing of [null, undefined, "nonsense"]) expect(formatSince(missing, 0)).toBe("–");
});

test("a list's page stays within it when it becomes shorter", () => {
  const list = [1, 2, 3, 4, 5];
  expect(pageOf(list, 0, 2)).toEqual({ rows: [1, 2], index: 0, count: 3 });
  expect(pageOf(list, 2, 2)).toEqual({ rows: [5], index: 2, count: 3 });
  expect(pageOf(list, 9, 2)).toEqual({ rows: [5], index: 2, count: 3 });
  expect(pageOf([], 3, 2)).toEqual({ rows: [], index: 0, count: 1 });
});

test("cursors lead forward, and back over the pages that were visited", () => {
  const pages = new CursorPages();
  pages.loaded("a");
  pages.forward();
  expect(pages).toMatchObject({ cursor: "a", number: 2, hasPrevious: true, hasNext: false });
  pages.forward();
  expect(pages.number).toBe(2);
  pages.loaded("b");
  pages.forward();
  pages.back();
  expect(pages).toMatchObject({ cursor: "a", number: 2, hasNext: true });
  pages.back();
  pages.back();
  expect(pages).toMatchObject({ cursor: null, number: 1, hasPrevious: false });
});

describe("the plotted rate", () => {
  test("is the change of the total per second", () => {
    const series = new RateSeries(10);
    series.add({ timeSeconds: 1, total: 10, backlog: 3 });
    expect(series.columns[0]).toEqual([]);
    series.add({ timeSeconds: 3, total: 30, backlog: 4 });
    expect(series.columns).toEqual([[3], [10], [4]]);
    expect(series.rate).toBe(10);
  });

  test("has no point for a restart of the daemon", () => {
    const series = new RateSeries(10);
    for (const [timeSeconds, total] of [
      [1, 100],
      [2, 0],
      [3, 5],
    ] as const) {
      series.add({ timeSeconds, total, backlog: 0 });
    }
    expect(series.columns[1]).toEqual([5]);
  });

  test("keeps the last points", () => {
    const series = new RateSeries(3);
    for (let i = 0; i < 10; i++) series.add({ timeSeconds: i, total: i, backlog: i });
    expect(series.columns[0]).toEqual([7, 8, 9]);
    expect(series.columns[2]).toEqual([7, 8, 9]);
  });
});

describe("places", () => {
  test("are written as they are read", () => {
    for (const view of VIEWS) {
      for (const search of ["", "10.0.1.7 vni:100", "a&b=c#d"]) {
        expect(parsePlace(formatPlace({ view, search }))).toEqual({ view, search });
      }
    }
    expect(parsePlace("")).toEqual({ view: "overview", search: "" });
    for (const anchor of ["#main", "#Routes", "#routes/1"]) expect(parsePlace(anchor)).toBeNull();
  });

  test("arrows, Home and End go through the tabs", () => {
    expect(viewAfterKey("overview", "ArrowRight")).toBe("peers");
    expect(viewAfterKey("history", "ArrowRight")).toBe("overview");
    expect(viewAfterKey("overview", "ArrowLeft")).toBe("history");
    expect(viewAfterKey("vnis", "End")).toBe("history");
    expect(viewAfterKey("vnis", "Home")).toBe("overview");
    expect(viewAfterKey("vnis", "Enter")).toBeNull();
  });
});

test("a destination has a row for each next hop, and each row the columns", () => {
  const holder = { name: "[::1]:4711", id: 7, state: "live", since: "2026-01-01T00:00:00Z" } as const;
  const hop = { address: "2001:db8::1", type: "STANDARD", targetVni: 0, natPortFrom: 0, natPortTo: 0 };
  const entry: RouteEntry = {
    vni: 100,
    destination: "10.0.1.0/24",
    nextHops: [
      { ...hop, used: true, holders: [holder], changes: 1 },
      {
        ...hop,
        type: "NAT",
        targetVni: 5,
        natPortFrom: 1,
        natPortTo: 9,
        used: false,
        holders: [holder, holder, holder, holder],
        changes: 2,
      },
    ],
    kernel: { table: 1, state: "installed", problem: null },
  };
  const rows = routeRows(entry, Date.parse("2026-01-01T00:01:00Z"));
  expect(rows).toEqual([
    [
      "100",
      "10.0.1.0/24",
      "2001:db8::1",
      "STANDARD",
      "[::1]:4711 (7)",
      "1 min ago",
      "1",
      "live, kernel: installed",
    ],
    [
      "100",
      "10.0.1.0/24",
      "2001:db8::1 (VNI 5)",
      "NAT 1–9",
      "[::1]:4711 (7), [::1]:4711 (7), [::1]:4711 (7) and 1 more",
      "1 min ago",
      "2",
      "live, not used, kernel: installed",
    ],
  ]);
  for (const row of rows) expect(row).toHaveLength(ROUTE_COLUMNS.length);
});

test("the peers that have been behind for longest come first", () => {
  const peer = {
    ...{ remote: "", state: "", since: null, keepaliveSeconds: 5, isServer: false, announcedRoutes: 0 },
    ...{ skippedUpdates: 0, limitsMet: [], subscriptionCount: 0, subscriptions: [], lastHeard: "" },
    ...{ roundTripMs: 0.25, updatesReceived: 0, updatesSent: 0, receivedBytes: 0, sentBytes: 0 },
    ...{ sendQueueBytes: 0, blockedSince: null },
  };
  const peers = [
    { ...peer, id: 1, behindSince: "2026-01-01T00:00:05Z" },
    { ...peer, id: 2, behindSince: null },
    { ...peer, id: 3, behindSince: "2026-01-01T00:00:01Z" },
    { ...peer, id: 4, behindSince: "2026-01-01T00:00:03Z" },
  ];
  expect(peersBehind({ peers }, 2)).toEqual([3, 4]);
  expect(peersBehind({ servers: [] }, 2)).toEqual([]);
  const [first] = peers;
  if (first === undefined) throw new Error("no peer");
  const row = peerRow(first, Date.parse("2026-01-01T00:01:05Z"));
  expect(row).toHaveLength(PEER_COLUMNS.length);
  expect(row).toContain("1 min");
});

test("a session is a row without a route", () => {
  const session = { number: 1, time: "2026-01-01T00:00:00Z", change: "down", vni: null } as const;
  const row = changeRow(
    {
      ...session,
      destination: null,
      nextHop: null,
      reason: "reset",
      by: { name: "s", id: null },
      existence: false,
    },
    Date.parse("2026-01-01T00:00:01Z"),
  );
  expect(row).toEqual(["1 s ago", "session down", "–", "–", "–", "s", "reset"]);
  expect(row).toHaveLength(CHANGE_COLUMNS.length);
});
