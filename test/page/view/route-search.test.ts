import { expect, test } from "bun:test";
import { historyPath } from "../../../src/page/view/history-filter.ts";
import { parseSearch, routesPath } from "../../../src/page/view/route-search.ts";

const CASES: readonly (readonly [text: string, routes: string, explanation: string | null])[] = [
  ["", "v1/routes?limit=100", null],
  ["  10.0.1.7 ", "v1/routes?prefix=10.0.1.7&limit=100", "v1/explain/10.0.1.7"],
  ["10.0.1.0/24", "v1/routes?prefix=10.0.1.0%2F24&match=longer&limit=100", "v1/explain/10.0.1.0%2F24"],
  ["2001:db8::1", "v1/routes?prefix=2001%3Adb8%3A%3A1&limit=100", "v1/explain/2001%3Adb8%3A%3A1"],
  ["::", "v1/routes?prefix=%3A%3A&limit=100", "v1/explain/%3A%3A"],
  // The daemon says that it is not an address.
  ["10.0.1.777", "v1/routes?prefix=10.0.1.777&limit=100", "v1/explain/10.0.1.777"],
  ["10.0.1.7 vni:100", "v1/routes?prefix=10.0.1.7&vni=100&limit=100", "v1/explain/10.0.1.7?vni=100"],
  ["vni:100 type:nat", "v1/routes?vni=100&type=nat&limit=100", null],
  ["via:2001:db8::1", "v1/routes?nextHop=2001%3Adb8%3A%3A1&limit=100", null],
  ["from:[::1]:4711 stale", "v1/routes?from=%5B%3A%3A1%5D%3A4711&stale=true&limit=100", null],
  ["10.0.1", "v1/routes?text=10.0.1&limit=100", null],
  ["db8::1&limit=1 x", "v1/routes?text=db8%3A%3A1%26limit%3D1+x&limit=100", null],
  ["<b> unknown:1", "v1/routes?text=%3Cb%3E+unknown%3A1&limit=100", null],
];

test.each([...CASES])("%j", (text, routes, explanation) => {
  const search = parseSearch(text);
  expect(routesPath(search, 100, null)).toBe(routes);
  expect(search.explanation).toBe(explanation);
});

test("the cursor of the page before leads to the next one", () => {
  const path = routesPath(parseSearch("vni:1"), 2, "1-10.0.0.0/8");
  expect(path).toBe("v1/routes?vni=1&limit=2&cursor=1-10.0.0.0%2F8");
});

test("the history is filtered by VNI and prefix", () => {
  expect(historyPath("", 5)).toBe("v1/history?limit=5");
  expect(historyPath("vni:100 10.0.1.0/24", 5)).toBe("v1/history?limit=5&vni=100&prefix=10.0.1.0%2F24");
  expect(historyPath("nonsense", 5)).toBe("v1/history?limit=5&prefix=nonsense");
});
