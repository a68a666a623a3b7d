import type { Clock } from "../base/clock.ts";
import { reserveMemory } from "../base/growable-int32-array.ts";
import { LimitedLog } from "../base/limited-log.ts";
import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import { silentLogger } from "../base/logger.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { Route } from "../route/route.ts";
import type { RouteSource } from "../route/table/route-source.ts";
import { type CloseReason, describeCloseReason } from "../session/close-reason.ts";
import { DEFAULT_RETRY } from "../session/retry.ts";
import { SystemClock } from "../transport/schedule/system-clock.ts";
import { BunNetwork } from "../transport/tcp-network.ts";
import { DEFAULT_KEEPALIVE_SECONDS } from "../wire/protocol.ts";
import { GuardedHandler } from "./events.ts";
import type { LinkContext, ServerLink, ServerState, UpdateSkipCode } from "./link/server-link.ts";
import { ServerLinks } from "./link/server-links.ts";
import type { ClientOptions, ClientSettings, OnStop, ServerInfo } from "./options.ts";
import { OwnAnnouncements } from "./own-announcements.ts";
import { Completeness } from "./view/completeness.ts";
import { LARGE_ARRAYS_OF_VIEW, MergedView } from "./view/merged-view.ts";
import { StaleRoutes } from "./view/stale-routes.ts";
import { DEFAULT_STALE_TIMES } from "./view/stale-timers.ts";

/** For a server to be told of withdrawals before its connection is closed. */
const STOP_WITHIN_MS = 2_000;

export interface RemovalOptions {
  readonly withinMs?: number;
  readonly keepStale?: boolean;
}

/**
 * A MetalBond client: announces routes to all its servers and merges what they know of the VNIs it
 * subscribes to. Everything wanted is remembered and sent to each server whenever it is there.
 */
export class Client {
  readonly #vnis = new Set<number>();
  readonly #own: OwnAnnouncements;
  readonly #view: MergedView;
  readonly #skippedUpdates = new Map<UpdateSkipCode, number>();
  readonly #links: ServerLinks;
  readonly #linkContext: { -readonly [Name in keyof LinkContext]: LinkContext[Name] };
  readonly #clock: Clock;
  readonly #logger: EventLog;
  readonly #handler: GuardedHandler;
  readonly #stale: StaleRoutes;
  readonly #completeness: Completeness;
  readonly #confirmations = new Set<(server: Endpoint) => void>();
  #started = false;
  #stopped = false;
  /** Resolves when it has stopped. */
  #stopDone: Promise<void> | null = null;

