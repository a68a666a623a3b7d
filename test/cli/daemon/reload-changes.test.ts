import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseClientOptions } from "../../../src/cli/daemon/client-command.ts";
import {
  type ClientChange,
  clientDifference,
  type ServerChange,
  serverDifference,
} from "../../../src/cli/daemon/reload-changes.ts";
import { parseServerOptions } from "../../../src/cli/daemon/server-command.ts";
import { formatEndpoint } from "../../../src/net/endpoint.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";

const R = "100#10.0.1.0/24@2001:db8::1";
const R_BY_2 = "100#10.0.1.0/24@2001:db8::2";
const Q = "100#10.0.2.0/24@2001:db8::1#nat#1#9";

/** A change in one line. */
function text(change: ClientChange | ServerChange): string {
  if ("vni" in change) return `${change.type} ${change.vni}`;
  if ("route" in change) return `${change.type} ${formatRoute(change.route)}`;
  if ("server" in change) return `${change.type} ${formatEndpoint(change.server)}`;
  if (change.type === "log-level") return `log-level ${change.level}`;
  if (change.type === "install-routes") {
    return `${change.type} ${change.mappings.map(({ vni, table }) => `${vni}#${table}`).join()}`;
  }
  if (change.type === "cleanup") return `cleanup ${change.cleanup}`;
  if (change.type === "require-agreement") return `require-agreement ${change.isRequired}`;
  return `configure ${Bun.inspect(change.settings, { compact: true })}`;
}

/** Flags as one would write them, behind `--server a`. */
function client(flags: string) {
  return parseClientOptions(["--server", "a", ...flags.split(" ").filter((word) => word !== "")]);
}

function server(flags: string) {
  return parseServerOptions(flags.split(" ").filter((word) => word !== ""));
}

