/**
 * An installer on the real kernel: run it inside a network namespace. It does what it is told by lines of JSON, and
 * answers each by one. What it logs goes to stderr.
 */
import { createInterface } from "node:readline";
import { NetlinkKernel } from "../../../src/kernel/netlink/netlink-kernel.ts";
import { Installer } from "../../../src/kernel/reconcile/installer.ts";
import { formatPrefix } from "../../../src/net/prefix.ts";
import type { Route } from "../../../src/route/route.ts";
import { SystemClock } from "../../../src/transport/schedule/system-clock.ts";
import { DestinationViews } from "../models/destination-views.ts";
import { routeOfText } from "../models/frame-text.ts";
import type { InstallerRequest, NamespaceInstallerOptions } from "./namespace-installer.ts";

// What namespace-installer.ts gives.
const options: Required<NamespaceInstallerOptions> = JSON.parse(process.argv[2] ?? "");
const log =
  (level: string) =>
  (message: string, fields: object = {}) =>
    console.error(`${level} ${message} ${JSON.stringify(fields)}`);

const kernel = NetlinkKernel.open({ protocol: options.protocol });
if (options.isMuted) kernel.watch = () => {};
const installer = new Installer({
  ...options,
  kernel,
  clock: new SystemClock(),
  logger: { debug: () => {}, info: log("info"), warn: log("warn"), error: log("error") },
});

const view = new DestinationViews();
installer.follow(view);

function added(route: Route): void {
  view.add(route);
  installer.added(route);
}

function removed(route: Route): void {
  view.remove(route);
  installer.removed(route);
}

/** Until nothing waits for its turn; what has failed may. */
async function quiet(): Promise<void> {
  const isBusy = () => {
    const { tables, isScanning } = installer.status();
    return isScanning || tables.some(({ ipv4, ipv6 }) => ipv4.pending + ipv6.pending > 0);
  };
  while (isBusy()) await new Promise((resolve) => setImmediate(resolve));
}

/** Host routes, the first half of them to IPv4 destinations. */
function* manyRoutes(count: number, hop: string): Iterable<Route> {
  const first = routeOfText(`100 10.0.0.0/32 via ${hop}`);
  const first6 = routeOfText(`100 2001:db8:7::/128 via ${hop}`);
  for (let n = 0; n < count / 2; n++) {
    yield { ...first, destination: { ...first.destination, w0: first.destination.w0 + n } };
  }
  for (let n = 0; n < count / 2; n++) {
    // Spread over the third word, as /96 networks are.
    yield { ...first6, destination: { ...first6.destination, w2: n } };
  }
}

async function carryOut(request: InstallerRequest): Promise<unknown> {
  switch (request.call) {
    case "add":
    case "remove": {
      for (const text of request.routes) {
        if (request.call === "add") added(routeOfText(text));
        else removed(routeOfText(text));
      }
      return null;
    }
    case "addMany":
      for (const route of manyRoutes(request.count, request.hop)) added(route);
      return null;
    case "removeMany":
      for (const route of manyRoutes(request.count, request.hop)) removed(route);
      return null;
    case "flap":
      for (let round = 0; round < request.rounds; round++) {
        for (const text of request.routes) added(routeOfText(text));
        await quiet();
        for (const text of request.routes) removed(routeOfText(text));
        await quiet();
      }
      return null;
    case "complete":
      installer.complete(request.vni);
      return null;
    case "quiet":
      return quiet().then(() => null);
    case "status":
      return installer.status();
    case "faults":
      return installer.faults(99).map(({ destination, ...fault }) => {
        return { ...fault, destination: formatPrefix(destination) };
      });
    case "stop":
      await installer.stop({ cleanup: request.cleanup });
      return null;
  }
}

await installer.start();
console.log(JSON.stringify({ result: "started" }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify({ result: await carryOut(JSON.parse(line)) }));
}
// Whoever told it what to do is gone. The installer would live on by its timers.
process.exit();
