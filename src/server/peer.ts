import type { Clock } from "../base/clock.ts";
import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import { type CloseReason, describeCloseReason } from "../session/close-reason.ts";
import type { SessionState } from "../session/session.ts";
import { Connection, type ConnectionHandler } from "../transport/connection.ts";
import type { ByteStream } from "../transport/network.ts";
import { type OutputSource, RUN_BYTES } from "../transport/outbox.ts";
import { PacedWrites, type Pacing, UnpacedWrites } from "../transport/pacing.ts";
import type { UpdateFields } from "../wire/message.ts";
import { Action } from "../wire/protocol.ts";
import type { SkipCode } from "../wire/protocol-error.ts";
import type { LimitCode } from "./exchange/limits.ts";
import type { ExchangePeer, RouteExchange } from "./exchange/route-exchange.ts";
import type { RunningCounters } from "./stats.ts";

/** A peer as operators see it. */
export interface PeerInfo {
  /** For `resetPeer`; no other peer of the server ever has it. */
  readonly id: number;
  /** Its address and port, as "[2001:db8::1]:52100". */
  readonly remote: string;
  readonly state: SessionState;
  /** As it says itself: a server that connects as a client. */
  readonly isServer: boolean;
  /** The interval in force: the smaller one of both sides', as soon as its own is known. */
  readonly keepaliveSeconds: number;
  /** How many VNIs it subscribes to. */
  readonly subscriptionCount: number;
  /** The VNIs, at most {@link SHOWN_SUBSCRIPTIONS} of them, in order. */
  readonly subscriptions: readonly number[];
  /** How many it announces now. */
  readonly announcedRoutes: number;
  /** How many of its UPDATEs made no sense or were one too many, and were passed over. */
  readonly skippedUpdates: number;
  /** Why frames of it were skipped that were right in themselves. */
  readonly limitsMet: readonly LimitCode[];
  /** Milliseconds since it became ESTABLISHED, or null before. */
  readonly establishedForMs: number | null;
}

/** So many of a peer's VNIs are shown. */
export const SHOWN_SUBSCRIPTIONS = 100;

/** Who wants to know of peers. */
export interface PeerListener {
  peerEstablished(peer: PeerInfo): void;
  /** `peer` is as it was at the end; it was established. */
  peerGone(peer: PeerInfo, reason: CloseReason): void;
}

/** What a peer needs of the server that accepted it. */
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
  established(): void;
  /** Its routes are retained until it is decided what becomes of them: one of the loss's two functions is called. */
  lost(loss: PeerLoss): void;
  /** The last call. */
  gone(peer: ServerPeer): void;
}

/** An announcer that was lost, and whose routes are retained for the moment. */
export interface PeerLoss {
  readonly peer: ServerPeer;
  readonly reason: CloseReason["reason"];
  readonly establishedForMs: number;
  /** They are withdrawn, now. */
  withdraw(): void;
  /** They are kept; the function that is returned withdraws those that are still there, and returns how many. */
  retain(forMs: number): () => number;
}

/** A client of the server: its connection on one side, its place in the exchange on the other. */
export class ServerPeer implements ConnectionHandler, ExchangePeer, OutputSource {
  readonly id: number;
  readonly #context: PeerContext;
  readonly #whenEstablished: () => void;
  readonly connection: Connection;
  /** Made with the first one: most peers never send a bad UPDATE. */
  #skipCodesLogged: Set<SkipCode> | null = null;
  /** Logged, too. */
  readonly #limitsMet: LimitCode[] = [];
  #skippedUpdates = 0;
  #isPaced: boolean;
  #hellos = 0;
  #establishedMs: number | null = null;

  constructor(id: number, stream: ByteStream, context: PeerContext, whenEstablished: () => void) {
    this.id = id;
    this.#context = context;
    this.#whenEstablished = whenEstablished;
    this.#isPaced = context.pacing !== "never";
    this.connection = new Connection(
      {
        role: "server",
        keepaliveSeconds: context.keepaliveSeconds,
        sendHoldMs: context.sendHoldMs,
        serverId: context.serverId,
      },
      stream,
      context.clock,
      this,
      this,
    );
  }

  get isServer(): boolean {
    return this.connection.peerIsServer;
  }

  /** For the log. */
  get name() {
    return { peer: this.connection.remote, id: this.id };
  }

  info(): PeerInfo {
    const { connection } = this;
    const { exchange } = this.#context;
    return {
      id: this.id,
      remote: connection.remote,
      state: connection.state,
      isServer: connection.peerIsServer,
      keepaliveSeconds: connection.keepaliveSeconds,
      subscriptionCount: exchange.subscriptionCountOf(this),
      subscriptions: exchange.subscriptionsOf(this, SHOWN_SUBSCRIPTIONS),
      announcedRoutes: exchange.announcedRoutesOf(this),
      skippedUpdates: this.#skippedUpdates,
      limitsMet: this.#limitsMet,
      establishedForMs:
        this.#establishedMs === null ? null : this.#context.clock.nowMs() - this.#establishedMs,
    };
  }

  wake(): void {
    this.connection.wake();
  }

  nextRun(limitBytes: number): Uint8Array {
    return this.#context.exchange.nextRun(this, limitBytes);
  }

