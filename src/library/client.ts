/**
 * The client that programs use. It adds to the daemon's client (client-core.ts) errors instead of booleans, promises for what
 * takes time, and the changes of the view as an async iterator.
 *
 *     program ── announce, subscribe, … ──▶ Client ──▶ ClientCore ──▶ servers
 *                                             │            │
 *             established, confirmed ◀── ServerWaits ◀─────┤ serverState, confirm
 *             changes()              ◀── ChangeFeeds ◀─────┤ routeAdded, routeRemoved, complete
 *             handlers               ◀── HandlerFanOut ◀───┘ all events
 *
 * Every request is remembered at once, and sent to each server whenever that is established. So `announce` and the like neither
 * wait nor fail when a server is missing; `confirmed` waits until a server has read them.
 */
import { ClosedError } from "../base/bunbond-error.ts";
import type { Clock } from "../base/clock.ts";
import { LimitedLog } from "../base/limited-log.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import { ClientCore } from "../client/client-core.ts";
import {
  AlreadySubscribedError,
  NotSubscribedError,
  RouteAlreadyAnnouncedError,
  RouteNotFoundError,
} from "../client/errors.ts";
import { type ClientHandler, HandlerFanOut } from "../client/events.ts";
import type { ClientSettings, ServerInfo } from "../client/options.ts";
import { FOLLOW_VIEW, type ViewFollower } from "../client/view/client-view.ts";
import { type Endpoint, sameEndpoint } from "../net/endpoint.ts";
import { checkRoute, checkVni } from "../route/make-route.ts";
import { printableRoute } from "../route/printable-route.ts";
import type { Route } from "../route/route.ts";
import { SystemClock } from "../transport/schedule/system-clock.ts";
import type { RouteChanges } from "./change-feed.ts";
import { ChangeFeeds } from "./change-feeds.ts";
import {
  type ChangesOptions,
  type CloseOptions,
  type ConnectOptions,
  checkChangesOptions,
  checkCloseOptions,
  checkConnectOptions,
  checkHandler,
  checkSettings,
  readServer,
  type ServerAddress,
  type WaitOptions,
} from "./options.ts";
import { ServerWaits } from "./server-waits.ts";

/** Prints errors, since a failure of the program's own handler must not go unnoticed. */
const errorsOnly: Logger = { ...silentLogger, error: (...line) => console.error(...line) };

/**
 * A MetalBond client: announces routes to all its servers, and merges their routes of the VNIs that it subscribes to. A
 * server that is away is never an error: the client tries again forever, and sends everything when the server is back.
 */
export class Client {
  readonly #core: ClientCore;
  readonly #waits: ServerWaits;
  /** The program's handlers. */
  readonly #handlers: HandlerFanOut;
  readonly #feeds = new ChangeFeeds(
    (vnis) => this.#view(vnis),
    () => [...this.#core.subscriptions()].filter((vni) => this.#core.isComplete(vni)),
  );
  #closed: Promise<void> | null = null;

