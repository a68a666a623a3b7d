/**
 * One connection at work: bytes from the stream through framer and decoder into the session, the
 * session's actions and the source's frames back onto the stream.
 */

import type { Clock, Timer } from "../base/clock.ts";
import { DEFAULT_SEND_HOLD_SECONDS } from "../base/defaults.ts";
import { errorText } from "../base/error-text.ts";
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
  UNREAD_TIMER_EVENT,
} from "../session/session.ts";
import {
  decodeHello,
  decodeKeepalive,
  decodeSubscription,
  decodeUpdate,
  HelloFields,
} from "../wire/decode.ts";
import { encodeHello, encodeKeepalive } from "../wire/encode.ts";
import { Framer } from "../wire/framer.ts";
import { UpdateFields } from "../wire/message.ts";
import { MessageType } from "../wire/protocol.ts";
import { ProtocolError, type SkipCode } from "../wire/protocol-error.ts";
import type { ByteStream, StreamEvents } from "./network.ts";
import { Outbox, type OutputSource } from "./outbox.ts";
import type { Pace } from "./pacing.ts";
import type { FairSource } from "./schedule/fair-queue.ts";
import type { Reader, ReadMember } from "./schedule/read-schedule.ts";
import { Turns } from "./schedule/turns.ts";

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
  endOfRib(vni: number): void;
  /** A HELLO has come, of a client perhaps not its first. It is answered after this call, unless the connection is closed. */
  hello(): void;
  /** The last call. */
  closed(reason: CloseReason): void;
}

export interface ConnectionConfig extends SessionConfig {
  /** A peer that takes no byte for this long while some are due is closed (RFC 9687's send hold timer). */
  readonly sendHoldMs?: number;
  /** Of a server: goes out with its HELLO. 16 hex digits; left out: none. */
  readonly serverId?: string;
}

/** So many are read between two looks at the clock. */
const FRAMES_PER_LOOK = 32;
/** While input is unread, silence is judged again after so long. */
const UNREAD_MS = 100;
/** Whoever goes on sending after we have ended the connection is cut off after so much: nothing of it is wanted. */
const IGNORED_LIMIT_BYTES = 1 << 20;

/** It takes none of the bytes that are due to it: nothing is gained by keeping them, so the connection is reset. */
const READS_NO_MORE: ReadonlySet<CloseReason["reason"]> = new Set(["send-hold-timeout", "send-queue-full"]);
/**
 * It may have stood still, and read on later: it is told in order, for Go's client does not survive a reset at that
 * moment. But it may also be gone for good, and then the system keeps what was sent until it gives up (15 minutes).
 */
const WAS_SILENT: ReadonlySet<CloseReason["reason"]> = new Set(["keepalive-timeout", "handshake-timeout"]);
/** So long after the FIN a peer that was silent is reset, unless it has closed. */
const RESET_AFTER_MS = 10_000;

// Filled and read within one call, so one of each serves all connections.
const hello = new HelloFields();
const update = new UpdateFields();

export class Connection implements StreamEvents, Reader {
  readonly #config: ConnectionConfig;
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #handler: ConnectionHandler;
  readonly #session: Session;
  readonly #framer = new Framer();
  readonly #outbox: Outbox;
  /** Behind the framer's chunk. */
  readonly #unread: Uint8Array[] = [];
  readonly #turns: Turns;
  /** The peer's. */
  readonly #fairSource: FairSource;
  readonly #input: ReadMember;
  /** Received since the end. */
  #ignoredBytes = 0;
  /** Why the stream has ended, until all that came before has been read. */
  #end: CloseReason | null = null;
  #keepalivesSent = 0;
  #keepalivesAnswered = 0;
  #timer: Timer | null = null;
  /** When it fires. */
  #timerMs = Number.POSITIVE_INFINITY;
  #closed = false;
  #peerServerId = "";

