/**
 * One server, from the client's side, for as long as the client runs:
 *
 *     connecting ──▶ handshake ──▶ established ─┐
 *          ▲                                    │ for whatever reason
 *          └───────── retry (5 to 10 s) ◀───────┘
 *
 * A server that is away is never an error, only a state. Each time it becomes established it is told all that
 * the client wants, and what it had before is swept when it has said all that it has now:
 *
 * - at its End-of-RIB, VNI by VNI;
 * - from a server without End-of-RIBs (Go, rustbond) once it has certainly read our SUBSCRIBEs, time enough has
 *   passed for its other clients to have returned, no stale route was confirmed for a second, and the server has answered
 *   a KEEPALIVE sent since: a dead connection is silent, too, an older answer may have ADDs behind it that were held up,
 *   and a client that stood still has not heard yet what it was told.
 */

import type { Clock, Random, Timer } from "../../base/clock.ts";
import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Endpoint } from "../../net/endpoint.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import type { Route } from "../../route/route.ts";
import { type CloseReason, describeCloseReason } from "../../session/close-reason.ts";
import { type RetryBounds, retryAfterMs } from "../../session/retry.ts";
import { Connection, type ConnectionHandler } from "../../transport/connection.ts";
import type { ByteStream, Network, StreamEvents } from "../../transport/network.ts";
import { RUN_BYTES } from "../../transport/outbox.ts";
import { type Pacing, UnpacedWrites } from "../../transport/pacing.ts";
import { destinationOf, nextHopOf } from "../../wire/codec.ts";
import type { UpdateFields } from "../../wire/message.ts";
import { Action, TIMEOUT_INTERVALS } from "../../wire/protocol.ts";
import type { SkipCode } from "../../wire/protocol-error.ts";
import {
  type Completeness,
  TABLE_QUIET_MS,
  TABLE_SETTLES_MS,
  type TellingServer,
} from "../view/completeness.ts";
import { Echo, type LeftOutCode, type MergedView, Received, type ServerNumber } from "../view/merged-view.ts";
import { LinkOutput } from "./link-output.ts";
import { SecondLook } from "./second-look.ts";
import { UnreachableLog } from "./unreachable-log.ts";
import { receivedKey, type Wanted } from "./wanted.ts";

/** Where the connection to a server stands; `retry` waits before the next attempt, `stopped` is for good. */
export type ServerState = "connecting" | "handshake" | "established" | "retry" | "stopped";

/**
 * A server that is there under another name already is tried again so seldom: it is a mistake that somebody has to mend, or a
 * name that leads elsewhere some day.
 */
const SAME_SERVER_RETRY_MS = 60_000;

/** Why an UPDATE of a server is skipped: it makes no route, or the view has no room for it. */
export type UpdateSkipCode = SkipCode | LeftOutCode;

/** The network does not tell when it has taken everything. */
const IDLE_POLL_MS = 5;

export interface LinkContext {
  readonly keepaliveSeconds: number;
  readonly retry: RetryBounds;
  readonly pacing: Pacing;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: EventLog;
  readonly wanted: Wanted;
  readonly view: MergedView;
  readonly completeness: Completeness;
  /** Which other link leads to that server already. */
  sameServer(link: ServerLink, serverId: string): ServerLink | undefined;
  /** The link leads to that server no longer: another one may. */
  serverReleased(serverId: string): void;
  /** That server has told all that it has of the VNI. */
  vniTold(serverId: string, vni: number): void;
  /** Counted here, by code. */
  readonly skippedUpdates: Map<UpdateSkipCode, number>;
  /** An established connection is gone, and what it told us is hearsay now. Comes before `stateChanged`. */
  lost(link: ServerLink, reason: CloseReason): void;
  /** `reason` says why, when the state is `retry` or `stopped`. */
  stateChanged(link: ServerLink, state: ServerState, reason: CloseReason | null): void;
}

