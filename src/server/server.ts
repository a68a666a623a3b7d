import { ClosedError } from "../net/bunbond-error.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { endpointOf } from "../net/endpoint-argument.ts";
import { prepareMemories } from "../route/growing-words.ts";
import { printableRoute } from "../route/printable-route.ts";
import type { Route } from "../route/route.ts";
import { ROUTE_SOURCE, type RouteSource } from "../route/route-source.ts";
import { LARGE_ARRAYS_OF_TABLE } from "../route/route-table.ts";
import type { Clock, Timer } from "../session/clock.ts";
import { LimitedLog } from "../session/limited-log.ts";
import { type Logger, silentLogger } from "../session/logger.ts";
import { BunNetwork } from "../transport/bun-network.ts";
import type { Gentleness } from "../transport/pace.ts";
import type { ByteStream, Listener, Network, StreamEvents } from "../transport/stream.ts";
import { SystemClock } from "../transport/system-clock.ts";
import { DEFAULT_KEEPALIVE_SECONDS, DEFAULT_PORT } from "../wire/protocol.ts";
import { Admission } from "./admission.ts";
import { checkServerOptions, checkServerSettings } from "./check-options.ts";
import { GuardedServerHandler, type ServerHandler } from "./handler.ts";
import { type PeerContext, type PeerInfo, ServerPeer } from "./peer.ts";
import { RouteExchange, type VniInfo } from "./route-exchange.ts";
import { StandstillWatch } from "./standstill.ts";
import { RunningCounters, type ServerCounters } from "./stats.ts";

/** Where a server listens, and how it behaves. Only `listen` has to be there. */
export interface ServerOptions {
  /** Where to listen, as an endpoint or its text, "[::]:4711"; port 0 takes a free one. */
  readonly listen: Endpoint | string;
  /** A whole number from 1, default 5. The smaller one of server and client is used. */
  readonly keepaliveSeconds?: number;
  /**
   * For how long after the start end marks are held back, so that a client that returns early does not take
   * the absence of those who are still on their way for withdrawals (RFC 4724 calls it deferral).
   * Default 15: the clients' longest retry of 10 s, plus handshake.
   */
  readonly settleSeconds?: number;
  /** Whether subscribers are written to in small steps, which Go's clients need to survive. Default `auto`. */
  readonly gentle?: Gentleness;
  /**
   * A lost peer's routes stay for this long, as far as it had not withdrawn them; not after a breach of the protocol.
   * Whoever announces one of them takes it over. Default 0: they go with the connection, as with other servers.
   */
  readonly retainSeconds?: number;
  /** A peer that takes no byte for this long while some are due is closed. At least 1, default 90. */
  readonly sendHoldSeconds?: number;
  /** Is told of peers that come and go. Default: nobody is. */
  readonly handler?: ServerHandler;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: sockets. */
  readonly network?: Network;
}

/** What can be changed while the server runs. */
export type ServerSettings = Required<
  Pick<ServerOptions, "keepaliveSeconds" | "retainSeconds" | "sendHoldSeconds">
>;

/** No busy turn of the event loop makes a timer so late. */
const LATE_MS = 1_000;
export const DEFAULT_SETTLE_SECONDS = 15;
export const DEFAULT_SEND_HOLD_SECONDS = 90;

/** A server in numbers. */
export interface ServerStats {
  /** Everybody who is connected. */
  readonly peers: number;
  readonly establishedPeers: number;
  /** Each counts once, however many peers announce it. */
  readonly routes: number;
  /** Announcements kept for peers that are gone (`retainSeconds`). */
  readonly retainedAnnouncements: number;
  /** End marks are sent: `settleSeconds` have passed since the start, or since it stood still. */
  readonly isSettled: boolean;
  readonly counters: ServerCounters;
}

/** A MetalBond server: takes announcements and tells every subscriber of a VNI what it does not know yet. */
export class Server {
  readonly #peers = new Set<ServerPeer>();
  readonly #counters = new RunningCounters();
  readonly #exchange: RouteExchange;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #peerContext: { -readonly [Name in keyof PeerContext]: PeerContext[Name] };
  #listener: Listener | null = null;
  /** As configured. */
  #retainAlwaysMs: number;
  readonly #settleMs: number;
  /** While it runs, end marks are held back. */
  #settleTimer: Timer | null = null;
  /** It settles again, after a standstill. */
  #settlesAgain = false;
  #standstillWatch: StandstillWatch | null = null;
  readonly #retainTimers = new Set<Timer>();
  #nextPeerId = 1;

