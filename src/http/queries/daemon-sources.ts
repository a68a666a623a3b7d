/** What the queries read of a running server or client. */
import type { Clock } from "../../base/clock.ts";
import type { ClientCore } from "../../client/client-core.ts";
import { INSPECTION } from "../../server/inspection.ts";
import type { Server } from "../../server/server.ts";
import { fibSource, type KernelReader } from "./fib-source.ts";
import type { ClientSource, ServerSource } from "./query-source.ts";

export function serverSource(server: Server, clock: Clock): ServerSource {
  const { routes, history, nowMs, vnis, subscriberCount, recipients } = server[INSPECTION]();
  return {
    program: "server",
    routes,
    history,
    clock: timedBy(clock, nowMs),
    vnis,
    subscriberCount,
    recipients,
  };
}

/** @param kernel the routes that the client puts into the kernel; null if it puts none there */
export function clientSource(
  client: ClientCore,
  clock: Clock,
  kernel: KernelReader | null = null,
): ClientSource {
  return {
    program: "client",
    routes: client.inspector(),
    history: client.history,
    clock: timedBy(clock, () => client.nowMs()),
    isSubscribed: (vni) => client.isSubscribed(vni),
    subscriptions: () => client.subscriptions(),
    isComplete: (vni) => client.isComplete(vni),
    servers: () => {
      const states = client.servers();
      return {
        established: states.filter(({ state }) => state === "established").length,
        all: states.length,
      };
    },
    disagreements: () => client.disagreements,
    fib: kernel && fibSource(kernel),
  };
}

/** A clock that has the time of the daemon's part, which a test may have given another one. */
function timedBy(clock: Clock, nowMs: () => number): Clock {
  return { nowMs, after: (delayMs, run) => clock.after(delayMs, run), soon: (run) => clock.soon(run) };
}
