import { describe, expect, test } from "bun:test";
import { readDrainAction, readPeer, readRoutes, readVniList } from "../../../src/http/control/bodies.ts";
import { HttpError } from "../../../src/http/http-error.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";

const ROUTE = "100#10.0.1.0/24@2001:db8::1";

test("routes", () => {
  expect(readRoutes({ routes: [ROUTE, `${ROUTE}#nat#1#2`] }).map(formatRoute)).toEqual([
    "100 10.0.1.0/24 via 2001:db8::1",
    "100 10.0.1.0/24 via 2001:db8::1 type nat ports 1-2",
  ]);
});

test("VNIs", () => {
  expect(readVniList({ vnis: [0, 100, 4294967295] })).toEqual([0, 100, 4294967295]);
});

test("a peer", () => {
  expect(readPeer({ peer: "7" })).toBe("7");
});

test.each(["start", "undo", "stop"] as const)("drain: %s", (action) => {
  expect(readDrainAction({ action })).toBe(action);
});

describe("refused", () => {
  const REFUSED: [(body: unknown) => unknown, unknown, string][] = [
    [readRoutes, null, "the body must be an object with routes"],
    [readRoutes, [ROUTE], "the body must be an object with routes"],
    [readRoutes, {}, "routes is missing"],
    [readRoutes, { routes: [] }, "routes must be a list of 1 to 1000"],
    [readRoutes, { routes: Array(1001).fill(ROUTE) }, "routes must be a list of 1 to 1000"],
    [readRoutes, { routes: ROUTE }, "routes must be a list of 1 to 1000"],
    [readRoutes, { routes: [ROUTE], vni: 1 }, `unknown field "vni"; there is only routes`],
    [readRoutes, { Routes: [ROUTE] }, `unknown field "Routes"; there is only routes`],
    [readRoutes, { routes: [ROUTE, 7] }, "routes[1] must be a text like 100#10.0.1.0/24@2001:db8::1"],
    [
      readRoutes,
      { routes: [ROUTE, "100#10.0.1.0/33@::1"] },
      "routes[1]: the prefix length must be a number from 0 to 32",
    ],
    [readVniList, { vnis: [1, "2"] }, "vnis[1] must be a whole number from 0 to 4294967295"],
    [readVniList, { vnis: [4294967296] }, "vnis[0] must be a whole number from 0 to 4294967295"],
    [readVniList, { vnis: [-1] }, "vnis[0] must be a whole number"],
    [readVniList, { vnis: [1.5] }, "vnis[0] must be a whole number"],
    [readPeer, { peer: 7 }, "peer must be a text"],
    [readPeer, { peer: "" }, "peer must be a text"],
    [readDrainAction, { action: "begin" }, "action must be start, undo or stop"],
    [readDrainAction, {}, "action is missing"],
  ];

  test.each(REFUSED.map(([read, body, message]) => [read.name, message, body, read] as const))(
    "%s: %s",
    (_name, message, body, read) => {
      try {
        read(body);
      } catch (error) {
        if (!(error instanceof HttpError)) throw error;
        expect({ code: error.code, message: error.message }).toEqual({
          code: "BAD_BODY",
          message: expect.stringContaining(message),
        });
        return;
      }
      throw new Error("taken");
    },
  );
});
