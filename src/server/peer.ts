import type { Clock } from "../base/clock.ts";
import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import { formatPeer } from "../net/peer-identity.ts";
import { type CloseReason, describeCloseReason } from "../session/close-reason.ts";
import type { SessionState } from "../session/session.ts";
import { Connection, type ConnectionFigures, type ConnectionHandler } from "../transport/connection.ts";
import type { ByteStream } from "../transport/network.ts";
import { type OutputSource, RUN_BYTES } from "../transport/outbox.ts";
import { PacedWrites, type Pacing, UnpacedWrites } from "../transport/pacing.ts";
import { END_OF_RIB } from "../transport/traffic.ts";
import type { UpdateFields } from "../wire/message.ts";
import { Action, MessageType } from "../wire/protocol.ts";
import type { SkipCode } from "../wire/protocol-error.ts";
import type { RunningCounters } from "./counters.ts";
import type { LimitCode } from "./exchange/limits.ts";
import type { ExchangePeer, RetainedAnnouncements, RouteExchange } from "./exchange/route-exchange.ts";

/** The state of a peer for operators. */
export interface PeerInfo {
  /** The number for `resetPeer`. No other peer of the server ever has it. */
  readonly id: number;
  /** The peer's address and port, as "[2001:db8::1]:52100". */
  readonly remote: string;
  readonly state: SessionState;
  /** True if the peer's HELLO has "is a server": it is a server that connects as a client. */
  readonly isServer: boolean;
  /** The interval in force: the smaller one of both sides, once the peer's is known. */
  readonly keepaliveSeconds: number;
  /** How many VNIs it subscribes to. */
  readonly subscriptionCount: number;
  /** The VNIs that it subscribes to, at most {@link SHOWN_SUBSCRIPTIONS} of them, in order. */
  readonly subscriptions: readonly number[];
  /** How many routes it announces now. */
  readonly announcedRoutes: number;
  /** How many of its UPDATEs were skipped, because they are not a valid route or exceed a limit. */
  readonly skippedUpdates: number;
  /** The limits at which its frames were skipped. */
  readonly limitsMet: readonly LimitCode[];
  /** Milliseconds since it became ESTABLISHED; null before that. */
  readonly establishedForMs: number | null;
  /** Milliseconds since a byte of it was read. */
  readonly silentForMs: number;
  /** Between its SYN and its HELLO, or ours and its answer: an estimate; 0 before it is known. */
  readonly roundTripMs: number;
  readonly updatesReceived: number;
  readonly updatesSent: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Bytes that its socket has not taken. */
  readonly sendQueueBytes: number;
  /** For how long its socket has taken none of them. */
  readonly sendBlockedForMs: number;
  /** For how long there was always something left to be sent; 0 if there is nothing. */
  readonly behindForMs: number;
}

/** An established peer in numbers, for metrics. */
export interface PeerFigures extends ConnectionFigures {
  /** Its IP address. Several peers may have the same. */
  readonly address: string;
  /** When it became established, by the clock. */
  readonly establishedMs: number;
  /** How many VNIs it subscribes to. */
  readonly subscriptions: number;
}

/** At most this many of a peer's VNIs are shown. */
const SHOWN_SUBSCRIPTIONS = 100;

/** Is called when peers are established and when they leave. */
export interface PeerListener {
  peerEstablished(peer: PeerInfo): void;
  /** Called when a peer that was established has left. `peer` is its last state. */
  peerGone(peer: PeerInfo, reason: CloseReason): void;
}

/** The parts of a server that its peers need. */
export interface PeerContext {
  readonly keepaliveSeconds: number;
  readonly pacing: Pacing;
  readonly sendHoldMs: number;
  readonly serverId: string;
  readonly clock: Clock;
  readonly logger: EventLog;
  readonly exchange: RouteExchange;
  readonly counters: RunningCounters;
  readonly listener: PeerListener;
  onEstablished(): void;
  /**
   * Called for a lost peer whose routes are retained for now. One of the loss's two functions must then be called once.
   */
  onLost(loss: PeerLoss): void;
  /** Called for a peer that was established, with its last state. */
  onGone(info: PeerInfo, reason: CloseReason): void;
  /** Called last. */
  onClosed(peer: ServerPeer): void;
}

/** An announcer that was lost, and whose routes are retained for now. */
export interface PeerLoss {
  readonly peer: ServerPeer;
  readonly reason: CloseReason["reason"];
  readonly establishedForMs: number;
  /** Withdraws the routes now. */
  withdraw(): void;
  /** Notes that the routes stay for this long. Returns what {@link RouteExchange.withdrawRetained} takes to withdraw them. */
  retain(forMs: number): RetainedAnnouncements;
}

