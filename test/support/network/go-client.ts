/**
 * A client with the habits of Go's program that matter when connections end (peer.go of ironcore-dev/metalbond):
 *
 * - Whatever finds the connection at its end (silence, a read, a write) starts a reset of its own. Several that start at the
 *   same moment do not exclude each other. Each waits for all tasks of the connection to end, then for 5 to 9 s, and then
 *   begins the connection anew: the first one connects, and the others greet once more on the connection that they find.
 * - Beginning anew makes new channels. A task that waits at an old one waits for ever, so a reset after that never gets beyond
 *   its wait for all tasks: the client is wedged, though its process lives.
 * - A KEEPALIVE before the server's HELLO is a fault, and so is a read that ends inside a frame.
 * - Whatever a server tells is removed when the connection ends, though another server has it.
 *
 * Tasks are Go's goroutines, channels are counts of signals. It uses one server: what several have is several of these.
 */

import type { Clock, Random, Timer } from "../../../src/base/clock.ts";
import type { Endpoint } from "../../../src/net/endpoint.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import type { ByteStream, Network, StreamEvents } from "../../../src/transport/network.ts";
import type { Message } from "../../../src/wire/message.ts";
import { Action } from "../../../src/wire/protocol.ts";
import { frameOfText } from "../models/frame-text.ts";
import { MemoryStream } from "./memory-network.ts";
import { MessageReader } from "./message-reader.ts";

const RETRY_LEAST_SECONDS = 5;
const RETRY_SPREAD_SECONDS = 5;
const TIMEOUT_INTERVALS = 2.5;
/** What finds a connection at its end within this time does so before the first reset has shown. */
const RESET_STARTS_MS = 1;

export interface GoClientOptions {
  readonly server: Endpoint;
  readonly clock: Clock;
  readonly network: Network;
  readonly random: Random;
  readonly keepaliveSeconds?: number;
  readonly vnis?: readonly number[];
  /** Routes as text. */
  readonly announce?: readonly string[];
}

type GoState = "connecting" | "hello-sent" | "hello-received" | "established" | "retry";

/** One of Go's `handle`, `rxLoop`, `txLoop` and `keepaliveLoop`. */
interface Task {
  readonly kind: "handle" | "receive" | "send" | "keepalive";
  /** Whose channels it waits at: a keepalive loop looks for the present ones at each tick. */
  channels: Channels;
  timers: Timer[];
}

/** Signals that wait to be taken. */
interface Channels {
  readonly shutdown: { count: number };
  readonly sendClose: { count: number };
  readonly keepaliveStop: { count: number };
}

export class GoClient {
  readonly #options: GoClientOptions;
  state: GoState = "connecting";
  /** Received and not withdrawn, of the present connection. */
  readonly routes = new Set<string>();
  /** What follows when all tasks have ended, of each reset that waits for that. */
  #waitingResets: (() => void)[] = [];
  #hellosSent = 0;
  #stream: ByteStream | null = null;
  #isDialling = false;
  /** Handles that find another one dialling. */
  #awaitingDial: (() => void)[] = [];
  #channels = newChannels();
  readonly #tasks = new Set<Task>();
  #timeoutTimer: Timer | null = null;
  #timeoutMs = 0;
  /** HELLOs beyond the first of a connection. */
  repeatedHellos = 0;

  constructor(options: GoClientOptions) {
    this.#options = options;
    this.#handle();
  }

  /** A reset waits for tasks: for good, unless they end at once. */
  get isWedged(): boolean {
    return this.#waitingResets.length > 0;
  }

  // --- Go's handle() -------------------------------------------------------------------------------

