import { type Endpoint, sameEndpoint } from "../net/endpoint.ts";
import type { Route } from "../route/route.ts";
import type { Clock, Random, Timer } from "../session/clock.ts";
import { type CloseReason, describeCloseReason } from "../session/close-reason.ts";
import { type Logger, silentLogger } from "../session/logger.ts";
import { DEFAULT_RETRY, type RetryBounds } from "../session/retry.ts";
import { BunNetwork } from "../transport/bun-network.ts";
import type { Gentleness } from "../transport/pace.ts";
import type { Network } from "../transport/stream.ts";
import { SystemClock } from "../transport/system-clock.ts";
import { DEFAULT_KEEPALIVE_SECONDS } from "../wire/protocol.ts";
import { DEFAULT_HOLD, HoldClock, type HoldTimes } from "./hold.ts";
import { MergedView, type ServerNumber } from "./merged-view.ts";
import { type LinkContext, ServerLink, type ServerState } from "./server-link.ts";
import { announcementKey } from "./wanted.ts";

/** For a server to be told of withdrawals before its connection is closed. */
const STOP_WITHIN_MS = 2_000;

/** What a client tells of its life. All are optional. */
export interface ClientHandler {
  /** A route came into view: the first server brought it. */
  routeAdded?(route: Route): void;
  /** A route left the view: the last server dropped it. */
  routeRemoved?(route: Route): void;
  /** `reason` says why the connection ended, when the state is `retry` or `stopped`. */
  serverState?(server: Endpoint, state: ServerState, reason: CloseReason | null): void;
}

export interface ClientOptions {
  /** All of them are used at the same time; one given twice counts once. */
  readonly servers: readonly Endpoint[];
  /** Default 5. The smaller one of server and client is used. */
  readonly keepaliveSeconds?: number;
  /** Default 5 to 10 s. */
  readonly retry?: RetryBounds;
  /** Whether servers are written to in small steps, which Go's need to survive. Default `auto`. */
  readonly gentle?: Gentleness;
  /** Default 60 s; for ever while there is no server at all. */
  readonly hold?: HoldTimes;
  readonly handler?: ClientHandler;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly network?: Network;
}

export interface ServerInfo {
  readonly server: Endpoint;
  readonly state: ServerState;
  /** For how long it has been in that state, in milliseconds. */
  readonly stateForMs: number;
  /** Why the last connection ended or could not be made. */
  readonly lastReason: CloseReason | null;
  /** How often it became established. */
  readonly sessions: number;
  /** Routes that it had when it was lost, and has not confirmed since. */
  readonly staleRoutes: number;
}

/** What can be changed while the client runs. */
export type ClientSettings = Required<Pick<ClientOptions, "keepaliveSeconds" | "retry" | "hold">>;

/** What becomes of a client's announcements when it stops. */
export type Leave = "withdraw" | "keep";

/**
 * A MetalBond client: announces routes to all its servers and merges what they know of the VNIs it
 * subscribes to. Everything wanted is remembered and sent to each server whenever it is there.
 */
export class Client {
  readonly #vnis = new Set<number>();
  readonly #announcements = new Map<string, Route>();
  /** What the servers are to be told of these: all, or none while drained. */
  readonly #offered = new Map<string, Route>();
  /** When it was drained; null: it is not. */
  #drainedMs: number | null = null;
  readonly #view: MergedView;
  readonly #links: ServerLink[] = [];
  /** Of servers that were removed, until they have been told. */
  readonly #retiring = new Set<ServerLink>();
  #nextNumber = 0;
  readonly #linkContext: { -readonly [Name in keyof LinkContext]: LinkContext[Name] };
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #handler: ClientHandler;
  readonly #holdClock: HoldClock;
  #holdTimer: Timer | null = null;
  #started = false;
  #stopped = false;
  /** Resolves when it has stopped. */
  #stopDone: Promise<void> | null = null;

