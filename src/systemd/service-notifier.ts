/**
 * Decides what a daemon sends to its service manager, and when (sd_notify(3)):
 *
 *     ready()      ─▶ READY=1, STATUS=…, WATCHDOG=1
 *     timer, half of the watchdog's time ─▶ WATCHDOG=1    an event loop that hangs sends none, and systemd restarts the daemon
 *     timer, 10 s  ─▶ STATUS=…                             if it has changed
 *     reloading()  ─▶ RELOADING=1, MONOTONIC_USEC=…        reloaded() ─▶ READY=1, STATUS=…
 *     stopping()   ─▶ STOPPING=1, STATUS=…, EXTEND_TIMEOUT_USEC=…    the watchdog is still fed, until close()
 */
import type { Clock, Timer } from "../base/clock.ts";

/** The way to the service manager. */
export interface ServiceManager {
  /** The time without WATCHDOG=1 after which it restarts the daemon, in milliseconds; null if it does not watch. */
  readonly watchdogMs: number | null;
  /** Returns CLOCK_MONOTONIC in microseconds, which is systemd's clock. */
  monotonicUs(): number;
  /** Sends variable assignments, one a line. */
  send(assignments: string): void;
}

const STATUS_EVERY_MS = 10_000;
/** How long the end of the process may take after everything else. */
const EXIT_WITHIN_MS = 10_000;

export interface ServiceNotifierOptions {
  /** Null: no service manager has asked to be told, and nothing is done. */
  readonly manager: ServiceManager | null;
  readonly clock: Clock;
}

export class ServiceNotifier {
  readonly #manager: ServiceManager | null;
  readonly #clock: Clock;
  #state: "starting" | "ready" | "stopping" | "closed" = "starting";
  /** Returns the daemon's state as one line. */
  #status: () => string = () => "";
  #sentStatus = "";
  #watchdogTimer: Timer | null = null;
  #statusTimer: Timer | null = null;

  constructor({ manager, clock }: ServiceNotifierOptions) {
    this.#manager = manager;
    this.#clock = clock;
  }

  /** Reports that the daemon works. `status` is called from now on, and returns its state as one line. */
  ready(status: () => string): void {
    if (this.#manager === null || this.#state !== "starting") return;
    this.#state = "ready";
    this.#status = status;
    this.#send("READY=1", this.#newStatus());
    this.#feedWatchdog();
    this.#refreshStatus();
  }

  /** Reports that the configuration is being read again. Does nothing before `ready`. */
  reloading(): void {
    if (this.#manager === null || this.#state !== "ready") return;
    this.#send("RELOADING=1", `MONOTONIC_USEC=${this.#manager.monotonicUs()}`);
  }

  /** Reports that this is done, whether anything has changed or not. */
  reloaded(): void {
    if (this.#state === "ready") this.#send("READY=1", this.#newStatus());
  }

  /** Reports that the daemon stops, and may take `graceMs` for that beyond the end of the process. */
  stopping(graceMs: number): void {
    if (this.#state === "stopping" || this.#state === "closed") return;
    this.#state = "stopping";
    this.#statusTimer?.cancel();
    const extendUs = Math.ceil((graceMs + EXIT_WITHIN_MS) * 1000);
    this.#send("STOPPING=1", "STATUS=stopping", `EXTEND_TIMEOUT_USEC=${extendUs}`);
  }

  /** Ends all reports. */
  close(): void {
    this.#state = "closed";
    this.#watchdogTimer?.cancel();
    this.#statusTimer?.cancel();
  }

  #feedWatchdog(): void {
    const { watchdogMs = null } = this.#manager ?? {};
    if (watchdogMs === null) return;
    this.#send("WATCHDOG=1");
    this.#watchdogTimer = this.#clock.after(watchdogMs / 2, () => this.#feedWatchdog());
  }

  #refreshStatus(): void {
    this.#statusTimer = this.#clock.after(STATUS_EVERY_MS, () => {
      this.#send(this.#newStatus());
      this.#refreshStatus();
    });
  }

  /** Returns the assignment of the status; null if systemd has it. */
  #newStatus(): string | null {
    const status = this.#status().replaceAll(/\s+/g, " ");
    if (status === this.#sentStatus) return null;
    this.#sentStatus = status;
    return `STATUS=${status}`;
  }

  #send(...assignments: readonly (string | null)[]): void {
    const lines = assignments.filter((each) => each !== null);
    if (lines.length > 0) this.#manager?.send(lines.join("\n"));
  }
}
