import { endAtOnceOn, handleInstead, STOP_SIGNALS } from "./pid-one.ts";

/**
 * The time, in addition to the user's own limits, to withdraw, close and write the rest of the output. systemd would
 * kill after 90 s.
 */
const EXIT_WITHIN_MS = 5_000;

/**
 * Resolves with the first SIGTERM or SIGINT, or when `also` does. A second signal ends the process at once. The first
 * one does not, even after `also`: stopping the service during a drain must not cut the drain short. The process also
 * ends after `graceMs` and a little more, so that a stalled reader of the output cannot prevent a stop.
 */
export function untilStopped({
  graceMs = () => 0,
  also = new Promise(() => {}),
}: {
  readonly graceMs?: () => number;
  readonly also?: Promise<unknown>;
} = {}): Promise<void> {
  const asked = Promise.withResolvers<unknown>();
  const signalled = () => {
    for (const signal of STOP_SIGNALS) {
      endAtOnceOn(signal);
      process.off(signal, signalled);
    }
    asked.resolve(null);
  };
  for (const signal of STOP_SIGNALS) {
    process.on(signal, signalled);
    handleInstead(signal);
  }
  return Promise.race([asked.promise, also]).then(() => {
    setTimeout(() => process.exit(0), graceMs() + EXIT_WITHIN_MS).unref();
  });
}
