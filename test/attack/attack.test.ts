/**
 * Each attack (attacks.ts) at its short size, on a server from the sources: no innocent session is lost, updates go on, memory stays
 * within its bound. Delays are those of a busy machine with two processors that server, attacker and observer share: here only an
 * outage counts, run.ts has the figures.
 */
import { describe, expect, test } from "bun:test";
import { FROM_SOURCE } from "../support/process/bunbond-process.ts";
import { ATTACKS, USUAL_BOUNDS } from "./attacks.ts";
import { broken, measure } from "./measure.ts";

const SECONDS = 3;
/** Of the usual bounds on delays: 2 s. */
const PATIENCE = 8;

describe("innocent peers beside", () => {
  test.each(Object.entries(ATTACKS))("%s", async (name, { short }) => {
    const figures = await measure({
      name,
      size: short,
      seconds: SECONDS,
      memoryBackSeconds: 3,
      command: FROM_SOURCE,
    });
    console.log(JSON.stringify(figures));
    const bounds = { ...figures.bounds, delayMs: USUAL_BOUNDS.delayMs };
    expect(broken({ ...figures, bounds }, PATIENCE)).toEqual([]);
  });
});