  constructor(options: ClientOptions) {
    reserveMemory(LARGE_ARRAYS_OF_VIEW);
    this.#clock = options.clock ?? new SystemClock();
    this.#logger = new LimitedLog(options.logger ?? silentLogger, this.#clock);
    this.#handler = new GuardedHandler(options.handler ?? {}, this.#logger);
    this.#own = new OwnAnnouncements(
      this.#clock,
      {
        offered: (key, route) => this.#offered(key, route),
        retracted: (key, route) => this.#retracted(key, route),
        released: (key, route) => this.#tellLinks(key, route),
      },
      options.defersAnnouncements ?? false,
    );
    this.#view = new MergedView(
      {
        added: (route) => {
          if (!this.#stopped) this.#handler.routeAdded(route);
        },
        removed: (route) => {
          if (!this.#stopped) this.#handler.routeRemoved(route);
        },
        leftOut: (server, code) => this.#links.numbered(server)?.skipped(code),
      },
      (run) => this.#clock.soon(run),
      options.maxHops,
    );
    this.#stale = new StaleRoutes(
      options.staleTimes ?? DEFAULT_STALE_TIMES,
      this.#view,
      this.#clock,
      this.#logger,
    );
    this.#completeness = new Completeness(this.#clock, this.#stale.staleTimers, (vni) =>
      this.#handler.complete(vni),
    );
    this.#linkContext = {
      keepaliveSeconds: options.keepaliveSeconds ?? DEFAULT_KEEPALIVE_SECONDS,
      pacing: options.pacing ?? "auto",
      retry: options.retry ?? DEFAULT_RETRY,
      network: options.network ?? new BunNetwork(),
      clock: this.#clock,
      random: options.random ?? Math.random,
      logger: this.#logger,
      wanted: { vnis: this.#vnis, announcements: this.#own.told },
      view: this.#view,
      completeness: this.#completeness,
      skippedUpdates: this.#skippedUpdates,
      stateChanged: (link: ServerLink, state: ServerState, reason: CloseReason | null) =>
        this.#serverState(link, state, reason),
      sameServer: (link: ServerLink, serverId: string) => this.#links.withId(serverId, link),
      serverReleased: (serverId: string) => {
        for (const link of this.#links) link.connectInstead(serverId);
      },
      vniTold: (serverId: string, vni: number) => {
        for (const link of this.#links) link.vniToldThere(serverId, vni);
      },
      lost: (link: ServerLink, { reason }: CloseReason) => {
        this.#completeness.serverLost(link.number);
        this.#stale.serverLost(link.number, reason === "keepalive-timeout");
      },
    };
    this.#links = new ServerLinks(this.#linkContext);
    for (const server of options.servers) this.addServer(server);
  }

  /** Starts connecting to all servers: once, for a client that was stopped stays so. */
  start(): void {
    if (this.#started || this.#stopped) return;
    this.#started = true;
    for (const link of this.#links) link.start();
  }

  /** Connects to one server more, and tells it all that is wanted. False: it is one of them already. */
  addServer(server: Endpoint): boolean {
    if (this.#stopped || this.#links.find(server) !== undefined) return false;
    const link = this.#links.add(server);
    this.#completeness.serverAdded(link);
    if (this.#started) link.start();
    return true;
  }

  /**
   * What no other server has leaves the view at once, or with `keepStale` as if the server had been lost: when the hold
   * time is over. Our announcements are withdrawn there, and the connection closed when the network has taken that, at the
   * latest after `withinMs`. False: it is none of this client's servers.
   *
   * To replace a server by another one, add that first and wait until it is established.
   */
  removeServer(
    server: Endpoint,
    { withinMs = STOP_WITHIN_MS, keepStale = false }: RemovalOptions = {},
  ): boolean {
    const link = this.#links.find(server);
    if (link === undefined) return false;
    this.#links.remove(link);
    if (keepStale) this.#stale.serverLost(link.number, false);
    else this.#stale.dropServer(link.number);
    link.retire(withinMs);
    this.#completeness.serverRemoved(link.number);
    return true;
  }

  /**
   * Other times from now on: `hold` also for what is lost already, `retry` for the next wait, `keepaliveSeconds` for the
   * next connection to each server.
   */
  configure({ keepaliveSeconds, retry, staleTimes }: Partial<ClientSettings>): void {
    if (keepaliveSeconds !== undefined) this.#linkContext.keepaliveSeconds = keepaliveSeconds;
    if (retry !== undefined) this.#linkContext.retry = retry;
    if (staleTimes === undefined) return;
    this.#stale.times = staleTimes;
    this.#completeness.check();
  }

  /** False: it was subscribed already. */
  subscribe(vni: number): boolean {
    if (this.#vnis.has(vni)) return false;
    this.#vnis.add(vni);
    this.#completeness.subscribed(vni);
    for (const link of this.#links) link.vniChanged(vni);
    return true;
  }

  /** Its routes leave the view at once. False: it was not subscribed. */
  unsubscribe(vni: number): boolean {
    if (!this.#vnis.delete(vni)) return false;
    this.#completeness.unsubscribed(vni);
    for (const link of this.#links) link.vniChanged(vni);
    this.#view.dropVni(vni);
    return true;
  }

  /**
   * False: it was announced already.
   * @throws TableFullError, and nothing has changed
   */
  announce(route: Route): boolean {
    return this.#own.announce(route);
  }

  /** False: it was not announced. */
  withdraw(route: Route): boolean {
    return this.#own.withdraw(route);
  }

  /**
   * Withdraws all announcements, and stays connected: traffic turns away while it can still be served. They are
   * remembered, and so is what is announced from now on. False: it was drained already.
   */
  drain(): boolean {
    return this.#own.drain();
  }

  /**
   * Announces everything again. False: it was not drained.
   * @throws TableFullError, and it is drained still
   */
  undrain(): boolean {
    return this.#own.undrain();
  }

  /** Tells the servers of its announcements, if the client was made to hold them. False: they were told all the time. */
  releaseAnnouncements(): boolean {
    return this.#own.release();
  }

  /** For how long it has been drained, or null. */
  get drainedForMs(): number | null {
    return this.#own.drainedForMs;
  }

  /** Ends the connection to a server and connects again at once. False: it is none of this client's servers. */
  resetServer(server: Endpoint): boolean {
    const link = this.#links.find(server);
    link?.reset();
    return link !== undefined;
  }

  /**
   * Drops what a server told, instead of waiting for the end of its stale time: what no other server has leaves the
   * view at once. If it is established, it is connected to again, and tells all that it has.
   * False: it is none of this client's servers.
   */
  dropServerRoutes(server: Endpoint): boolean {
    const link = this.#links.find(server);
    if (link === undefined) return false;
    this.#stale.dropServer(link.number);
    if (link.state === "established") link.reset();
    return true;
  }

  /**
   * Calls `read` for every server as soon as it has read all that is wanted now, until the function that it returns is
   * called. One that is away is asked when it is back, and one that was lost meanwhile again.
   */
  confirm(read: (server: Endpoint) => void): () => void {
    const confirmation = (server: Endpoint) => {
      if (this.#confirmations.has(confirmation)) read(server);
    };
    this.#confirmations.add(confirmation);
    for (const link of this.#links) link.confirm(() => confirmation(link.endpoint));
    return () => this.#confirmations.delete(confirmation);
  }

  /** The VNIs that it subscribes to. */
  subscriptions(): Iterable<number> {
    return this.#vnis;
  }

  /** The view of the VNI has been whole since it was subscribed. */
  isComplete(vni: number): boolean {
    return this.#completeness.isComplete(vni);
  }

  /** The routes in view: received, and not announced by this client itself. */
  routes(): Iterable<Route> {
    return this.#view.routes();
  }

  /** The same, for a reader that takes its time, or wants them in order. */
  routeSource(): RouteSource {
    return this.#view.source();
  }

  /** The same, of these VNIs or of all, all of one destination at a time: what is there during the whole walk comes, however long it takes. */
  routesByDestination(vnis: ReadonlySet<number> | null = null): Iterable<readonly Route[]> {
    return this.#view.routesByDestination(vnis);
  }

  get routeCount(): number {
    return this.#view.routeCount;
  }

  /** The routes that this client announces, or will again when it is no longer drained. */
  announcements(): Iterable<Route> {
    return this.#own.routes;
  }

  get announcementCount(): number {
    return this.#own.count;
  }

  /** Updates of servers that were skipped since the start, by code. */
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

  /** Stale routes of servers that were removed with `keepStale`: {@link servers} has them no more. */
  get removedServersRoutes(): number {
    return this.servers().reduce((left, { staleRoutes }) => left - staleRoutes, this.#view.allStaleCopies);
  }

  /** The servers that have the route, lost ones that had it among them. */
  serversOf(route: Route): Endpoint[] {
    return this.#view.serversOf(route).flatMap((number) => this.#links.numbered(number)?.endpoint ?? []);
  }

  /**
   * Withdraws all announcements, waits until the network has taken that, at most `withinMs`, and closes.
   * A server that is away needs no telling: with the connection the announcements went. No route events
   * come from here on: what the client knew has not changed, it only stops looking.
   *
   * With "keep" it closes without withdrawing: a server that retains what lost clients had announced keeps it for
   * the next client on this host.
   */
  stop(withinMs = STOP_WITHIN_MS, onStop: OnStop = "withdraw"): Promise<void> {
    this.#stopDone ??= this.#stop(withinMs, onStop);
    return this.#stopDone;
  }

  async #stop(withinMs: number, onStop: OnStop): Promise<void> {
    this.#stopped = true;
    this.#completeness.stop();
    this.#stale.stop();
    if (onStop === "withdraw") this.drain();
    const deadlineMs = this.#clock.nowMs() + withinMs;
    const links = this.#links.all();
    while (links.some((link) => !link.idle) && this.#clock.nowMs() < deadlineMs) {
      await new Promise<void>((resolve) => this.#clock.after(5, resolve));
    }
    for (const link of links) {
      if (!link.idle) {
        this.#logger.log(LOG.stoppedEarly, { server: link.name });
      }
      link.stop();
    }
  }

  #tellLinks(key: string, route: Route): void {
    for (const link of this.#links) link.announcementChanged(key, route);
  }

  #offered(key: string, route: Route): boolean {
    // First, for nobody is to be told of what cannot be known: as another's, it would come into view.
    if (!this.#view.announced(route)) return false;
    this.#tellLinks(key, route);
    // Whoever was told of a route may have changed this one.
    if (!this.#stopped && this.#own.offered.has(key)) this.#handler.announced(route);
    return true;
  }

  #retracted(key: string, route: Route): void {
    this.#tellLinks(key, route);
    this.#view.ownWithdrawn(route);
    // What is stopped, or announced again by whoever was told of the route, need not be known.
    if (!this.#stopped && !this.#own.offered.has(key)) {
      for (const link of this.#links) link.ownWithdrawn(key, route);
    }
    if (!this.#stopped && !this.#own.offered.has(key)) this.#handler.withdrawn(route);
  }

  #serverState(link: ServerLink, state: ServerState, reason: CloseReason | null): void {
    this.#logger.debug("server state", {
      server: link.name,
      state,
      ...(reason && { reason: describeCloseReason(reason) }),
    });
    if (state === "stopped") this.#links.stopped(link);
    this.#stale.setAnyEstablished(this.#links.isAnyEstablished);
    if (state === "established") {
      for (const read of this.#confirmations) link.confirm(() => read(link.endpoint));
    }
    this.#handler.serverState(link.endpoint, state, reason);
    this.#completeness.check();
  }
}
