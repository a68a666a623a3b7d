/**
 * One server, from the client's side, for as long as the client runs:
 *
 *     connecting ──▶ handshake ──▶ established ─┐
 *          ▲                                    │ for whatever reason
 *          └───────── retry (5 to 10 s) ◀───────┘
 *
 * This is what runs, and what wakes what (──▶ calls):
 *
 *     ClientCore ── start, stop, retire, reset ────▶ ┌────────────┐ ── stateChanged, lost ───────▶ ClientCore
 *                ── vniChanged, announcementChanged ▶│            │ ── tableReceived, … ─────────▶ the other links
 *     Network ───── connected, failed ─────────────▶ │ ServerLink │ ── received, withdrawn, sweep ▶ MergedView
 *     Connection ── hello, established, closed ────▶ │            │ ── tableReceived, check ──────▶ Completeness
 *                ── update, endOfRib, keepalive ───▶ │            │ ── ask, onUpdate ─────────────▶ CopyVerification
 *     #timer ──────────────────────────────────────▶ └────────────┘
 *                                                      │        ▲
 *                     changed, confirm (these wake the │        │ confirmed; onIdle: nothing is
 *                     connection), keepaliveAnswered   ▼        │ left to be sent
 *     Connection ── nextRun, when there is room ───▶ LinkOutput ┘
 *
 * There is one timer, and each state has its own use for it: the time limit of connecting; in retry the next attempt; while
 * established the sweep of stale routes by time; of a removed server the limit for reading the withdrawals. A handler that is called
 * by `stateChanged` may stop the link, so that call is the last one, or `#attempt` is compared after it.
 *
 * A server that is away is never an error, only a state. Each time it becomes established, everything that the client wants is
 * sent to it, and its stale routes are swept when its table is complete:
 *
 * - at its End-of-RIB, VNI by VNI;
 * - from a server without End-of-RIBs (Go, rustbond) after it has certainly read our SUBSCRIBEs, its other clients have had the
 *   time to return, no stale route was confirmed for a second, and the server has answered a KEEPALIVE that was sent since: a dead
 *   connection is silent too, ADDs that were held up may follow an older answer, and a client that was suspended has not read yet
 *   what the server has sent.
 */

import type { Clock, Random, Timer } from "../../base/clock.ts";
import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Endpoint } from "../../net/endpoint.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import type { Route } from "../../route/route.ts";
import { receivedRouteKey } from "../../route/route-key.ts";
import { type CloseReason, describeCloseReason } from "../../session/close-reason.ts";
import { type RetryBounds, retryAfterMs } from "../../session/retry.ts";
import { Connection, type ConnectionFigures, type ConnectionHandler } from "../../transport/connection.ts";
import type { ByteStream, Network, StreamEvents } from "../../transport/network.ts";
import type { Pacing } from "../../transport/pacing.ts";
import { Traffic } from "../../transport/traffic.ts";
import { destinationOf, nextHopOf } from "../../wire/codec.ts";
import type { UpdateFields } from "../../wire/message.ts";
import { Action, TIMEOUT_INTERVALS } from "../../wire/protocol.ts";
import type { SkipCode } from "../../wire/protocol-error.ts";
import type { ComparedServer } from "../view/agreement.ts";
import {
  type AwaitedServer,
  type Completeness,
  TABLE_QUIET_MS,
  TABLE_SETTLES_MS,
} from "../view/completeness.ts";
import { type LeftOutCode, type MergedView, Received, type ServerNumber } from "../view/merged-view.ts";
import { Echo } from "../view/own-echoes.ts";
import type { PeerKind } from "../view/peer-kind.ts";
import { CopyVerification } from "./copy-verification.ts";
import type { DesiredState } from "./desired-state.ts";
import { LinkOutput } from "./link-output.ts";
import { UnreachableLog } from "./unreachable-log.ts";

/** The state of the connection to a server. `retry` waits before the next attempt; `stopped` is final. */
export type ServerState = "connecting" | "handshake" | "established" | "retry" | "stopped";

/**
 * How often a server is tried again that is connected under another name already. That is a mistake in the configuration, or a
 * name that will lead to another server some day.
 */
const SAME_SERVER_RETRY_MS = 60_000;

/**
 * How long after it has read our SUBSCRIBE the table of a server without End-of-RIBs is compared with those of others: its own
 * clients have returned by then, and it has sent some hundred thousand routes.
 */
