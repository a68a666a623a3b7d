import { endAtOnceOn, handleInstead, STOP_SIGNALS } from "./pid-one.ts";

/** Time, beyond what the user grants, to withdraw, close and write out what is left; systemd would wait for 90 s before it kills. */
const EXIT_WITHIN_MS = 5_000;

/**
 * Resolves with the first SIGTERM or SIGINT, or when `also` does. A second signal ends the process at once; the first one
 * does not, even after `also`: stopping the service during a drain must not cut the drain short. Time
 * ends it, too, `graceMs` as it is then and a little more: a reader of our output that stands still must not hold up a stop.
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
