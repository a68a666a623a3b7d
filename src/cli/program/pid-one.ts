/**
 * SIGTERM and SIGINT must also end a process that is PID 1, as in a container. For PID 1 the kernel has no default
 * actions: it drops a signal that has no handler (pid_namespaces(7)). So such a process gets a handler.
 *
 * main.ts imports this first, since earlier signals are lost: those of the few milliseconds that Bun needs from exec to
 * our first statement. A program that is PID 1 cannot prevent that.
 */

type StopSignal = "SIGTERM" | "SIGINT";

export const STOP_SIGNALS: readonly StopSignal[] = ["SIGTERM", "SIGINT"];

/**
 * Makes the signal end this process at once, as it does by default. A shell sees the exit code 128 plus the signal's
 * number.
 */
export function endAtOnceOn(signal: StopSignal): void {
  if (process.pid === 1) process.on(signal, exitBy);
}

/** Reverts {@link endAtOnceOn}, since the caller has a handler of its own. */
export function handleInstead(signal: StopSignal): void {
  process.off(signal, exitBy);
}

function exitBy(_name: NodeJS.Signals, number: number): void {
  process.exit(128 + number);
}

for (const signal of STOP_SIGNALS) endAtOnceOn(signal);
