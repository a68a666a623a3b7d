/**
 * One connection at work: bytes from the stream through framer and decoder into the session, the
 * session's actions and the source's frames back onto the stream.
 *
 * What goes out, in this order, whole frames each:
 *
 *     rest of the last write   a write the socket took only in part; nothing may come between
 *     control frames           HELLO, KEEPALIVE: small, due at once
 *     runs from the source     UPDATEs, subscriptions, end marks: pulled when there is room, never queued here
 *
 * Pulling is what keeps a slow peer cheap: what it has not been sent yet is not bytes in a buffer, but a
 * difference that the source works out when the socket can take it. And a KEEPALIVE waits for at most
 * one run, however much is still to be sent.
 */
import type { Clock, Timer } from "../session/clock.ts";
import type { CloseReason } from "../session/close-reason.ts";
import {
  DATA_EVENT,
  KEEPALIVE_EVENT,
  Session,
  type SessionAction,
  type SessionConfig,
  type SessionEvent,
  type SessionState,
  TIMER_EVENT,
} from "../session/session.ts";
import {
  decodeHello,
  decodeKeepalive,
  decodeSubscription,
  decodeUpdate,
  HelloFields,
} from "../wire/decode.ts";
import { encodeHello, encodeKeepalive, MAX_CONTROL_FRAME_BYTES } from "../wire/encode.ts";
import { Framer } from "../wire/framer.ts";
import { UpdateFields } from "../wire/message.ts";
import { MessageType } from "../wire/protocol.ts";
import { ProtocolError, type SkipCode } from "../wire/protocol-error.ts";
import { type Pace, SteadyPace } from "./pace.ts";
import type { ByteStream, StreamEvents } from "./stream.ts";

/** Where a connection's frames come from, once it is established. */
export interface OutputSource {
  /**
   * The next whole frames for the peer, at most `limitBytes` of them, to be written in one go. Empty:
   * nothing to be sent until the connection is woken. Valid until the next call.
   */
  nextRun(limitBytes: number): Uint8Array;
}

export interface ConnectionHandler {
  established(): void;
  /** `fields` is valid during the call only. */
  update(fields: UpdateFields): void;
  /** An UPDATE that was well-formed, but useless, and skipped. */
  skipped(code: SkipCode): void;
  subscribe(vni: number): void;
  unsubscribe(vni: number): void;
  /** An ordinary KEEPALIVE in ESTABLISHED, already answered where an answer is due. */
  keepalive(): void;
  endMark(vni: number): void;
  /** The last call. */
  closed(reason: CloseReason): void;
}

export interface ConnectionConfig extends SessionConfig {
  /** A peer that takes no byte for this long while some are due is closed (RFC 9687's send hold timer). */
  readonly sendHoldMs?: number;
}

export const DEFAULT_SEND_HOLD_MS = 90_000;

/** Longest run pulled at a time: what a KEEPALIVE or another VNI's change has to wait for at most. */
export const RUN_BYTES = 65_536;
/** Written per turn of the event loop before others get theirs: some milliseconds' work. */
const TURN_BYTES = 1 << 20;
/** HELLO and KEEPALIVEs gather here only while the socket takes nothing, so there is seldom more than one. */
const CONTROL_BYTES = 64;
/** 16,384 unread answers: whoever asks that often without reading them is no client, but an attack. */
const CONTROL_LIMIT_BYTES = 65_536;

const READS_NO_MORE: ReadonlySet<CloseReason["reason"]> = new Set([
  "keepalive-timeout",
  "handshake-timeout",
  "send-hold-timeout",
  "send-queue-full",
]);

const NO_BYTES = new Uint8Array(0);
const NO_CONTROL = new DataView(NO_BYTES.buffer);
// Filled and read within one call, so one of each serves all connections.
const hello = new HelloFields();
const update = new UpdateFields();

