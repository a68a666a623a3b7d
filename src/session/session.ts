/**
 * A session is the protocol state of one connection: it takes events and returns actions (wire/README.md, §2).
 *
 *     client   connecting ──▶ hello-sent ──HELLO──▶ hello-received ──KEEPALIVE──▶ established
 *               sends HELLO                 sends KEEPALIVE
 *
 *     server   hello-awaited ──HELLO──▶ hello-sent ──KEEPALIVE──▶ established
 *                             sends HELLO           sends KEEPALIVE
 *
 * From any state a session can become closed, for a reason. It is used for one connection only.
 *
 * Both sides take the smaller keepalive interval. Once established the client sends a KEEPALIVE each
 * interval and the server answers each; a side that has received no frame for 2.5 intervals closes. Before
 * that, each step may take 2.5 of the side's own intervals.
 *
 * A server answers a further HELLO on the same connection. Go's client sends one when several of its resets ran at the
 * same time; it then goes through its handshake once more, and hangs forever if the connection is closed. The state
 * stays as it is, and so do routes and subscriptions. The interval is negotiated anew, since the peer uses that of its
 * latest HELLO. A server never sends a second HELLO on its own, so a client that receives one closes.
 *
 * The session has no socket and sets no timer: `deadlineMs` is when it next needs a `timer` event (an early one does
 * nothing), and the caller must carry out the returned actions in order.
 */

import { TIMEOUT_INTERVALS } from "../wire/protocol.ts";
import { describeCode, type ProtocolErrorCode } from "../wire/protocol-error.ts";
import type { CloseReason } from "./close-reason.ts";

/** The state of a connection's session. */
export type SessionState =
  | "connecting"
  | "hello-awaited"
  | "hello-sent"
  | "hello-received"
  | "established"
  | "closed";

export type SessionEvent =
  /** The transport is connected (client only; a server's session begins with the connection). */
  | { readonly type: "connected" }
  | { readonly type: "hello"; readonly keepaliveSeconds: number; readonly isServer: boolean }
  | { readonly type: "keepalive" }
  /** A SUBSCRIBE, UNSUBSCRIBE or UPDATE, to be carried out only if no `close` is returned. */
  | { readonly type: "data" }
  /** The deadline has come. `isUnread` is true if received data waits to be read, so that the peer is not silent. */
  | { readonly type: "timer"; readonly isUnread?: boolean }
  /** The connection ends for a reason from outside: the transport, the operator, the decoder. */
  | { readonly type: "close"; readonly reason: CloseReason };

export type SessionAction =
  | { readonly type: "send-hello"; readonly keepaliveSeconds: number; readonly isServer: boolean }
  | { readonly type: "send-keepalive" }
  | { readonly type: "established" }
  | { readonly type: "close"; readonly reason: CloseReason };

/** Shared event objects, so that a frame allocates nothing. */
export const DATA_EVENT: SessionEvent = { type: "data" };
export const KEEPALIVE_EVENT: SessionEvent = { type: "keepalive" };
export const TIMER_EVENT: SessionEvent = { type: "timer" };
export const UNREAD_TIMER_EVENT: SessionEvent = { type: "timer", isUnread: true };

const NOTHING: readonly SessionAction[] = [];
const SEND_KEEPALIVE: readonly SessionAction[] = [{ type: "send-keepalive" }];
const ESTABLISHED: readonly SessionAction[] = [{ type: "established" }];
/** The answer is sent before anything that `established` causes. */
const ANSWER_AND_ESTABLISHED: readonly SessionAction[] = [
  { type: "send-keepalive" },
  { type: "established" },
];

export interface SessionConfig {
  readonly role: "client" | "server";
  /** This side's own keepalive interval, 1 or more. */
  readonly keepaliveSeconds: number;
}

export class Session {
  state: SessionState;
  /** The interval in force: this side's own until the session is established, then the smaller of both. */
  keepaliveSeconds: number;
  /** True if the peer's HELLO has "is a server". */
  peerIsServer = false;
  readonly role: "client" | "server";
  /** The configured interval. */
  readonly #ownKeepaliveSeconds: number;
  /** When the last frame was received, or the current step of the handshake began. */
  #lastReceivedMs: number;
  /** When the last KEEPALIVE was received; null before the first one. */
  lastKeepaliveMs: number | null = null;
  /** When the client's next KEEPALIVE is due. */
  #nextKeepaliveMs = Number.POSITIVE_INFINITY;
  /** The smaller interval, which is in force once the session is established: the handshake's steps use this side's own. */
  #negotiatedSeconds = 0;
  #helloMs = 0;
  /** The round trip as a server measures it: from its HELLO to the KEEPALIVE that answers it. */
  roundTripMs = 0;
  /** True if the peer has sent its HELLO. */
  receivedHello = false;
  #keepalivesReceived = 0;
  /**
   * True if the peer has sent a KEEPALIVE before its interval was over, which Go's programs never do (see
   * `#noteRhythm`).
   */
  keepaliveCameEarly = false;
  /** True if the peer has sent more than one HELLO, which only Go's client does. */
  #hasRepeatedHello = false;

  constructor(config: SessionConfig, nowMs: number) {
    this.role = config.role;
    this.#ownKeepaliveSeconds = this.keepaliveSeconds = config.keepaliveSeconds;
    this.state = config.role === "client" ? "connecting" : "hello-awaited";
    this.#lastReceivedMs = nowMs;
  }

