/**
 * This is the client of the daemon and, under library/client.ts, of programs. The drawing shows what runs, and what
 * wakes what (──▶ calls):
 *
 *     program, flags, control socket ── subscribe, addServer, stop, … ──▶ ClientCore
 *                                    ── announce, withdraw, drain ──────▶ OwnAnnouncements ── offered, retracted ──▶ ClientCore
 *     HeldAnnouncements ──────────────── release ───────────────────────▶ OwnAnnouncements ── released ────────────▶ ClientCore
 *
 *     ClientCore ── vniChanged, announcementChanged ──▶ ServerLink, one per server: a connection and a timer (server-link.ts)
 *     ServerLink ── received, withdrawn, sweep ───────▶ MergedView: many routes are dropped in slices, by clock.soon
 *                ── tableReceived, check ─────────────▶ Completeness: a timer for tables that are complete by time
 *     Agreement  ── a timer: digests each second ─────▶ RibComparison, ServerLink.probe
 *                ── lost, stateChanged ───────────────▶ ClientCore ──▶ StaleRoutes: a timer for the next end of a stale time
 *
 *     StaleRoutes ── sweep ─────────▶ MergedView
 *     MergedView ─── added, removed ─▶ ┐
 *     Completeness ─ complete ───────▶ ├─ ClientCore ──▶ HandlerFanOut ──▶ handlers: kernel routes, counters, printer, the
 *     ServerLink ─── stateChanged ───▶ ┘                                   program's own
 *
 * Everything runs in the event loop of the process, and nothing polls. A handler runs inside the call that caused the event and may
 * call anything here; so events come last in each method, or the method looks again at what a handler may have changed.
 */
import type { Clock } from "../base/clock.ts";
import { reserveLargeArrays } from "../base/growable-int32-array.ts";
import { LimitedLog } from "../base/limited-log.ts";
import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import { silentLogger } from "../base/logger.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { CLIENT_OPTIONS, CLOSE_OPTIONS } from "../options/client-options.ts";
import { History, HistoryKind, reasonNumber } from "../route/history.ts";
import type { Route } from "../route/route.ts";
import type { RouteInspector } from "../route/table/route-inspector.ts";
import type { CountsByVni } from "../route/table/route-table.ts";
import { type CloseReason, describeCloseReason } from "../session/close-reason.ts";
import { DEFAULT_RETRY } from "../session/retry.ts";
import type { ConnectionFigures } from "../transport/connection.ts";
import { SystemClock } from "../transport/schedule/system-clock.ts";
import { BunNetwork } from "../transport/tcp-network.ts";
import type { Traffic } from "../transport/traffic.ts";
import { fillUpdateFields } from "../wire/codec.ts";
import { UpdateFields } from "../wire/message.ts";
import { type ClientHandler, HandlerFanOut } from "./events.ts";
import { HeldAnnouncements } from "./held-announcements.ts";
import type { LinkContext, ServerLink, ServerState, UpdateSkipCode } from "./link/server-link.ts";
import { ServerLinks } from "./link/server-links.ts";
import type { ClientOptions, ClientSettings, OnStop, ServerInfo } from "./options.ts";
import { OwnAnnouncements } from "./own-announcements.ts";
import { Agreement, type Disagreement } from "./view/agreement.ts";
import { Completeness } from "./view/completeness.ts";
import { LARGE_ARRAYS_OF_VIEW, MergedView, type ServerNumber, type ViewCause } from "./view/merged-view.ts";
import { StaleRoutes } from "./view/stale-routes.ts";
import { DEFAULT_STALE_TIMES } from "./view/stale-timers.ts";

/** A server in numbers. */
export interface ServerLinkFigures {
  /** As it was given: "[2001:db8::10]:4711". */
  readonly server: string;
  readonly state: ServerState;
  /** By the clock; null unless it is established. */
  readonly establishedMs: number | null;
  /** Null while there is no connection. */
  readonly connection: ConnectionFigures | null;
  /** What all connections to it have carried since the start. */
  readonly traffic: Traffic;
}

