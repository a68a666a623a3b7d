import { describe, expect, test } from "bun:test";
import { type ClientOptions, parseClientOptions } from "../../src/cli/client-command.ts";
import { UsageError, type UsageErrorCode } from "../../src/cli/usage-error.ts";
import { formatEndpoint } from "../../src/net/endpoint.ts";
import { formatRoute } from "../../src/route/announcement.ts";

/** Options with endpoints and routes as text. */
function summarize({ servers, announcements, http, ...rest }: ClientOptions) {
  return {
    servers: servers.map(formatEndpoint),
    announcements: announcements.map(formatRoute),
    http: http === null ? null : formatEndpoint(http),
    ...rest,
  };
}

const DEFAULTS: ReturnType<typeof summarize> = {
  servers: ["one.example:4711"],
  vnis: [100],
  announcements: [],
  http: null,
  keepaliveSeconds: 5,
  retry: { minMs: 5000, maxMs: 10000 },
  gentle: "auto",
  holdSeconds: 60,
  holdAloneSeconds: Number.POSITIVE_INFINITY,
  leave: "withdraw",
  drainSeconds: 0,
  socket: { path: "/run/bunbond/client.sock", isDefault: true },
  json: false,
  config: null,
  verbose: false,
  warnings: [],
};

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
    [["--gentle", "never"], { gentle: "never" }],
    [["--keepalive", "1", "--hold", "0"], { keepaliveSeconds: 1, holdSeconds: 0 }],
    [["--retry", "0.5-2"], { retry: { minMs: 500, maxMs: 2000 } }],
    [["--retry", "0-0"], { retry: { minMs: 0, maxMs: 0 } }],
    [["--hold-alone", "0.25"], { holdAloneSeconds: 0.25 }],
    [["--hold-alone", "Forever"], {}],
    [["--leave", "Keep"], { leave: "keep" }],
    [["--drain", "2.5"], { drainSeconds: 2.5 }],
    [["--socket", "/tmp/x.sock"], { socket: { path: "/tmp/x.sock", isDefault: false } }],
    [
      ["--socket", "/run/bunbond/client.sock"],
      { socket: { path: "/run/bunbond/client.sock", isDefault: false } },
    ],
    [["--socket", "None"], { socket: null }],
    [["--json"], { json: true }],
  ];

  test.each(TAKEN)("%j", (args, expected) => {
    const options = parseClientOptions(["--server", "one.example", "--vni", "100", ...args]);
    expect(summarize(options)).toEqual({ ...DEFAULTS, ...expected });
  });

  test("host bits and IPv4 next hops with warnings that name the announcement", () => {
    const { announcements, warnings } = parseClientOptions(["-s", "a", "-a", "100#10.0.1.7/24@192.0.2.1"]);
    expect(announcements.map(formatRoute)).toEqual(["100 10.0.1.0/24 via 192.0.2.1"]);
    expect(warnings).toEqual([
      expect.stringMatching(/^--announce 100#10\.0\.1\.7\/24@192\.0\.2\.1: .*bits behind its length/),
      expect.stringMatching(/^--announce 100#10\.0\.1\.7\/24@192\.0\.2\.1: .*IPv4/),
    ]);
  });

  test("a drain that nothing comes of, with a warning", () => {
    const { warnings } = parseClientOptions(["-s", "a", "-v", "1", "--leave", "keep", "--drain", "5"]);
    expect(warnings).toEqual([expect.stringContaining("--drain is of use with --leave withdraw only")]);
  });

  test("a client with nothing to do, with a warning", () => {
    const { warnings } = parseClientOptions(["-s", "a"]);
    expect(warnings).toEqual([expect.stringContaining("neither --vni nor --announce")]);
  });
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
    [["-s", "a", "--hold", "forever"], "BAD_VALUE", "--hold: a number of seconds", "forever\n^~~~~~~"],
    [["-s", "a", "--hold-alone", "ever"], "BAD_VALUE", "--hold-alone: a number of seconds", "ever\n^~~~"],
    [["-s", "a", "--retry", "5"], "BAD_VALUE", "--retry: two numbers", "5\n^"],
    [["-s", "a", "--retry", "9-5"], "BAD_VALUE", "--retry: two numbers", "9-5\n^~~"],
    [["-s", "a", "--retry", "5-"], "BAD_VALUE", "--retry: two numbers", "5-\n^~"],
    [["-s", "a", "--retry", "1-2-3"], "BAD_VALUE", "--retry: two numbers", "1-2-3\n^~~~~"],
    [["-s", "a", "--keepalive", "0"], "BAD_VALUE", "--keepalive: ", "0\n^"],
    [["-s", "a", "--leave", "stay"], "BAD_VALUE", "--leave: one of withdraw, keep", "stay\n^~~~"],
    [["-s", "a", "--drain", "5s"], "BAD_VALUE", "--drain: a number of seconds", "5s\n^~"],
    [["-s", "a", "--json", "--json"], "REPEATED_FLAG", "--json is given twice", null],
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
