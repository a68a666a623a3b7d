import { ClosedError } from "../base/bunbond-error.ts";
import type { Clock, Timer } from "../base/clock.ts";
import {
  DEFAULT_MAX_HALF_OPEN,
  DEFAULT_RETAIN_SECONDS,
  DEFAULT_SEND_HOLD_SECONDS,
  DEFAULT_SETTLE_SECONDS,
} from "../base/defaults.ts";
import { reserveMemory } from "../base/growable-int32-array.ts";
import { LimitedLog } from "../base/limited-log.ts";
import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import { silentLogger } from "../base/logger.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { endpointOf } from "../net/endpoint-argument.ts";
import { printableRoute } from "../route/printable-route.ts";
import type { Route } from "../route/route.ts";
import { ROUTE_SOURCE, type RouteSource } from "../route/table/route-source.ts";
import { LARGE_ARRAYS_OF_TABLE } from "../route/table/route-table.ts";
import type { ByteStream, Listener } from "../transport/network.ts";
import { SystemClock } from "../transport/schedule/system-clock.ts";
import { BunNetwork } from "../transport/tcp-network.ts";
import { DEFAULT_KEEPALIVE_SECONDS, DEFAULT_PORT } from "../wire/protocol.ts";
import { type Accepted, Admission } from "./admission.ts";
import { BelievedCuts } from "./believed-cuts.ts";
import { GuardedServerHandler } from "./events.ts";
import { DEFAULT_LIMITS, limitsOf, type ServerLimits } from "./exchange/limits.ts";
import { RouteExchange, type VniInfo } from "./exchange/route-exchange.ts";
import { LossWatch, type PresentAnnouncer } from "./loss-watch.ts";
import type { ServerOptions, ServerSettings } from "./options.ts";
import { checkServerOptions, checkServerSettings } from "./options.ts";
import { type PeerContext, type PeerInfo, type PeerLoss, ServerPeer } from "./peer.ts";
import { RetainedPeers } from "./retained-peers.ts";
import { makeServerId } from "./server-id.ts";
import { RunningCounters, type ServerCounters } from "./stats.ts";
import { SuspensionWatch } from "./suspension.ts";

/** What lost peers announced is kept for no longer than so many times to settle more, however often the server is cut off. */
const MOST_EXTENSIONS = 2;
/** A peer that was established for a shorter time says nothing by its loss. */
const SEASONED_MS = 5_000;
/** Each sends something each interval: one that has not been heard for so many is silent. */
const SILENT_INTERVALS = 1.25;
/** The rest is for garbage, for what is sent and received, and for others. */
const TABLE_MEMORY_PART = 0.5;

/** A server in numbers. */
export interface ServerStats {
  /** Everybody who is connected. */
  readonly peers: number;
  readonly establishedPeers: number;
  /** Each counts once, however many peers announce it. */
  readonly routes: number;
  /** VNIs with a route or a subscriber. */
  readonly vnis: number;
  /** Announcements kept for peers that are gone (`retainSeconds`). */
  readonly retainedAnnouncements: number;
  /** End-of-RIBs are sent: `settleSeconds` have passed since the start, or since it stood still. */
  readonly isSettled: boolean;
  readonly counters: ServerCounters;
}

/** A MetalBond server: takes announcements and tells every subscriber of a VNI what it does not know yet. */
export class Server {
  readonly #peers = new Set<ServerPeer>();
  readonly #counters = new RunningCounters();
  readonly #exchange: RouteExchange;
  readonly #logger: EventLog;
  readonly #clock: Clock;
  readonly #peerContext: { -readonly [Name in keyof PeerContext]: PeerContext[Name] };
  #listener: Listener | null = null;
  /** As configured. */
  #retainAlwaysMs: number;
  readonly #settleMs: number;
  /** While it runs, End-of-RIBs are held back. */
  #settleTimer: Timer | null = null;
  /** It settles again, after a suspension. */
  #settlesAgain = false;
  #suspensionWatch: SuspensionWatch | null = null;
  readonly #retained: RetainedPeers;
  readonly #lossWatch: LossWatch;
  readonly #believedCuts: BelievedCuts;
  /** It was cut off, and nobody has come back yet. */
  #awaitsReturn = false;
  /** After a cut, whoever comes back before that is waited for anew. */
  #returnsUntilMs = Number.NEGATIVE_INFINITY;
  #settleUntilMs = Number.NEGATIVE_INFINITY;
  #limits: ServerLimits;
  #nextPeerId = 1;

