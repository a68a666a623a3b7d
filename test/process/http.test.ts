/** --http on a running server and client. What the documents look like in full is in test/http. */
import { expect, test } from "bun:test";
import manifest from "../../package.json" with { type: "json" };
import { announceFlag, loadBalancerRoute, natRoute, standardRoute } from "../support/models/text-route.ts";
import { startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { httpBase } from "../support/process/http-routes.ts";

const ROUTES = [
  standardRoute(0, "0.0.0.0/0", "2001:db8::1"),
  loadBalancerRoute(4294967295, "fd00::/64", "2001:db8::1"),
  natRoute(100, "192.0.2.7/32", "2001:db8::1", 1024, 2047),
];
const hop = { TargetAddress: "2001:db8::1", TargetVNI: 0, Type: 0, NATPortRangeFrom: 0, NATPortRangeTo: 0 };
const VNET = {
  "0": { '{"IPVersion":4,"Prefix":"0.0.0.0/0"}': [hop] },
  "100": {
    '{"IPVersion":4,"Prefix":"192.0.2.7/32"}': [
      { ...hop, Type: 1, NATPortRangeFrom: 1024, NATPortRangeTo: 2047 },
    ],
  },
  "4294967295": { '{"IPVersion":6,"Prefix":"fd00::/64"}': [{ ...hop, Type: 2 }] },
};

const HTTP = ["--http", "[::1]:0"];

test("server and client serve their routes, and say that they live", async () => {
  await using server = await startBunbondServer({ flags: HTTP });
  await using _announcer = startBunbondClient({
    servers: [server.address],
    announce: ROUTES.map(announceFlag),
  });
  await using client = startBunbondClient({
    servers: [server.address],
    vnis: [0, 100, 4294967295],
    flags: HTTP,
  });
  await client.viewIs(ROUTES);
  for (const program of [server, client]) {
    const base = await httpBase(program);
    const json = await fetch(`${base}/routes.json`);
    expect(json.headers.get("content-type")).toBe("application/json");
    const document: unknown = await json.json();
    const date = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    expect(document).toEqual({ date, vnet: VNET, metalbondVersion: manifest.version });

    const yaml = await fetch(`${base}/routes.yaml`);
    expect(yaml.headers.get("content-type")).toBe("text/yaml");
    const lowerCase = JSON.parse(JSON.stringify(VNET), (_, value: unknown) => withLowerCaseFields(value));
    expect(Bun.YAML.parse(await yaml.text())).toEqual({
      date,
      vnet: lowerCase,
      metalbondversion: manifest.version,
    });

    expect(await (await fetch(`${base}/healthz`)).json()).toEqual({ status: "ok" });
    expect((await fetch(`${base}/nothing`)).status).toBe(404);
  }
});

/** Go's YAML names its fields in lower case; keys that are data stay. */
function withLowerCaseFields(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("TargetAddress" in value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key.toLowerCase(), field]));
}
