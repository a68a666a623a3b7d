/** An attack as a process of its own: bun test/attack/attacker.ts NAME HOST PORT HTTP-PORT SIZE SECONDS */
import { ATTACKS } from "./attacks.ts";

const [name = "", host = "", port, httpPort, size, seconds] = process.argv.slice(2);
const attack = ATTACKS[name]?.attack;
if (attack === undefined) throw new Error(`there is no attack ${name}`);
await attack({ host, port: Number(port), httpPort: Number(httpPort) }, Number(size), Number(seconds));
process.exit(0);
