import type { Clock } from "../session/clock.ts";
import { type CloseReason, describeCloseReason } from "../session/close-reason.ts";
import type { Logger } from "../session/logger.ts";
import type { SessionState } from "../session/session.ts";
import { Connection, type ConnectionHandler } from "../transport/connection.ts";
import { type OutputSource, RUN_BYTES } from "../transport/outbox.ts";
import { type Gentleness, GentlePace, SteadyPace } from "../transport/pace.ts";
import type { ByteStream } from "../transport/stream.ts";
import type { UpdateFields } from "../wire/message.ts";
import { Action } from "../wire/protocol.ts";
import type { SkipCode } from "../wire/protocol-error.ts";
import type { ExchangePeer, RouteExchange } from "./route-exchange.ts";
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
  /** VNIs. */
  readonly subscriptions: readonly number[];
  /** How many it announces now. */
  readonly announcedRoutes: number;
  /** How many of its UPDATEs made no sense, and were passed over. */
  readonly skippedUpdates: number;
  /** Milliseconds since it became ESTABLISHED, or null before. */
  readonly establishedForMs: number | null;
}

/** Who wants to know of peers. */
export interface PeerListener {
  peerEstablished(peer: PeerInfo): void;
  /** `peer` is as it was at the end; it was established. */
  peerGone(peer: PeerInfo, reason: CloseReason): void;
}

/** What a peer needs of the server that accepted it. */
export interface PeerContext {
  readonly keepaliveSeconds: number;
  readonly gentle: Gentleness;
  readonly sendHoldMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly exchange: RouteExchange;
  readonly counters: RunningCounters;
  /** For how long a lost peer's routes are kept; 0: not at all. */
  readonly retainMs: () => number;
  readonly listener: PeerListener;
  /** `forget` drops the routes that are still retained, and returns how many; null when none were. */
  gone(peer: ServerPeer, forget: (() => number) | null): void;
}

/** A client of the server: its connection on one side, its place in the exchange on the other. */
export class ServerPeer implements ConnectionHandler, ExchangePeer, OutputSource {
  readonly connection: Connection;
  /** Made with the first one: most peers never send a bad UPDATE. */
  #skipCodesLogged: Set<SkipCode> | null = null;
  #announcedRoutes = 0;
  #skippedUpdates = 0;
  #isGentle: boolean;
  #establishedMs: number | null = null;

  constructor(
    readonly id: number,
    stream: ByteStream,
    private readonly context: PeerContext,
  ) {
    this.#isGentle = context.gentle !== "never";
    this.connection = new Connection(
      { role: "server", keepaliveSeconds: context.keepaliveSeconds, sendHoldMs: context.sendHoldMs },
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
    return {
      id: this.id,
      remote: connection.remote,
      state: connection.state,
      isServer: connection.peerIsServer,
      keepaliveSeconds: connection.keepaliveSeconds,
      subscriptions: this.#establishedMs === null ? [] : this.context.exchange.subscriptionsOf(this),
      announcedRoutes: this.#announcedRoutes,
      skippedUpdates: this.#skippedUpdates,
      establishedForMs:
        this.#establishedMs === null ? null : this.context.clock.nowMs() - this.#establishedMs,
    };
  }

  wake(): void {
    this.connection.wake();
  }

  nextRun(limitBytes: number): Uint8Array {
    return this.context.exchange.nextRun(this, limitBytes);
  }

  established(): void {
    this.#establishedMs = this.context.clock.nowMs();
    this.context.exchange.join(this);
    if (this.#isGentle) this.connection.setPace(new GentlePace(this.connection.roundTripMs));
    this.context.logger.info("peer established", {
      ...this.name,
      keepaliveSeconds: this.connection.keepaliveSeconds,
      isServer: this.isServer,
    });
    this.context.listener.peerEstablished(this.info());
  }

  keepalive(): void {
    if (!this.#isGentle || this.context.gentle !== "auto" || !this.connection.keepaliveCameEarly) return;
    this.#isGentle = false;
    this.connection.setPace(new SteadyPace(RUN_BYTES));
  }

  update(fields: UpdateFields): void {
    const { exchange, counters } = this.context;
    counters.updatesReceived++;
    if (fields.action === Action.ADD) {
      if (exchange.add(this, fields)) this.#announcedRoutes++;
    } else if (exchange.remove(this, fields)) this.#announcedRoutes--;
    else counters.unmatchedRemoves++;
  }

  skipped(code: SkipCode): void {
    this.#skippedUpdates++;
    this.context.counters.skipped(code);
    this.#skipCodesLogged ??= new Set();
    if (this.#skipCodesLogged.has(code)) return;
    this.#skipCodesLogged.add(code);
    this.context.logger.warn("update skipped; more of this kind from this peer are only counted", {
      ...this.name,
      code,
    });
  }

  subscribe(vni: number): void {
    if (!this.context.exchange.subscribe(this, vni)) return;
    this.context.logger.debug("peer subscribed", { ...this.name, vni });
  }

  unsubscribe(vni: number): void {
    if (!this.context.exchange.unsubscribe(this, vni)) return;
    this.context.logger.debug("peer unsubscribed", { ...this.name, vni });
  }

  /** A client sends no end marks. */
  endMark(): void {}

  closed(reason: CloseReason): void {
    const { exchange, counters, logger, listener } = this.context;
    const info = this.#establishedMs === null ? null : this.info();
    const retainMs = this.context.retainMs();
    counters.closed(reason);
    const fields = { ...this.name, reason: describeCloseReason(reason), routes: this.#announcedRoutes };
    const level = isFault(reason.reason) ? "warn" : "info";
    let forget: (() => number) | null = null;
    if (this.#establishedMs === null) {
      // A port probe, a load balancer's health check: nothing to wake anyone for.
      const isProbe =
        reason.reason === "closed-by-peer" ||
        (reason.reason === "connection-lost" && !this.connection.receivedHello);
      if (isProbe) logger.debug("connection ended before its handshake", fields);
      else logger.warn("connection refused or lost before its handshake was complete", fields);
    } else if (retainMs > 0 && this.#mayReturn(reason)) {
      forget = exchange.retain(this, this.#announcedRoutes);
      logger.info("peer gone, its routes are retained", { ...fields, forSeconds: retainMs / 1000 });
    } else {
      exchange.leave(this);
      // To the peers it is the server that goes, and nobody is told of a withdrawal.
      if (reason.reason === "stopped") logger.debug("connection closed, since the server stops", fields);
      else logger[level]("peer gone, its routes are withdrawn", fields);
    }
    this.context.gone(this, forget);
    if (info !== null) listener.peerGone(info, reason);
  }

  /** What it announced is worth keeping: it was not withdrawn, and it did not come from a broken program. */
  #mayReturn({ reason }: CloseReason): boolean {
    return this.#announcedRoutes > 0 && !isFault(reason) && reason !== "stopped";
  }
}

function isFault(reason: CloseReason["reason"]): boolean {
  return reason === "protocol-error" || reason === "internal-error";
}
