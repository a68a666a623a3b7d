/**
 * An attack as a process of its own: bun test/attack/attacker.ts NAME HOST PORT HTTP-PORT SIZE SECONDS
 *
 * It says "ready" once it has prepared the attack, and begins when it is sent a line.
 */
import { ATTACKS } from "./attacks.ts";

const [name = "", host = "", port, httpPort, size, seconds] = process.argv.slice(2);
const attack = ATTACKS[name];
if (attack === undefined) throw new Error(`there is no attack ${name}`);
const target = { host, port: Number(port), httpPort: Number(httpPort) };
await attack.prepare?.(target, Number(size));
console.log("ready");
for await (const _ of console) break;
await attack.attack(target, Number(size), Number(seconds));
process.exit(0);
