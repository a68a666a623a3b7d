/** A server and a client with known figures, and what their monitors report. */
import { ClientCounters } from "../../../src/client/counters.ts";
import { Daemon } from "../../../src/http/control/daemon.ts";
import { ClientMonitor } from "../../../src/http/monitoring/client-monitor.ts";
import { exposition } from "../../../src/http/monitoring/exposition.ts";
import { inCatalogueOrder } from "../../../src/http/monitoring/families.ts";
import type { Monitor } from "../../../src/http/monitoring/monitor.ts";
import { ServerMonitor } from "../../../src/http/monitoring/server-monitor.ts";
import { InstallerUnderTest, prefix } from "../../support/kernel/installer-under-test.ts";
import { ClientRig } from "../../support/network/client-rig.ts";

const VERSION = { version: "1.2.3", commit: "abc1234", bun: "1.4.4" };
const HOP = "2001:db8::a";
const FOREIGN = { table: 7, protocol: 3, priority: 0, tos: 0, type: 1, nexthopId: 0, linkIndex: 1 };

const NOTHING_REQUIRED = { isAgreementRequired: false };

/** A rig of one server, the client that is monitored and another one. `reportsPeers` is `--metrics-per-peer`. */
export async function monitored({ reportsPeers = true, withKernel = false } = {}) {
  const rig = new ClientRig();
  const server = await rig.startServer(1, { maxRoutes: 4 });
  const { client, log } = rig.client([1, 2]);
  const other = rig.client([1]).subscribe(100, 200);
  const counters = new ClientCounters();
  client.addHandler(counters);
  rig.clock.advance(100);
  const daemon = () => new Daemon(VERSION, rig.clock, undefined, reportsPeers);
  const installer = withKernel ? await installerWithTrouble() : null;
  const kernel = installer && { installerStatus: () => installer.installer.status() };
  return {
    rig,
    server,
    client,
    log,
    other,
    serverMonitor: new ServerMonitor(server, daemon()),
    clientMonitor: new ClientMonitor({
      client,
      daemon: daemon(),
      counters,
      kernel,
      readiness: NOTHING_REQUIRED,
    }),
    installer,
  };
}

/** One destination is installed, one is in the way of a foreign route, one is not for the kernel, and one was deleted by hand. */
async function installerWithTrouble(): Promise<InstallerUnderTest> {
  const rig = await InstallerUnderTest.started({ mappings: [{ vni: 100, table: 7 }], nat: "skip" });
  rig.kernel.foreignRoute({ ...FOREIGN, destination: prefix("10.0.9.0/24") });
  await rig.add(
    `100 10.0.1.0/24 via ${HOP}`,
    `100 10.0.3.0/24 via ${HOP} nat 1-9`,
    `100 10.0.9.0/24 via ${HOP}`,
    `100 fd00::/64 via ${HOP}`,
  );
  rig.kernel.deleteRoute(({ destination }) => destination.lengthBits === 64);
  await rig.settle();
  return rig;
}

/** Everything that a scrape would bring. */
export async function scrape(monitor: Monitor): Promise<string> {
  return [...exposition(inCatalogueOrder(monitor.families(await monitor.peerRows())))].join("");
}

/** The lines about values, by name and labels. */
export function valuesOf(text: string): Record<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