export class Connection implements StreamEvents {
  readonly #session: Session;
  readonly #framer = new Framer();
  #rest: Uint8Array = NO_BYTES;
  #control = NO_CONTROL;
  #controlBytes = 0;
  /** The socket did not take everything: wait for `writable`. */
  #blocked = false;
  #flushAsked = false;
  /** The handler knows that we are established: the source may be asked. */
  #pulls = false;
  #flushing = false;
  #keepalivesSent = 0;
  #keepalivesAnswered = 0;
  #timer: Timer | null = null;
  /** When it fires. */
  #timerMs = Number.POSITIVE_INFINITY;
  #paceTimer: Timer | null = null;
  readonly #sendHoldMs: number;
  #sendHoldTimer: Timer | null = null;
  #lastTakenMs = 0;
  #closed = false;

  constructor(
    config: ConnectionConfig,
    private readonly stream: ByteStream,
    private readonly clock: Clock,
    private readonly source: OutputSource,
    private readonly handler: ConnectionHandler,
    private pace: Pace = new SteadyPace(RUN_BYTES),
  ) {
    this.#session = new Session(config, clock.nowMs());
    this.#sendHoldMs = config.sendHoldMs ?? DEFAULT_SEND_HOLD_MS;
    if (config.role === "client") this.#feed({ type: "connected" });
    this.#armTimer();
  }

  get state(): SessionState {
    return this.#session.state;
  }
  get peerIsServer(): boolean {
    return this.#session.peerIsServer;
  }
  get keepaliveSeconds(): number {
    return this.#session.keepaliveSeconds;
  }
  /** How long the peer took to answer our HELLO: a server's measure of the way. */
  get roundTripMs(): number {
    return this.#session.roundTripMs;
  }
  /** The peer has got as far as a HELLO. */
  get receivedHello(): boolean {
    return this.#session.receivedHello;
  }
  /** The peer has shown by an early KEEPALIVE that it is no Go program. */
  get keepaliveCameEarly(): boolean {
    return this.#session.keepaliveCameEarly;
  }
  get remote(): string {
    return this.stream.remote;
  }
  /** Everything pulled so far has been taken by the socket. */
  get drained(): boolean {
    return this.#rest.length === 0 && this.#controlBytes === 0;
  }

  /**
   * Sends a KEEPALIVE behind everything pulled so far, in a write of its own. Its number: once
   * {@link keepalivesAnswered} has reached it, the server has read all that was sent before.
   */
  sendKeepalive(): number {
    this.#keepalivesSent++;
    this.#sendControl(encodeKeepalive);
    return this.#keepalivesSent;
  }

  /** Of a client's KEEPALIVEs, how many have been answered. Answers come in order. */
  get keepalivesAnswered(): number {
    return this.#keepalivesAnswered;
  }