  constructor(
    config: ConnectionConfig,
    stream: ByteStream,
    clock: Clock,
    source: OutputSource,
    handler: ConnectionHandler,
    pace?: Pace,
  ) {
    this.#config = config;
    this.#stream = stream;
    this.#clock = clock;
    this.#handler = handler;
    this.#session = new Session(config, clock.nowMs());
    const sendHoldMs = config.sendHoldMs ?? DEFAULT_SEND_HOLD_SECONDS * 1000;
    this.#turns = Turns.of(clock);
    this.#fairSource = this.#turns.join(stream.remote);
    this.#input = this.#turns.reading.join(this.#fairSource, this, config.role);
    this.#outbox = new Outbox(
      stream,
      clock,
      this.#turns.writing,
      this.#fairSource,
      source,
      sendHoldMs,
      (reason) => this.close(reason),
      pace,
    );
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
  /** When its last frame came. */
  get lastReceivedMs(): number {
    return this.#session.lastReceivedMs;
  }
  /** How long the peer took to answer our HELLO: a server's measure of the way. */
  get roundTripMs(): number {
    return this.#session.roundTripMs;
  }
  /** Of a BunBond server; empty: the peer has told none. */
  get peerServerId(): string {
    return this.#peerServerId;
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
    return this.#stream.remote;
  }
  /** Everything pulled so far has been taken by the socket. */
  get drained(): boolean {
    return this.#outbox.drained;
  }

  /**
   * Sends a KEEPALIVE behind everything pulled so far, in a write of its own. Its number: once
   * {@link keepalivesAnswered} has reached it, the server has read all that was sent before.
   */
  sendKeepalive(): number {
    this.#keepalivesSent++;
    this.#outbox.control(encodeKeepalive);
    return this.#keepalivesSent;
  }

  /** Of a client's KEEPALIVEs, how many have been answered. Answers come in order. */
  get keepalivesAnswered(): number {
    return this.#keepalivesAnswered;
  }

  /** The source has something to send: it is pulled once the sockets have had their turn. */
  wake(): void {
    this.#outbox.wake();
  }

  /** From now on runs go out at another pace. */
  setPace(pace: Pace): void {
    this.#outbox.setPace(pace);
  }

  /** Ends the connection for a reason of ours; `handler.closed` follows at once. */
  close(reason: CloseReason): void {
    this.#feed({ type: "close", reason });
  }

  // --- input -------------------------------------------------------------------------------------

  received(chunk: Uint8Array): void {
    if (this.#closed) {
      this.#ignoredBytes += chunk.length;
      if (this.#ignoredBytes > IGNORED_LIMIT_BYTES) this.#stream.abort();
      return;
    }
    this.#unread.push(chunk);
    this.#turns.reading.arrived(this.#input, chunk.length);
  }

  read(untilMs: number): boolean {
    this.#outbox.gathers = true;
    try {
      return this.#readUntil(untilMs);
    } catch (error) {
      this.#readFailed(error);
      return false;
    } finally {
      this.#outbox.gathers = false;
    }
  }

  /** Returns true if something is left. */
  #readUntil(untilMs: number): boolean {
    const framer = this.#framer;
    for (let frames = 1; !this.#closed; ) {
      if (framer.next()) {
        this.#frame(framer);
        if (frames++ % FRAMES_PER_LOOK === 0 && this.#clock.nowMs() >= untilMs) return !this.#closed;
        continue;
      }
      const chunk = this.#unread.shift();
      if (chunk === undefined) {
        if (this.#end !== null) this.close(this.#end);
        return false;
      }
      framer.push(chunk);
    }
    return false;
  }

  pauseInput(): void {
    this.#stream.pause();
  }

  resumeInput(): void {
    this.#stream.resume();
  }

  narrowInput(): void {
    this.#stream.narrow?.();
  }

  #readFailed(error: unknown): void {
    if (error instanceof ProtocolError) {
      this.close({ reason: "protocol-error", code: error.code, detail: error.message });
    } else this.#closeForFault(error);
  }

  /** A fault of ours costs the connection it showed on, not the process with everybody else's. */
  #closeForFault(error: unknown): void {
    this.close({ reason: "internal-error", detail: errorText(error) });
  }

