/** `bunbond diff` with real daemons, over control sockets and HTTP. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { DiffReport } from "../../src/cli/commands/route-diff.ts";
import { announceFlag, standardRoute } from "../support/models/text-route.ts";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { hasRoutes, httpBase } from "../support/process/http-routes.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const HTTP = ["--http", "[::1]:0"];
const BOTH = standardRoute(100, "10.0.1.0/24", "2001:db8::1");
const FIRST = standardRoute(100, "10.0.2.0/24", "2001:db8::1");
const SECOND = standardRoute(200, "2001:db8:2::/64", "2001:db8::1");
const OWN = standardRoute(100, "10.0.3.0/24", "2001:db8::2");

async function diff(...args: readonly string[]) {
  await using program = new ChildProcess({
    command: [...FROM_SOURCE, "diff", ...args],
    env: { NODE_ENV: undefined },
  });
  return {
    exitCode: await program.ended,
    stdout: program.stdoutLines.join("\n"),
    stderr: program.stderrLines,
  };
}

async function report(...args: readonly string[]): Promise<[exitCode: number | null, DiffReport]> {
  const { exitCode, stdout } = await diff(...args, "-o", "json");
  return [exitCode, JSON.parse(stdout)];
}

test("names the routes that one daemon has and another lacks", async () => {
  using directory = temporaryDirectory();
  const socketOf = (name: string) => join(directory.path, `${name}.sock`);
  await using first = await startBunbondServer({ flags: HTTP, socket: socketOf("first") });
  await using second = await startBunbondServer({ flags: HTTP, socket: socketOf("second") });
  const [base1, base2] = [await httpBase(first), await httpBase(second)];
  await using _both = startBunbondClient({
    servers: [first.address, second.address],
    announce: [announceFlag(BOTH)],
  });
  await using client = startBunbondClient({
    servers: [first.address],
    vnis: [100],
    announce: [announceFlag(OWN)],
    socket: socketOf("client"),
    flags: HTTP,
  });
  await client.viewIs([BOTH]);
  await hasRoutes(second, 1);
  await hasRoutes(first, 2);

  // The client's own announcement is not missing.
  expect(await report(socketOf("client"), base1)).toEqual([
    0,
    {
      a: socketOf("client"),
      b: base1,
      equal: true,
      compared: 1,
      count: 0,
      differences: [],
    },
  ]);

  await using _first = startBunbondClient({ servers: [first.address], announce: [announceFlag(FIRST)] });
  await using _second = startBunbondClient({ servers: [second.address], announce: [announceFlag(SECOND)] });
  await client.viewIs([BOTH, FIRST]);
  await hasRoutes(second, 2);
  const [exitCode, { count, compared, differences }] = await report(socketOf("first"), base2);
  expect({ exitCode, count, compared }).toEqual({ exitCode: 1, count: 3, compared: 2 });
  const named = (side: string) =>
    differences.flatMap(({ vni, destination, nextHop, has }) =>
      has === side ? [`${vni} ${destination} via ${nextHop}`] : [],
    );
  expect(named(socketOf("first"))).toEqual([
    "100 10.0.2.0/24 via 2001:db8::1",
    "100 10.0.3.0/24 via 2001:db8::2",
  ]);
  expect(named(base2)).toEqual(["200 2001:db8:2::/64 via 2001:db8::1"]);

  // Of a client only the VNIs that it subscribes to.
  const [, ofClient] = await report(await httpBase(client), base2);
  expect(ofClient.differences.map(({ destination }) => destination)).toEqual(["10.0.2.0/24"]);

  const limited = await diff(base1, base2, "--limit", "1");
  expect(limited.exitCode).toBe(1);
  expect(limited.stdout).toContain("3, of which 1 are shown");
  expect(limited.stdout.split("\n").filter((line) => line.includes("2001:db8::"))).toHaveLength(1);

  expect(await diff(base1, socketOf("nobody"))).toEqual({
    exitCode: 4,
    stdout: "",
    stderr: [expect.stringContaining(`no daemon answers at ${socketOf("nobody")}`)],
  });
});

test("--servers names the routes in which a client's servers disagree", async () => {
  using directory = temporaryDirectory();
  const socket = join(directory.path, "client.sock");
  await using first = await startBunbondServer({});
  await using second = await startBunbondServer({});
  await using _announcer = startBunbondClient({ servers: [first.address], announce: [announceFlag(BOTH)] });
  await using client = startBunbondClient({
    servers: [first.address, second.address],
    vnis: [100],
    socket,
    flags: [...HTTP, "--require-agreement"],
  });
  await client.viewIs([BOTH]);
  expect((await diff("--servers", "--socket", socket)).exitCode).toBe(0);
  await client.logged(/servers disagree about the routes of a VNI vni=100 routes=1/);
  const ready = await fetch(`${await httpBase(client)}/readyz`);
  expect([ready.status, await ready.json()]).toMatchObject([503, { reasons: [{ reason: "disagreement" }] }]);
  const { exitCode, stdout } = await diff("--servers", "--socket", socket, "-o", "json");
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toEqual({
    disagreements: [
      {
        vni: 100,
        routes: 1,
        atLeast: false,
        servers: [
          { server: first.address, lacks: 0 },
          { server: second.address, lacks: 1 },
        ],
        examples: [
          {
            destination: "10.0.1.0/24",
            nextHop: "2001:db8::1",
            has: [first.address],
            lacks: [second.address],
          },
        ],
      },
    ],
  });
});