export class ServerLink implements ConnectionHandler, TellingServer {
  readonly number: ServerNumber;
  readonly endpoint: Endpoint;
  readonly #context: LinkContext;
  readonly name: string;
  #state: ServerState = "connecting";
  #stateSinceMs: number;
  #sessions = 0;
  #lastReason: CloseReason | null = null;
  #connection: Connection | null = null;
  #output: LinkOutput | null = null;
  #isExact = false;
  #timer: Timer | null = null;
  #lastConfirmedMs = 0;
  #askedMs = Number.NEGATIVE_INFINITY;
  #heardMs = Number.NEGATIVE_INFINITY;
  /** Numbers the attempts, so that an answer to one given up is not taken for the present one's. */
  #attempt = 0;
  /** It is none of the client's servers any more: nothing that it tells counts. */
  #isRetired = false;
  /** Of a BunBond server, as soon as it has told it; empty: none. */
  #serverId = "";
  /** The server that another link leads to already, which this one waits for. */
  #waitsForId = "";
  /** VNIs of which the server has told all on the connection we have now. */
  readonly #toldVnis = new Set<number>();
  /** Since it was established last. */
  #hasWarnedOfSame = false;
  #secondLook: SecondLook | null = null;
  readonly #skipCodesLogged = new Set<UpdateSkipCode>();
  readonly #unreachableLog: UnreachableLog;

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
  /** When it came to be in that state, by the clock. */
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
  /** What the server has is told by another link. */
  get isRedundant(): boolean {
    return this.#waitsForId !== "";
  }
  get serverId(): string {
    return this.#serverId;
  }
  get heardMs(): number {
    return this.#heardMs;
  }
  /** How often it became established. */
  get sessions(): number {
    return this.#sessions;
  }
  /** Why the last connection ended or could not be made. */
  get lastReason(): CloseReason | null {
    return this.#lastReason;
  }
  /** Its views are exact: it does not echo our own announcements. */
  get isExact(): boolean {
    return this.#isExact;
  }
  /** Everything wanted has been handed to the network. */
  get idle(): boolean {
    return (
      this.#state !== "established" || ((this.#output?.idle ?? true) && (this.#connection?.drained ?? true))
    );
  }

  start(): void {
    this.#connect();
  }

  /** Calls `read` once the server has read everything that is wanted now; never, if it is or goes away before. */
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

  /** Withdraws our announcements, and stops once the network has taken that, at the latest after `withinMs`. */
  retire(withinMs: number): void {
    this.#isRetired = true;
    this.#release();
    this.#stopSecondLook();
    if (this.#state === "established") this.#timer?.cancel();
    this.#output?.withdrawAll();
    this.#stopWhenIdle(this.#context.clock.nowMs() + withinMs);
  }

  #stopWhenIdle(deadlineMs: number): void {
    const { clock } = this.#context;
    if (this.idle || clock.nowMs() >= deadlineMs) this.stop();
    else this.#timer = clock.after(IDLE_POLL_MS, () => this.#stopWhenIdle(deadlineMs));
  }

