/**
 * Reads the table of a server without End-of-RIBs anew, for some VNIs. BGP has a message for this (ROUTE-REFRESH, RFC 2918);
 * MetalBond has none, so a second connection that announces nothing subscribes to the VNIs. The first connection cannot be used,
 * since a second SUBSCRIBE locks up a Go server, and an UNSUBSCRIBE or a reconnection withdraws our announcements.
 *
 * The table is complete after the server has read our SUBSCRIBEs, has sent no ADD for a second, and has answered a KEEPALIVE
 * that was sent since. A VNI that is never quiet counts as complete 15 s after its SUBSCRIBE was read. A server that turns out to be
 * a BunBond sends its End-of-RIBs.
 */

import type { Clock, Timer } from "../../base/clock.ts";
import type { Endpoint } from "../../net/endpoint.ts";
import { Connection, type ConnectionHandler } from "../../transport/connection.ts";
import type { ByteStream, Network, StreamEvents } from "../../transport/network.ts";
import type { Pacing } from "../../transport/pacing.ts";
import type { UpdateFields } from "../../wire/message.ts";
import { Action, TIMEOUT_INTERVALS } from "../../wire/protocol.ts";
import { TABLE_QUIET_MS, TABLE_SETTLES_MS } from "../view/completeness.ts";
import { LinkOutput } from "./link-output.ts";

export interface RefreshContext {
  readonly keepaliveSeconds: number;
  readonly pacing: Pacing;
  readonly network: Network;
  readonly clock: Clock;
}

/** One of `complete` and `failed` is the last call, unless the refresh is stopped before. */
export interface RefreshEvents {
  added(fields: UpdateFields): void;
  complete(): void;
  failed(): void;
}

export class RouteRefresh implements ConnectionHandler {
  readonly #vnis: ReadonlySet<number>;
  readonly #context: RefreshContext;
  readonly #events: RefreshEvents;
  readonly #incomplete: Set<number>;
  readonly #output: LinkOutput;
  #connection: Connection | null = null;
  #timer: Timer | null = null;
  #lastAddMs = Number.NEGATIVE_INFINITY;
  #probedMs = Number.NEGATIVE_INFINITY;
  #probeAnsweredMs = Number.NEGATIVE_INFINITY;
  #isOver = false;

  constructor(endpoint: Endpoint, vnis: ReadonlySet<number>, context: RefreshContext, events: RefreshEvents) {
    this.#vnis = vnis;
    this.#context = context;
    this.#events = events;
    const { clock, pacing, network, keepaliveSeconds } = context;
    this.#incomplete = new Set(vnis);
    this.#output = new LinkOutput({ vnis, announcements: new Map() }, () => this.#open, clock, pacing);
    this.#timer = clock.after(keepaliveSeconds * 1000 * TIMEOUT_INTERVALS, () => this.#fail());
    network.connect(endpoint, {
      connected: (stream) => (this.#isOver ? null : this.#begin(stream)),
      failed: () => this.#fail(),
    });
  }

  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#output.stop();
    this.#connection?.close({ reason: "stopped" });
  }

  get #open(): Connection {
    if (this.#connection === null) throw new Error("the connection has not been made");
    return this.#connection;
  }

  #begin(stream: ByteStream): StreamEvents {
    const { clock, keepaliveSeconds } = this.#context;
    this.#timer?.cancel();
    this.#connection = new Connection({
      role: "client",
      keepaliveSeconds,
      stream,
      clock,
      source: this.#output,
      handler: this,
    });
    return this.#connection;
  }

  #fail(): void {
    if (this.#isOver) return;
    this.stop();
    this.#events.failed();
  }

  // --- events of the connection --------------------------------------------------------------------

  onUpdate(fields: UpdateFields): void {
    if (this.#isOver || fields.action !== Action.ADD || !this.#vnis.has(fields.vni)) return;
    this.#lastAddMs = this.#context.clock.nowMs();
    this.#events.added(fields);
  }

  onKeepalive(): void {
    this.#output.keepaliveAnswered();
    this.#check();
  }

  onEndOfRib(vni: number): void {
    this.#output.identifyAsBunBond();
    this.#incomplete.delete(vni);
    this.#check();
  }

  onClosed(): void {
    this.#fail();
  }

  onHello(): void {}
  onEstablished(): void {}
  onSkipped(): void {}
  onSubscribe(): void {}
  onUnsubscribe(): void {}

  readonly #check = (): void => {
    if (this.#isOver) return;
    const { clock } = this.#context;
    const nowMs = clock.nowMs();
    let quietFromMs = nowMs;
    for (const vni of this.#incomplete) {
      const readMs = this.#output.subscribeReadMs(vni);
      const quietMs = Math.max(readMs, this.#lastAddMs) + TABLE_QUIET_MS;
      quietFromMs = Math.max(quietFromMs, Math.min(quietMs, readMs + TABLE_SETTLES_MS));
    }
    if (quietFromMs > nowMs) {
      this.#timer?.cancel();
      // If a SUBSCRIBE is not known to have been read yet, the next answer continues here.
      if (Number.isFinite(quietFromMs)) this.#timer = clock.after(quietFromMs - nowMs, this.#check);
    } else if (this.#incomplete.size === 0 || this.#probeAnsweredMs > this.#lastAddMs) {
      this.stop();
      this.#events.complete();
    } else this.#probe();
  };

  /** Sends a KEEPALIVE, unless one was sent after the last ADD, and checks again after its answer. */
  #probe(): void {
    if (this.#probedMs > this.#lastAddMs) return;
    const probedMs = this.#context.clock.nowMs();
    this.#probedMs = probedMs;
    this.#output.confirm(() => {
      this.#probeAnsweredMs = probedMs;
      this.#check();
    });
  }
}
