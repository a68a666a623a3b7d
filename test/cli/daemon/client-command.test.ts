import { describe, expect, test } from "bun:test";
import {
  type ClientConfig,
  parseClientOptions,
  subscriptionsOf,
} from "../../../src/cli/daemon/client-command.ts";
import { runDirectories } from "../../../src/cli/flags/socket-flag.ts";
import { UsageError, type UsageErrorCode } from "../../../src/cli/program/usage-error.ts";
import { formatEndpoint } from "../../../src/net/endpoint.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import { NextHopType } from "../../../src/wire/protocol.ts";

/** Options with endpoints, routes, mappings and networks as text. */
function summarize({ servers, announcements, http, installRoutes, preferNetworks, ...rest }: ClientConfig) {
  return {
    servers: servers.map(formatEndpoint),
    announcements: announcements.map(formatRoute),
    http: http === null ? null : formatEndpoint(http),
    installRoutes: installRoutes.map(({ vni, table }) => `${vni} into ${table}`),
    preferNetworks: preferNetworks.map(({ prefix, weight }) => `${formatPrefix(prefix)} ${weight}`),
    ...rest,
  };
}

const DEFAULTS: ReturnType<typeof summarize> = {
  servers: ["one.example:4711"],
  vnis: [100],
  announcements: [],
  http: null,
  httpHosts: [],
  metricsPerPeer: "on",
  historyEntries: 100_000,
  keepaliveSeconds: 5,
  retry: { minMs: 5000, maxMs: 10000 },
  pacing: "auto",
  maxHops: 4096,
  staleTimeSeconds: 60,
  staleTimeAloneSeconds: Number.POSITIVE_INFINITY,
  onStop: "withdraw",
  drainSeconds: 0,
  installRoutes: [],
  tunnelDevice: "ip6tnl0",
  ipv4Only: false,
  cleanup: false,
  routeProtocol: 254,
  dryRun: false,
  preferNetworks: [],
  excludeTypes: [],
  ecmp: "plain",
  reconcileSeconds: 300,
  installNat: "plain",
  socket: { directory: runDirectories()[0] },
  requireAgreement: false,
  json: false,
  config: null,
  verbose: false,
  logLevel: "info",
  logFormat: "auto",
  warnings: [],
};

const { STANDARD: STD, NAT, LOADBALANCER_TARGET: LB } = NextHopType;
const ROUTE = "100#10.0.1.0/24@2001:db8::1";
const ROUTE_LINE = "100 10.0.1.0/24 via 2001:db8::1";