  private constructor(options: ServerOptions) {
    this.#retainAlwaysMs = (options.retainSeconds ?? DEFAULT_RETAIN_SECONDS) * 1000;
    this.#settleMs = (options.settleSeconds ?? DEFAULT_SETTLE_SECONDS) * 1000;
    this.#clock = options.clock ?? new SystemClock();
    this.#limits = limitsOf(options, DEFAULT_LIMITS);
    this.#logger = new LimitedLog(options.logger ?? silentLogger, this.#clock);
    this.#exchange = new RouteExchange({
      limits: this.#limits,
      deferEndOfRib: this.#settleMs > 0,
      maxBytes: options.maxTableBytes ?? TABLE_MEMORY_PART * process.constrainedMemory(),
      soon: (run) => this.#clock.soon(run),
    });
    this.#peerContext = {
      keepaliveSeconds: options.keepaliveSeconds ?? DEFAULT_KEEPALIVE_SECONDS,
      pacing: options.pacing ?? "auto",
      serverId: makeServerId(options.random ?? Math.random),
      sendHoldMs: (options.sendHoldSeconds ?? DEFAULT_SEND_HOLD_SECONDS) * 1000,
      clock: this.#clock,
      logger: this.#logger,
      exchange: this.#exchange,
      counters: this.#counters,
      established: () => this.#peerEstablished(),
      lost: (loss) => this.#peerLost(loss),
      gone: (peer) => this.#peers.delete(peer),
      listener: new GuardedServerHandler(options.handler ?? {}, this.#logger),
    };
    this.#believedCuts = new BelievedCuts(this.#clock, this.#settleMs);
    this.#lossWatch = new LossWatch(
      this.#clock,
      () => this.#presentAnnouncers(),
      () => this.#wasCutOff(),
    );
    this.#retained = new RetainedPeers(this.#clock, (isLate, extendedMs) =>
      this.#extendRetainedMs(isLate, extendedMs),
    );
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
    reserveMemory(LARGE_ARRAYS_OF_TABLE);
    const server = new Server(options);
    const network = options.network ?? new BunNetwork();
    const admission = new Admission({
      network,
      clock: server.#clock,
      logger: server.#logger,
      counters: server.#counters,
      maxHalfOpen: options.maxHalfOpen ?? DEFAULT_MAX_HALF_OPEN,
    });
    const accept = (stream: ByteStream, established: () => void) => server.#accept(stream, established);
    try {
      const listener = await network.listen(listen, (stream) => admission.admit(stream, accept));
      server.#listener = listener;
      admission.listens(listener);
    } catch (error) {
      server.#settleTimer?.cancel();
      throw error;
    }
    server.#suspensionWatch = new SuspensionWatch(
      server.#clock,
      () => server.#shortestIntervalMs,
      (forMs) => server.#stoodStill(forMs),
    );
    server.#logger.log(LOG.listening, { address: formatEndpoint(server.endpoint) });
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

  /** The VNIs with a route or a subscriber, in order: all, or as many of them. */
  vnis(limit?: number): VniInfo[] {
    return this.#exchange.vnis(limit);
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
      vnis: this.#exchange.vniCount,
      retainedAnnouncements: this.#exchange.retainedAnnouncements,
      isSettled: !this.#exchange.endOfRibDeferred,
      counters: this.#counters.copy(),
    };
  }

  /**
   * Others from now on: `retainSeconds` for whoever is lost next, limits for what comes next (nobody loses what it has),
   * the other times for connections that are made from now on.
   * @throws BadOptionError, and then nothing has changed
   */
  configure(settings: Partial<ServerSettings>): void {
    checkServerSettings(settings);
    const { keepaliveSeconds, retainSeconds, sendHoldSeconds } = settings;
    const context = this.#peerContext;
    if (keepaliveSeconds !== undefined) context.keepaliveSeconds = keepaliveSeconds;
    if (retainSeconds !== undefined) this.#retainAlwaysMs = retainSeconds * 1000;
    if (sendHoldSeconds !== undefined) context.sendHoldMs = sendHoldSeconds * 1000;
    this.#limits = limitsOf(settings, this.#limits);
    this.#exchange.setLimits(this.#limits);
  }

  /** Closes the listener and every connection, in order. */
  stop(): void {
    this.#suspensionWatch?.stop();
    // Nobody is waited for any more, whatever the peers' ends tell of a suspension.
    this.#suspensionWatch = null;
    this.#settleTimer?.cancel();
    this.#retained.stop();
    this.#lossWatch.stop();
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
    this.#suspensionWatch?.look();
    return Math.max(this.#retainAlwaysMs, this.#settlesAgain ? this.#settleMs : 0);
  }

  /** Of all keepalive intervals in use. */
  get #shortestIntervalMs(): number {
    let seconds = this.#peerContext.keepaliveSeconds;
    for (const { connection } of this.#peers) seconds = Math.min(seconds, connection.keepaliveSeconds);
    return seconds * 1000;
  }

  /** For the time to settle no End-of-RIBs are sent: the table is not whole before the clients are back. */
  #settle(): void {
    if (this.#settleMs === 0) return;
    this.#exchange.deferEndOfRib();
    this.#settleUntilMs = this.#clock.nowMs() + this.#settleMs;
    this.#settleAfter(this.#settleMs);
  }

  #settleAfter(waitMs: number): void {
    this.#settleTimer?.cancel();
    this.#settleTimer = this.#clock.after(waitMs, () => {
      const leftMs = this.#settleUntilMs - this.#clock.nowMs();
      if (leftMs > 0) {
        this.#settleAfter(leftMs);
        return;
      }
      this.#logger.debug("settled: End-of-RIBs are sent from now on");
      this.#settlesAgain = false;
      this.#exchange.releaseEndOfRib();
    });
  }

  /**
   * Clients have left for our silence, and come back. Until they have had the time for that, theirs is retained as if
   * they had been lost, and no End-of-RIB tells those who are back first that the others have nothing.
   */
  #stoodStill(forMs: number): void {
    this.#logger.log(LOG.suspended, {
      forSeconds: Math.round(forMs / 100) / 10,
      settleSeconds: this.#settleMs / 1000,
    });
    this.#settlesAgain = this.#settleMs > 0;
    this.#settle();
  }

  /**
   * Most announcers are lost at once: it was this server that could not be reached. As after a suspension; but how long it will
   * take nobody knows, and attempts to connect that began meanwhile have to end first. So the time to settle begins anew when
   * the first one is back, and with each that comes back within it: twice the time at most. Returns false if it has happened too often
   * to be believed.
   */
  #wasCutOff(): boolean {
    if (!this.#believedCuts.believe()) {
      this.#logger.log(LOG.mostAnnouncersLostAgain, {});
      return false;
    }
    if (!this.#awaitsReturn) {
      this.#logger.log(LOG.mostAnnouncersLost, {
        settleSeconds: this.#settleMs / 1000,
      });
    }
    this.#awaitsReturn = true;
    this.#settlesAgain = true;
    this.#settle();
    return true;
  }

  #peerEstablished(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#awaitsReturn) {
      this.#awaitsReturn = false;
      this.#returnsUntilMs = nowMs + this.#settleMs;
      this.#settlesAgain = true;
      this.#settle();
      this.#retained.renew(this.#settleMs);
    } else if (nowMs < this.#returnsUntilMs) this.#settleUntilMs = nowMs + this.#settleMs;
  }

  #peerLost(loss: PeerLoss): void {
    const { peer, reason, establishedForMs } = loss;
    if (this.#settleMs === 0 || establishedForMs < SEASONED_MS || reason === "reset") {
      this.#decide(loss);
      return;
    }
    this.#lossWatch.lost({
      remote: peer.connection.remote,
      wasSilent: reason === "keepalive-timeout",
      keepaliveSeconds: peer.connection.keepaliveSeconds,
      decide: () => this.#decide(loss),
    });
  }

  #decide(loss: PeerLoss): void {
    const forMs = this.#retainMs;
    if (forMs === 0) {
      loss.withdraw();
      return;
    }
    const forget = loss.retain(forMs);
    // Not the peer, with its connection: many may be lost while they are waited for.
    const { name } = loss.peer;
    this.#retained.retain(
      {
        forget: () => {
          const routes = forget();
          if (routes === 0) return;
          const fields = { ...name, routes };
          this.#logger.log(LOG.retainedWithdrawn, fields);
        },
      },
      forMs,
    );
  }

  /**
   * While nobody is there, nobody has to know. Who was to return may have been waiting for a process that stood still. After
   * a cut all have the same time, but whatever happens then no more than some times `settle`.
   */
  #extendRetainedMs(isLate: boolean, extendedMs: number): number {
    const isAlone = this.#awaitsReturn && !this.#hasEstablishedPeers;
    if (isAlone || isLate) return this.#settleMs;
    if (!this.#settlesAgain || extendedMs >= MOST_EXTENSIONS * this.#settleMs) return 0;
    return this.#settleUntilMs - this.#clock.nowMs();
  }

  get #hasEstablishedPeers(): boolean {
    return this.#peers.values().some(({ connection }) => connection.state === "established");
  }

  *#presentAnnouncers(): Iterable<PresentAnnouncer> {
    const nowMs = this.#clock.nowMs();
    for (const peer of this.#peers) {
      const { connection } = peer;
      if (connection.state !== "established" || !peer.isAnnouncerFor(SEASONED_MS)) continue;
      const silentMs = SILENT_INTERVALS * 1000 * connection.keepaliveSeconds;
      yield { remote: connection.remote, isSilent: nowMs - connection.lastReceivedMs > silentMs };
    }
  }

  #accept(stream: ByteStream, established: () => void): Accepted {
    this.#counters.connectionsAccepted++;
    const peer = new ServerPeer(this.#nextPeerId++, stream, this.#peerContext, established);
    this.#peers.add(peer);
    this.#logger.debug("connection accepted", { peer: stream.remote, id: peer.id });
    return peer.connection;
  }
}
