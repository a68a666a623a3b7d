/**
 * Carries out on the real kernel what it is told, a JSON line each: run it inside a network namespace. Answers with a
 * line each, and tells of events by lines of their own.
 */
import { createInterface } from "node:readline";
import { KernelError } from "../../../src/kernel/kernel.ts";
import { NetlinkKernel } from "../../../src/kernel/netlink/netlink-kernel.ts";
import type { KernelRequest } from "./namespace-kernel.ts";

function say(line: unknown): void {
  console.log(JSON.stringify(line));
}

let reported = 0;

async function carryOut(kernel: NetlinkKernel, request: KernelRequest): Promise<unknown> {
  const found: unknown[] = [];
  switch (request.call) {
    case "links":
      return kernel.links();
    case "localAddresses":
      return kernel.localAddresses();
    case "eachNexthop":
      await kernel.eachNexthop(request.ours, (nexthop) => found.push(nexthop));
      return found;
    case "eachRoute":
      return { isWhole: await kernel.eachRoute(request.ours, (route) => found.push(route)), found };
    case "eachRouteOfOurs":
      await kernel.eachRouteOfOurs(request.ours, (route) => found.push(route));
      return found;
    case "apply":
      return kernel.apply(request.operations, request.linkIndex);
    case "watch":
      kernel.watch((event) => {
        reported++;
        say({ event });
      });
      return null;
    case "poll": {
      // The event loop stands still from the change to the report.
      Bun.spawnSync(["ip", ...request.ip.split(" ")]);
      const before = reported;
      kernel.poll();
      return reported - before;
    }
    case "origin":
      return kernel.libraryOrigin;
    case "close":
      kernel.close();
      return null;
  }
}

try {
  const protocol = Number(process.argv[2]);
  const kernel = NetlinkKernel.open({ protocol, isReadOnly: process.argv[3] === "read-only" });
  say({ result: "open" });
  for await (const line of createInterface({ input: process.stdin })) {
    say({ result: await carryOut(kernel, JSON.parse(line)) });
  }
} catch (error) {
  if (!(error instanceof KernelError)) throw error;
  say({ code: error.code, message: error.message });
  process.exitCode = 1;
}