  #frame(framer: Framer): void {
    const { view, payloadOffset, payloadLengthBytes } = framer;
    switch (framer.type) {
      case MessageType.UPDATE: {
        if (!this.#feed(DATA_EVENT)) return;
        const skipCode = decodeUpdate(view, payloadOffset, payloadLengthBytes, update);
        if (skipCode === null) this.#handler.update(update);
        else this.#handler.skipped(skipCode);
        return;
      }
      case MessageType.KEEPALIVE: {
        const vni = decodeKeepalive(view, payloadOffset, payloadLengthBytes);
        // An End-of-RIB is no answer to a KEEPALIVE, and none of a client's KEEPALIVEs is an End-of-RIB.
        if (vni < 0 || this.#session.role === "server") {
          const wasEstablished = this.#session.state === "established";
          this.#keepalivesAnswered++;
          if (this.#feed(KEEPALIVE_EVENT) && wasEstablished) this.#handler.keepalive();
        } else if (this.#feed(DATA_EVENT)) this.#handler.endOfRib(vni);
        return;
      }
      case MessageType.SUBSCRIBE:
      case MessageType.UNSUBSCRIBE: {
        if (!this.#feed(DATA_EVENT)) return;
        const vni = decodeSubscription(view, payloadOffset, payloadLengthBytes);
        if (framer.type === MessageType.SUBSCRIBE) this.#handler.subscribe(vni);
        else this.#handler.unsubscribe(vni);
        return;
      }
      case MessageType.HELLO:
        decodeHello(view, payloadOffset, payloadLengthBytes, hello);
        this.#peerServerId = hello.serverId;
        this.#handler.hello();
        this.#feed({ type: "hello", keepaliveSeconds: hello.keepaliveSeconds, isServer: hello.isServer });
        this.#armTimer();
    }
  }

  closed(detail: string | null): void {
    const end: CloseReason =
      detail === null ? { reason: "closed-by-peer" } : { reason: "connection-lost", detail };
    // A withdrawal may be among what is still to be read.
    if (this.#input.isWaiting && this.#turns.reading.keeps(this.#input)) this.#end = end;
    else this.close(end);
  }

  writable(): void {
    this.#outbox.writable();
  }

  // --- the session -------------------------------------------------------------------------------

  /** Gives the session an event and does what it says. False: the connection is closed now. */
  #feed(event: SessionEvent): boolean {
    const actions = this.#session.handle(event, this.#clock.nowMs());
    for (const action of actions) {
      if (this.#closed) break;
      this.#act(action);
    }
    return !this.#closed;
  }

  #act(action: SessionAction): void {
    switch (action.type) {
      case "send-hello":
        this.#outbox.control((view, at) =>
          encodeHello(view, at, action.keepaliveSeconds, action.isServer, this.#config.serverId),
        );
        break;
      case "send-keepalive":
        this.sendKeepalive();
        break;
      case "established":
        this.#armTimer();
        this.#outbox.open();
        this.#handler.established();
        this.wake();
        break;
      case "close":
        this.#shut(action.reason);
    }
  }

  #shut(reason: CloseReason): void {
    this.#closed = true;
    this.#unread.length = 0;
    this.#turns.reading.leave(this.#input);
    this.#turns.leave(this.#fairSource);
    this.#timer?.cancel();
    // What was read before gets its answers.
    this.#outbox.gathers = false;
    this.#outbox.stop();
    if (READS_NO_MORE.has(reason.reason)) this.#stream.abort();
    else if (WAS_SILENT.has(reason.reason)) this.#stream.endWithin(RESET_AFTER_MS);
    else this.#stream.end();
    this.#handler.closed(reason);
  }

  /**
   * Received frames mostly move the deadline on: then the timer that is set fires too early, and is set anew.
   * Only one that would fire too late is replaced.
   */
  #armTimer(leastMs = 0): void {
    const nowMs = this.#clock.nowMs();
    const deadlineMs = Math.max(this.#session.deadlineMs, nowMs + leastMs);
    if (this.#closed || deadlineMs >= this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = deadlineMs;
    this.#timer = this.#clock.after(Math.max(0, deadlineMs - nowMs), this.#timerFired);
  }

  /**
   * A deadline is judged once the sockets have had a turn: after a pause (a stopped process, a suspended machine)
   * the frames that prove the peer alive may be waiting to be read. As long as they wait, it is not judged.
   */
  readonly #timerFired = (): void => {
    this.#clock.soon(this.#judgeDeadline, "urgent");
  };

  readonly #judgeDeadline = (): void => {
    if (this.#closed) return;
    this.#timerMs = Number.POSITIVE_INFINITY;
    const isUnread = this.#input.isWaiting;
    if (!this.#feed(isUnread ? UNREAD_TIMER_EVENT : TIMER_EVENT)) return;
    this.#armTimer(isUnread ? UNREAD_MS : 0);
  };
}
