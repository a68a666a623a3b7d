/**
 * Runs the checks in the machine and says on its console how they went:
 *
 *     ok NAME
 *     # more about the failure that follows
 *     not ok NAME: why
 */
import { CHECKS, type Rig } from "./checks.ts";
import { Daemons } from "./daemons.ts";
import { runFlowCommand, serveFlows } from "./flows.ts";
import { dump } from "./kernel-state.ts";
import { A, buildNetwork, HYPERVISORS, inside, ip } from "./network.ts";

// init has set it to have this program run; the executables under test are to be themselves.
Reflect.deleteProperty(process.env, "BUN_BE_BUN");

const daemons = new Daemons();

async function start(): Promise<Rig> {
  await buildNetwork();
  // Somebody else's, in table and beside it, with a nexthop object too.
  await ip(
    A.name,
    "nexthop add id 77 via 2001:db8:a::ff dev uplink protocol 99",
    "route add 198.51.100.0/24 nhid 77 table 100 protocol 99",
    "route add 2001:db8:ffff::/48 nhid 77 table 4711 protocol 99",
    "route add 203.0.113.0/24 dev port table 100 protocol 99",
  );
  const before = await dump(A);
  await daemons.startMissing();
  for (const { tenant } of HYPERVISORS.filter((one) => one.tenant.isAnycast)) {
    await serveFlows(tenant.name);
  }
  return { daemons, before };
}

async function diagnostics(): Promise<string[]> {
  const kernel: string[] = [];
  for (const { name } of HYPERVISORS) {
    const child = Bun.spawn(inside(name, "ip", "-o", "nexthop", "show"), { stdout: "pipe" });
    kernel.push(`${name}:`, ...(await child.stdout.text()).split("\n"));
  }
  return [...daemons.describe().flatMap((text) => text.split("\n")), ...kernel];
}

async function report(name: string, run: () => Promise<void>): Promise<void> {
  const startMs = performance.now();
  try {
    await run();
    console.log(`# ${Math.round(performance.now() - startMs)} ms`);
    console.log(`ok ${name}`);
  } catch (error) {
    const text = error instanceof Error ? `${error.stack}` : `${error}`;
    for (const line of [...text.split("\n"), ...(await diagnostics())]) console.log(`# ${line}`);
    console.log(`not ok ${name}: ${text.split("\n", 1)[0]}`);
  }
}

async function runChecks(): Promise<void> {
  let rig: Rig | undefined;
  await report("start", async () => {
    rig = await start();
  });
  if (rig === undefined) return;
  const started = rig;
  for (const { name, run } of CHECKS) {
    await report(name, async () => {
      await daemons.startMissing();
      await run(started);
    });
  }
}

const args = process.argv.slice(2);
if (args.length > 0) {
  await runFlowCommand(args);
} else {
  await runChecks();
  process.exit();
}
