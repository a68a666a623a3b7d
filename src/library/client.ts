/**
 * The client that programs use: the daemon's client (client.ts), with errors instead of booleans, promises of what has
 * to be waited for, and the view's changes as an async iterator.
 *
 * Everything that is asked for is remembered at once, and told to every server whenever that is there. So `announce` and
 * the like neither wait nor fail for want of a server; whether one has read it, `confirmed` tells.
 */
import { ClosedError } from "../base/bunbond-error.ts";
import type { Clock } from "../base/clock.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import { ClientCore } from "../client/client-core.ts";
import {
  AlreadySubscribedError,
  NotSubscribedError,
  RouteAlreadyAnnouncedError,
  RouteNotFoundError,
} from "../client/errors.ts";
import { type ClientHandler, silentHandler } from "../client/events.ts";
import type { ClientSettings, ServerInfo } from "../client/options.ts";
import { type Endpoint, sameEndpoint } from "../net/endpoint.ts";
import { checkRoute, checkVni } from "../route/make-route.ts";
import { printableRoute } from "../route/printable-route.ts";
import type { Route } from "../route/route.ts";
import { SystemClock } from "../transport/schedule/system-clock.ts";
import type { RouteChanges } from "./change-feed.ts";
import { ChangeFeeds } from "./change-feeds.ts";
import {
  checkChangesOptions,
  checkCloseOptions,
  checkConnectOptions,
  checkSettings,
} from "./check-options.ts";
import {
  type ChangesOptions,
  type CloseOptions,
  type ConnectOptions,
  readServer,
  type ServerAddress,
  type WaitOptions,
} from "./connect-options.ts";
import { ServerWaits } from "./server-waits.ts";

/** What went wrong in the program's own handler must not pass in silence. */
const errorsOnly: Logger = { ...silentLogger, error: (...line) => console.error(...line) };

/**
 * A MetalBond client: announces routes to all its servers, and merges what they know of the VNIs it subscribes to. A
 * server that is away is never an error: it is tried again for ever, and told everything when it is there.
 */
export class Client {
  readonly #core: ClientCore;
  readonly #waits: ServerWaits;
  readonly #feeds = new ChangeFeeds(
    (vnis) => this.#view(vnis),
    () => [...this.#core.subscriptions()].filter((vni) => this.#core.isComplete(vni)),
  );
  #closed: Promise<void> | null = null;

