/**
 * Innocent peers of a server that is attacked, and of one that is not, as a process of its own:
 * bun test/attack/observing.ts HOST PORT IDLE-PORT
 *
 * It says "ready" once they are established, and when it is sent a line, what they have seen: one line of JSON, the attacked server's
 * first.
 */
import { Observer } from "./observer.ts";

const WARM_UP_MS = 1_500;

const [host = "", port, idlePort] = process.argv.slice(2);
const observers = [port, idlePort].map((of) => new Observer({ host, port: Number(of), httpPort: 0 }));
await Promise.all(observers.map((observer) => observer.ready()));
await Bun.sleep(WARM_UP_MS);
for (const observer of observers) observer.begin();
console.log("ready");
for await (const _ of console) break;
console.log(JSON.stringify(await Promise.all(observers.map((observer) => observer.finish()))));
process.exit(0);
