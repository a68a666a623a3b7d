/**
 * One connection at work: bytes from the stream go through framer and decoder into the session; the session's actions and
 * the source's frames go back onto the stream.
 *
 *     ByteStream ──received──▶ ReadSchedule ──read, now or in a later turn──▶ Framer ──▶ decode ──▶ Session
 *         ▲                       │ pauses and resumes the stream                                     │ actions
 *         │                                                                                          ▼
 *         │                                         ConnectionHandler ◀──onUpdate, onSubscribe, … ── Connection
 *         │                                                  │ (server's peer, client's link)         │
 *         │                                                  └──wake──▶ WriteSchedule                │ HELLO, KEEPALIVE
 *         │                                                                │ flush, in a later turn  ▼
 *         └───────write──────────────────────────────────────────────── Outbox ◀──nextRun── OutputSource
 *
 * Timers: one for the session's next deadline. When it fires, the deadline is judged in the class `urgent` of the next turn,
 * after what the sockets have delivered. The outbox has two of its own: the pause between paced writes, and the send-hold
 * time. When the stream is writable again, the outbox is served in its turn (schedule/turns.ts).
 *
 * The session's state says whether the connection is closed; nothing is read, written or judged after that.
 */

import type { Clock, Timer } from "../base/clock.ts";
import { DEFAULT_SEND_HOLD_SECONDS } from "../base/defaults.ts";
import { errorText } from "../base/error-text.ts";
import { FRAMES_PER_CLOCK_CHECK } from "../base/turn-budget.ts";
import type { PeerIdentity } from "../net/peer-identity.ts";
import type { CloseReason } from "../session/close-reason.ts";
import {
  DATA_EVENT,
  KEEPALIVE_EVENT,
  Session,
  type SessionAction,
  type SessionConfig,
  type SessionEvent,
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
  onEstablished(): void;
  /** An UPDATE that makes sense. `fields` is valid during the call only. */
  onUpdate(fields: UpdateFields): void;
  /** An UPDATE that was well-formed, but makes no sense, and is skipped. */
  onSkipped(code: SkipCode): void;
  onSubscribe(vni: number): void;
  onUnsubscribe(vni: number): void;
  /** An ordinary KEEPALIVE in ESTABLISHED, already answered where an answer is due. */
  onKeepalive(): void;
  onEndOfRib(vni: number): void;
  /** A HELLO, for a client perhaps not the first one. It is answered after this call, unless the connection is closed. */
  onHello(): void;
  /** The last call. */
  onClosed(reason: CloseReason): void;
}

export interface ConnectionOptions extends SessionConfig {
  /** A peer that takes no byte for this long while some are due is closed (RFC 9687, SendHoldTimer). */
  readonly sendHoldMs?: number;
  /** The id that a server sends with its HELLO: 16 hex digits; if left out, none is sent. */
  readonly serverId?: string;
  readonly stream: ByteStream;
  readonly clock: Clock;
  readonly source: OutputSource;
  readonly handler: ConnectionHandler;
  /** If left out, frames go out as fast as the socket takes them. */
  readonly pace?: Pace | undefined;
}

/** The session of a connection, for others to read. */
export type SessionStatus = Readonly<
  Pick<
    Session,
    | "state"
    | "peerIsServer"
    | "keepaliveSeconds"
    | "lastReceivedMs"
    | "roundTripMs"
    | "receivedHello"
    | "keepaliveCameEarly"
  >
>;

/** While input is unread, the peer's silence is judged again after this time. */
const UNREAD_MS = 100;
/** A peer that continues to send after we have ended the connection is reset after this many bytes: they are ignored anyway. */
const IGNORED_LIMIT_BYTES = 1 << 20;

/** For these reasons the connection is reset: the peer takes none of the bytes that are due, and keeping them is of no use. */
const READS_NO_MORE: ReadonlySet<CloseReason["reason"]> = new Set(["send-hold-timeout", "send-queue-full"]);
/**
 * For these reasons the connection is closed in order: the peer may have been suspended, and continue to read later, and Go's
 * client does not survive a reset at that moment. But the peer may also be dead, and then the system keeps what was sent until
 * it gives up (15 minutes).
 */
const WAS_SILENT: ReadonlySet<CloseReason["reason"]> = new Set(["keepalive-timeout", "handshake-timeout"]);
/** How long after the FIN a silent peer is reset, unless it has closed. */
const RESET_AFTER_MS = 10_000;

// These are filled and read within one call, so one of each is enough for all connections.
const hello = new HelloFields();
const update = new UpdateFields();

