/**
 * SIGHUP, from a daemon's first moment on. Until there is a handler it ends the process, so one is there before files are
 * read and sockets opened, and keeps a signal that comes before the daemon knows what it means.
 */
import { readFileSync } from "node:fs";

export class HangupSignal implements Disposable {
  /** True if SIGHUP was ignored when this process started, as by nohup(1). A handler changes that, so it is read first. */
  readonly wasIgnored = wasHangupIgnored();
  #isPending = false;
  #act: (() => void) | null = null;

  constructor() {
    process.on("SIGHUP", this.#come);
  }

  /** What a SIGHUP does from now on. One that came before does it now, and several do it once. */
  handle(act: () => void): void {
    this.#act = act;
    if (!this.#isPending) return;
    this.#isPending = false;
    act();
  }

  /** It ends the process again. */
  [Symbol.dispose](): void {
    process.off("SIGHUP", this.#come);
  }

  readonly #come = (): void => {
    if (this.#act === null) this.#isPending = true;
    else this.#act();
  };
}

/** By the text of /proc/PID/status: SigIgn is a mask in hexadecimal, and SIGHUP, signal 1, its lowest bit (proc(5)). */
export function ignoresHangup(status: string): boolean {
  const lowest = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(status)?.[1] ?? "0";
  return (Number.parseInt(lowest, 16) & 1) === 1;
}

function wasHangupIgnored(): boolean {
  try {
    return ignoresHangup(readFileSync("/proc/self/status", "latin1"));
  } catch {
    // Not Linux, or no /proc.
    return false;
  }
}
