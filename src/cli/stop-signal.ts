/** Time, beyond what the user grants, to withdraw, close and write out what is left; systemd would wait for 90 s before it kills. */
const STOP_WITHIN_MS = 5_000;

/**
 * Resolves with the first SIGTERM or SIGINT, or when `also` does. From then on a second signal ends the process
 * as usual, and so does time, `graceMs` as it is then and a little more: a reader of our output that stands still must
 * not hold up a stop.
 */
export function untilStopped({
  graceMs = () => 0,
  also = new Promise(() => {}),
}: {
  readonly graceMs?: () => number;
  readonly also?: Promise<unknown>;
} = {}): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      process.off("SIGTERM", stop);
      process.off("SIGINT", stop);
      setTimeout(() => process.exit(0), graceMs() + STOP_WITHIN_MS).unref();
      resolve();
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
    void also.then(stop);
  });
}