  /** Ends the connection, or the wait for the next one, and connects at once. */
  reset(): void {
    if (this.#state === "stopped") return;
    if (this.#connection === null) this.#connect();
    else this.#connection.close({ reason: "reset" });
  }

  // Both are told during the handshake, too: what is wanted was looked at when the connection was made.

  vniChanged(vni: number): void {
    this.#toldVnis.delete(vni);
    this.#secondLook?.dropVni(vni);
    this.#output?.vniChanged(vni);
  }

  announcementChanged(...change: Parameters<LinkOutput["announcementChanged"]>): void {
    this.#secondLook?.forget(change[0]);
    this.#output?.announcementChanged(...change);
  }

  /** We announce the route no longer, and it has left the view as ours: does the server have it of somebody else? */
  ownWithdrawn(key: string, route: Route): void {
    if (this.#isRetired || this.#isExact || this.#state !== "established") return;
    if (this.#context.view.hasCopy(this.number, route)) this.#askAnew(key, route);
  }

  #askAnew(key: string, route: Route): void {
    this.#secondLook ??= new SecondLook(this.number, this.endpoint, this.#context, (read) =>
      this.#output?.confirm(read),
    );
    this.#secondLook.ask(key, route);
  }

  /** The server that it waited for is free: it may lead there now. */
  connectInstead(serverId: string): void {
    if (this.#waitsForId !== serverId || this.#state !== "retry") return;
    this.#waitsForId = "";
    this.#timer?.cancel();
    this.#timer = this.#context.clock.after(0, () => this.#connect());
  }

  /** Another link leads to the server that this one waits for: what was told here before is swept by what was told there. */
  vniToldThere(serverId: string, vni: number): void {
    if (this.#waitsForId === serverId) this.#context.view.sweepVni(this.number, vni);
  }

  ask(fromMs: number): void {
    if (this.#askedMs >= fromMs || this.#state !== "established") return;
    const askedMs = this.#context.clock.nowMs();
    this.#askedMs = askedMs;
    this.#output?.confirm(() => {
      this.#heardMs = askedMs;
      this.#sweepIfQuiet();
    });
  }

  // --- connecting --------------------------------------------------------------------------------

  #connect(): void {
    const attempt = ++this.#attempt;
    this.#timer?.cancel();
    this.#enter("connecting", null);
    // Whoever was told may have stopped us.
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
    const { clock, wanted, keepaliveSeconds } = this.#context;
    this.#timer?.cancel();
    this.#isExact = false;
    this.#toldVnis.clear();
    const output = new LinkOutput(wanted, () => connection, clock, this.#context.pacing);
    const connection = new Connection(
      { role: "client", keepaliveSeconds },
      stream,
      clock,
      output,
      this,
      new UnpacedWrites(RUN_BYTES),
    );
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
    // Somebody has been told, and it is not away.
    if (!isSame) this.#unreachableLog.away(describeCloseReason(reason), afterMs);
    // Last, for whoever is told may stop us.
    this.#enter("retry", reason);
  }

  #reconnect(reason: CloseReason): void {
    const attempt = ++this.#attempt;
    this.#enter("retry", reason);
    // Whoever was told may have stopped us.
    if (attempt === this.#attempt) this.#connect();
  }

  #enter(state: ServerState, reason: CloseReason | null): void {
    if (state !== this.#state) this.#stateSinceMs = this.#context.clock.nowMs();
    this.#state = state;
    if (reason !== null) this.#lastReason = reason;
    this.#context.stateChanged(this, state, reason);
  }

  // --- what the connection tells -----------------------------------------------------------------

  hello(): void {
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
    for (const vni of same.#toldVnis) this.vniToldThere(id, vni);
    this.#connection?.close({ reason: "same-server", detail: same.name });
  }

  established(): void {
    const { clock, logger } = this.#context;
    this.#waitsForId = "";
    this.#hasWarnedOfSame = false;
    logger.log(LOG.serverEstablished, {
      server: this.name,
      keepaliveSeconds: this.#connection?.keepaliveSeconds ?? 0,
    });
    this.#unreachableLog.back();
    this.#sessions++;
    this.#lastConfirmedMs = clock.nowMs();
    this.#timer = clock.after(TABLE_SETTLES_MS, this.#sweepIfQuiet);
    this.#enter("established", null);
    if (this.#serverId !== "") this.#provenExact();
  }

  /** It is a BunBond server: it sends End-of-RIBs, and no echoes. */
  #provenExact(): void {
    this.#isExact = true;
    this.#output?.endOfRibSeen();
    this.#stopSecondLook();
    this.#context.view.provenExact(this.number);
  }

  #stopSecondLook(): void {
    this.#secondLook?.stop();
    this.#secondLook = null;
  }

  #release(): void {
    const id = this.#serverId;
    this.#serverId = "";
    if (id !== "") this.#context.serverReleased(id);
  }

  update(fields: UpdateFields): void {
    this.#context.view.heardFrom(this.number);
    const output = this.#output;
    if (this.#isRetired || output?.isSubscribed(fields.vni) !== true) return;
    const { view, clock, completeness } = this.#context;
    this.#secondLook?.heard(fields);
    if (fields.action === Action.REMOVE) {
      view.withdrawn(this.number, fields);
      return;
    }
    if (this.#isExact) {
      view.received(this.number, fields, Echo.NEVER);
      return;
    }
    completeness.added(this.number, fields.vni);
    const isLate = output.mayBeEcho(fields);
    const received = view.received(this.number, fields, isLate ? Echo.PERHAPS : Echo.OF_OWN);
    if (received === Received.CONFIRMED) this.#lastConfirmedMs = clock.nowMs();
    if (received === Received.DOUBTFUL && isLate) this.#askAboutEcho(fields);
  }

  /** What we announce again is asked about when that has been withdrawn. */
  #askAboutEcho(fields: UpdateFields): void {
    const key = receivedKey(fields);
    if (this.#context.wanted.announcements.has(key)) return;
    const route = { vni: fields.vni, destination: destinationOf(fields), nextHop: nextHopOf(fields) };
    this.#askAnew(key, route);
  }

  skipped(code: UpdateSkipCode): void {
    const { view, skippedUpdates } = this.#context;
    view.heardFrom(this.number);
    skippedUpdates.set(code, (skippedUpdates.get(code) ?? 0) + 1);
    if (this.#skipCodesLogged.has(code)) return;
    this.#skipCodesLogged.add(code);
    this.#context.logger.log(LOG.serverUpdateSkipped, {
      server: this.name,
      code,
    });
  }

  keepalive(): void {
    this.#context.view.heardFrom(this.number);
    this.#output?.keepaliveAnswered();
    // With the answer the time of quiet begins.
    if (!this.#isExact) this.#context.completeness.check();
  }

  endOfRib(vni: number): void {
    const { view, completeness } = this.#context;
    view.heardFrom(this.number);
    if (!this.#isExact) this.#provenExact();
    // What it had may be held.
    if (this.#isRetired) return;
    const output = this.#output;
    view.sweepVni(this.number, vni, () => {
      // It may be of a subscription that has ended, or of a connection.
      if (output === this.#output && output?.isSubscribed(vni)) completeness.told(this.number, vni);
    });
    if (this.#serverId === "" || output !== this.#output || output?.isSubscribed(vni) !== true) return;
    this.#toldVnis.add(vni);
    this.#context.vniTold(this.#serverId, vni);
  }

  closed(reason: CloseReason): void {
    const wasEstablished = this.#state === "established";
    this.#stopSecondLook();
    this.#output?.stop();
    this.#output = this.#connection = null;
    this.#timer?.cancel();
    if (wasEstablished) this.#context.lost(this, reason);
    this.#release();
    if (reason.reason === "stopped" || this.#isRetired) this.#enter("stopped", reason);
    else if (reason.reason === "reset") this.#reconnect(reason);
    else this.#retry(reason);
  }

  /** A server does not subscribe. */
  subscribe(): void {}
  unsubscribe(): void {}

  readonly #sweepIfQuiet = (): void => {
    const { clock, view } = this.#context;
    if (this.#isRetired || this.#isExact || view.staleCopies(this.number) === 0) return;
    const dueMs = this.#stateSinceMs + TABLE_SETTLES_MS;
    const quietFromMs = Math.max(dueMs, this.#lastConfirmedMs + TABLE_QUIET_MS);
    const nowMs = clock.nowMs();
    if (nowMs < quietFromMs) {
      this.#timer?.cancel();
      this.#timer = clock.after(quietFromMs - nowMs, this.#sweepIfQuiet);
    } else if (this.#heardMs >= quietFromMs) view.sweep(this.number);
    else this.ask(quietFromMs);
  };
}
