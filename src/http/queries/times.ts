/** Times of a clock that never steps back, as times of day. */
import type { Clock } from "../../base/clock.ts";

/** Returns the time of day at which the clock showed `ms`, by the present time of day. */
export function timeOfDay(clock: Clock, ms: number, wallMs: number = Date.now()): string {
  return new Date(wallMs - (clock.nowMs() - ms)).toISOString();
}