  private constructor({ servers, clock, ...options }: ConnectOptions & { readonly clock: Clock }) {
    const logger = options.logger ?? errorsOnly;
    this.#core = new ClientCore({
      ...options,
      clock,
      logger,
      // Unlike map(), it sees the holes of an array, too.
      servers: Array.from(servers, readServer),
      handler: this.#handlerAround(options.handler ?? silentHandler),
    });
    this.#waits = new ServerWaits(this.#core, clock, logger);
  }

  /**
   * A client that connects to all its servers from now on, in the background. The handler is told of nothing before the
   * client is given back. Like any open connection it keeps the process alive, until it is closed.
   * @throws BadEndpointError, BadOptionError
   */
  static connect(options: ConnectOptions): Client {
    checkConnectOptions(options);
    const clock = options.clock ?? new SystemClock();
    const client = new Client({ ...options, clock });
    clock.soon(() => client.#core.start());
    return client;
  }

  /**
   * Resolves when one server is established, or all are.
   *
   * Rejects with a ConnectionTimeoutError (which is a TimeoutError) when that takes longer than `timeoutMs`, with the
   * signal's reason when it aborts, with a NotEstablishedError when the client has no servers, with a ClosedError when it is closed, with a BadOptionError for
   * options that make no sense.
   */
  async established(options: WaitOptions = {}): Promise<void> {
    this.#checkOpen();
    await this.#waits.established(options);
  }

  /** At least one server is established. */
  get isEstablished(): boolean {
    return this.servers().some(({ state }) => state === "established");
  }

  /**
   * Its routes come into view, now and from now on.
   * @throws AlreadySubscribedError, BadRouteError, ClosedError
   */
  subscribe(vni: number): void {
    this.#checkOpen();
    checkVni(vni);
    if (!this.#core.subscribe(vni)) throw new AlreadySubscribedError(vni);
  }

  /**
   * Its routes leave the view.
   * @throws NotSubscribedError, BadRouteError, ClosedError
   */
  unsubscribe(vni: number): void {
    this.#checkOpen();
    checkVni(vni);
    if (!this.#core.unsubscribe(vni)) throw new NotSubscribedError(vni);
    this.#feeds.incomplete(vni);
  }

  /**
   * Every server is told of the route, now and whenever it comes back, until it is withdrawn.
   * @throws RouteAlreadyAnnouncedError, TableFullError, BadRouteError, ClosedError
   */
  announce(route: Route): void {
    this.#checkOpen();
    checkRoute(route);
    if (!this.#core.announce(printableRoute(route))) throw new RouteAlreadyAnnouncedError(route);
  }

  /**
   * Every server is told that the route is gone, now or when it comes back.
   * @throws RouteNotFoundError, BadRouteError, ClosedError
   */
  withdraw(route: Route): void {
    this.#checkOpen();
    checkRoute(route);
    if (!this.#core.withdraw(route)) throw new RouteNotFoundError(route);
  }

  /**
   * Resolves when everything that was asked for so far (subscriptions, announcements, and their ends) has been read by
   * one server, or by all. With "any", the other established servers are waited for as well, but for a second at most;
   * those that have not read it then, and those that are away, are named in a warning. They are told all the same.
   *
   * Rejects with a NotEstablishedError when no server is established at the end of `timeoutMs`, with a TimeoutError when
   * one is and has not answered yet, with the signal's reason when it aborts, with a ClosedError when the client is closed, with a BadOptionError for options that
   * make no sense. Nothing is forgotten for that.
   */
  async confirmed(options: WaitOptions = {}): Promise<void> {
    this.#checkOpen();
    await this.#waits.confirmed(options);
  }

  /**
   * The routes in view, as added, then every change, until the client is closed, the signal aborts (both are an end, not
   * an error) or the loop is left; and between them `{ type: "complete", vni }` as soon as all routes of a VNI have come. A slow reader holds nothing up: of a route that came and went before it was read
   * nothing is told, so that what waits is at most the difference between what was read and the present view.
   * @throws BadOptionError, BadRouteError for what is no VNI
   */
  changes(options: ChangesOptions = {}): RouteChanges {
    checkChangesOptions(options);
    const { vnis, signal } = options;
    const wanted = vnis === undefined ? null : new Set(vnis);
    for (const vni of wanted ?? []) checkVni(vni);
    return this.#feeds.open(wanted, signal);
  }

  /** The VNIs that it subscribes to. */
  subscriptions(): number[] {
    return [...this.#core.subscriptions()];
  }

  /**
   * All of the VNI's routes have come since it was subscribed; `ClientHandler.complete` tells when.
   * @throws BadRouteError
   */
  isComplete(vni: number): boolean {
    checkVni(vni);
    return this.#core.isComplete(vni);
  }

  /**
   * The routes in view, of one VNI or of all: received, and not announced by this client itself.
   * @throws BadRouteError
   */
  receivedRoutes(vni?: number): Route[] {
    if (vni !== undefined) checkVni(vni);
    const routes: Route[] = [];
    for (const route of this.#core.routes()) {
      if (vni === undefined || route.vni === vni) routes.push(printableRoute(route));
    }
    return routes;
  }

  /** How many routes are in view. */
  get routeCount(): number {
    return this.#core.routeCount;
  }

  /** The routes that this client announces, or will again at the end of draining. */
  announcedRoutes(): Route[] {
    return Array.from(this.#core.announcements(), printableRoute);
  }

  /** The servers and their states. */
  servers(): ServerInfo[] {
    return this.#core.servers();
  }

  /**
   * The servers that have the route, lost ones that had it among them.
   * @throws BadRouteError
   */
  serversOf(route: Route): Endpoint[] {
    checkRoute(route);
    return this.#core.serversOf(route);
  }

  /**
   * Drops what a server told, instead of waiting for the end of its stale time. If it is established, it is connected to
   * again, and tells all that it has. The routes that leave the view for that, in the next moments if they are many.
   * @throws BadEndpointError, ClosedError
   */
  dropServerRoutes(server: ServerAddress): Route[] {
    this.#checkOpen();
    const endpoint = readServer(server);
    const dropped = this.receivedRoutes().filter((route) => {
      const [holder, ...others] = this.#core.serversOf(route);
      return others.length === 0 && holder !== undefined && sameEndpoint(holder, endpoint);
    });
    this.#core.dropServerRoutes(endpoint);
    return dropped;
  }

  /**
   * Connects to one server more, and tells it all that is wanted. False: it is one of them already.
   * @throws BadEndpointError, ClosedError
   */
  addServer(server: ServerAddress): boolean {
    this.#checkOpen();
    return this.#core.addServer(readServer(server));
  }

  /**
   * What no other server has leaves the view, our announcements are withdrawn there, and the connection is
   * closed. False: it is none of this client's servers.
   * @throws BadEndpointError, ClosedError
   */
  removeServer(server: ServerAddress): boolean {
    this.#checkOpen();
    const isRemoved = this.#core.removeServer(readServer(server));
    // It may have been the last one that was waited for, or the last of all.
    this.#waits.changed();
    return isRemoved;
  }

  /**
   * Ends the connection to a server and connects again at once. False: it is none of this client's servers.
   * @throws BadEndpointError, ClosedError
   */
  resetServer(server: ServerAddress): boolean {
    this.#checkOpen();
    return this.#core.resetServer(readServer(server));
  }

  /**
   * Withdraws all announcements and stays connected, so that traffic turns away while it can still be served. They are
   * remembered, and so is what is announced from now on. False: it was drained already.
   */
  drain(): boolean {
    this.#checkOpen();
    return this.#core.drain();
  }

  /**
   * Announces everything again. False: it was not drained.
   * @throws TableFullError, and it is drained still; ClosedError
   */
  undrain(): boolean {
    this.#checkOpen();
    return this.#core.undrain();
  }

  /**
   * Other times from now on.
   * @throws BadOptionError, ClosedError
   */
  configure(settings: Partial<ClientSettings>): void {
    this.#checkOpen();
    checkSettings(settings);
    this.#core.configure(settings);
  }

  /**
   * Withdraws all announcements (unless told to leave them), waits until the network has taken that, and closes. What
   * waits for this client rejects with a ClosedError at once; `changes` end after what is known; no handler is told of
   * routes any more.
   *
   * Rejects with a BadOptionError, and then nothing is closed.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    if (this.#closed === null) {
      // Before anybody is told of it: who closes it again from inside a handler waits for the same end.
      const closed = Promise.withResolvers<void>();
      this.#closed = closed.promise;
      // What the view does from the stop on is told to nobody.
      this.#feeds.close();
      this.#core.stop(options.withinMs, options.onStop).then(closed.resolve, closed.reject);
      this.#waits.endAll(new ClosedError("client"));
    }
    await this.#closed;
  }

  /** `await using client = Client.connect(…)` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Before the program's handler, whose errors are no concern of ours, the client itself is told. */
  #handlerAround(handler: ClientHandler): ClientHandler {
    return {
      routeAdded: (entry) => {
        const route = printableRoute(entry);
        this.#feeds.changed("added", route);
        return handler.routeAdded?.(route);
      },
      routeRemoved: (entry) => {
        const route = printableRoute(entry);
        this.#feeds.changed("removed", route);
        return handler.routeRemoved?.(route);
      },
      announced: (route) => handler.announced?.(printableRoute(route)),
      withdrawn: (route) => handler.withdrawn?.(printableRoute(route)),
      complete: (vni) => {
        this.#feeds.complete(vni);
        return handler.complete?.(vni);
      },
      serverState: (server, state, reason) => {
        this.#waits.changed();
        return handler.serverState?.(server, state, reason);
      },
    };
  }

  *#view(vnis: ReadonlySet<number> | null): Iterable<Route[]> {
    for (const routes of this.#core.routesByDestination(vnis)) yield routes.map(printableRoute);
  }

  #checkOpen(): void {
    if (this.#closed !== null) throw new ClosedError("client");
  }
}
