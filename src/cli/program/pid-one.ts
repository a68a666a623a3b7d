/**
 * SIGTERM and SIGINT end the process, also one that is PID 1, as in a container. For that one the kernel has no default
 * actions: it drops a signal that has no handler (pid_namespaces(7)). So there it gets one.
 *
 * main.ts imports this before all else, for what comes before is lost: the few milliseconds that Bun needs from exec to
 * our first statement. No program can do anything about them but one that is not PID 1.
 */

type StopSignal = "SIGTERM" | "SIGINT";

export const STOP_SIGNALS: readonly StopSignal[] = ["SIGTERM", "SIGINT"];

/** From now on the signal ends this process at once, as it does by default: with 128 and its number for a shell. */
export function endAtOnceOn(signal: StopSignal): void {
  if (process.pid === 1) process.on(signal, exitBy);
}

/** Takes that back: the caller has a handler of its own. */
export function handleInstead(signal: StopSignal): void {
  process.off(signal, exitBy);
}

function exitBy(_name: NodeJS.Signals, number: number): void {
  process.exit(128 + number);
}

for (const signal of STOP_SIGNALS) endAtOnceOn(signal);