export class Connection implements StreamEvents, Reader {
  readonly #serverId: string | undefined;
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #handler: ConnectionHandler;
  readonly #session: Session;
  readonly #framer = new Framer();
  readonly #outbox: Outbox;
  /** Chunks that come after the framer's. */
  readonly #unread: Uint8Array[] = [];
  readonly #turns: Turns;
  /** The peer's source network. */
  readonly #fairSource: FairSource;
  readonly #input: ReadMember;
  /** How many bytes were received since the connection was closed. */
  #ignoredBytes = 0;
  /** Why the stream has ended; null before, and the reason counts once all that was received before has been read. */
  #end: CloseReason | null = null;
  #keepalivesSent = 0;
  #keepalivesAnswered = 0;
  #timer: Timer | null = null;
  /** When the timer fires. */
  #timerMs = Number.POSITIVE_INFINITY;
  #peerServerId = "";

  constructor(options: ConnectionOptions) {
    const {
      stream,
      clock,
      source,
      handler,
      role,
      pace,
      sendHoldMs = DEFAULT_SEND_HOLD_SECONDS * 1000,
    } = options;
    this.#serverId = options.serverId;
    this.#stream = stream;
    this.#clock = clock;
    this.#handler = handler;
    this.#session = new Session(options, clock.nowMs());
    this.#turns = Turns.of(clock);
    this.#fairSource = this.#turns.join(stream.remote.address);
    this.#input = this.#turns.reading.join(this.#fairSource, this, role);
    this.#outbox = new Outbox({
      stream,
      clock,
      schedule: this.#turns.writing,
      peer: this.#fairSource,
      source,
      sendHoldMs,
      onFailed: (reason) => this.close(reason),
      pace,
    });
    if (role === "client") this.#feed({ type: "connected" });
    this.#armTimer();
  }

  get session(): SessionStatus {
    return this.#session;
  }
  get peer(): PeerIdentity {
    return this.#stream.remote;
  }
  get #isClosed(): boolean {
    return this.#session.state === "closed";
  }
  /** The id that a BunBond server has sent; empty if the peer has sent none. */
  get peerServerId(): string {
    return this.#peerServerId;
  }
  /** The peer has sent its HELLO. */
  get receivedHello(): boolean {
    return this.#session.receivedHello;
  }
  /** Everything pulled so far has been taken by the socket. */
  get drained(): boolean {
    return this.#outbox.drained;
  }

  /**
   * Sends a KEEPALIVE after everything pulled so far, in a write of its own, and returns its number: once
   * {@link keepalivesAnswered} has reached it, the server has read all that was sent before.
   */
  sendKeepalive(): number {
    this.#keepalivesSent++;
    this.#outbox.control(encodeKeepalive);
    return this.#keepalivesSent;
  }

  /** How many of a client's KEEPALIVEs have been answered. Answers come in order. */
  get keepalivesAnswered(): number {
    return this.#keepalivesAnswered;
  }

  /** Notes that the source has something to send: it is pulled once the sockets have had their turn. */
  wake(): void {
    this.#outbox.wake();
  }

  /** Sets the pace of the runs from now on. */
  setPace(pace: Pace): void {
    this.#outbox.setPace(pace);
  }

  /** Ends the connection for a reason of ours; `handler.onClosed` follows at once. */
  close(reason: CloseReason): void {
    this.#feed({ type: "close", reason });
  }

  // --- input -------------------------------------------------------------------------------------

  received(chunk: Uint8Array): void {
    if (this.#isClosed) {
      this.#ignoredBytes += chunk.length;
      if (this.#ignoredBytes > IGNORED_LIMIT_BYTES) this.#stream.abort();
      return;
    }
    this.#unread.push(chunk);
    this.#turns.reading.onReceived(this.#input, chunk.length);
  }

  /** Returns true if something is left. */
  read(untilMs: number): boolean {
    this.#outbox.gathers = true;
    try {
      return this.#readUntil(untilMs);
    } catch (error) {
      this.#closeForReadError(error);
      return false;
    } finally {
      this.#outbox.gathers = false;
    }
  }

  #readUntil(untilMs: number): boolean {
    const framer = this.#framer;
    for (let frames = 1; !this.#isClosed; ) {
      if (framer.next()) {
        this.#frame(framer);
        if (frames++ % FRAMES_PER_CLOCK_CHECK === 0 && this.#clock.nowMs() >= untilMs) return !this.#isClosed;
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

  #closeForReadError(error: unknown): void {
    if (error instanceof ProtocolError) {
      this.close({ reason: "protocol-error", code: error.code, detail: error.message });
    } else this.#closeForFault(error);
  }

  /** A fault of ours ends the connection where it occurred, not the process with all others. */
  #closeForFault(error: unknown): void {
    this.close({ reason: "internal-error", detail: errorText(error) });
  }

  #frame(framer: Framer): void {
    const { view, payloadOffset, payloadLengthBytes } = framer;
    switch (framer.type) {
      case MessageType.UPDATE: {
        if (!this.#feed(DATA_EVENT)) return;
        const skipCode = decodeUpdate(view, payloadOffset, payloadLengthBytes, update);
        if (skipCode === null) this.#handler.onUpdate(update);
        else this.#handler.onSkipped(skipCode);
        return;
      }
      case MessageType.KEEPALIVE: {
        const vni = decodeKeepalive(view, payloadOffset, payloadLengthBytes);
        // An End-of-RIB does not answer a KEEPALIVE, and a client's KEEPALIVE is never an End-of-RIB.
        if (vni < 0 || this.#session.role === "server") {
          const wasEstablished = this.#session.state === "established";
          this.#keepalivesAnswered++;
          if (this.#feed(KEEPALIVE_EVENT) && wasEstablished) this.#handler.onKeepalive();
        } else if (this.#feed(DATA_EVENT)) this.#handler.onEndOfRib(vni);
        return;
      }
      case MessageType.SUBSCRIBE:
      case MessageType.UNSUBSCRIBE: {
        if (!this.#feed(DATA_EVENT)) return;
        const vni = decodeSubscription(view, payloadOffset, payloadLengthBytes);
        if (framer.type === MessageType.SUBSCRIBE) this.#handler.onSubscribe(vni);
        else this.#handler.onUnsubscribe(vni);
        return;
      }
      case MessageType.HELLO:
        decodeHello(view, payloadOffset, payloadLengthBytes, hello);
        this.#peerServerId = hello.serverId;
        this.#handler.onHello();
        this.#feed({ type: "hello", keepaliveSeconds: hello.keepaliveSeconds, isServer: hello.isServer });
        this.#armTimer();
    }
  }

  closed(detail: string | null): void {
    const end: CloseReason =
      detail === null ? { reason: "closed-by-peer" } : { reason: "connection-lost", detail };
    // What is still to be read may contain a withdrawal.
    if (this.#input.isWaiting && this.#turns.reading.keeps(this.#input)) this.#end = end;
    else this.close(end);
  }

  writable(): void {
    this.#outbox.writable();
  }

  // --- the session -------------------------------------------------------------------------------

  /** Passes an event to the session and carries out its actions. Returns false if the connection is closed now. */
  #feed(event: SessionEvent): boolean {
    const actions = this.#session.handle(event, this.#clock.nowMs());
    for (const action of actions) {
      // An action before may have closed the connection. The session says `close` once, and nothing else with it.
      if (this.#isClosed && action.type !== "close") break;
      this.#act(action);
    }
    return !this.#isClosed;
  }

  #act(action: SessionAction): void {
    switch (action.type) {
      case "send-hello":
        this.#outbox.control((view, at) =>
          encodeHello(view, at, action.keepaliveSeconds, action.isServer, this.#serverId),
        );
        break;
      case "send-keepalive":
        this.sendKeepalive();
        break;
      case "established":
        this.#armTimer();
        this.#outbox.open();
        this.#handler.onEstablished();
        this.wake();
        break;
      case "close":
        this.#shut(action.reason);
    }
  }

  #shut(reason: CloseReason): void {
    this.#unread.length = 0;
    this.#turns.reading.leave(this.#input);
    this.#turns.leave(this.#fairSource);
    this.#timer?.cancel();
    // The answers to what was read before still go out.
    this.#outbox.gathers = false;
    this.#outbox.stop();
    if (READS_NO_MORE.has(reason.reason)) this.#stream.abort();
    else if (WAS_SILENT.has(reason.reason)) this.#stream.endWithin(RESET_AFTER_MS);
    else this.#stream.end();
    this.#handler.onClosed(reason);
  }

  /**
   * Sets the timer for the session's deadline. Received frames mostly move the deadline on: then the timer fires too early, and
   * is set anew. It is replaced only if it would fire too late.
   */
  #armTimer(leastMs = 0): void {
    const nowMs = this.#clock.nowMs();
    const deadlineMs = Math.max(this.#session.deadlineMs, nowMs + leastMs);
    if (this.#isClosed || deadlineMs >= this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = deadlineMs;
    this.#timer = this.#clock.after(Math.max(0, deadlineMs - nowMs), this.#timerFired);
  }

  /**
   * Has the deadline judged once the sockets have had a turn: after a suspension of the process or the machine, frames that prove
   * the peer alive may be waiting to be read. As long as they wait, its silence is not judged.
   */
  readonly #timerFired = (): void => {
    this.#clock.soon(this.#judgeDeadline, "urgent");
  };

  readonly #judgeDeadline = (): void => {
    if (this.#isClosed) return;
    this.#timerMs = Number.POSITIVE_INFINITY;
    const isUnread = this.#input.isWaiting;
    if (!this.#feed(isUnread ? UNREAD_TIMER_EVENT : TIMER_EVENT)) return;
    this.#armTimer(isUnread ? UNREAD_MS : 0);
  };
}