/** A client in numbers. */
export interface ClientFigures {
  readonly servers: readonly ServerLinkFigures[];
  /** What all connections have carried since the start, including those to removed servers. */
  readonly traffic: Traffic;
  readonly staleRoutes: number;
  /** The routes in view of the first `limit` VNIs, and of all others together. */
  countsByVni(limit: number): CountsByVni;
  /** How many next hops the routes have, by {@link NextHopType}. */
  readonly nextHopsByType: readonly number[];
}

export interface RemovalOptions {
  readonly withinMs?: number;
  readonly keepStale?: boolean;
}

/**
 * A MetalBond client: announces routes to all its servers, and merges their routes of the VNIs that it subscribes to. It
 * remembers everything that is requested, and sends it to each server whenever that is established.
 */
export class ClientCore {
  readonly #vnis = new Set<number>();
  readonly #own: OwnAnnouncements;
  readonly #view: MergedView;
  readonly #skippedUpdates = new Map<UpdateSkipCode, number>();
  readonly #links: ServerLinks;
  readonly #linkContext: { -readonly [Name in keyof LinkContext]: LinkContext[Name] };
  readonly #clock: Clock;
  readonly #logger: EventLog;
  readonly #handlers: HandlerFanOut;
  readonly #stale: StaleRoutes;
  readonly #completeness: Completeness;
  readonly #agreement: Agreement;
  /** What came into view and left it, and the sessions with the servers. */
  readonly history: History;
  /** The servers' numbers in the history, and this client's own. A server that was removed keeps its number. */
  readonly #sources = new Map<ServerNumber | null, number>();
  readonly #establishedServers = new Set<ServerNumber>();
  readonly #fields = new UpdateFields();
  readonly #confirmations = new Set<(server: Endpoint) => void>();
  /** Null if announcements are not held back. */
  readonly #held: HeldAnnouncements | null;
  #isStarted = false;
  #stopped = false;
  /** Resolves when the client has stopped; null before a stop. */
  #stopDone: Promise<void> | null = null;