  /** The source has something to send: it is pulled once the sockets have had their turn. */
  wake(): void {
    if (this.#flushAsked || this.#blocked || this.#closed) return;
    this.#flushAsked = true;
    this.clock.soon(this.#flushWhenAsked);
  }

  /** From now on runs go out at another pace. */
  setPace(pace: Pace): void {
    this.pace = pace;
    this.#paceTimer?.cancel();
    this.#paceTimer = null;
    this.wake();
  }

  /** Ends the connection for a reason of ours; `handler.closed` follows at once. */
  close(reason: CloseReason): void {
    this.#feed({ type: "close", reason });
  }

  // --- input -------------------------------------------------------------------------------------

  received(chunk: Uint8Array): void {
    if (this.#closed) return;
    const framer = this.#framer;
    try {
      framer.push(chunk);
      while (!this.#closed && framer.next()) this.#frame(framer);
    } catch (error) {
      if (error instanceof ProtocolError) {
        this.close({ reason: "protocol-error", code: error.code, detail: error.message });
      } else this.#closeForFault(error);
    }
  }

  /** A fault of ours costs the connection it showed on, not the process with everybody else's. */
  #closeForFault(error: unknown): void {
    this.close({ reason: "internal-error", detail: Bun.inspect(error) });
  }

  #frame(framer: Framer): void {
    const { view, payloadOffset, payloadLengthBytes } = framer;
    switch (framer.type) {
      case MessageType.UPDATE: {
        if (!this.#feed(DATA_EVENT)) return;
        const skipCode = decodeUpdate(view, payloadOffset, payloadLengthBytes, update);
        if (skipCode === null) this.handler.update(update);
        else this.handler.skipped(skipCode);
        return;
      }
      case MessageType.KEEPALIVE: {
        const vni = decodeKeepalive(view, payloadOffset, payloadLengthBytes);
        // An end mark is no answer to a KEEPALIVE, and none of a client's KEEPALIVEs is an end mark.
        if (vni < 0 || this.#session.role === "server") {
          const wasEstablished = this.#session.state === "established";
          this.#keepalivesAnswered++;
          if (this.#feed(KEEPALIVE_EVENT) && wasEstablished) this.handler.keepalive();
        } else if (this.#feed(DATA_EVENT)) this.handler.endMark(vni);
        return;
      }
      case MessageType.SUBSCRIBE:
      case MessageType.UNSUBSCRIBE: {
        if (!this.#feed(DATA_EVENT)) return;
        const vni = decodeSubscription(view, payloadOffset, payloadLengthBytes);
        if (framer.type === MessageType.SUBSCRIBE) this.handler.subscribe(vni);
        else this.handler.unsubscribe(vni);
        return;
      }
      case MessageType.HELLO:
        decodeHello(view, payloadOffset, payloadLengthBytes, hello);
        this.#feed({ type: "hello", keepaliveSeconds: hello.keepaliveSeconds, isServer: hello.isServer });
        this.#armTimer();
    }
  }

  closed(detail: string | null): void {
    if (detail === null) this.close({ reason: "closed-by-peer" });
    else this.close({ reason: "connection-lost", detail });
  }

  // --- the session -------------------------------------------------------------------------------

  /** Gives the session an event and does what it says. False: the connection is closed now. */
  #feed(event: SessionEvent): boolean {
    const actions = this.#session.handle(event, this.clock.nowMs());
    for (const action of actions) {
      if (this.#closed) break;
      this.#act(action);
    }
    return !this.#closed;
  }

  #act(action: SessionAction): void {
    switch (action.type) {
      case "send-hello":
        this.#sendControl((view, at) => encodeHello(view, at, action.keepaliveSeconds, action.isServer));
        break;
      case "send-keepalive":
        this.sendKeepalive();
        break;
      case "established":
        this.#armTimer();
        this.#pulls = true;
        this.handler.established();
        this.wake();
        break;
      case "close":
        this.#shut(action.reason);
    }
  }

  #shut(reason: CloseReason): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#paceTimer?.cancel();
    this.#sendHoldTimer?.cancel();
    this.#rest = NO_BYTES;
    this.#control = NO_CONTROL;
    this.#controlBytes = 0;
    // Who was silent, or does not read, may never do so again: nothing is gained by keeping bytes for it.
    if (READS_NO_MORE.has(reason.reason)) this.stream.abort();
    else this.stream.end();
    this.handler.closed(reason);
  }

  /**
   * Received frames mostly move the deadline on: then the timer that is set fires too early, and is set anew.
   * Only one that would fire too late is replaced.
   */
  #armTimer(): void {
    const deadlineMs = this.#session.deadlineMs;
    if (this.#closed || deadlineMs >= this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = deadlineMs;
    this.#timer = this.clock.after(Math.max(0, deadlineMs - this.clock.nowMs()), this.#timerFired);
  }

  /**
   * A deadline is judged once the sockets have had a turn: after a pause (a stopped process, a suspended machine)
   * the frames that prove the peer alive may be waiting to be read.
   */
  readonly #timerFired = (): void => {
    this.clock.soon(() => {
      this.#timerMs = Number.POSITIVE_INFINITY;
      if (this.#feed(TIMER_EVENT)) this.#armTimer();
    });
  };

  // --- output ------------------------------------------------------------------------------------

  #sendControl(encode: (view: DataView, offset: number) => number): void {
    if (this.#controlBytes > CONTROL_LIMIT_BYTES) {
      this.close({ reason: "send-queue-full" });
      return;
    }
    if (this.#controlBytes + MAX_CONTROL_FRAME_BYTES > this.#control.byteLength) this.#growControl();
    this.#controlBytes = encode(this.#control, this.#controlBytes);
    this.#flush();
  }

  #growControl(): void {
    const grown = new Uint8Array(Math.max(CONTROL_BYTES, this.#control.byteLength * 2));
    grown.set(new Uint8Array(this.#control.buffer));
    this.#control = new DataView(grown.buffer);
  }

  writable(): void {
    this.#blocked = false;
    // Not at once: when many peers have room again, they are served a turn's worth at a time.
    this.wake();
  }

  readonly #flushWhenAsked = (): void => {
    this.#flushAsked = false;
    this.#flush();
  };

  #flush(): void {
    // Whoever asks from within (the source, for a KEEPALIVE) is served by the loop that is running.
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      this.#writeWhatIsDue();
    } catch (error) {
      this.#closeForFault(error);
    } finally {
      this.#flushing = false;
    }
  }

  #writeWhatIsDue(): void {
    let writtenBytes = 0;
    while (!this.#blocked && !this.#closed) {
      if (this.#rest.length > 0) {
        this.#write(this.#rest);
        continue;
      }
      if (this.#controlBytes > 0) {
        const control = new Uint8Array(this.#control.buffer, 0, this.#controlBytes);
        this.#controlBytes = 0;
        this.#write(control);
        continue;
      }
      if (!this.#pulls) return;
      const waitMs = this.pace.waitMs(this.clock.nowMs());
      if (waitMs > 0) {
        this.#flushAfter(waitMs);
        return;
      }
      if (writtenBytes >= TURN_BYTES) {
        this.wake();
        return;
      }
      const run = this.source.nextRun(this.pace.writeBytes);
      if (run.length === 0) {
        if (this.#controlBytes > 0) continue;
        return;
      }
      this.pace.wrote(this.clock.nowMs());
      writtenBytes += run.length;
      this.#write(run);
    }
  }

  #flushAfter(waitMs: number): void {
    if (this.#paceTimer !== null) return;
    this.#paceTimer = this.clock.after(waitMs, () => {
      this.#paceTimer = null;
      this.#flush();
    });
  }

  /** What the socket does not take is copied, since the caller's bytes live on only until its next call. */
  #write(bytes: Uint8Array): void {
    const taken = this.stream.write(bytes);
    this.#blocked = taken < bytes.length;
    if (this.#blocked) this.#watchProgress(taken > 0);
    if (!this.#blocked) this.#rest = NO_BYTES;
    else this.#rest = bytes === this.#rest ? bytes.subarray(taken) : bytes.slice(taken);
  }

  #watchProgress(hasTaken: boolean): void {
    if (hasTaken || this.#sendHoldTimer === null) this.#lastTakenMs = this.clock.nowMs();
    this.#sendHoldTimer ??= this.clock.after(this.#sendHoldMs, this.#judgeProgress);
  }

  readonly #judgeProgress = (): void => {
    this.#sendHoldTimer = null;
    if (!this.#blocked || this.#closed) return;
    const waitMs = this.#lastTakenMs + this.#sendHoldMs - this.clock.nowMs();
    if (waitMs <= 0) this.close({ reason: "send-hold-timeout" });
    else this.#sendHoldTimer = this.clock.after(waitMs, this.#judgeProgress);
  };
}
