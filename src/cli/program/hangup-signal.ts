/**
 * This class handles SIGHUP from a daemon's first moment on. Without a handler the signal ends the process. So there is
 * one before files are read and sockets opened, and it keeps a signal that arrives before the daemon has decided what
 * the signal does.
 */
import { readFileSync } from "node:fs";

export class HangupSignal implements Disposable {
  /** True if SIGHUP was ignored when this process started, as by nohup(1). A handler changes that, so it is read first. */
  readonly wasIgnored = wasHangupIgnored();
  /** True if the process was started from a terminal: one that is closed sends SIGHUP, and has gone by then. */
  readonly hadTerminal = hasTerminal();
  #isPending = false;
  #act: (() => void) | null = null;

  constructor() {
    process.on("SIGHUP", this.#come);
  }

  /** Calls `act` for each SIGHUP from now on. If any arrived before, `act` is called once now. */
  handle(act: () => void): void {
    this.#act = act;
    if (!this.#isPending) return;
    this.#isPending = false;
    act();
  }

  /** Lets the signal end the process again. */
  [Symbol.dispose](): void {
    process.off("SIGHUP", this.#come);
  }

  readonly #come = (): void => {
    if (this.#act === null) this.#isPending = true;
    else this.#act();
  };
}

/**
 * Returns true if the text of /proc/PID/status has SIGHUP ignored: SigIgn is a mask in hexadecimal, and SIGHUP, signal
 * 1, is its lowest bit (proc(5)).
 */
export function ignoresHangup(status: string): boolean {
  const lowest = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(status)?.[1] ?? "0";
  return (Number.parseInt(lowest, 16) & 1) === 1;
}

function wasHangupIgnored(): boolean {
  try {
    return ignoresHangup(readFileSync("/proc/self/status", "latin1"));
  } catch {
    // The system is not Linux, or /proc is not mounted.
    return false;
  }
}

/** By the text of /proc/PID/stat: the device of the controlling terminal is its field 7, 0 for none; the name before may hold spaces (proc(5)). */
export function hasTerminalIn(stat: string): boolean {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // The first of them is field 3.
  return (fields[4] ?? "0") !== "0";
}

function hasTerminal(): boolean {
  try {
    return hasTerminalIn(readFileSync("/proc/self/stat", "latin1"));
  } catch {
    // Not Linux, or no /proc.
    return false;
  }
}