/** Links the connection of one of the server's clients with the exchange. */
export class ServerPeer implements ConnectionHandler, ExchangePeer, OutputSource {
  readonly id: number;
  readonly #context: PeerContext;
  readonly #onEstablished: () => void;
  readonly connection: Connection;
  /** The peer's address and port, for logs and status. */
  readonly #remote: string;
  /** The codes of skipped UPDATEs that were logged. Null until the first one: most peers never send any. */
  #skipCodesLogged: Set<SkipCode> | null = null;
  /** The limits at which frames were skipped; each was logged once. */
  readonly #limitsMet: LimitCode[] = [];
  #skippedUpdates = 0;
  #isPaced: boolean;
  #hellos = 0;
  #establishedMs: number | null = null;

  constructor(id: number, stream: ByteStream, context: PeerContext, onEstablished: () => void) {
    this.id = id;
    this.#context = context;
    this.#onEstablished = onEstablished;
    this.#isPaced = context.pacing !== "never";
    this.#remote = formatPeer(stream.remote);
    this.connection = new Connection({
      role: "server",
      keepaliveSeconds: context.keepaliveSeconds,
      sendHoldMs: context.sendHoldMs,
      serverId: context.serverId,
      stream,
      clock: context.clock,
      source: this,
      handler: this,
    });
  }

  get isServer(): boolean {
    return this.connection.session.peerIsServer;
  }

  /** The fields of a log line that name the peer. */
  get name() {
    return { peer: this.#remote, id: this.id };
  }

  info(): PeerInfo {
    const { connection } = this;
    const { exchange, clock } = this.#context;
    const { traffic, sendQueueBytes, sendBlockedForMs, behindForMs } = connection.figures();
    const { session } = connection;
    return {
      id: this.id,
      remote: this.#remote,
      state: connection.session.state,
      isServer: connection.session.peerIsServer,
      keepaliveSeconds: connection.session.keepaliveSeconds,
      subscriptionCount: exchange.subscriptionCountOf(this),
      subscriptions: exchange.subscriptionsOf(this, SHOWN_SUBSCRIPTIONS),
      announcedRoutes: exchange.announcedRoutesOf(this),
      skippedUpdates: this.#skippedUpdates,
      limitsMet: this.#limitsMet,
      establishedForMs: this.#establishedMs === null ? null : clock.nowMs() - this.#establishedMs,
      silentForMs: clock.nowMs() - session.lastReceivedMs,
      roundTripMs: session.roundTripMs,
      updatesReceived: traffic.received[MessageType.UPDATE] ?? 0,
      updatesSent: traffic.sent[MessageType.UPDATE] ?? 0,
      receivedBytes: traffic.receivedBytes,
      sentBytes: traffic.sentBytes,
      sendQueueBytes,
      sendBlockedForMs,
      behindForMs,
    };
  }

  /** Returns how many routes are still to be sent to it, of at most `maxLooks` that are looked at. */
  backlog(maxLooks: number): number {
    return this.#context.exchange.backlogOf(this, maxLooks);
  }

  wake(): void {
    this.connection.wake();
  }

  nextRun(limitBytes: number): Uint8Array {
    const { exchange } = this.#context;
    const { traffic } = this.connection;
    const { updatesSent, endOfRibsSent } = exchange;
    const run = exchange.nextRun(this, limitBytes);
    traffic.countSent(MessageType.UPDATE, exchange.updatesSent - updatesSent);
    traffic.countSent(END_OF_RIB, exchange.endOfRibsSent - endOfRibsSent);
    return run;
  }

  /** Returns null unless the peer is established. */
  figures(): PeerFigures | null {
    if (this.#establishedMs === null) return null;
    return {
      address: this.connection.peer.address,
      establishedMs: this.#establishedMs,
      subscriptions: this.#context.exchange.subscriptionCountOf(this),
      ...this.connection.figures(),
    };
  }

  get onlyBulkIsDue(): boolean {
    return this.#context.exchange.onlyBulkIsDue(this);
  }

  onEstablished(): void {
    this.#onEstablished();
    this.#establishedMs = this.#context.clock.nowMs();
    this.#context.exchange.join(this, { id: this.id, name: this.#remote });
    if (this.#isPaced) this.connection.setPace(new PacedWrites(this.connection.session.roundTripMs));
    this.#context.logger.log(LOG.peerEstablished, {
      ...this.name,
      keepaliveSeconds: this.connection.session.keepaliveSeconds,
      isServer: this.isServer,
    });
    this.#context.onEstablished();
    this.#context.listener.peerEstablished(this.info());
  }

  onKeepalive(): void {
    if (!this.#isPaced || this.#context.pacing !== "auto" || !this.connection.session.keepaliveCameEarly)
      return;
    this.#isPaced = false;
    this.connection.setPace(new UnpacedWrites(RUN_BYTES));
  }

  onUpdate(fields: UpdateFields): void {
    const { exchange, counters } = this.#context;
    counters.updatesReceived++;
    exchange.setTime(this.connection.session.lastReceivedMs);
    if (fields.action === Action.REMOVE) {
      if (exchange.remove(this, fields)) counters.announcementsRemoved++;
      else counters.unmatchedRemoves++;
      return;
    }
    const verdict = exchange.add(this, fields);
    if (verdict === "added") counters.announcementsAdded++;
    if (verdict === "added" || verdict === "known") return;
    this.#skippedUpdates++;
    counters.countSkippedUpdate(verdict);
    this.#noteLimit(verdict);
  }

  #noteLimit(code: LimitCode): void {
    if (this.#limitsMet.includes(code)) return;
    this.#limitsMet.push(code);
    this.#context.logger.log(LOG.peerAtLimit, {
      ...this.name,
      code,
    });
  }

