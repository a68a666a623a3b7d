/**
 * A connection passes bytes from the stream through framer and decoder to the session, and writes the session's actions
 * and the source's frames to the stream.
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
 * It has a timer for the session's next deadline. When the timer fires, the deadline is judged in the class `urgent` of
 * the next turn, after what the sockets have delivered. The outbox has two timers of its own: the pause between paced
 * writes, and the send-hold time. When the stream is writable again, the outbox is served in its turn
 * (schedule/turns.ts).
 *
 * The connection is closed when the session is; nothing is read, written or judged after that.
 */

import type { Clock, Timer } from "../base/clock.ts";
import { errorText } from "../base/error-text.ts";
import { FRAMES_PER_CLOCK_CHECK } from "../base/turn-budget.ts";
import type { PeerIdentity } from "../net/peer-identity.ts";
import { SERVER_OPTIONS } from "../options/server-options.ts";
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
import { END_OF_RIB, Traffic } from "./traffic.ts";

export interface ConnectionHandler {
  onEstablished(): void;
  /** Called for a valid UPDATE. `fields` is valid during the call only. */
  onUpdate(fields: UpdateFields): void;
  /** Called for an UPDATE that is well formed, but has an invalid value, and is skipped. */
  onSkipped(code: SkipCode): void;
  onSubscribe(vni: number): void;
  onUnsubscribe(vni: number): void;
  /** Called for an ordinary KEEPALIVE in ESTABLISHED, which a server has already answered. */
  onKeepalive(): void;
  onEndOfRib(vni: number): void;
  /**
   * Called for a HELLO; a client may send more than one. It is answered after this call, unless the connection is
   * closed.
   */
  onHello(): void;
  /** Called last. */
  onClosed(reason: CloseReason): void;
}

export interface ConnectionOptions extends SessionConfig {
  /**
   * The connection to a peer that reads nothing for this long although data is waiting is closed (RFC 9687,
   * SendHoldTimer).
   */
  readonly sendHoldMs?: number;
  /** The id that a server sends with its HELLO, in 16 hex digits. If it is left out, none is sent. */
  readonly serverId?: string;
  readonly stream: ByteStream;
  readonly clock: Clock;
  readonly source: OutputSource;
  readonly handler: ConnectionHandler;
  /** The pace of the output. If it is left out, frames are sent as fast as the socket takes them. */
  readonly pace?: Pace | undefined;
}

/** The read-only part of a connection's session. */
export type SessionStatus = Readonly<
  Pick<
    Session,
    | "state"
    | "peerIsServer"
    | "keepaliveSeconds"
    | "lastReceivedMs"
    | "lastKeepaliveMs"
    | "roundTripMs"
    | "receivedHello"
    | "keepaliveCameEarly"
  >
>;

/** A connection in numbers. */
export interface ConnectionFigures {
  /** When the last KEEPALIVE was read, by the clock; null before the first one. */
  readonly lastKeepaliveMs: number | null;
  /** Bytes that the socket has not taken. */
  readonly sendQueueBytes: number;
  /** For how long the socket has taken none of them. */
  readonly sendBlockedForMs: number;
  /** For how long there was always something left to be sent; 0 if there is nothing. */
  readonly behindForMs: number;
  readonly traffic: Traffic;
}

/** While input is unread, the peer's silence is judged again after this time. */
const UNREAD_MS = 100;
/**
 * A peer that continues to send after we have ended the connection is reset after this many bytes, which are ignored.
 */
const IGNORED_LIMIT_BYTES = 1 << 20;

/**
 * For these reasons the connection is reset: the peer does not read the data that is waiting for it, so it is
 * discarded.
 */
const READS_NO_MORE: ReadonlySet<CloseReason["reason"]> = new Set(["send-hold-timeout", "send-queue-full"]);
/**
 * For these reasons the connection is closed in order: the peer may have been suspended, and continue to read later,
 * and Go's client hangs after a reset at that moment. But the peer may also be dead, and then the system would keep
 * what was sent for 15 minutes.
 */
const WAS_SILENT: ReadonlySet<CloseReason["reason"]> = new Set(["keepalive-timeout", "handshake-timeout"]);
/** How long after the FIN a silent peer is reset, unless it has closed. */
const RESET_AFTER_MS = 10_000;