  constructor(options: ClientOptions) {
    reserveLargeArrays(LARGE_ARRAYS_OF_VIEW);
    this.#clock = options.clock ?? new SystemClock();
    this.#logger = new LimitedLog(options.logger ?? silentLogger, this.#clock);
    this.history = new History(options.historyEntries);
    this.#sources.set(null, this.history.open({ id: null, name: "client" }));
    this.#handlers = new HandlerFanOut(options.handler ?? [], this.#logger);
    this.#own = new OwnAnnouncements(
      this.#clock,
      {
        offered: (key, route) => this.#offered(key, route),
        retracted: (key, route) => this.#retracted(key, route),
        released: (key, route) => this.#updateLinks(key, route),
      },
      options.announceWhen !== undefined,
    );
    this.#view = new MergedView(
      {
        added: (route, cause) => {
          if (this.#stopped) return;
          this.#record(HistoryKind.ADD, route, cause);
          this.#handlers.routeAdded(route);
        },
        removed: (route, cause) => {
          if (this.#stopped) return;
          this.#record(HistoryKind.REMOVE, route, cause);
          this.#handlers.routeRemoved(route);
        },
        leftOut: (server, code) => this.#links.numbered(server)?.onSkipped(code),
      },
      (run) => this.#clock.soon(run),
      options.maxHops,
    );
    this.#handlers.follow(this.#view);
    this.#stale = new StaleRoutes(
      options.staleTimes ?? DEFAULT_STALE_TIMES,
      this.#view,
      this.#clock,
      this.#logger,
    );
    this.#completeness = new Completeness(this.#clock, this.#stale.staleTimers, (vni) =>
      this.#handlers.complete(vni),
    );
    this.#agreement = new Agreement({
      clock: this.#clock,
      logger: this.#logger,
      comparison: this.#view.comparison,
      vnis: this.#vnis,
      servers: () => this.#links,
    });
    this.#linkContext = {
      keepaliveSeconds: options.keepaliveSeconds ?? CLIENT_OPTIONS.keepaliveSeconds.default,
      pacing: options.pacing ?? CLIENT_OPTIONS.pacing.default,
      retry: options.retry ?? DEFAULT_RETRY,
      network: options.network ?? new BunNetwork(),
      clock: this.#clock,
      random: options.random ?? Math.random,
      logger: this.#logger,
      desired: { vnis: this.#vnis, announcements: this.#own.advertised },
      view: this.#view,
      completeness: this.#completeness,
      skippedUpdates: this.#skippedUpdates,
      stateChanged: (link: ServerLink, state: ServerState, reason: CloseReason | null) =>
        this.#serverState(link, state, reason),
      sameServer: (link: ServerLink, serverId: string) => this.#links.withId(serverId, link),
      serverReleased: (serverId: string) => {
        for (const link of this.#links) link.connectInstead(serverId);
      },
      tableReceived: (serverId: string, vni: number) => {
        for (const link of this.#links) link.tableReceivedElsewhere(serverId, vni);
      },
      lost: (link: ServerLink, { reason }: CloseReason) => {
        this.#completeness.serverLost(link.number);
        this.#stale.serverLost(link.number, reason === "keepalive-timeout");
      },
    };
    this.#links = new ServerLinks(this.#linkContext);
    for (const server of options.servers) this.addServer(server);
    this.#held =
      options.announceWhen === undefined
        ? null
        : new HeldAnnouncements(options.announceWhen, {
            clock: this.#clock,
            logger: this.#logger,
            withinMs: options.announceWithinMs ?? CLIENT_OPTIONS.announceWithinMs.default,
            release: () => this.releaseAnnouncements(),
            onFailed: (error) => this.#handlers.failed("announceWhen", error),
          });
  }

  /** Starts connecting to all servers. Only the first call has an effect, and none after a stop. */
  start(): void {
    if (this.#isStarted || this.#stopped) return;
    this.#isStarted = true;
    this.#held?.start();
    // Last, since a handler may stop the client.
    for (const link of this.#links) link.start();
  }

  /** Adds a handler of the events from now on. Returns a function that removes it again. */
  addHandler(handler: ClientHandler): () => void {
    return this.#handlers.add(handler);
  }

  /** Adds a server and connects to it. Returns false if it is already configured, or the client was stopped. */
  addServer(server: Endpoint): boolean {
    if (this.#stopped || this.#links.find(server) !== undefined) return false;
    const link = this.#links.add(server);
    this.#completeness.serverAdded(link);
    if (this.#isStarted) link.start();
    return true;
  }

  /**
   * Removes a server. Routes that no other server has leave the view at once, or with `keepStale` when their stale time ends, as if
   * the server had been lost. Our announcements are withdrawn there, and the connection is closed when the network has taken that,
   * at the latest after `withinMs`. Returns false if it is not one of the servers.
   *
   * To replace a server by another one, add that first and wait until it is established.
   */
  removeServer(
    server: Endpoint,
    { withinMs = CLOSE_OPTIONS.withinMs.default, keepStale = false }: RemovalOptions = {},
  ): boolean {
    const link = this.#links.find(server);
    if (link === undefined) return false;
    this.#links.remove(link);
    if (keepStale) this.#stale.serverLost(link.number, false);
    else this.#stale.dropServer(link.number);
    link.retire(withinMs);
    this.#completeness.serverRemoved(link.number);
    this.#agreement.check();
    return true;
  }

  /**
   * Changes settings. `staleTimes` is effective for routes that are stale already, `retry` at the next pause, and
   * `keepaliveSeconds` at the next connection to each server.
   */
  configure({ keepaliveSeconds, retry, staleTimes }: Partial<ClientSettings>): void {
    if (keepaliveSeconds !== undefined) this.#linkContext.keepaliveSeconds = keepaliveSeconds;
    if (retry !== undefined) this.#linkContext.retry = retry;
    if (staleTimes === undefined) return;
    this.#stale.times = staleTimes;
    this.#completeness.check();
  }

  /** Subscribes to a VNI. Returns false if it is subscribed to already. */
  subscribe(vni: number): boolean {
    if (this.#vnis.has(vni)) return false;
    this.#vnis.add(vni);
    this.#completeness.subscribed(vni);
    this.#agreement.check();
    for (const link of this.#links) link.vniChanged(vni);
    return true;
  }

  /** Ends the subscription to a VNI: its routes leave the view at once. Returns false if it is not subscribed to. */
  unsubscribe(vni: number): boolean {
    if (!this.#vnis.delete(vni)) return false;
    this.#completeness.unsubscribed(vni);
    this.#agreement.unsubscribed(vni);
    for (const link of this.#links) link.vniChanged(vni);
    this.#view.dropVni(vni);
    return true;
  }

  /**
   * Announces a route. Returns false if it is announced already.
   * @throws TableFullError, and nothing has changed
   */
  announce(route: Route): boolean {
    return this.#own.announce(route);
  }

  /** Withdraws a route. Returns false if it is not announced. */
  withdraw(route: Route): boolean {
    return this.#own.withdraw(route);
  }

  /**
   * Withdraws all announcements, and stays connected: traffic turns away while it can still be served. The client remembers
   * them, and what is announced from now on. Returns false if it is drained already.
   */
  drain(): boolean {
    return this.#own.drain();
  }

  /**
   * Announces everything again. Returns false if the client is not drained.
   * @throws TableFullError, and the client is drained still
   */
  undrain(): boolean {
    return this.#own.undrain();
  }

  /** Announces what waits for `announceWhen`. Returns false if nothing waits. */
  releaseAnnouncements(): boolean {
    this.#held?.onReleased();
    const { hasHeldBack } = this.#own;
    const isReleased = this.#own.release();
    // The confirmations include what was held back.
    if (hasHeldBack) this.#confirmAt(this.#links, this.#confirmations);
    return isReleased;
  }

  /** How long the client has been drained, or null if it is not. */
  get drainedForMs(): number | null {
    return this.#own.drainedForMs;
  }

  /** Ends the connection to a server and connects again at once. Returns false if it is not one of the servers. */
  resetServer(server: Endpoint): boolean {
    const link = this.#links.find(server);
    link?.reset();
    return link !== undefined;
  }

  /**
   * Drops the routes of a server, instead of waiting for the end of their stale time: those that no other server has leave the view
   * at once. If the server is established, the client connects to it again, and the server sends its whole table.
   * Returns false if it is not one of the servers.
   */
  dropServerRoutes(server: Endpoint): boolean {
    const link = this.#links.find(server);
    if (link === undefined) return false;
    this.#stale.dropServer(link.number);
    if (link.state === "established") link.reset();
    return true;
  }

  /**
   * Calls `read` for each server after that has read everything that is wanted now, until the returned function is called. A server
   * that is away is asked when it is back, and one that was lost in the meantime again.
   */
  confirm(read: (server: Endpoint) => void): () => void {
    const confirmation = (server: Endpoint) => {
      if (this.#confirmations.has(confirmation)) read(server);
    };
    this.#confirmations.add(confirmation);
    if (!this.#own.hasHeldBack) this.#confirmAt(this.#links, [confirmation]);
    return () => this.#confirmations.delete(confirmation);
  }

  /** Returns the VNIs that the client subscribes to. */
  subscriptions(): Iterable<number> {
    return this.#vnis;
  }

  isSubscribed(vni: number): boolean {
    return this.#vnis.has(vni);
  }

  /** Returns true if the view of the VNI has been complete at some time since it was subscribed. */
  isComplete(vni: number): boolean {
    return this.#completeness.isComplete(vni);
  }

  /** Returns the routes in view: received, and not announced by this client itself. */
  routes(): Iterable<Route> {
    return this.#view.routes();
  }

  /** Returns the routes in view for queries, and for readers that are slow or want them in order. */
  inspector(): RouteInspector {
    return this.#view.inspector((server) => this.history.sourceOf(this.#sourceOf(server)));
  }

  /** The clock of the times of the inspector and of the history. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /**
   * Returns the routes in view of these VNIs, or of all for null, one destination at a time. A route that is in view during the
   * whole iteration comes, however long that takes.
   */
  routesByDestination(vnis: ReadonlySet<number> | null = null): Iterable<readonly Route[]> {
    return this.#view.routesByDestination(vnis);
  }

  get routeCount(): number {
    return this.#view.routeCount;
  }

  /** Returns the routes that this client announces, or will announce again when it is no longer drained. */
  announcements(): Iterable<Route> {
    return this.#own.routes;
  }

  get announcementCount(): number {
    return this.#own.count;
  }

  /** Numbers of UPDATEs from servers that were skipped since the start, by code. */
  get skippedUpdates(): ReadonlyMap<UpdateSkipCode, number> {
    return this.#skippedUpdates;
  }

  servers(): ServerInfo[] {
    const nowMs = this.#clock.nowMs();
    return Array.from(this.#links, (link) => ({
      server: link.endpoint,
      state: link.state,
      stateForMs: nowMs - link.stateSinceMs,
      awayForMs: link.awayForMs,
      lastReason: link.lastReason,
      sessions: link.sessions,
      staleRoutes: this.#view.staleCopies(link.number),
    }));
  }

  /** Returns the client in numbers, for metrics. */
  figures(): ClientFigures {
    return {
      servers: Array.from(this.#links, (link) => ({
        server: link.name,
        state: link.state,
        establishedMs: link.establishedMs,
        connection: link.connectionFigures,
        traffic: link.traffic,
      })),
      traffic: this.#links.traffic(),
      staleRoutes: this.#view.allStaleCopies,
      countsByVni: (limit) => this.#view.countsByVni(limit),
      nextHopsByType: this.#view.nextHopsByType,
    };
  }

  /** What servers disagree about that have sent all routes of a VNI, VNI by VNI. */
  get disagreements(): readonly Disagreement[] {
    return this.#agreement.disagreements;
  }

  /** How often a disagreement about a VNI was found since the start. */
  get disagreementsFound(): number {
    return this.#agreement.found;
  }

  /** Why the servers' routes cannot be relied on, as text for an operator; null if the servers agree. */
  get agreementProblem(): string | null {
    return this.#agreement.problem;
  }

  /** Number of stale routes of servers that were removed with `keepStale`, and are not among {@link servers} any more. */
  get removedServersRoutes(): number {
    return this.servers().reduce((left, { staleRoutes }) => left - staleRoutes, this.#view.allStaleCopies);
  }

  /** Returns the servers that have the route, including lost ones that had it. */
  serversOf(route: Route): Endpoint[] {
    return this.#view.serversOf(route).flatMap((number) => this.#links.numbered(number)?.endpoint ?? []);
  }

  /**
   * Withdraws all announcements, waits until the network has taken that, for at most `withinMs`, and closes. At a server that is away
   * the announcements ended with its connection. There are no route events from now on: the routes have not changed, the client only
   * stops looking.
   *
   * With "keep" the client closes without withdrawing: a server that retains the routes of lost clients keeps them for the next
   * client on this host.
   */
  stop(withinMs: number = CLOSE_OPTIONS.withinMs.default, onStop: OnStop = "withdraw"): Promise<void> {
    this.#stopDone ??= this.#stop(withinMs, onStop);
    return this.#stopDone;
  }

  async #stop(withinMs: number, onStop: OnStop): Promise<void> {
    this.#stopped = true;
    this.#completeness.stop();
    this.#agreement.stop();
    this.#stale.stop();
    this.#held?.stop();
    if (onStop === "withdraw") this.drain();
    const links = this.#links.all();
    // Within this call if nothing is left to be sent.
    if (links.some((link) => !link.idle)) await this.#untilIdle(links, withinMs);
    for (const link of links) {
      if (!link.idle) {
        this.#logger.log(LOG.stoppedEarly, { server: link.name });
      }
      link.stop();
    }
  }

  /** Resolves when all links are idle, at the latest after `withinMs`. */
  async #untilIdle(links: readonly ServerLink[], withinMs: number): Promise<void> {
    const limit = Promise.withResolvers<void>();
    let isLate = withinMs <= 0;
    const timer = Number.isFinite(withinMs)
      ? this.#clock.after(withinMs, () => {
          isLate = true;
          limit.resolve();
        })
      : null;
    for (;;) {
      const busy = links.find((link) => !link.idle);
      if (busy === undefined || isLate) break;
      const idle = new Promise<void>((resolve) => busy.onceIdle(resolve));
      await Promise.race([idle, limit.promise]);
    }
    timer?.cancel();
  }

  #confirmAt(links: Iterable<ServerLink>, confirmations: Iterable<(server: Endpoint) => void>): void {
    for (const link of links) {
      for (const read of confirmations) link.confirm(() => read(link.endpoint));
    }
  }

  #record(kind: HistoryKind, { vni, destination, nextHop }: Route, { reason, server }: ViewCause): void {
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    this.history.record(
      this.#clock.nowMs(),
      kind,
      true,
      reasonNumber(reason),
      this.#sourceOf(server),
      this.#fields,
    );
  }

  /** Returns the number of a server in the history, or that of this client for null. */
  #sourceOf(server: ServerNumber | null): number {
    return this.#sources.getOrInsertComputed(server, () => {
      const name = server === null ? undefined : this.#links.numbered(server)?.name;
      return this.history.open({ id: null, name: name ?? "removed server" });
    });
  }

  #recordSession(link: ServerLink, isUp: boolean): void {
    if (isUp === this.#establishedServers.has(link.number)) return;
    if (isUp) this.#establishedServers.add(link.number);
    else this.#establishedServers.delete(link.number);
    this.history.recordSession(this.#clock.nowMs(), isUp, this.#sourceOf(link.number));
  }

  #updateLinks(key: string, route: Route): void {
    for (const link of this.#links) link.announcementChanged(key, route);
  }

  #offered(key: string, route: Route): boolean {
    // First: what the view has no memory for is not advertised, since it would come back and into view as another client's.
    if (!this.#view.announced(route)) return false;
    this.#updateLinks(key, route);
    // A handler may have changed this announcement in the meantime.
    if (!this.#stopped && this.#own.offered.has(key)) this.#handlers.announced(route);
    return true;
  }

  #retracted(key: string, route: Route): void {
    this.#updateLinks(key, route);
    this.#view.ownWithdrawn(route);
    // Not if the client is stopped, or a handler has announced the route again.
    if (!this.#stopped && !this.#own.offered.has(key)) {
      for (const link of this.#links) link.ownWithdrawn(key, route);
    }
    if (!this.#stopped && !this.#own.offered.has(key)) this.#handlers.withdrawn(route);
  }

  #serverState(link: ServerLink, state: ServerState, reason: CloseReason | null): void {
    this.#logger.debug("server state", {
      server: link.name,
      state,
      ...(reason && { reason: describeCloseReason(reason) }),
    });
    this.#recordSession(link, state === "established");
    if (state === "stopped") this.#links.stopped(link);
    this.#stale.setAnyEstablished(this.#links.isAnyEstablished);
    if (state === "established" && !this.#own.hasHeldBack) this.#confirmAt([link], this.#confirmations);
    this.#handlers.serverState(link.endpoint, state, reason);
    this.#completeness.check();
    this.#agreement.check();
  }
}
