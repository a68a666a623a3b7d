/**
 * A server or client as a process of its own on the fake clock and the network in memory: it can be stopped and go on
 * (SIGSTOP, SIGCONT) or its machine paused (its clock stands still, too), be killed, or vanish with its host. What ends it never comes from its own code.
 *
 *     its code ── clock, network ──▶ simulated process ──▶ fake clock, network in memory
 *                                        └── while it is stopped, what happens to it waits here
 */

import type { Clock, Timer } from "../../../src/base/clock.ts";
import type { Endpoint } from "../../../src/net/endpoint.ts";
import type {
  ByteStream,
  ConnectEvents,
  Listener,
  Network,
  StreamEvents,
} from "../../../src/transport/network.ts";
import { MemoryStream } from "../network/memory-network.ts";

/** What rounding may leave of a wait that is over. */
const LEAST_WAIT_MS = 0.001;

export class SimulatedProcess implements Clock, Network {
  readonly #clock: Clock;
  readonly #network: Network;
  /** Its clock is that far ahead of the others. */
  readonly #aheadMs: number;
  #state: "running" | "paused" | "dead" = "running";
  /** What happened while it was stopped, in order. */
  #pending: (() => void)[] = [];
  readonly #timers = new Set<Timer>();
  readonly #listeners: Listener[] = [];
  readonly #streams: ByteStream[] = [];
  #machinePausedMs: number | null = null;
  /** Its clock does not know of so much time. */
  #stoodStillMs = 0;
  #wallBehindMs = 0;

  constructor(clock: Clock, network: Network, aheadMs = 0) {
    this.#clock = clock;
    this.#network = network;
    this.#aheadMs = aheadMs;
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  get isDead(): boolean {
    return this.#state === "dead";
  }

  /** It takes nothing any more: its pipes fill. Its kernel still accepts connections. */
  pause(): void {
    if (this.#state !== "running") return;
    this.#state = "paused";
    this.#setReading(false);
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    this.#setReading(true);
    const pending = this.#pending;
    this.#pending = [];
    for (const run of pending) this.#run(run);
  }

  /** Its machine stands still, and with it its clock. */
  pauseMachine(): void {
    if (this.#state === "running") this.#machinePausedMs = this.#clock.nowMs();
    this.pause();
  }

  /** `setsTime`: the time of day is right again. */
  resumeMachine({ setsTime }: { readonly setsTime: boolean }): void {
    const stoodMs = this.#clock.nowMs() - (this.#machinePausedMs ?? this.#clock.nowMs());
    this.#machinePausedMs = null;
    this.#stoodStillMs += stoodMs;
    if (!setsTime) this.#wallBehindMs += stoodMs;
    this.resume();
  }

  /** Its kernel ends its connections in order, or resets them. */
  kill(how: "end" | "reset"): void {
    this.#die();
    for (const stream of this.#streams) {
      if (how === "end") stream.end();
      else stream.abort();
    }
  }

  /** As when its host loses power: nobody is told. */
  vanish(): void {
    this.#die();
    this.#setReading(false);
  }

  #die(): void {
    this.#state = "dead";
    this.#pending = [];
    for (const timer of this.#timers) timer.cancel();
    for (const listener of this.#listeners) listener.stop();
  }

  #setReading(isReading: boolean): void {
    for (const stream of this.#streams) if (stream instanceof MemoryStream) stream.isReading = isReading;
  }

  #run(run: () => void): void {
    if (this.#state === "running") run();
    else if (this.#state === "paused") this.#pending.push(run);
  }

  // --- clock -------------------------------------------------------------------------------------

  nowMs(): number {
    return (this.#machinePausedMs ?? this.#clock.nowMs()) + this.#aheadMs - this.#stoodStillMs;
  }

  wallMs(): number {
    return (this.#clock.wallMs?.() ?? 0) - this.#wallBehindMs;
  }

  after(delayMs: number, run: () => void): Timer {
    let isCancelled = false;
    const dueMs = this.nowMs() + delayMs;
    const fire = () => {
      if (isCancelled) return;
      // By the clock that stood still it is not time yet.
      const leftMs = dueMs - this.nowMs();
      if (leftMs > LEAST_WAIT_MS) {
        inner = this.#clock.after(leftMs, () => this.#run(fire));
        return;
      }
      this.#timers.delete(timer);
      run();
    };
    let inner = this.#clock.after(delayMs, () => this.#run(fire));
    const timer = {
      cancel: () => {
        isCancelled = true;
        this.#timers.delete(timer);
        inner.cancel();
      },
    };
    this.#timers.add(timer);
    return timer;
  }

  soon(run: () => void): void {
    this.#clock.soon(() => this.#run(run));
  }

  // --- network -----------------------------------------------------------------------------------

  async listen(endpoint: Endpoint, accept: (stream: ByteStream) => StreamEvents): Promise<Listener> {
    const listener = await this.#network.listen(endpoint, (stream) => {
      const events = this.#take(stream);
      this.#run(() => {
        events.inner = accept(stream);
      });
      return events;
    });
    this.#listeners.push(listener);
    return listener;
  }

  connect(endpoint: Endpoint, { connected, failed }: ConnectEvents): void {
    this.#network.connect(endpoint, {
      connected: (stream) => {
        if (this.#state === "dead") return null;
        const events = this.#take(stream);
        this.#run(() => {
          events.inner = connected(stream);
          if (events.inner === null) stream.abort();
        });
        return events;
      },
      failed: (detail) => this.#run(() => failed(detail)),
    });
  }

  #take(stream: ByteStream): HeldEvents {
    this.#streams.push(stream);
    if (this.#state === "paused" && stream instanceof MemoryStream) stream.isReading = false;
    return new HeldEvents((run) => this.#run(run));
  }
}

/** A connection's events, which wait while their process is stopped. */
class HeldEvents implements StreamEvents {
  readonly #run: (run: () => void) => void;
  inner: StreamEvents | null = null;

  constructor(run: (run: () => void) => void) {
    this.#run = run;
  }

  received(chunk: Uint8Array): void {
    this.#run(() => this.inner?.received(chunk));
  }

  writable(): void {
    this.#run(() => this.inner?.writable());
  }

  closed(detail: string | null): void {
    this.#run(() => this.inner?.closed(detail));
  }
}