  onSkipped(code: SkipCode): void {
    this.#skippedUpdates++;
    this.#context.counters.countSkippedUpdate(code);
    this.#skipCodesLogged ??= new Set();
    if (this.#skipCodesLogged.has(code)) return;
    this.#skipCodesLogged.add(code);
    this.#context.logger.log(LOG.peerUpdateSkipped, {
      ...this.name,
      code,
    });
  }

  onSubscribe(vni: number): void {
    const verdict = this.#context.exchange.subscribe(this, vni);
    if (verdict === "known") return;
    if (verdict !== "subscribed") {
      this.#context.counters.countSkippedSubscribe(verdict);
      this.#noteLimit(verdict);
    } else this.#context.logger.debug("peer subscribed", { ...this.name, vni });
  }

  onUnsubscribe(vni: number): void {
    if (!this.#context.exchange.unsubscribe(this, vni)) return;
    this.#context.logger.debug("peer unsubscribed", { ...this.name, vni });
  }

  /** Does nothing: a client sends no End-of-RIBs. */
  onEndOfRib(): void {}

  /** Paces a peer that sends a second HELLO: only Go's client does so, and it needs small writes. */
  onHello(): void {
    const { counters, pacing, logger } = this.#context;
    this.#hellos++;
    if (this.#hellos === 1) return;
    counters.repeatedHellos++;
    if (this.#hellos === 2) logger.log(LOG.repeatedHello, this.name);
    if (this.#establishedMs === null || this.#isPaced || pacing === "never") return;
    this.#isPaced = true;
    this.connection.setPace(new PacedWrites(this.connection.session.roundTripMs));
  }

  onClosed(reason: CloseReason): void {
    const { exchange, counters, logger, listener } = this.#context;
    const info = this.#establishedMs === null ? null : this.info();
    counters.countClose(reason);
    const routes = exchange.announcedRoutesOf(this);
    const fields = { ...this.name, reason: describeCloseReason(reason), routes };
    const hasLeft = LEFT.includes(reason.reason);
    if (this.#establishedMs === null) {
      // A port probe or a load balancer's health check is no reason for a warning.
      const isProbe =
        reason.reason === "closed-by-peer" ||
        (reason.reason === "connection-lost" && !this.connection.session.receivedHello);
      if (isProbe) logger.debug("connection ended before its handshake", fields);
      else logger.log(LOG.handshakeFailed, fields);
    } else if (routes > 0 && mayReturn(reason)) {
      const announcements = exchange.retain(this);
      this.#context.onLost({
        peer: this,
        reason: reason.reason,
        establishedForMs: this.#context.clock.nowMs() - this.#establishedMs,
        withdraw: () => {
          logger.log(hasLeft ? LOG.peerLeft : LOG.peerLost, fields);
          exchange.withdrawRetained(announcements, "peer-lost");
        },
        retain: (forMs) => {
          const event = hasLeft ? LOG.peerLeftRetained : LOG.peerLostRetained;
          logger.log(event, { ...fields, forSeconds: forMs / 1000 });
          return announcements;
        },
      });
    } else {
      exchange.leave(this);
      // When the server stops, no withdrawal is sent: only the server leaves, not the routes.
      if (reason.reason === "stopped") logger.debug("connection closed, since the server stops", fields);
      else logger.log(hasLeft ? LOG.peerLeft : LOG.peerLost, fields);
    }
    this.#context.onClosed(this);
    if (info === null) return;
    this.#context.onGone(info, reason);
    listener.peerGone(info, reason);
  }

  /** Returns true if the peer announces anything, and has been established for at least this long. */
  isAnnouncerFor(leastMs: number): boolean {
    if (this.#establishedMs === null || this.#context.exchange.announcedRoutesOf(this) === 0) return false;
    return this.#context.clock.nowMs() - this.#establishedMs >= leastMs;
  }
}

/** Returns true if a peer that ended for this reason may return: its announcements did not come from a faulty program. */
function mayReturn({ reason }: CloseReason): boolean {
  return !isFault(reason) && reason !== "stopped";
}

/** Reasons that are no fault: the peer left by itself, or an operator ended the connection. */
const LEFT: readonly CloseReason["reason"][] = ["closed-by-peer", "reset", "stopped"];

function isFault(reason: CloseReason["reason"]): boolean {
  return reason === "protocol-error" || reason === "internal-error";
}