  /** When the next `timer` event is needed; Infinity once closed. */
  get deadlineMs(): number {
    if (this.state === "closed") return Number.POSITIVE_INFINITY;
    return Math.min(this.#silenceDeadlineMs, this.#nextKeepaliveMs);
  }

  /** When the last frame was received; before the first one, when the connection was made. */
  get lastReceivedMs(): number {
    return this.#lastReceivedMs;
  }

  get #silenceDeadlineMs(): number {
    return this.#lastReceivedMs + this.keepaliveSeconds * 1000 * TIMEOUT_INTERVALS;
  }

  handle(event: SessionEvent, nowMs: number): readonly SessionAction[] {
    if (this.state === "closed") return NOTHING;
    switch (event.type) {
      case "data":
        if (this.state !== "established") return this.#refuse("OUT_OF_STATE");
        this.#lastReceivedMs = nowMs;
        return NOTHING;
      case "keepalive":
        return this.#onKeepalive(nowMs);
      case "hello":
        return this.#onHello(event, nowMs);
      case "timer":
        return this.#onTimer(nowMs, event.isUnread ?? false);
      case "connected":
        this.state = "hello-sent";
        this.#lastReceivedMs = nowMs;
        return [{ type: "send-hello", keepaliveSeconds: this.keepaliveSeconds, isServer: false }];
      case "close":
        return this.#close(event.reason);
    }
  }

  #onHello(event: SessionEvent & { type: "hello" }, nowMs: number): readonly SessionAction[] {
    if (event.keepaliveSeconds === 0) return this.#refuse("KEEPALIVE_INTERVAL_ZERO");
    const negotiatedSeconds = Math.min(this.#ownKeepaliveSeconds, event.keepaliveSeconds);
    if (this.receivedHello) {
      if (this.role === "client") return this.#refuse("SECOND_HELLO");
      return this.#onFurtherHello(negotiatedSeconds, nowMs);
    }
    const expected = this.role === "client" ? "hello-sent" : "hello-awaited";
    if (this.state !== expected) return this.#refuse("OUT_OF_STATE");
    this.receivedHello = true;
    this.peerIsServer = event.isServer;
    this.#negotiatedSeconds = negotiatedSeconds;
    this.#lastReceivedMs = this.#helloMs = nowMs;
    if (this.role === "client") {
      this.state = "hello-received";
      return SEND_KEEPALIVE;
    }
    this.state = "hello-sent";
    return [this.#serverHello()];
  }

  /**
   * Answers a further HELLO. During the handshake it begins no new step; otherwise a peer that repeats its HELLO could
   * stay half-open forever.
   */
  #onFurtherHello(negotiatedSeconds: number, nowMs: number): readonly SessionAction[] {
    this.#negotiatedSeconds = negotiatedSeconds;
    // From now on several timers of the peer send KEEPALIVEs, so an early one no longer shows which program it is.
    this.#hasRepeatedHello = true;
    this.keepaliveCameEarly = false;
    if (this.state === "established") {
      this.#lastReceivedMs = nowMs;
      this.keepaliveSeconds = negotiatedSeconds;
    }
    return [this.#serverHello()];
  }

  #serverHello(): SessionAction {
    return { type: "send-hello", keepaliveSeconds: this.#ownKeepaliveSeconds, isServer: true };
  }

  #onKeepalive(nowMs: number): readonly SessionAction[] {
    this.#lastReceivedMs = this.lastKeepaliveMs = nowMs;
    this.#noteRhythm(nowMs);
    if (this.state === "established") return this.role === "server" ? SEND_KEEPALIVE : NOTHING;
    const awaited = this.role === "client" ? "hello-received" : "hello-sent";
    if (this.state !== awaited) return this.#refuse("OUT_OF_STATE");
    this.state = "established";
    this.keepaliveSeconds = this.#negotiatedSeconds;
    this.roundTripMs = nowMs - this.#helloMs;
    if (this.role === "server") return ANSWER_AND_ESTABLISHED;
    this.#nextKeepaliveMs = nowMs + this.keepaliveSeconds * 1000;
    return ESTABLISHED;
  }

  #onTimer(nowMs: number, isUnread: boolean): readonly SessionAction[] {
    if (nowMs >= this.#silenceDeadlineMs && !isUnread) {
      if (this.state === "connecting") return this.#close({ reason: "connect-timeout" });
      if (this.state === "established") return this.#close({ reason: "keepalive-timeout" });
      return this.#close({ reason: "handshake-timeout" });
    }
    if (nowMs < this.#nextKeepaliveMs) return NOTHING;
    // The next one is counted from the planned time, not from now, so that the rhythm does not drift. Missed ones are
    // not sent later.
    const intervalMs = this.keepaliveSeconds * 1000;
    this.#nextKeepaliveMs += intervalMs * (1 + Math.floor((nowMs - this.#nextKeepaliveMs) / intervalMs));
    return SEND_KEEPALIVE;
  }

  /**
   * Detects KEEPALIVEs that a Go client would not send yet. A Go client sends its first KEEPALIVE when it has our
   * HELLO, and another one at each tick of its interval. Ticks are counted from the HELLO, since they can arrive late
   * and then close together, but never early. Half a tick and 200 ppm are allowed for differences of the clocks.
   */
  #noteRhythm(nowMs: number): void {
    this.#keepalivesReceived++;
    if (this.#hasRepeatedHello) return;
    const ticks = (nowMs - this.#helloMs) / (this.#negotiatedSeconds * 1000);
    if (this.#keepalivesReceived > 1 + Math.floor(ticks * 1.0002 + 0.5)) this.keepaliveCameEarly = true;
  }

  #refuse(code: ProtocolErrorCode): readonly SessionAction[] {
    return this.#close({ reason: "protocol-error", code, detail: describeCode(code) });
  }

  #close(reason: CloseReason): readonly SessionAction[] {
    this.state = "closed";
    return [{ type: "close", reason }];
  }
}
