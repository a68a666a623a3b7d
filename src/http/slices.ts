/**
 * Long work on the one event loop: keepalives, routes and other requests wait while a piece of it runs, so it
 * runs in slices, and everything else has its turn between two of them.
 */
import type { Clock } from "../session/clock.ts";

/** Below the 10 ms that no step may take, for several answers can be under way at once. */
const SLICE_MS = 4;
/** A slice with this much text ends early: what a slow reader has to wait for is not made ahead of it. */
const SLICE_CHARS = 64 * 1024;

/** Joins the pieces to texts of one slice each. Empty pieces are places to pause. */
export async function* inSlices(pieces: Iterable<string>, clock: Clock): AsyncGenerator<string> {
  let text = "";
  let startedMs = clock.nowMs();
  for (const piece of pieces) {
    text += piece;
    if (text.length < SLICE_CHARS && clock.nowMs() - startedMs < SLICE_MS) continue;
    if (text !== "") yield text;
    text = "";
    await new Promise<void>((resolve) => clock.soon(resolve));
    startedMs = clock.nowMs();
  }
  if (text !== "") yield text;
}
