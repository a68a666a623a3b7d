/**
 * Hostile peers against a server, with innocent ones beside them:
 *
 *     bun test/attack/run.ts [NAME…] [--long] [--seconds N] [--size N] [--executable FILE | --source]
 *
 * One line of JSON per attack: the longest that an innocent peer waited for a KEEPALIVE's answer and for an update, the
 * sessions that were lost, the server's memory before, at its peak, and 10 s after the attacker has left, and what of the
 * bounds (attacks.ts) was not kept. All run on one machine, and the attacker takes a processor of its own: `ownDelayMs` says how late
 * the observer itself was, and `idleServer` what the same observer saw of a server that nobody attacked.
 *
 * `--long` runs each at the size at which it was once seen to do harm, and at twice that. Without it the sizes are those of CI.
 */
import { parseArgs } from "node:util";
import { builtExecutable } from "../support/process/built-executable.ts";
import { FROM_SOURCE } from "../support/process/bunbond-process.ts";
import { ATTACKS } from "./attacks.ts";
import { broken, measure } from "./measure.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    long: { type: "boolean", default: false },
    seconds: { type: "string" },
    size: { type: "string" },
    source: { type: "boolean", default: false },
    executable: { type: "string" },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(ATTACKS);
const command = values.source ? FROM_SOURCE : [values.executable ?? (await builtExecutable())];
const seconds = Number(values.seconds ?? (values.long ? 20 : 4));
let failures = 0;
for (const name of names) {
  const attack = ATTACKS[name];
  if (attack === undefined) throw new Error(`there is no attack ${name}: ${Object.keys(ATTACKS).join(", ")}`);
  const usual = values.long ? [attack.seen, 2 * attack.seen] : [attack.short];
  for (const size of values.size === undefined ? usual : [Number(values.size)]) {
    const figures = await measure({ name, size, seconds, memoryBackSeconds: 10, command });
    const faults = broken(figures);
    if (faults.length > 0) failures++;
    console.log(JSON.stringify({ ...figures, broken: faults }));
  }
}
process.exit(failures > 0 ? 1 : 0);