  private constructor(options: ServerOptions) {
    this.#retainAlwaysMs = (options.retainSeconds ?? 0) * 1000;
    this.#settleMs = (options.settleSeconds ?? DEFAULT_SETTLE_SECONDS) * 1000;
    this.#clock = options.clock ?? new SystemClock();
    this.#logger = new LimitedLog(options.logger ?? silentLogger, this.#clock);
    this.#exchange = new RouteExchange({
      holdEndMarks: this.#settleMs > 0,
      soon: (run) => this.#clock.soon(run),
    });
    this.#peerContext = {
      keepaliveSeconds: options.keepaliveSeconds ?? DEFAULT_KEEPALIVE_SECONDS,
      gentle: options.gentle ?? "auto",
      sendHoldMs: (options.sendHoldSeconds ?? DEFAULT_SEND_HOLD_SECONDS) * 1000,
      retainMs: () => this.#retainMs,
      clock: this.#clock,
      logger: this.#logger,
      exchange: this.#exchange,
      counters: this.#counters,
      listener: new GuardedServerHandler(options.handler ?? {}, this.#logger),
      gone: (peer, forget) => this.#gone(peer, forget),
    };
    this.#settle();
  }

  /**
   * Listens, and takes clients from now on. It keeps the process alive, until it is stopped.
   *
   * Rejects with a BadEndpointError or a BadOptionError, or with a ListenError that says why it cannot.
   */
  static async start(options: ServerOptions): Promise<Server> {
    checkServerOptions(options);
    const listen = endpointOf(options.listen, DEFAULT_PORT, "listen");
    prepareMemories(LARGE_ARRAYS_OF_TABLE);
    const server = new Server(options);
    const network = options.network ?? new BunNetwork();
    const admission = new Admission({
      network,
      clock: server.#clock,
      logger: server.#logger,
      counters: server.#counters,
    });
    const accept = (stream: ByteStream) => server.#accept(stream);
    try {
      server.#listener = await network.listen(listen, (stream) => admission.admit(stream, accept));
    } catch (error) {
      server.#settleTimer?.cancel();
      throw error;
    }
    server.#standstillWatch = new StandstillWatch(
      server.#clock,
      () => server.#shortestIntervalMs,
      (forMs) => server.#stoodStill(forMs),
    );
    server.#logger.info("listening", { address: formatEndpoint(server.endpoint) });
    return server;
  }

  /**
   * Where it listens, with the port really taken.
   * @throws ClosedError once it was stopped
   */
  get endpoint(): Endpoint {
    if (this.#listener === null) throw new ClosedError("server");
    return this.#listener.endpoint;
  }

  /** All routes that are announced, VNI by VNI, in no particular order. Consume it before the next turn of the event loop. */
  routes(): Iterable<Route> {
    return Iterator.from(this.#exchange.routes()).map(printableRoute);
  }

  /** The same, for a reader that takes its time, or wants them in order. */
  [ROUTE_SOURCE](): RouteSource {
    return this.#exchange.source();
  }

  /** Everybody who is connected, established or not yet. */
  peers(): PeerInfo[] {
    return Array.from(this.#peers, (peer) => peer.info());
  }

  /** The VNIs with a route or a subscriber, in order. */
  vnis(): VniInfo[] {
    return this.#exchange.vnis();
  }

  /** Ends the connection of the peer with that id. False: there is none. */
  resetPeer(id: number): boolean {
    const peer = Array.from(this.#peers).find((candidate) => candidate.id === id);
    peer?.connection.close({ reason: "reset" });
    return peer !== undefined;
  }

  /** What it holds now, and what has happened since its start. */
  stats(): ServerStats {
    const established = Array.from(this.#peers).filter((peer) => peer.connection.state === "established");
    return {
      peers: this.#peers.size,
      establishedPeers: established.length,
      routes: this.#exchange.routeCount,
      retainedAnnouncements: this.#exchange.retainedAnnouncements,
      isSettled: !this.#exchange.endMarksHeld,
      counters: this.#counters.copy(),
    };
  }

  /**
   * Other times from now on: `retainSeconds` for whoever is lost next, the others for connections that are made from
   * now on.
   * @throws BadOptionError, and then nothing has changed
   */
  configure(settings: Partial<ServerSettings>): void {
    checkServerSettings(settings);
    const { keepaliveSeconds, retainSeconds, sendHoldSeconds } = settings;
    const context = this.#peerContext;
    if (keepaliveSeconds !== undefined) context.keepaliveSeconds = keepaliveSeconds;
    if (retainSeconds !== undefined) this.#retainAlwaysMs = retainSeconds * 1000;
    if (sendHoldSeconds !== undefined) context.sendHoldMs = sendHoldSeconds * 1000;
  }

  /** Closes the listener and every connection, in order. */
  stop(): void {
    this.#standstillWatch?.stop();
    // Nobody is waited for any more, whatever the peers' ends tell of a standstill.
    this.#standstillWatch = null;
    this.#settleTimer?.cancel();
    for (const timer of this.#retainTimers) timer.cancel();
    this.#listener?.stop();
    this.#listener = null;
    // Nobody is told of the others' leaving: to the clients the server goes, not the routes.
    for (const peer of this.#peers) peer.connection.close({ reason: "stopped" });
  }

  /** `using server = await Server.start(…)` stops it at the end of the block. */
  [Symbol.dispose](): void {
    this.stop();
  }

  /** For how long a peer that is lost now is retained. */
  get #retainMs(): number {
    this.#standstillWatch?.look();
    return Math.max(this.#retainAlwaysMs, this.#settlesAgain ? this.#settleMs : 0);
  }

  /** Of all keepalive intervals in use. */
  get #shortestIntervalMs(): number {
    let seconds = this.#peerContext.keepaliveSeconds;
    for (const { connection } of this.#peers) seconds = Math.min(seconds, connection.keepaliveSeconds);
    return seconds * 1000;
  }

  /** For the time to settle no end marks are sent: the table is not whole before the clients are back. */
  #settle(): void {
    if (this.#settleMs === 0) return;
    this.#exchange.holdEndMarks();
    this.#settleTimer?.cancel();
    this.#settleTimer = this.#clock.after(this.#settleMs, () => {
      this.#logger.debug("settled: end marks are sent from now on");
      this.#settlesAgain = false;
      this.#exchange.releaseEndMarks();
    });
  }

  /**
   * Clients have left for our silence, and come back. Until they have had the time for that, theirs is retained as if
   * they had been lost, and no end mark tells those who are back first that the others have nothing.
   */
  #stoodStill(forMs: number): void {
    this.#logger.warn("this process stood still; its clients are waited for", {
      forSeconds: Math.round(forMs / 100) / 10,
      settleSeconds: this.#settleMs / 1000,
    });
    this.#settlesAgain = this.#settleMs > 0;
    this.#settle();
  }

  #gone(peer: ServerPeer, forget: (() => number) | null): void {
    this.#peers.delete(peer);
    if (forget !== null) this.#forgetLater(peer, forget, this.#retainMs);
  }

  #forgetLater(peer: ServerPeer, forget: () => number, afterMs: number): void {
    const dueMs = this.#clock.nowMs() + afterMs;
    const timer = this.#clock.after(afterMs, () => {
      this.#retainTimers.delete(timer);
      if (this.#clock.nowMs() - dueMs >= LATE_MS) {
        // This process stood still, and who was to return may have been waiting for it.
        this.#forgetLater(peer, forget, this.#settleMs);
        return;
      }
      const routes = forget();
      if (routes === 0) return;
      const fields = { ...peer.name, routes };
      this.#logger.info("retained routes are withdrawn: nobody has announced them again in time", fields);
    });
    this.#retainTimers.add(timer);
  }

  #accept(stream: ByteStream): StreamEvents {
    this.#counters.connectionsAccepted++;
    const peer = new ServerPeer(this.#nextPeerId++, stream, this.#peerContext);
    this.#peers.add(peer);
    this.#logger.debug("connection accepted", { peer: stream.remote, id: peer.id });
    return peer.connection;
  }
}