  constructor(options: ClientOptions) {
    this.#clock = options.clock ?? new SystemClock();
    this.#logger = options.logger ?? silentLogger;
    this.#handler = options.handler ?? {};
    this.#holdClock = new HoldClock(options.hold ?? DEFAULT_HOLD, this.#clock.nowMs());
    this.#view = new MergedView({
      added: (route) => {
        if (!this.#stopped) this.#handler.routeAdded?.(route);
      },
      removed: (route) => {
        if (!this.#stopped) this.#handler.routeRemoved?.(route);
      },
    });
    this.#linkContext = {
      keepaliveSeconds: options.keepaliveSeconds ?? DEFAULT_KEEPALIVE_SECONDS,
      gentle: options.gentle ?? "auto",
      retry: options.retry ?? DEFAULT_RETRY,
      network: options.network ?? new BunNetwork(),
      clock: this.#clock,
      random: options.random ?? Math.random,
      logger: this.#logger,
      wanted: { vnis: this.#vnis, announcements: this.#offered },
      view: this.#view,
      stateChanged: (link: ServerLink, state: ServerState, reason: CloseReason | null) =>
        this.#serverState(link, state, reason),
      lost: (link: ServerLink) => {
        const nowMs = this.#clock.nowMs();
        if (this.#view.serverLost(link.number, nowMs) > 0) this.#holdClock.lost(link.number, nowMs);
      },
    };
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
    if (this.#stopped || this.#linkTo(server) !== undefined) return false;
    // Its connection and the new one would tell the server different things of the same routes.
    for (const old of this.#retiring) if (sameEndpoint(old.endpoint, server)) old.stop();
    const link = new ServerLink(this.#nextNumber++, server, this.#linkContext);
    this.#links.push(link);
    if (this.#started) link.start();
    return true;
  }

  /**
   * What no other server has leaves the view at once. Our announcements are withdrawn there, and the connection
   * closed when the network has taken that, at the latest after `withinMs`. False: it is none of this client's servers.
   *
   * To replace a server by another one, add that first and wait until it is established.
   */
  removeServer(server: Endpoint, withinMs = STOP_WITHIN_MS): boolean {
    const link = this.#linkTo(server);
    if (link === undefined) return false;
    this.#links.splice(this.#links.indexOf(link), 1);
    this.#retiring.add(link);
    this.#holdClock.forget(link.number);
    this.#view.dropServer(link.number);
    link.retire(withinMs);
    return true;
  }

  /**
   * Other times from now on: `hold` also for what is lost already, `retry` for the next wait, `keepaliveSeconds` for the
   * next connection to each server.
   */
  configure({ keepaliveSeconds, retry, hold }: Partial<ClientSettings>): void {
    if (keepaliveSeconds !== undefined) this.#linkContext.keepaliveSeconds = keepaliveSeconds;
    if (retry !== undefined) this.#linkContext.retry = retry;
    if (hold === undefined) return;
    this.#holdClock.times = hold;
    this.#dropOverdue();
  }

  /** False: it was subscribed already. */
  subscribe(vni: number): boolean {
    if (this.#vnis.has(vni)) return false;
    this.#vnis.add(vni);
    for (const link of this.#links) link.vniChanged(vni);
    return true;
  }

  /** Its routes leave the view at once. False: it was not subscribed. */
  unsubscribe(vni: number): boolean {
    if (!this.#vnis.delete(vni)) return false;
    for (const link of this.#links) link.vniChanged(vni);
    this.#view.dropVni(vni);
    return true;
  }

  /** False: it was announced already. */
  announce(route: Route): boolean {
    const key = announcementKey(route);
    if (this.#announcements.has(key)) return false;
    this.#announcements.set(key, route);
    if (this.#drainedMs === null) this.#offer(key, route);
    return true;
  }

  /** False: it was not announced. */
  withdraw(route: Route): boolean {
    const key = announcementKey(route);
    if (!this.#announcements.delete(key)) return false;
    this.#retract(key, route);
    return true;
  }

  /**
   * Withdraws all announcements, and stays connected: traffic turns away while it can still be served. They are
   * remembered, and so is what is announced from now on. False: it was drained already.
   */
  drain(): boolean {
    if (this.#drainedMs !== null) return false;
    this.#drainedMs = this.#clock.nowMs();
    for (const [key, route] of this.#offered) this.#retract(key, route);
    return true;
  }

  /** Announces everything again. False: it was not drained. */
  undrain(): boolean {
    if (this.#drainedMs === null) return false;
    this.#drainedMs = null;
    for (const [key, route] of this.#announcements) this.#offer(key, route);
    return true;
  }

  /** For how long it has been drained, or null. */
  get drainedForMs(): number | null {
    return this.#drainedMs === null ? null : this.#clock.nowMs() - this.#drainedMs;
  }

  /** Ends the connection to a server and connects again at once. False: it is none of this client's servers. */
  resetServer(server: Endpoint): boolean {
    const link = this.#linkTo(server);
    link?.reset();
    return link !== undefined;
  }

  /** The VNIs that it subscribes to. */
  subscriptions(): Iterable<number> {
    return this.#vnis;
  }

  /** The routes in view: received, and not announced by this client itself. */
  routes(): Iterable<Route> {
    return this.#view.routes();
  }

  get routeCount(): number {
    return this.#view.routeCount;
  }

  /** The routes that this client announces, or will again when it is no longer drained. */
  announcements(): Iterable<Route> {
    return this.#announcements.values();
  }

  get announcementCount(): number {
    return this.#announcements.size;
  }

  servers(): ServerInfo[] {
    const nowMs = this.#clock.nowMs();
    return this.#links.map((link) => ({
      server: link.endpoint,
      state: link.state,
      stateForMs: nowMs - link.stateSinceMs,
      lastReason: link.lastReason,
      sessions: link.sessions,
      staleRoutes: this.#view.staleCopies(link.number),
    }));
  }

  /** The servers that have the route, lost ones that had it among them. */
  serversOf(route: Route): Endpoint[] {
    return this.#view.serversOf(route).flatMap((number) => this.#linkOf(number)?.endpoint ?? []);
  }

  /**
   * Withdraws all announcements, waits until the network has taken that, at most `withinMs`, and closes.
   * A server that is away needs no telling: with the connection the announcements went. No route events
   * come from here on: what the client knew has not changed, it only stops looking.
   *
   * With "keep" it closes without withdrawing: a server that retains what lost clients had announced keeps it for
   * the next client on this host.
   */
  stop(withinMs = STOP_WITHIN_MS, leave: Leave = "withdraw"): Promise<void> {
    this.#stopDone ??= this.#stop(withinMs, leave);
    return this.#stopDone;
  }

  async #stop(withinMs: number, leave: Leave): Promise<void> {
    this.#stopped = true;
    if (leave === "withdraw") this.drain();
    const deadlineMs = this.#clock.nowMs() + withinMs;
    const links = [...this.#links, ...this.#retiring];
    while (links.some((link) => !link.idle) && this.#clock.nowMs() < deadlineMs) {
      await new Promise<void>((resolve) => this.#clock.after(5, resolve));
    }
    this.#holdTimer?.cancel();
    for (const link of links) link.stop();
  }

  #linkTo(server: Endpoint): ServerLink | undefined {
    return this.#links.find(({ endpoint }) => sameEndpoint(endpoint, server));
  }

  #linkOf(number: ServerNumber): ServerLink | undefined {
    return this.#links.find((link) => link.number === number);
  }

  #offer(key: string, route: Route): void {
    this.#offered.set(key, route);
    for (const link of this.#links) link.announcementChanged(key, route);
    this.#view.announced(route);
  }

  #retract(key: string, route: Route): void {
    if (!this.#offered.delete(key)) return;
    for (const link of this.#links) link.announcementChanged(key, route);
    this.#view.ownWithdrawn(route, (server) => this.#linkOf(server)?.isExact ?? false);
  }

  #serverState(link: ServerLink, state: ServerState, reason: CloseReason | null): void {
    this.#logger.debug("server state", {
      server: link.name,
      state,
      ...(reason && { reason: describeCloseReason(reason) }),
    });
    if (state === "stopped") this.#retiring.delete(link);
    const anyEstablished = this.#links.some((other) => other.state === "established");
    const isAlone = this.#holdClock.setAnyEstablished(anyEstablished, this.#clock.nowMs());
    if (!this.#stopped) {
      if (isAlone) this.#warnAlone();
      this.#dropOverdue();
    }
    this.#handler.serverState?.(link.endpoint, state, reason);
  }

  #warnAlone(): void {
    const seconds = this.#holdClock.times.holdAloneMs / 1000;
    this.#logger.error("no server is left; the routes stay as they were last known", {
      routes: this.#view.routeCount,
      forSeconds: Number.isFinite(seconds) ? seconds : "ever",
    });
  }

  /** Drops stale routes whose time is over, and sets the timer for the next. */
  #dropOverdue(): void {
    const nowMs = this.#clock.nowMs();
    for (const { server, lostUntilMs } of this.#holdClock.takeOverdue(nowMs)) {
      this.#view.sweep(server, lostUntilMs);
    }
    this.#holdTimer?.cancel();
    const { nextDeadlineMs } = this.#holdClock;
    // Whoever was told of the routes may have stopped us.
    if (this.#stopped || nextDeadlineMs === Number.POSITIVE_INFINITY) return;
    this.#holdTimer = this.#clock.after(nextDeadlineMs - nowMs, () => this.#dropOverdue());
  }
}