// These are filled and read within one call, so all connections share them.
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
  /** Received chunks after the one that the framer has. */
  readonly #unread: Uint8Array[] = [];
  readonly #turns: Turns;
  /** The peer's source network. */
  readonly #fairSource: FairSource;
  readonly #input: ReadMember;
  /** How many bytes were received since the connection was closed. */
  #ignoredBytes = 0;
  /**
   * Why the stream has ended; null before that. The reason takes effect once everything received before has been read.
   */
  #end: CloseReason | null = null;
  #keepalivesSent = 0;
  #keepalivesAnswered = 0;
  #timer: Timer | null = null;
  /** When the session's timer fires. */
  #timerMs = Number.POSITIVE_INFINITY;
  #peerServerId = "";
  /** Counts what comes and goes. The source counts the messages of its runs here. */
  readonly traffic = new Traffic();

  constructor(options: ConnectionOptions) {
    const {
      stream,
      clock,
      source,
      handler,
      role,
      pace,
      sendHoldMs = SERVER_OPTIONS.sendHoldSeconds.default * 1000,
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
      traffic: this.traffic,
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
  /** True if the peer has sent its HELLO. */
  get receivedHello(): boolean {
    return this.#session.receivedHello;
  }
  /** True if the socket has taken everything that was pulled so far. */
  get drained(): boolean {
    return this.#outbox.drained;
  }

  figures(): ConnectionFigures {
    const { queueBytes, blockedForMs, behindForMs } = this.#outbox;
    return {
      lastKeepaliveMs: this.#session.lastKeepaliveMs,
      sendQueueBytes: queueBytes,
      sendBlockedForMs: blockedForMs,
      behindForMs,
      traffic: this.traffic,
    };
  }

  /**
   * Sends a KEEPALIVE after everything pulled so far, in a write of its own, and returns its number. Once {@link
   * keepalivesAnswered} has reached that number, the server has read everything that was sent before.
   */
  sendKeepalive(): number {
    this.#keepalivesSent++;
    this.traffic.countSent(MessageType.KEEPALIVE);
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

  /** Ends the connection for a reason of this side; `handler.onClosed` is called at once. */
  close(reason: CloseReason): void {
    this.#feed({ type: "close", reason });
  }

  // --- input -------------------------------------------------------------------------------------

  received(chunk: Uint8Array): void {
    this.traffic.receivedBytes += chunk.length;
    if (this.#isClosed) {
      this.#ignoredBytes += chunk.length;
      if (this.#ignoredBytes > IGNORED_LIMIT_BYTES) this.#stream.abort();
      return;
    }
    this.#unread.push(chunk);
    this.#turns.reading.onReceived(this.#input, chunk.length);
  }

  /** Reads what was received until about this time. Returns true if something is left. */
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

  /**
   * Ends the connection after a fault in BunBond, so that the fault does not end the process with all other
   * connections.
   */
  #closeForFault(error: unknown): void {
    this.close({ reason: "internal-error", detail: errorText(error) });
  }

  #frame(framer: Framer): void {
    const { view, payloadOffset, payloadLengthBytes } = framer;
    if (framer.type !== MessageType.KEEPALIVE) this.traffic.countReceived(framer.type);
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
        const isEndOfRib = vni >= 0 && this.#session.role === "client";
        this.traffic.countReceived(isEndOfRib ? END_OF_RIB : MessageType.KEEPALIVE);
        if (!isEndOfRib) {
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
    // The unread data may contain a withdrawal.
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
      // An earlier action may have closed the connection. The session returns `close` once, and no other action with
      // it.
      if (this.#isClosed && action.type !== "close") break;
      this.#act(action);
    }
    return !this.#isClosed;
  }

  #act(action: SessionAction): void {
    switch (action.type) {
      case "send-hello":
        this.traffic.countSent(MessageType.HELLO);
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
    // The answers to what was read before are still sent.
    this.#outbox.gathers = false;
    this.#outbox.stop();
    if (READS_NO_MORE.has(reason.reason)) this.#stream.abort();
    else if (WAS_SILENT.has(reason.reason)) this.#stream.endWithin(RESET_AFTER_MS);
    else this.#stream.end();
    this.#handler.onClosed(reason);
  }

  /**
   * Sets the timer for the session's deadline. Received frames mostly postpone the deadline: then the timer fires too
   * early, and is set anew. It is replaced only if it would fire too late.
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
   * Requests that the deadline is judged once the sockets have had a turn: after a suspension of the process or the
   * machine, frames that prove the peer alive may be waiting to be read. As long as they wait, the peer's silence is
   * not judged.
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
