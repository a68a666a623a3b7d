/** Announces the routes of kernel-routes.ts to the server that the command line names, until it is killed. */
import { ClientCore } from "../../src/client/client-core.ts";
import { parseEndpoint } from "../../src/net/endpoint.ts";
import { routeOf } from "./kernel-routes-set.ts";

const [text = "", count = ""] = process.argv.slice(2);
const server = parseEndpoint(text);
if ("code" in server) throw new Error(`no address: ${text}`);
const client = new ClientCore({ servers: [server], pacing: "never", retry: { minMs: 100, maxMs: 200 } });
for (const family of [4, 6] as const) {
  for (let n = 0; n < Number(count); n++) client.announce(routeOf(family, n, 0));
}
client.start();
client.confirm(() => console.log("announced"));