describe("clientDifference", () => {
  const CASES: [string, string, string, string[], string[]][] = [
    ["nothing", `-v 100 -a ${R} --stale-time 5`, `-v 100 -a ${R} --stale-time 5`, [], []],
    ["another order", `-s b,c -v 100,200 -a ${R},${Q}`, `-s c,b -v 200,100 -a ${Q},${R}`, [], []],
    [
      "another spelling",
      `-s [2001:db8::1]:4711 -v 100 -a ${R} --keepalive 5`,
      `-s 2001:DB8:0::1 -v 0100 -a ${R.replace("@", "#").toUpperCase()}#STD --keepalive 05 --stale-time 60.0`,
      [],
      [],
    ],
    ["VNIs", "-v 100,200", "-v 200,300,0", ["subscribe 300", "subscribe 0", "unsubscribe 100"], []],
    [
      "announcements",
      `-a ${R},${Q}`,
      `-a ${Q},${R}#lb`,
      ["announce 100 10.0.1.0/24 via 2001:db8::1 type lb", "withdraw 100 10.0.1.0/24 via 2001:db8::1"],
      [],
    ],
    [
      "ports",
      `-a ${Q}`,
      `-a ${Q}9`,
      [
        "announce 100 10.0.2.0/24 via 2001:db8::1 type nat ports 1-99",
        "withdraw 100 10.0.2.0/24 via 2001:db8::1 type nat ports 1-9",
      ],
      [],
    ],
    ["servers", "-s b,c", "-s c,d:4713", ["add-server d:4713", "remove-server b:4711"], []],
    [
      "everything: what is new first, what goes last",
      `-s b -v 100 -a ${R} --stale-time 1`,
      `-s c -v 200 -a ${R_BY_2} --stale-time 2 --verbose`,
      [
        "configure { staleTimes: { staleTimeMs: 2000, staleTimeAloneMs: Infinity } }",
        "log-level debug",
        "add-server c:4711",
        "subscribe 200",
        "announce 100 10.0.1.0/24 via 2001:db8::2",
        "withdraw 100 10.0.1.0/24 via 2001:db8::1",
        "unsubscribe 100",
        "remove-server b:4711",
      ],
      [],
    ],
    ["keepalive", "", "--keepalive 7", ["configure { keepaliveSeconds: 7 }"], []],
    ["retry", "--retry 1-2", "--retry 1-3", ["configure { retry: { minMs: 1000, maxMs: 3000 } }"], []],
    [
      "several settings in one change",
      "--retry 1-2 --keepalive 3",
      "--retry 2-2 --stale-time-alone 9",
      [
        "configure { keepaliveSeconds: 5, retry: { minMs: 2000, maxMs: 2000 }, staleTimes: { staleTimeMs: 60000, staleTimeAloneMs: 9000 } }",
      ],
      [],
    ],
    ["less in the log", "--verbose", "", ["log-level info"], []],
    ["what is looked at when the client stops", "", "--on-stop keep", [], []],
    ["HTTP", "", "--http ::1", [], ["http"]],
    ["HTTP's port", "--http ::1", "--http [::1]:80", [], ["http"]],
    ["HTTP in another spelling", "--http ::1", "--http [::1]:4712", [], []],
    ["the limit of hops", "", "--max-hops 7", [], ["max-hops"]],
    ["the socket", "--socket /a", "--socket none", [], ["socket"]],
    [
      "all that waits for the next start",
      "",
      "--http ::1 --json --drain 5 --socket /b",
      [],
      ["http", "drain", "socket", "json"],
    ],
    [
      "all of the kernel's that waits for the next start",
      "--install-routes 1#1",
      "--install-routes 1#1 --tun t --ipv4-only --route-protocol 7 --dry-run --prefer-network ::/0 --exclude-type lb --reconcile-interval 1 --install-nat skip",
      [],
      [
        "tun",
        "ipv4-only",
        "route-protocol",
        "dry-run",
        "prefer-network",
        "exclude-type",
        "reconcile-interval",
        "install-nat",
      ],
    ],
    ["cleanup", "--install-routes 1#1", "--install-routes 1#1 --cleanup", ["cleanup true"], []],
    [
      "tables: the mapping before the subscription",
      "--install-routes 1#1,2#2",
      "--install-routes 3#3,1#9",
      ["install-routes 3#3,1#9", "subscribe 3", "unsubscribe 2"],
      [],
    ],
    [
      "the order of tables, which says who wins",
      "--install-routes 1#1,2#1",
      "--install-routes 2#1,1#1",
      ["install-routes 2#1,1#1"],
      [],
    ],
    [
      "a VNI that is subscribed as well",
      "-v 1,2 --install-routes 1#1,2#2",
      "-v 1 --install-routes 2#2",
      ["install-routes 2#2"],
      [],
    ],
    ["agreement", "-v 1", "-v 1 --require-agreement", ["require-agreement true"], []],
    ["cleanup of nothing", "-v 1", "-v 1 --cleanup", [], []],
    ["kernel routes at all", "-v 1", "-v 1 --install-routes 1#1,2#2", [], ["install-routes"]],
    [
      "no kernel routes any more, and their subscriptions stay",
      "--install-routes 1#1",
      "",
      [],
      ["install-routes"],
    ],
    ["both kinds", "-v 1", "-v 2 --json", ["subscribe 2", "unsubscribe 1"], ["json"]],
  ];

  test.each(CASES)("%s", (_name, before, after, changes, needRestart) => {
    const difference = clientDifference(client(before), client(after));
    expect(difference.changes.map(text)).toEqual(changes);
    expect(difference.needRestart).toEqual(needRestart);
  });

  test("what needs a restart stays in force as it was, so that it is told again", () => {
    const { inForce } = clientDifference(client("-v 1 --http ::1"), client("-v 2 --json --on-stop keep"));
    expect(inForce).toEqual(client("-v 2 --http ::1 --on-stop keep"));
    expect(clientDifference(inForce, client("-v 2 --json --on-stop keep"))).toMatchObject({
      changes: [],
      needRestart: ["http", "json"],
    });
  });

  test("only warnings that are new are told", () => {
    const before = client("-a 1#10.0.0.7/8@fd00::1");
    const after = client("-a 1#10.0.0.7/8@fd00::1 -a 1#11.0.0.7/8@fd00::1");
    expect(clientDifference(before, after).warnings).toEqual([expect.stringContaining("11.0.0.7/8")]);
    expect(clientDifference(after, before).warnings).toEqual([]);
  });

  test("the changes lead from any list to any other, and touch nothing that is in both", () => {
    const vnis = fc.uniqueArray(fc.integer({ min: 1, max: 9 }));
    fc.assert(
      fc.property(vnis, vnis, (before, after) => {
        const flags = (list: readonly number[]) => (list.length === 0 ? "" : `-v ${list.join()}`);
        const result = new Set(before);
        for (const change of clientDifference(client(flags(before)), client(flags(after))).changes) {
          if (change.type === "subscribe") expect(result.has(change.vni)).toBe(false);
          if (change.type === "subscribe") result.add(change.vni);
          else if (change.type === "unsubscribe") expect(result.delete(change.vni)).toBe(true);
          else throw new Error(`unexpected ${text(change)}`);
        }
        expect([...result].sort()).toEqual([...after].sort());
      }),
    );
  });
});

describe("serverDifference", () => {
  const CASES: [string, string, string, string[], string[]][] = [
    ["nothing", "--retain 30", "--retain 30", [], []],
    ["another spelling", "-l [::]:4711", "-l :4711 --keepalive 05", [], []],
    [
      "what can be changed",
      "",
      "--keepalive 3 --retain 1 --send-hold 2 -v",
      ["configure { keepaliveSeconds: 3, retainSeconds: 1, sendHoldSeconds: 2 }", "log-level debug"],
      [],
    ],
    [
      "what cannot",
      "",
      "-l ::1 --http ::1 --settle 1 --pacing never --socket none",
      [],
      ["listen", "http", "settle", "pacing", "socket"],
    ],
  ];

  test.each(CASES)("%s", (_name, before, after, changes, needRestart) => {
    const difference = serverDifference(server(before), server(after));
    expect(difference.changes.map(text)).toEqual(changes);
    expect(difference.needRestart).toEqual(needRestart);
  });

  test("what needs a restart stays in force as it was", () => {
    const { inForce } = serverDifference(server("-l ::1"), server("-l ::2 --retain 3"));
    expect(inForce).toEqual(server("-l ::1 --retain 3"));
  });
});
