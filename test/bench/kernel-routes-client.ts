/**
 * A client with its routes in the kernel, led line by line: run it inside a network namespace. It answers each line, once
 * the kernel has all, with what that has cost (loop-watch.ts).
 */
import { createInterface } from "node:readline";
import { ClientCore } from "../../src/client/client-core.ts";
import { FOLLOW_VIEW } from "../../src/client/view/client-view.ts";
import { MergedView } from "../../src/client/view/merged-view.ts";
import { Echo } from "../../src/client/view/own-echoes.ts";
import { kernelReport } from "../../src/http/control/kernel-status.ts";
import { KernelRoutes } from "../../src/kernel/kernel-routes.ts";
import { parseEndpoint } from "../../src/net/endpoint.ts";
import { fillUpdateFields } from "../../src/wire/codec.ts";
import { UpdateFields } from "../../src/wire/message.ts";
import { DEVICE, type Instruction, PROTOCOL, routeOf, TABLE, VNI } from "./kernel-routes-set.ts";
import { LoopWatch } from "./loop-watch.ts";

/** About as many as are read from a connection in one turn. */
const ROUTES_PER_TURN = 250;
/** The installer's report takes a tenth of a millisecond. */
const LOOK_MS = 5;

const kernel = await KernelRoutes.open({
  mappings: [{ vni: VNI, table: TABLE }],
  device: DEVICE,
  protocol: PROTOCOL,
  reconcileIntervalSeconds: 0,
});
let client: ClientCore | null = null;
/** The view of routes that no server sends. */
const view = new MergedView(
  {
    added: (route) => kernel.routeAdded(route),
    removed: (route) => kernel.routeRemoved(route),
    leftOut: () => {},
  },
  setImmediate,
);
const SERVER = 1;
const fields = new UpdateFields();
kernel[FOLLOW_VIEW](view);

/** Every destination of the view is in the kernel, and nothing else. */
function isDone(destinations: number): boolean {
  let installed = 0;
  for (const table of kernelReport(kernel, { routeProtocol: PROTOCOL, dryRun: false, ecmp: "plain" })
    .tables) {
    if (table.failed + table.collided > 0) throw new Error("the kernel refuses routes");
    if (table.pending > 0 || table.wanted !== table.installed) return false;
    installed += table.installed;
  }
  return installed === destinations;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(LOOK_MS);
}

/** What is to be done; it is prepared when this returns. */
function prepare(instruction: Instruction): () => Promise<void> {
  switch (instruction.type) {
    case "change": {
      const { change, family, hop, count, destinations } = instruction;
      const routes = Array.from({ length: count }, (_, n) => routeOf(family, n, hop));
      return async () => {
        for (const [n, route] of routes.entries()) {
          fillUpdateFields(fields, route.vni, route.destination, route.nextHop);
          if (change === "add") view.received(SERVER, fields, Echo.NEVER);
          else view.withdrawn(SERVER, fields);
          if ((n + 1) % ROUTES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        await until(() => isDone(destinations));
      };
    }
    case "connect":
      return async () => {
        client = connect(instruction.server);
        await until(() => isDone(instruction.destinations));
      };
    case "unsubscribe":
      return async () => {
        client?.unsubscribe(VNI);
        await until(() => isDone(0));
      };
  }
}

function connect(text: string): ClientCore {
  const server = parseEndpoint(text);
  if ("code" in server) throw new Error(`no address: ${text}`);
  const made = new ClientCore({
    servers: [server],
    keepaliveSeconds: 1,
    retry: { minMs: 100, maxMs: 200 },
    handler: kernel,
  });
  made.subscribe(VNI);
  made.start();
  return made;
}

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const carryOut = prepare(JSON.parse(line));
  Bun.gc(true);
  console.log("go");
  const watch = new LoopWatch();
  await carryOut();
  console.log(JSON.stringify(watch.stop()));
}