  #handle(): void {
    this.#channels = newChannels();
    this.#begin("handle");
    this.#withConnection(() => {
      this.#begin("receive");
      this.#begin("send");
      if (this.#hellosSent > 0) this.repeatedHellos++;
      this.#hellosSent++;
      this.#send(`HELLO ${this.#keepaliveSeconds}`);
      this.state = "hello-sent";
      this.#takeSignals();
    });
  }

  get #keepaliveSeconds(): number {
    return this.#options.keepaliveSeconds ?? 5;
  }

  /** Connects unless there is a connection. */
  #withConnection(then: () => void): void {
    if (this.#stream !== null) {
      then();
      return;
    }
    this.#awaitingDial.push(then);
    if (!this.#isDialling) this.#dial();
  }

  #dial(): void {
    const { clock, network, server } = this.#options;
    this.#isDialling = true;
    network.connect(server, {
      connected: (stream) => {
        this.#stream = stream;
        if (stream instanceof MemoryStream) stream.isNeverCut = true;
        this.#isDialling = false;
        this.#hellosSent = 0;
        const waiting = this.#awaitingDial;
        this.#awaitingDial = [];
        // Not before the network knows who takes the stream's events.
        clock.after(0, () => {
          for (const then of waiting) then();
        });
        return this.#eventsOf(stream);
      },
      failed: () => clock.after(this.#retryMs(), () => this.#dial()),
    });
  }

  #retryMs(): number {
    const { random } = this.#options;
    return 1000 * (RETRY_LEAST_SECONDS + Math.floor(random() * RETRY_SPREAD_SECONDS));
  }

  #eventsOf(stream: ByteStream): StreamEvents {
    const reader = new MessageReader();
    return {
      received: (chunk) => {
        if (this.state === "retry") return;
        let readBytes = 0;
        for (const { message, bytes } of reader.read(chunk)) {
          readBytes += bytes.length;
          if (message !== null && stream === this.#stream) this.#take(message);
        }
        if (readBytes !== chunk.length) this.#startReset();
      },
      writable: () => {},
      closed: () => {
        for (const task of this.#tasks) {
          if (task.kind !== "receive") continue;
          // Each read fails for itself.
          if (this.state !== "retry") this.#startReset();
          this.#end(task);
        }
      },
    };
  }

  #take(message: Message): void {
    if (message.type === "HELLO") {
      this.state = "hello-received";
      this.#keepaliveLoop(message.keepaliveSeconds);
    } else if (message.type === "KEEPALIVE") this.#takeKeepalive();
    else if (message.type === "UPDATE") {
      if (message.action === Action.ADD) this.routes.add(formatRoute(message));
      else this.routes.delete(formatRoute(message));
    }
  }

  #takeKeepalive(): void {
    if (this.state === "hello-received") {
      this.state = "established";
      const { vnis = [], announce = [] } = this.#options;
      for (const vni of vnis) this.#send(`SUBSCRIBE ${vni}`);
      for (const route of announce) this.#send(`ADD ${route}`);
    } else if (this.state !== "established") {
      this.#startReset();
      return;
    }
    this.#rearmTimeout();
  }

  #rearmTimeout(): void {
    this.#timeoutTimer?.cancel();
    this.#timeoutTimer = this.#options.clock.after(this.#timeoutMs, () => this.#startReset());
  }

  #keepaliveLoop(serverSeconds: number): void {
    const { clock } = this.#options;
    const task = this.#begin("keepalive");
    const intervalMs = 1000 * Math.min(this.#keepaliveSeconds, serverSeconds);
    this.#timeoutMs = intervalMs * TIMEOUT_INTERVALS;
    this.#rearmTimeout();
    this.#send("KEEPALIVE");
    const tick = () => {
      task.channels = this.#channels;
      this.#send("KEEPALIVE");
      task.timers = [clock.after(intervalMs, tick)];
      this.#takeSignals();
    };
    task.timers = [clock.after(intervalMs, tick)];
  }

  #send(frame: string): void {
    const bytes = frameOfText(frame);
    const stream = this.#stream;
    if (stream !== null && stream.write(bytes) < bytes.length) this.#startReset();
  }

  // --- Go's Reset() --------------------------------------------------------------------------------

  /** `go p.Reset()`: others start one before it has run. */
  #startReset(): void {
    this.#options.clock.after(RESET_STARTS_MS, () => this.#reset());
  }

  #reset(): void {
    this.state = "retry";
    this.#channels.sendClose.count++;
    this.#channels.shutdown.count++;
    this.#channels.keepaliveStop.count++;
    this.#waitingResets.push(() => {
      this.#stream = null;
      this.#options.clock.after(this.#retryMs(), () => {
        this.state = "connecting";
        this.#handle();
      });
    });
    this.#takeSignals();
  }

  #begin(kind: Task["kind"]): Task {
    const task: Task = { kind, channels: this.#channels, timers: [] };
    this.#tasks.add(task);
    return task;
  }

  /** Those who wait at the present channels take what waits there. */
  #takeSignals(): void {
    for (const task of [...this.#tasks]) {
      const { channels } = task;
      if (channels !== this.#channels) continue;
      if (task.kind === "send" && take(channels.sendClose)) {
        this.#stream?.end();
        this.#end(task);
      } else if (task.kind === "handle" && take(channels.shutdown)) {
        this.routes.clear();
        this.#end(task);
      } else if (task.kind === "keepalive" && take(channels.keepaliveStop)) {
        this.#timeoutTimer?.cancel();
        this.#end(task);
      }
    }
    this.#endResets();
  }

  #end(task: Task): void {
    for (const timer of task.timers) timer.cancel();
    this.#tasks.delete(task);
    this.#endResets();
  }

  /** Go's `wg.Wait()`. */
  #endResets(): void {
    if (this.#tasks.size > 0) return;
    const waiting = this.#waitingResets;
    this.#waitingResets = [];
    for (const end of waiting) end();
  }
}

function newChannels(): Channels {
  return { shutdown: { count: 0 }, sendClose: { count: 0 }, keepaliveStop: { count: 0 } };
}

function take(channel: { count: number }): boolean {
  if (channel.count === 0) return false;
  channel.count--;
  return true;
}