describe("parseClientOptions takes", () => {
  /** Flags behind `--server one.example --vni 100`. */
  const TAKEN: [string[], Partial<typeof DEFAULTS>][] = [
    [[], {}],
    [["-s", "[2001:db8::10]:4713"], { servers: ["one.example:4711", "[2001:db8::10]:4713"] }],
    [["-s", "2001:db8::10"], { servers: ["one.example:4711", "[2001:db8::10]:4711"] }],
    [["-s", "b,a", "-s", "c"], { servers: ["one.example:4711", "b:4711", "a:4711", "c:4711"] }],
    [["-s", "one.example:4711,ONE.example"], {}],
    [
      ["-s", "[2001:DB8:0::10],2001:db8::10,[2001:db8::10]:4711"],
      { servers: ["one.example:4711", "[2001:db8::10]:4711"] },
    ],
    [["--vni", "0,4294967295"], { vnis: [100, 0, 4294967295] }],
    [["--vni", "200", "--subscribe", "100", "-v", "300,0200"], { vnis: [100, 200, 300] }],
    [["-v", "200"], { vnis: [100, 200] }],
    [["-v"], { verbose: true }],
    [["-v", "-v", "200"], { verbose: true, vnis: [100, 200] }],
    [["-v200", "-v"], { verbose: true, vnis: [100, 200] }],
    [["--announce", ROUTE], { announcements: [ROUTE_LINE] }],
    [
      ["-a", "7#10.0.0.7/32#2001:db8::1#NAT#1#2,100#::/0@2001:db8::1#lb"],
      {
        announcements: [
          "7 10.0.0.7/32 via 2001:db8::1 type nat ports 1-2",
          "100 ::/0 via 2001:db8::1 type lb",
        ],
      },
    ],
    [["-a", ROUTE, "-a", ROUTE.replace("@", "#"), "-a", `${ROUTE}#std`], { announcements: [ROUTE_LINE] }],
    [["--http", ":8080"], { http: "[::]:8080" }],
    [["--pacing", "never"], { pacing: "never" }],
    [["--keepalive", "1", "--stale-time", "0"], { keepaliveSeconds: 1, staleTimeSeconds: 0 }],
    [["--retry", "0.5-2"], { retry: { minMs: 500, maxMs: 2000 } }],
    [["--retry", "0.1-0.1"], { retry: { minMs: 100, maxMs: 100 } }],
    [["--stale-time-alone", "0.25"], { staleTimeAloneSeconds: 0.25 }],
    [["--stale-time-alone", "Forever"], {}],
    [["--on-stop", "Keep"], { onStop: "keep" }],
    [["--max-hops", "1"], { maxHops: 1 }],
    [["--max-hops", "65536"], { maxHops: 65_536 }],
    [["--drain", "2.5"], { drainSeconds: 2.5 }],
    [["--socket", "/tmp/x.sock"], { socket: { path: "/tmp/x.sock" } }],
    [["--socket", "/run/bunbond/client.sock"], { socket: { path: "/run/bunbond/client.sock" } }],
    [["--socket", "None"], { socket: null }],
    [["--json"], { json: true }],
    [
      [
        "--install-routes",
        "100#100,200#100",
        "--install-routes",
        "0#4294967295",
        "--install-routes",
        "4294967295#1",
      ],
      { installRoutes: ["100 into 100", "200 into 100", "0 into 4294967295", "4294967295 into 1"] },
    ],
    [["--install-routes", "100#100,0100#0100"], { installRoutes: ["100 into 100"] }],
    [["--install-routes", "100#254", "--allow-main-table"], { installRoutes: ["100 into 254"] }],
    [["--install-routes", "7#0,7#254", "--allow-main-table"], { installRoutes: ["7 into 254"] }],
    ...(
      [
        [["--tun", "overlay-tun"], { tunnelDevice: "overlay-tun" }],
        [["--ipv4-only", "--cleanup"], { ipv4Only: true, cleanup: true }],
        [["--dry-run"], { dryRun: true }],
        [["--route-protocol", "5"], { routeProtocol: 5 }],
        [["--route-protocol", "255"], { routeProtocol: 255 }],
        [
          ["--prefer-network", "2001:db8:a::/48", "--prefer-network", "2001:DB8:b:0::/48=10,::/0=1"],
          { preferNetworks: ["2001:db8:a::/48 100", "2001:db8:b::/48 10", "::/0 1"] },
        ],
        [["--prefer-network", "fe00::/8=3,fe00::/8=3"], { preferNetworks: ["fe00::/8 3"] }],
        [["--exclude-type", "lb,NAT", "--exclude-type", "Std,lb"], { excludeTypes: [LB, NAT, STD] }],
        [["--ecmp", "Resilient"], { ecmp: "resilient" }],
        [["--reconcile-interval", "0"], { reconcileSeconds: 0 }],
        [["--install-nat", "Skip"], { installNat: "skip" }],
      ] satisfies [string[], Partial<typeof DEFAULTS>][]
    ).map(([args, expected]): [string[], Partial<typeof DEFAULTS>] => [
      ["--install-routes", "100#100", ...args],
      { installRoutes: ["100 into 100"], ...expected },
    ]),
  ];

  test.each(TAKEN)("%j", (args, expected) => {
    const options = parseClientOptions(["--server", "one.example", "--vni", "100", ...args]);
    expect(summarize(options)).toEqual({ ...DEFAULTS, ...expected });
  });

  test("host bits and IPv4 next hops with warnings that name the announcement", () => {
    const { announcements, warnings } = parseClientOptions(["-s", "a", "-a", "100#10.0.1.7/24@192.0.2.1"]);
    expect(announcements.map(formatRoute)).toEqual(["100 10.0.1.0/24 via 192.0.2.1"]);
    expect(warnings).toEqual([
      expect.stringMatching(/^--announce 100#10\.0\.1\.7\/24@192\.0\.2\.1: .*host bits set/),
      expect.stringMatching(/^--announce 100#10\.0\.1\.7\/24@192\.0\.2\.1: .*IPv4/),
    ]);
  });

  test("a drain that a signal makes nothing of, with a warning", () => {
    const { warnings } = parseClientOptions(["-s", "a", "-v", "1", "--on-stop", "keep", "--drain", "5"]);
    expect(warnings).toEqual([
      expect.stringContaining("with --on-stop keep only 'bunbond client drain' waits for this time"),
    ]);
  });

  test("a retry so late that others have dropped its routes by then, with a warning", () => {
    const warningsOf = (retry: string) =>
      parseClientOptions(["-s", "a", "-v", "1", "--retry", retry]).warnings;
    expect(warningsOf("5-14.9")).toEqual([]);
    expect(warningsOf("5-15")).toEqual([expect.stringMatching(/^--retry: .* 15 s,/)]);
  });

  test("a client with nothing to do, with a warning", () => {
    const { warnings } = parseClientOptions(["-s", "a"]);
    expect(warnings).toEqual([expect.stringContaining("neither --vni nor --announce nor --install-routes")]);
  });

  test("a cleanup after a dry run, with a warning that names the other way", () => {
    const dry = ["-s", "a", "--install-routes", "1#1", "--dry-run"];
    expect(parseClientOptions(dry).warnings).toEqual([]);
    expect(parseClientOptions([...dry, "--cleanup"]).warnings).toEqual([
      "--cleanup has no effect with --dry-run: 'bunbond cleanup --dry-run' prints what would be removed",
    ]);
  });

  test("flags that nothing comes of without --install-routes, with a warning that names them", () => {
    const flags = ["--tun", "overlay-tun", "--cleanup", "--exclude-type", "lb", "--allow-main-table"];
    expect(parseClientOptions(["-s", "a", "-v", "1", ...flags]).warnings).toEqual([
      "without --install-routes these flags have no effect: --tun, --cleanup, --allow-main-table, --exclude-type",
    ]);
    expect(parseClientOptions(["-s", "a", "--install-routes", "1#1", ...flags]).warnings).toEqual([]);
  });

  test("the VNIs of --install-routes as subscriptions, each once", () => {
    const options = parseClientOptions(["-s", "a", "-v", "7,100", "--install-routes", "100#100,200#100"]);
    expect(options.vnis).toEqual([7, 100]);
    expect(subscriptionsOf(options)).toEqual([7, 100, 200]);
  });
});

test.each([
  ["hold", "stale-time"],
  ["hold-alone", "stale-time-alone"],
  ["leave", "on-stop"],
  ["gentle", "pacing"],
])("the former name of a flag, --%s, is refused with its name now, --%s", (formerName, name) => {
  const parse = () => parseClientOptions(["-s", "a", `--${formerName}`, "5"]);
  expect(parse).toThrow(
    expect.objectContaining({
      code: "UNKNOWN_FLAG",
      message: `unknown flag --${formerName}`,
      hint: `it is called --${name} now`,
    }),
  );
});

describe("parseClientOptions refuses", () => {
  const REFUSED: [string[], UsageErrorCode, string, string | null][] = [
    [[], "MISSING_FLAG", "--server is missing", null],
    [["--vni", "100"], "MISSING_FLAG", "--server is missing", null],
    [["--sever", "a"], "UNKNOWN_FLAG", "unknown flag --sever", null],
    [["--listen", "a"], "UNKNOWN_FLAG", "unknown flag --listen", null],
    [["-s", "-v", "100"], "MISSING_VALUE", "-s needs a value", null],
    [["-s", "a:0"], "BAD_VALUE", "--server: the port", "a:0\n  ^"],
    [["-s", "a,b:99999,c"], "BAD_VALUE", "--server: the port", "b:99999\n  ^~~~~"],
    [["-s", "a", "-v", "99999999999"], "BAD_VALUE", "--vni: ", "99999999999\n^~~~~~~~~~~"],
    [["-s", "a", "--vni", "1,0x10"], "BAD_VALUE", "--vni: a whole number from 0 to 4294967295", "0x10\n^~~~"],
    [["-s", "a", "-v", "10.0.0.1"], "UNEXPECTED_ARGUMENT", `unexpected argument "10.0.0.1"`, null],
    [
      ["-s", "a", "-a", "100#10.0.1.0/24@2001:db8::zz"],
      "BAD_VALUE",
      "--announce: the next hop must be an IPv6 address",
      "100#10.0.1.0/24@2001:db8::zz\n                ^~~~~~~~~~~~",
    ],
    [
      ["-s", "a", "--stale-time", "forever"],
      "BAD_VALUE",
      "--stale-time: a number of seconds",
      "forever\n^~~~~~~",
    ],
    [
      ["-s", "a", "--stale-time-alone", "ever"],
      "BAD_VALUE",
      "--stale-time-alone: a number of seconds",
      "ever\n^~~~",
    ],
    [["-s", "a", "--retry", "5"], "BAD_VALUE", "--retry: two numbers", "5\n^"],
    [["-s", "a", "--retry", "0-0"], "BAD_VALUE", "--retry: two numbers of seconds from 0.1", "0-0\n^~~"],
    [["-s", "a", "--retry", "9-5"], "BAD_VALUE", "--retry: two numbers", "9-5\n^~~"],
    [["-s", "a", "--retry", "5-"], "BAD_VALUE", "--retry: two numbers", "5-\n^~"],
    [["-s", "a", "--retry", "1-2-3"], "BAD_VALUE", "--retry: two numbers", "1-2-3\n^~~~~"],
    [["-s", "a", "--keepalive", "0"], "BAD_VALUE", "--keepalive: ", "0\n^"],
    [["-s", "a", "--on-stop", "stay"], "BAD_VALUE", "--on-stop: one of withdraw, keep", "stay\n^~~~"],
    [["-s", "a", "--max-hops", "0"], "BAD_VALUE", "--max-hops: a whole number from 1 to 65536", "0\n^"],
    [["-s", "a", "--drain", "5s"], "BAD_VALUE", "--drain: a number of seconds", "5s\n^~"],
    [["-s", "a", "--json", "--json"], "REPEATED_FLAG", "--json is given twice", null],
    ...(
      [
        ["install-routes", "100", `"#" and the table are missing`, "100\n   ^"],
        ["install-routes", "100#", "the table must be a number from 1 to 4294967295", "100#\n    ^"],
        ["install-routes", "100#100#1", "the table must be a number", "100#100#1\n    ^~~~~"],
        ["install-routes", "1#main", "the table must be a number", "1#main\n  ^~~~"],
        ["install-routes", "1#4294967296", "the table must be a number", "1#4294967296\n  ^~~~~~~~~~"],
        ["install-routes", "#100", "the VNI must be a number from 0 to 4294967295", "#100\n^"],
        ["install-routes", "4294967296#1", "the VNI must be a number", "4294967296#1\n^~~~~~~~~~"],
        ["install-routes", "-1#1", "the VNI must be a number", "-1#1\n^~"],
        ["install-routes", "1#253", `table 253 ("default") belongs to the kernel`, "1#253\n  ^~~"],
        ["install-routes", "1#255", `table 255 ("local") belongs to the kernel`, "1#255\n  ^~~"],
        ["install-routes", "1#0", "table 0 is main, the host's own", "1#0\n  ^"],
        ["install-routes", "1#254", "table 254 is main, the host's own", "1#254\n  ^~~"],
        ["install-routes", "1#7,2#7,01#8", "VNI 1 is already installed in table 7", "01#8\n^~~~"],
        ["tun", "averyverylongname", "no device can have that name", `averyverylongname\n^${"~".repeat(16)}`],
        ["tun", "a/b", "no device can have that name", "a/b\n^~~"],
        ["tun", "..", "no device can have that name", "..\n^~"],
        ["route-protocol", "0", "a whole number from 5 to 255", "0\n^"],
        ["route-protocol", "2", "a whole number from 5 to 255", "2\n^"],
        ["route-protocol", "4", "a whole number from 5 to 255", "4\n^"],
        ["route-protocol", "9", "9 is reserved for the kernel", "9\n^"],
        ["route-protocol", "256", "a whole number from 5 to 255", "256\n^~~"],
        [
          "prefer-network",
          "10.0.0.0/8",
          "an IPv6 prefix with its length is needed",
          "10.0.0.0/8\n^~~~~~~~~~",
        ],
        [
          "prefer-network",
          "2001:db8::",
          "an IPv6 prefix with its length is needed",
          "2001:db8::\n^~~~~~~~~~",
        ],
        ["prefer-network", "fe00::1/8", "there are bits set after the prefix length", "fe00::1/8\n^~~~~~~~~"],
        [
          "prefer-network",
          "fe00::/8=0",
          "the weight must be a number from 1 to 255",
          "fe00::/8=0\n         ^",
        ],
        ["prefer-network", "fe00::/8=256", "the weight must be", "fe00::/8=256\n         ^~~"],
        ["prefer-network", "fe00::/8=", "the weight must be", "fe00::/8=\n         ^"],
        ["prefer-network", "fe00::/8=2,fe00::/8", "fe00::/8 already has weight 2", "fe00::/8\n^~~~~~~~"],
        ["exclude-type", "anycast", "one of std, nat, lb", "anycast\n^~~~~~~"],
        ["reconcile-interval", "never", "a number of seconds", "never\n^~~~~"],
        ["install-nat", "ports", "one of plain, skip", "ports\n^~~~~"],
      ] as const
    ).map(([flag, value, reason, caret]): [string[], UsageErrorCode, string, string | null] => [
      ["-s", "a", `--${flag}`, value],
      "BAD_VALUE",
      `--${flag}: ${reason}`,
      caret,
    ]),
    [
      ["-s", "a", "--install-routes", "1#0", "--allow-main-table=false"],
      "BAD_VALUE",
      "--install-routes: ",
      "1#0\n  ^",
    ],
  ];

  test.each(REFUSED)("%j", (args, code, message, caret) => {
    try {
      parseClientOptions(args);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      expect(error.code).toBe(code);
      expect(error.message).toStartWith(message);
      expect(error.caret).toBe(caret);
      return;
    }
    throw new Error("taken");
  });
});