  established(): void {
    this.#whenEstablished();
    this.#establishedMs = this.#context.clock.nowMs();
    this.#context.exchange.join(this);
    if (this.#isPaced) this.connection.setPace(new PacedWrites(this.connection.roundTripMs));
    this.#context.logger.log(LOG.peerEstablished, {
      ...this.name,
      keepaliveSeconds: this.connection.keepaliveSeconds,
      isServer: this.isServer,
    });
    this.#context.established();
    this.#context.listener.peerEstablished(this.info());
  }

  keepalive(): void {
    if (!this.#isPaced || this.#context.pacing !== "auto" || !this.connection.keepaliveCameEarly) return;
    this.#isPaced = false;
    this.connection.setPace(new UnpacedWrites(RUN_BYTES));
  }

  update(fields: UpdateFields): void {
    const { exchange, counters } = this.#context;
    counters.updatesReceived++;
    if (fields.action === Action.REMOVE) {
      if (!exchange.remove(this, fields)) counters.unmatchedRemoves++;
      return;
    }
    const outcome = exchange.add(this, fields);
    if (typeof outcome === "boolean") return;
    this.#skippedUpdates++;
    counters.skippedUpdate(outcome);
    this.#metLimit(outcome);
  }

  #metLimit(code: LimitCode): void {
    if (this.#limitsMet.includes(code)) return;
    this.#limitsMet.push(code);
    this.#context.logger.log(LOG.peerAtLimit, {
      ...this.name,
      code,
    });
  }

  skipped(code: SkipCode): void {
    this.#skippedUpdates++;
    this.#context.counters.skippedUpdate(code);
    this.#skipCodesLogged ??= new Set();
    if (this.#skipCodesLogged.has(code)) return;
    this.#skipCodesLogged.add(code);
    this.#context.logger.log(LOG.peerUpdateSkipped, {
      ...this.name,
      code,
    });
  }

  subscribe(vni: number): void {
    const outcome = this.#context.exchange.subscribe(this, vni);
    if (typeof outcome !== "boolean") {
      this.#context.counters.skippedSubscribe(outcome);
      this.#metLimit(outcome);
    } else if (outcome) this.#context.logger.debug("peer subscribed", { ...this.name, vni });
  }

  unsubscribe(vni: number): void {
    if (!this.#context.exchange.unsubscribe(this, vni)) return;
    this.#context.logger.debug("peer unsubscribed", { ...this.name, vni });
  }

  /** A client sends no End-of-RIBs. */
  endOfRib(): void {}

  /** Only Go's client sends more than one: it has to be written to in small steps from then on. */
  hello(): void {
    const { counters, pacing, logger } = this.#context;
    this.#hellos++;
    if (this.#hellos === 1) return;
    counters.repeatedHellos++;
    if (this.#hellos === 2) logger.log(LOG.repeatedHello, this.name);
    if (this.#establishedMs === null || this.#isPaced || pacing === "never") return;
    this.#isPaced = true;
    this.connection.setPace(new PacedWrites(this.connection.roundTripMs));
  }

  closed(reason: CloseReason): void {
    const { exchange, counters, logger, listener } = this.#context;
    const info = this.#establishedMs === null ? null : this.info();
    counters.closed(reason);
    const routes = exchange.announcedRoutesOf(this);
    const fields = { ...this.name, reason: describeCloseReason(reason), routes };
    const hasLeft = LEFT.includes(reason.reason);
    if (this.#establishedMs === null) {
      // A port probe, a load balancer's health check: nothing to wake anyone for.
      const isProbe =
        reason.reason === "closed-by-peer" ||
        (reason.reason === "connection-lost" && !this.connection.receivedHello);
      if (isProbe) logger.debug("connection ended before its handshake", fields);
      else logger.log(LOG.handshakeFailed, fields);
    } else if (routes > 0 && mayReturn(reason)) {
      const forget = exchange.retain(this);
      this.#context.lost({
        peer: this,
        reason: reason.reason,
        establishedForMs: this.#context.clock.nowMs() - this.#establishedMs,
        withdraw: () => {
          logger.log(hasLeft ? LOG.peerLeft : LOG.peerLost, fields);
          forget();
        },
        retain: (forMs) => {
          const event = hasLeft ? LOG.peerLeftRetained : LOG.peerLostRetained;
          logger.log(event, { ...fields, forSeconds: forMs / 1000 });
          return forget;
        },
      });
    } else {
      exchange.leave(this);
      // To the peers it is the server that goes, and nobody is told of a withdrawal.
      if (reason.reason === "stopped") logger.debug("connection closed, since the server stops", fields);
      else logger.log(hasLeft ? LOG.peerLeft : LOG.peerLost, fields);
    }
    this.#context.gone(this);
    if (info !== null) listener.peerGone(info, reason);
  }

  /** It announces something, and has been there long enough to say something by its absence. */
  isAnnouncerFor(leastMs: number): boolean {
    if (this.#establishedMs === null || this.#context.exchange.announcedRoutesOf(this) === 0) return false;
    return this.#context.clock.nowMs() - this.#establishedMs >= leastMs;
  }
}

/** What it announced is worth keeping: it did not come from a broken program. */
function mayReturn({ reason }: CloseReason): boolean {
  return !isFault(reason) && reason !== "stopped";
}

/** It went by itself, or was told to: no trouble. */
const LEFT: readonly CloseReason["reason"][] = ["closed-by-peer", "reset", "stopped"];

function isFault(reason: CloseReason["reason"]): boolean {
  return reason === "protocol-error" || reason === "internal-error";
}