const TABLE_COMPLETE_MS = 60_000;

/** Why an UPDATE of a server is skipped: it is not a valid route, or the view has no room for it. */
export type UpdateSkipCode = SkipCode | LeftOutCode;

export interface LinkContext {
  readonly keepaliveSeconds: number;
  readonly retry: RetryBounds;
  readonly pacing: Pacing;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: EventLog;
  readonly desired: DesiredState;
  readonly view: MergedView;
  readonly completeness: Completeness;
  /** Returns another link that leads to that server already. */
  sameServer(link: ServerLink, serverId: string): ServerLink | undefined;
  /** Reports that the link no longer leads to that server, so another link may. */
  serverReleased(serverId: string): void;
  /** Reports that this server has sent its whole table of the VNI. */
  tableReceived(serverId: string, vni: number): void;
  /** Counts skipped UPDATEs by code. */
  readonly skippedUpdates: Map<UpdateSkipCode, number>;
  /** Reports that an established connection is lost: its routes are stale from now on. Comes before `stateChanged`. */
  lost(link: ServerLink, reason: CloseReason): void;
  /** `reason` says why, when the state is `retry` or `stopped`. */
  stateChanged(link: ServerLink, state: ServerState, reason: CloseReason | null): void;
}

export class ServerLink implements ConnectionHandler, AwaitedServer, ComparedServer {
  readonly number: ServerNumber;
  readonly endpoint: Endpoint;
  readonly #context: LinkContext;
  readonly name: string;
  #state: ServerState = "connecting";
  #stateSinceMs: number;
  #sessions = 0;
  #lastReason: CloseReason | null = null;
  #connection: Connection | null = null;
  /** What the connections have carried that have ended. */
  readonly #goneTraffic = new Traffic();
  #output: LinkOutput | null = null;
  #timer: Timer | null = null;
  #lastConfirmedMs = 0;
  #probedMs = Number.NEGATIVE_INFINITY;
  #probeAnsweredMs = Number.NEGATIVE_INFINITY;
  /** Numbers the attempts, so that the result of an abandoned attempt is not attributed to the present one. */
  #attempt = 0;
  /** True if the server was removed: what it sends no longer counts. */
  #isRetired = false;
  /** The id that a BunBond server has sent; empty if none has come. */
  #serverId = "";
  /** The id of the server that another link leads to, while this link waits for that to end; else empty. */
  #waitsForId = "";
  /** VNIs whose whole table the server has sent on the present connection. */
  readonly #completeVnis = new Set<number>();
  /** Set by the first warning since it was established last. */
  #hasWarnedOfSame = false;
  #verification: CopyVerification | null = null;
  readonly #skipCodesLogged = new Set<UpdateSkipCode>();
  readonly #unreachableLog: UnreachableLog;
  #idleCallbacks: (() => void)[] = [];

  constructor(number: ServerNumber, endpoint: Endpoint, context: LinkContext) {
    this.number = number;
    this.endpoint = endpoint;
    this.#context = context;
    this.name = formatEndpoint(endpoint);
    this.#stateSinceMs = context.clock.nowMs();
    this.#unreachableLog = new UnreachableLog(context.logger, context.clock, this.name);
  }