  private constructor({ servers, clock, ...options }: ConnectOptions & { readonly clock: Clock }) {
    const logger = options.logger ?? errorsOnly;
    this.#handlers = new HandlerFanOut(options.handler ?? [], new LimitedLog(logger, clock));
    this.#core = new ClientCore({
      ...options,
      clock,
      logger,
      // Unlike map(), it sees the holes of an array, too.
      servers: Array.from(servers, readServer),
      handler: this.#ownHandler(),
    });
    this.#waits = new ServerWaits(this.#core, clock, logger);
  }

  /**
   * Returns a client that connects to all its servers in the background. No handler is called before this returns. Like any
   * open connection the client keeps the process alive, until it is closed.
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
   * Rejects with a ConnectionTimeoutError (which is a TimeoutError) when that takes longer than `timeoutMs`, with the signal's
   * reason when it aborts, with a NotEstablishedError when the client has no servers, with a ClosedError when it is closed, and with
   * a BadOptionError for invalid options.
   */
  async established(options: WaitOptions = {}): Promise<void> {
    this.#checkOpen();
    await this.#waits.established(options);
  }

  /** Adds a handler of the events from now on. Returns a function that removes it again. */
  addHandler(handler: ClientHandler): () => void {
    this.#checkOpen();
    checkHandler(handler);
    return this.#handlers.add(handler);
  }

  /** Returns true if at least one server is established. */
  get isEstablished(): boolean {
    return this.servers().some(({ state }) => state === "established");
  }

  /**
   * Subscribes to a VNI: its routes come into view.
   * @throws AlreadySubscribedError, BadRouteError, ClosedError
   */
  subscribe(vni: number): void {
    this.#checkOpen();
    checkVni(vni);
    if (!this.#core.subscribe(vni)) throw new AlreadySubscribedError(vni);
  }

  /**
   * Ends the subscription to a VNI: its routes leave the view.
   * @throws NotSubscribedError, BadRouteError, ClosedError
   */
  unsubscribe(vni: number): void {
    this.#checkOpen();
    checkVni(vni);
    if (!this.#core.unsubscribe(vni)) throw new NotSubscribedError(vni);
    this.#feeds.incomplete(vni);
  }

  /**
   * Announces a route to every server, now and whenever a server comes back, until it is withdrawn.
   * @throws RouteAlreadyAnnouncedError, TableFullError, BadRouteError, ClosedError
   */
  announce(route: Route): void {
    this.#checkOpen();
    checkRoute(route);
    if (!this.#core.announce(printableRoute(route))) throw new RouteAlreadyAnnouncedError(route);
  }

  /**
   * Withdraws a route at every server, now or when the server comes back.
   * @throws RouteNotFoundError, BadRouteError, ClosedError
   */
  withdraw(route: Route): void {
    this.#checkOpen();
    checkRoute(route);
    if (!this.#core.withdraw(route)) throw new RouteNotFoundError(route);
  }

  /**
   * Resolves when everything that was requested so far (subscriptions, announcements, and their ends) has been read by one
   * server, or by all. With "any", the other established servers are waited for as well, but for at most a second; a warning names
   * the servers that have not read it then or are away. They get it all the same.
   *
   * Rejects with a NotEstablishedError when no server is established at the end of `timeoutMs`, with a TimeoutError when one is and
   * has not answered yet, with the signal's reason when it aborts, with a ClosedError when the client is closed, and with a
   * BadOptionError for invalid options. The requests stay.
   */
  async confirmed(options: WaitOptions = {}): Promise<void> {
    this.#checkOpen();
    await this.#waits.confirmed(options);
  }

  /**
   * Returns the routes in view, as added, then every change, until the client is closed, the signal aborts (both are an end, not
   * an error) or the loop is left; and between them `{ type: "complete", vni }` as soon as all routes of a VNI have come. A slow
   * reader delays nothing: a route that came and went before it was read is not mentioned, so what waits is at most the difference
   * between what was read and the present view.
   * @throws BadOptionError; BadRouteError for an invalid VNI
   */
  changes(options: ChangesOptions = {}): RouteChanges {
    checkChangesOptions(options);
    const { vnis, signal } = options;
    const wanted = vnis === undefined ? null : new Set(vnis);
    for (const vni of wanted ?? []) checkVni(vni);
    return this.#feeds.open(wanted, signal);
  }

  /** Returns the VNIs that the client subscribes to. */
  subscriptions(): number[] {
    return [...this.#core.subscriptions()];
  }

  /**
   * Returns true if all routes of the VNI have come since it was subscribed; `ClientHandler.complete` reports that moment.
   * @throws BadRouteError
   */
  isComplete(vni: number): boolean {
    checkVni(vni);
    return this.#core.isComplete(vni);
  }

  /**
   * Returns the routes in view, of one VNI or of all: received, and not announced by this client itself.
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

  /** The number of routes in view. */
  get routeCount(): number {
    return this.#core.routeCount;
  }

  /** Returns the routes that this client announces, or will announce again at the end of draining. */
  announcedRoutes(): Route[] {
    return Array.from(this.#core.announcements(), printableRoute);
  }

  /** Returns the servers and their states. */
  servers(): ServerInfo[] {
    return this.#core.servers();
  }

  /**
   * Returns the servers that have the route, including lost ones that had it.
   * @throws BadRouteError
   */
  serversOf(route: Route): Endpoint[] {
    checkRoute(route);
    return this.#core.serversOf(route);
  }

  /**
   * Drops the routes of a server, instead of waiting for the end of their stale time. If the server is established, the client
   * connects to it again, and the server sends its whole table. Returns the routes that leave the view for that, which takes some
   * turns of the event loop if they are many.
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
   * Adds a server and connects to it. Returns false if it is one of the servers already.
   * @throws BadEndpointError, ClosedError
   */
  addServer(server: ServerAddress): boolean {
    this.#checkOpen();
    return this.#core.addServer(readServer(server));
  }

  /**
   * Removes a server: routes that no other server has leave the view, our announcements are withdrawn there, and the connection is
   * closed. Returns false if it is not one of the servers.
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
   * Ends the connection to a server and connects again at once. Returns false if it is not one of the servers.
   * @throws BadEndpointError, ClosedError
   */
  resetServer(server: ServerAddress): boolean {
    this.#checkOpen();
    return this.#core.resetServer(readServer(server));
  }

  /**
   * Withdraws all announcements and stays connected, so that traffic turns away while it can still be served. The client
   * remembers them, and what is announced from now on. Returns false if it is drained already.
   */
  drain(): boolean {
    this.#checkOpen();
    return this.#core.drain();
  }

  /**
   * Announces everything again. Returns false if the client is not drained.
   * @throws TableFullError, and the client is drained still; ClosedError
   */
  undrain(): boolean {
    this.#checkOpen();
    return this.#core.undrain();
  }

  /**
   * Changes settings.
   * @throws BadOptionError, ClosedError
   */
  configure(settings: Partial<ClientSettings>): void {
    this.#checkOpen();
    checkSettings(settings);
    this.#core.configure(settings);
  }

  /**
   * Withdraws all announcements (with `onStop: "keep"` it does not), waits until the network has taken that, and closes. What
   * waits for this client rejects with a ClosedError at once; `changes` end after the known changes; no handler gets route events
   * any more.
   *
   * Rejects with a BadOptionError, and then nothing is closed.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    if (this.#closed === null) {
      // Set first: a second call, from inside a handler, waits for the same end.
      const closed = Promise.withResolvers<void>();
      this.#closed = closed.promise;
      // Changes of the view after the stop are not reported.
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

  /** Updates what the library keeps, then calls the program's handlers, with routes that print themselves. */
  #ownHandler(): Required<ClientHandler> & ViewFollower {
    return {
      [FOLLOW_VIEW]: (view) => this.#handlers.follow(view),
      routeAdded: (entry) => {
        const route = printableRoute(entry);
        this.#feeds.changed("added", route);
        this.#handlers.routeAdded(route);
      },
      routeRemoved: (entry) => {
        const route = printableRoute(entry);
        this.#feeds.changed("removed", route);
        this.#handlers.routeRemoved(route);
      },
      announced: (route) => this.#handlers.announced(printableRoute(route)),
      withdrawn: (route) => this.#handlers.withdrawn(printableRoute(route)),
      complete: (vni) => {
        this.#feeds.complete(vni);
        this.#handlers.complete(vni);
      },
      serverState: (server, state, reason) => {
        this.#waits.changed();
        this.#handlers.serverState(server, state, reason);
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