  get state(): ServerState {
    return this.#state;
  }
  /** When it entered that state, by the clock. */
  get stateSinceMs(): number {
    return this.#stateSinceMs;
  }
  /** See {@link UnreachableLog.awayForMs}. */
  get awayForMs(): number | null {
    return this.#unreachableLog.awayForMs;
  }
  get establishedMs(): number | null {
    return this.#state === "established" ? this.#stateSinceMs : null;
  }
  subscribeReadMs(vni: number): number {
    return this.#output?.subscribeReadMs(vni) ?? Number.POSITIVE_INFINITY;
  }
  hasSentTable(vni: number): boolean {
    if (this.#state !== "established") return false;
    if (this.peerKind === "bunbond") return this.#completeVnis.has(vni);
    const readMs = Math.max(this.#stateSinceMs, this.subscribeReadMs(vni));
    return this.#context.clock.nowMs() >= readMs + TABLE_COMPLETE_MS;
  }
  /** Returns true if another link receives the routes of this server. */
  get isRedundant(): boolean {
    return this.#waitsForId !== "";
  }
  get serverId(): string {
    return this.#serverId;
  }
  get probeAnsweredMs(): number {
    return this.#probeAnsweredMs;
  }
  /** Number of times that it became established. */
  get sessions(): number {
    return this.#sessions;
  }
  /** Why the last connection ended or could not be made. */
  get lastReason(): CloseReason | null {
    return this.#lastReason;
  }
  get peerKind(): PeerKind {
    return this.#output?.peerKind ?? "unknown";
  }
  /** What all connections to the server have carried since the start. */
  get traffic(): Traffic {
    const traffic = new Traffic();
    traffic.add(this.#goneTraffic);
    if (this.#connection !== null) traffic.add(this.#connection.traffic);
    return traffic;
  }
  /** Null while there is no connection. */
  get connectionFigures(): ConnectionFigures | null {
    return this.#connection?.figures() ?? null;
  }
  /** Returns true if nothing is left to be sent, and the socket has taken everything; also if the server is away. */
  get idle(): boolean {
    return (
      this.#state !== "established" || ((this.#output?.idle ?? true) && (this.#connection?.drained ?? true))
    );
  }

  /** Calls `run` once, in a later turn of the event loop, as soon as the link is idle. */
  onceIdle(run: () => void): void {
    this.#idleCallbacks.push(run);
    this.#reportIdle();
  }

  readonly #reportIdle = (): void => {
    if (this.#idleCallbacks.length === 0 || !this.idle) return;
    const callbacks = this.#idleCallbacks;
    this.#idleCallbacks = [];
    // Later: they may close the connection, which is just asking for more to write.
    for (const run of callbacks) this.#context.clock.soon(run);
  };

  start(): void {
    this.#connect();
  }

  /** Calls `read` after the server has read everything that is wanted now; never, if it is away or its connection ends before. */
  confirm(read: () => void): void {
    if (this.#state === "established") this.#output?.confirm(read);
  }

  stop(): void {
    this.#attempt++;
    this.#timer?.cancel();
    const connection = this.#connection;
    if (connection !== null) connection.close({ reason: "stopped" });
    else if (this.#state !== "stopped") this.#enter("stopped", { reason: "stopped" });
  }

  /** Withdraws our announcements, and stops when the socket has taken that, at the latest after `withinMs`. */
  retire(withinMs: number): void {
    this.#isRetired = true;
    this.#release();
    this.#stopSecondLook();
    if (this.#state === "established") this.#timer?.cancel();
    this.#output?.withdrawAll();
    if (this.idle) {
      this.stop();
      return;
    }
    this.#timer = this.#context.clock.after(withinMs, () => this.stop());
    this.onceIdle(() => this.stop());
  }

  /** Ends the connection, or the wait for the next one, and connects at once. */
  reset(): void {
    if (this.#state === "stopped") return;
    if (this.#connection === null) this.#connect();
    else this.#connection.close({ reason: "reset" });
  }

  // Both are called during the handshake, too: the desired state was read when the connection was made.

  vniChanged(vni: number): void {
    this.#completeVnis.delete(vni);
    this.#verification?.dropVni(vni);
    this.#output?.vniChanged(vni);
  }

  announcementChanged(...change: Parameters<LinkOutput["announcementChanged"]>): void {
    this.#verification?.forget(change[0]);
    this.#output?.announcementChanged(...change);
  }

  /** Finds out whether the server has a route from another client, after we have withdrawn our own. */
  ownWithdrawn(key: string, route: Route): void {
    if (this.#isRetired || this.peerKind === "bunbond" || this.#state !== "established") return;
    if (this.#context.view.hasCopy(this.number, route)) this.#askAnew(key, route);
  }

  #askAnew(key: string, route: Route): void {
    this.#verification ??= new CopyVerification(this.number, this.endpoint, this.#context, (read) =>
      this.#output?.confirm(read),
    );
    this.#verification.ask(key, route);
  }

  /** Connects, if the link waits for another link's connection to that server to end. */
  connectInstead(serverId: string): void {
    if (this.#waitsForId !== serverId || this.#state !== "retry") return;
    this.#waitsForId = "";
    this.#timer?.cancel();
    this.#timer = this.#context.clock.after(0, () => this.#connect());
  }

  /** Sweeps the stale routes of this link after another link has received the whole table of the same server. */
  tableReceivedElsewhere(serverId: string, vni: number): void {
    if (this.#waitsForId === serverId) this.#context.view.sweepVni(this.number, vni);
  }

  probe(fromMs: number): void {
    if (this.#probedMs >= fromMs || this.#state !== "established") return;
    const probedMs = this.#context.clock.nowMs();
    this.#probedMs = probedMs;
    this.#output?.confirm(() => {
      this.#probeAnsweredMs = probedMs;
      this.#sweepIfQuiet();
    });
  }

  // --- connecting --------------------------------------------------------------------------------

  #connect(): void {
    const attempt = ++this.#attempt;
    this.#timer?.cancel();
    this.#enter("connecting", null);
    // A handler may have stopped the link.
    if (attempt !== this.#attempt) return;
    const timeoutMs = this.#context.keepaliveSeconds * 1000 * TIMEOUT_INTERVALS;
    this.#timer = this.#context.clock.after(timeoutMs, () => this.#retry({ reason: "connect-timeout" }));
    this.#context.network.connect(this.endpoint, {
      connected: (stream) => (attempt === this.#attempt ? this.#open(stream) : null),
      failed: (detail) => {
        if (attempt === this.#attempt) this.#retry({ reason: "connect-failed", detail });
      },
    });
  }

  #open(stream: ByteStream): StreamEvents {
    const { clock, desired, keepaliveSeconds } = this.#context;
    this.#timer?.cancel();
    this.#completeVnis.clear();
    const output = new LinkOutput(desired, () => connection, clock, this.#context.pacing, this.#reportIdle);
    const connection = new Connection({
      role: "client",
      keepaliveSeconds,
      stream,
      clock,
      source: output,
      handler: this,
    });
    this.#output = output;
    this.#connection = connection;
    this.#enter("handshake", null);
    return connection;
  }

  #retry(reason: CloseReason): void {
    const { clock, random, retry } = this.#context;
    this.#attempt++;
    this.#timer?.cancel();
    const isSame = reason.reason === "same-server";
    const afterMs = isSame ? SAME_SERVER_RETRY_MS : retryAfterMs(retry, random);
    this.#timer = clock.after(afterMs, () => this.#connect());
    // A server with two names is not unreachable.
    if (!isSame) this.#unreachableLog.unreachable(describeCloseReason(reason), afterMs);
    // Last, since a handler may stop the link.
    this.#enter("retry", reason);
  }

  #reconnect(reason: CloseReason): void {
    const attempt = ++this.#attempt;
    this.#enter("retry", reason);
    // A handler may have stopped the link.
    if (attempt === this.#attempt) this.#connect();
  }

  #enter(state: ServerState, reason: CloseReason | null): void {
    if (state !== this.#state) this.#stateSinceMs = this.#context.clock.nowMs();
    this.#state = state;
    if (reason !== null) this.#lastReason = reason;
    this.#reportIdle();
    this.#context.stateChanged(this, state, reason);
  }

  // --- events of the connection ------------------------------------------------------------------

  onHello(): void {
    const id = this.#connection?.peerServerId ?? "";
    const same = id === "" ? undefined : this.#context.sameServer(this, id);
    if (same === undefined) {
      this.#serverId = id;
      return;
    }
    if (!this.#hasWarnedOfSame) {
      this.#hasWarnedOfSame = true;
      this.#context.logger.log(LOG.sameServer, {
        server: this.name,
        sameAs: same.name,
      });
    }
    this.#waitsForId = id;
    for (const vni of same.#completeVnis) this.tableReceivedElsewhere(id, vni);
    this.#connection?.close({ reason: "same-server", detail: same.name });
  }

  onEstablished(): void {
    const { clock, logger } = this.#context;
    this.#waitsForId = "";
    this.#hasWarnedOfSame = false;
    logger.log(LOG.serverEstablished, {
      server: this.name,
      keepaliveSeconds: this.#connection?.session.keepaliveSeconds ?? 0,
    });
    this.#unreachableLog.reachable();
    this.#sessions++;
    this.#lastConfirmedMs = clock.nowMs();
    this.#timer = clock.after(TABLE_SETTLES_MS, this.#sweepIfQuiet);
    this.#enter("established", null);
    if (this.#serverId !== "") this.#identifyAsBunBond();
  }

  /** Records that this is a BunBond server: it sends End-of-RIBs, and no echoes. */
  #identifyAsBunBond(): void {
    this.#output?.identifyAsBunBond();
    this.#stopSecondLook();
    this.#context.view.acceptUnverified(this.number);
  }

  #stopSecondLook(): void {
    this.#verification?.stop();
    this.#verification = null;
  }

  #release(): void {
    const id = this.#serverId;
    this.#serverId = "";
    if (id !== "") this.#context.serverReleased(id);
  }

  onUpdate(fields: UpdateFields): void {
    this.#context.view.confirmAlive(this.number);
    const output = this.#output;
    if (this.#isRetired || output?.isSubscribed(fields.vni) !== true) return;
    const { view, clock, completeness } = this.#context;
    view.setTime(this.#connection?.session.lastReceivedMs ?? 0);
    this.#verification?.onUpdate(fields);
    if (fields.action === Action.REMOVE) {
      view.withdrawn(this.number, fields);
      return;
    }
    const echo = output.echoKindOf(fields);
    if (output.peerKind === "unknown") completeness.added(this.number, fields.vni);
    const received = view.received(this.number, fields, echo);
    if (received === Received.CONFIRMED) this.#lastConfirmedMs = clock.nowMs();
    if (received === Received.UNVERIFIED && echo === Echo.PERHAPS) this.#askAboutEcho(fields);
  }

  /** Asks about an ADD that may be an echo, unless we announce the route again: then that follows its withdrawal. */
  #askAboutEcho(fields: UpdateFields): void {
    const key = receivedRouteKey(fields);
    if (this.#context.desired.announcements.has(key)) return;
    const route = { vni: fields.vni, destination: destinationOf(fields), nextHop: nextHopOf(fields) };
    this.#askAnew(key, route);
  }

  onSkipped(code: UpdateSkipCode): void {
    const { view, skippedUpdates } = this.#context;
    view.confirmAlive(this.number);
    skippedUpdates.set(code, (skippedUpdates.get(code) ?? 0) + 1);
    if (this.#skipCodesLogged.has(code)) return;
    this.#skipCodesLogged.add(code);
    this.#context.logger.log(LOG.serverUpdateSkipped, {
      server: this.name,
      code,
    });
  }

  onKeepalive(): void {
    this.#context.view.confirmAlive(this.number);
    this.#output?.keepaliveAnswered();
    // The quiet time begins at the answer.
    if (this.peerKind === "unknown") this.#context.completeness.check();
  }

  onEndOfRib(vni: number): void {
    const { view, completeness } = this.#context;
    view.confirmAlive(this.number);
    if (this.peerKind === "unknown") this.#identifyAsBunBond();
    // The stale routes of a removed server may have to stay.
    if (this.#isRetired) return;
    const output = this.#output;
    view.sweepVni(this.number, vni, () => {
      // The subscription or the connection may have ended in the meantime.
      if (output === this.#output && output?.isSubscribed(vni)) completeness.tableReceived(this.number, vni);
    });
    if (output !== this.#output || output?.isSubscribed(vni) !== true) return;
    this.#completeVnis.add(vni);
    if (this.#serverId !== "") this.#context.tableReceived(this.#serverId, vni);
  }

  onClosed(reason: CloseReason): void {
    const wasEstablished = this.#state === "established";
    this.#stopSecondLook();
    this.#output?.stop();
    if (this.#connection !== null) this.#goneTraffic.add(this.#connection.traffic);
    this.#output = this.#connection = null;
    this.#timer?.cancel();
    if (wasEstablished) this.#context.lost(this, reason);
    this.#release();
    if (reason.reason === "stopped" || this.#isRetired) this.#enter("stopped", reason);
    else if (reason.reason === "reset") this.#reconnect(reason);
    else this.#retry(reason);
  }

  /** A server does not subscribe. */
  onSubscribe(): void {}
  onUnsubscribe(): void {}

  readonly #sweepIfQuiet = (): void => {
    const { clock, view } = this.#context;
    if (this.#isRetired || this.peerKind === "bunbond" || view.staleCopies(this.number) === 0) return;
    const dueMs = this.#stateSinceMs + TABLE_SETTLES_MS;
    const quietFromMs = Math.max(dueMs, this.#lastConfirmedMs + TABLE_QUIET_MS);
    const nowMs = clock.nowMs();
    if (nowMs < quietFromMs) {
      this.#timer?.cancel();
      this.#timer = clock.after(quietFromMs - nowMs, this.#sweepIfQuiet);
    } else if (this.#probeAnsweredMs >= quietFromMs) view.sweep(this.number);
    else this.probe(quietFromMs);
  };
}
