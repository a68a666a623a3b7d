/**
 * A server accepts peers and connects them with the exchange. This is what runs, and what calls what:
 *
 *     Network ──stream──▶ Admission ──▶ ServerPeer, one per connection
 *        ▲ pauses ───────────┘            │
 *                                         │ Connection ──frame──▶ ServerPeer ──add, remove, subscribe──▶ RouteExchange
 *                                         │ Connection ◀──wake─── ServerPeer ◀─wake (a peer has output)─────┘ │
 *                                         │ Connection ──nextRun─▶ ServerPeer ──nextRun──▶ (frames) ──────────┘
 *                                         │
 *     a peer is lost: its routes          │ onLost
 *     are retained, then                  ▼
 *                                      LossWatch ──decide──▶ withdrawn at once, or Retention ──due──▶ withdrawn
 *                                         │ most are lost                        ▲ renew
 *                                         ▼                                      │
 *     start, SuspensionWatch ─────────▶ Deferral of End-of-RIBs ◀── the first peers that return
 *
 * The server has timers for the end of the deferral, the next time of the Retention, SuspensionWatch's check four times
 * a second, and LossWatch's decision. Each connection has its own (transport/connection.ts). Long jobs of the exchange
 * run in slices (exchange/work-queue.ts).
 */
import { ClosedError } from "../base/bunbond-error.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { reserveLargeArrays } from "../base/growable-int32-array.ts";
import type { HistogramValue } from "../base/histogram.ts";
import { LimitedLog } from "../base/limited-log.ts";
import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import { silentLogger } from "../base/logger.ts";
import { type Endpoint, endpointOf, formatEndpoint } from "../net/endpoint.ts";
import { SERVER_OPTIONS } from "../options/server-options.ts";
import { History } from "../route/history.ts";
import { printableRoute } from "../route/printable-route.ts";
import type { Route } from "../route/route.ts";
import { type CountsByVni, LARGE_ARRAYS_OF_TABLE } from "../route/table/route-table.ts";
import type { SessionState } from "../session/session.ts";
import type { ByteStream, Listener } from "../transport/network.ts";
import { SystemClock } from "../transport/schedule/system-clock.ts";
import { BunNetwork } from "../transport/tcp-network.ts";
import { Traffic } from "../transport/traffic.ts";
import { fillUpdateFields } from "../wire/codec.ts";
import { UpdateFields } from "../wire/message.ts";
import { DEFAULT_PORT } from "../wire/protocol.ts";
import { type Accepted, Admission } from "./admission.ts";
import { RunningCounters, type ServerCounters } from "./counters.ts";
import { CutOffLimit } from "./cut-off-limit.ts";
import { Deferral } from "./deferral.ts";
import { GuardedServerHandler } from "./events.ts";
import { DEFAULT_LIMITS, limitsOf, type ServerLimits } from "./exchange/limits.ts";
import { type RetainedAnnouncements, RouteExchange, type VniInfo } from "./exchange/route-exchange.ts";
import { GonePeers } from "./gone-peers.ts";
import { INSPECTION, type ServerInspection } from "./inspection.ts";
import { LossWatch, type PresentAnnouncer } from "./loss-watch.ts";
import type { ServerOptions, ServerSettings } from "./options.ts";
import { checkServerOptions, checkServerSettings } from "./options.ts";
import { type PeerContext, type PeerFigures, type PeerInfo, type PeerLoss, ServerPeer } from "./peer.ts";
import { Retention } from "./retention.ts";
import { makeServerId } from "./server-id.ts";
import { SuspensionWatch } from "./suspension.ts";

/** The loss of a peer that was established for a shorter time is not counted. */
const SEASONED_MS = 5_000;
/**
 * A peer that has sent nothing for this many keepalive intervals is silent: a correct peer sends something in every
 * interval.
 */
const SILENT_INTERVALS = 1.25;
/** The part of the memory that the table may take. The rest is for garbage, for buffers and for other programs. */
const TABLE_MEMORY_PART = 0.5;

/** A lost peer whose announcements are retained. */
interface RetainedPeer {
  /** The log's fields that name the peer. */
  readonly name: ServerPeer["name"];
  readonly announcements: RetainedAnnouncements;
}

/** The state of a server in numbers. */
export interface ServerStats {
  /** How many peers are connected, ESTABLISHED or not. */
  readonly peers: number;
  readonly establishedPeers: number;
  /** How many routes there are. A route counts once, however many peers announce it. */
  readonly routes: number;
  /** How many VNIs have a route or a subscriber. */
  readonly vnis: number;
  /** How many announcements of lost peers are retained (`retainSeconds`). */
  readonly retainedAnnouncements: number;
  /** True if End-of-RIBs are sent: `settleSeconds` have passed since the start, or since the last suspension. */
  readonly isSettled: boolean;
  readonly counters: ServerCounters;
}

/** The method of a {@link Server} that returns its figures: for this package, not for users of the library. */
export const SERVER_FIGURES = Symbol("server figures");

/** A server in numbers, for metrics: what has no limit in size is only iterated over. */
export interface ServerFigures {
  /** Connections by the state of their session. */
  readonly states: ReadonlyMap<SessionState, number>;
  /** The established peers. The iteration may pause while peers come and go. */
  peers(): Iterable<PeerFigures>;
  /** What all connections have carried since the start, including those that have ended. */
  readonly traffic: Traffic;
  /** The routes of the first `limit` VNIs, and of all others together. */
  countsByVni(limit: number): CountsByVni;
  /** How many next hops the routes have, by {@link NextHopType}. */
  readonly nextHopsByType: readonly number[];
  /** From the reading of a change to the write that brings a subscription up to date, in seconds. */
  readonly propagation: HistogramValue;
}

/**
 * A MetalBond server receives announcements, and sends each subscriber of a VNI the changes that it does not have yet.
 */
export class Server {
  readonly #peers = new Set<ServerPeer>();
  readonly #counters = new RunningCounters();
  /** What the connections have carried that have ended. */
  readonly #goneTraffic = new Traffic();
  readonly #gone = new GonePeers();
  readonly #exchange: RouteExchange;
  readonly #history: History;
  readonly #logger: EventLog;
  readonly #clock: Clock;
  readonly #peerContext: { -readonly [Name in keyof PeerContext]: PeerContext[Name] };
  #listener: Listener | null = null;
  /** The configured retention time. */
  #retainAlwaysMs: number;
  readonly #deferralMs: number;
  readonly #deferral: Deferral;
  #suspensionWatch: SuspensionWatch | null = null;
  readonly #retention = new Retention<RetainedPeer>();
  #retentionTimer: Timer | null = null;
  /** When the timer of the retention fires. */
  #retentionTimerMs = Number.POSITIVE_INFINITY;
  #isStopped = false;
  readonly #lossWatch: LossWatch;
  readonly #cutOffLimit: CutOffLimit;
  #limits: ServerLimits;
  #nextPeerId = 1;

  private constructor(options: ServerOptions) {
    this.#retainAlwaysMs = (options.retainSeconds ?? SERVER_OPTIONS.retainSeconds.default) * 1000;
    this.#deferralMs = (options.settleSeconds ?? SERVER_OPTIONS.settleSeconds.default) * 1000;
    this.#clock = options.clock ?? new SystemClock();
    this.#limits = limitsOf(options, DEFAULT_LIMITS);
    this.#logger = new LimitedLog(options.logger ?? silentLogger, this.#clock);
    this.#history = new History(options.historyEntries);
    this.#exchange = new RouteExchange({
      history: this.#history,
      nowMs: () => this.#clock.nowMs(),
      limits: this.#limits,
      deferEndOfRib: this.#deferralMs > 0,
      maxBytes: options.maxTableBytes ?? TABLE_MEMORY_PART * process.constrainedMemory(),
      soon: (run) => this.#clock.soon(run),
    });
    this.#peerContext = {
      keepaliveSeconds: options.keepaliveSeconds ?? SERVER_OPTIONS.keepaliveSeconds.default,
      pacing: options.pacing ?? "auto",
      serverId: makeServerId(options.random ?? Math.random),
      sendHoldMs: (options.sendHoldSeconds ?? SERVER_OPTIONS.sendHoldSeconds.default) * 1000,
      clock: this.#clock,
      logger: this.#logger,
      exchange: this.#exchange,
      counters: this.#counters,
      onEstablished: () => this.#onPeerEstablished(),
      onLost: (loss) => this.#onPeerLost(loss),
      onClosed: (peer) => {
        this.#peers.delete(peer);
        this.#goneTraffic.add(peer.connection.traffic);
      },
      onGone: (info, reason) => this.#gone.add(info, reason, this.#clock.nowMs()),
      listener: new GuardedServerHandler(options.handler ?? {}, this.#logger),
    };
    this.#cutOffLimit = new CutOffLimit(this.#clock, this.#deferralMs);
    this.#lossWatch = new LossWatch(
      this.#clock,
      () => this.#presentAnnouncers(),
      () => this.#onCutOff(),
    );
    this.#deferral = new Deferral(this.#clock, this.#deferralMs, {
      onBegin: () => this.#exchange.deferEndOfRib(),
      onEnd: () => {
        this.#logger.debug("settled: End-of-RIBs are sent from now on");
        this.#exchange.releaseEndOfRib();
      },
    });
    this.#deferral.onStart();
  }

  /**
   * Starts a server, which accepts clients from now on. It keeps the process alive until it is stopped.
   *
   * Rejects with a BadEndpointError or a BadOptionError, or with a ListenError that says why it cannot listen.
   */
  static async start(options: ServerOptions): Promise<Server> {
    checkServerOptions(options);
    const listen = endpointOf(options.listen, DEFAULT_PORT, "listen");
    reserveLargeArrays(LARGE_ARRAYS_OF_TABLE);
    const server = new Server(options);
    const network = options.network ?? new BunNetwork();
    const admission = new Admission({
      network,
      clock: server.#clock,
      logger: server.#logger,
      counters: server.#counters,
      maxHalfOpen: options.maxHalfOpen ?? SERVER_OPTIONS.maxHalfOpen.default,
    });
    const accept = (stream: ByteStream, onEstablished: () => void) => server.#accept(stream, onEstablished);
    try {
      const listener = await network.listen(listen, (stream) => admission.admit(stream, accept));
      server.#listener = listener;
      admission.setListener(listener);
    } catch (error) {
      server.#deferral.stop();
      throw error;
    }
    server.#suspensionWatch = new SuspensionWatch(
      server.#clock,
      () => server.#shortestIntervalMs,
      (forMs) => server.#onSuspended(forMs),
    );
    server.#logger.log(LOG.listening, { address: formatEndpoint(server.endpoint) });
    return server;
  }

  /**
   * Where the server listens, with the port that is really in use.
   * @throws ClosedError once the server was stopped
   */
  get endpoint(): Endpoint {
    if (this.#listener === null) throw new ClosedError("server");
    return this.#listener.endpoint;
  }

  /**
   * Iterates over all announced routes, VNI by VNI, in no particular order. The iteration must end before the next turn
   * of the event loop.
   */
  routes(): Iterable<Route> {
    return Iterator.from(this.#exchange.routes()).map(printableRoute);
  }

  /** Returns what the daemon's queries read. */
  [INSPECTION](): ServerInspection {
    const exchange = this.#exchange;
    const fields = new UpdateFields();
    return {
      routes: exchange.inspector(),
      history: this.#history,
      nowMs: () => this.#clock.nowMs(),
      vnis: () => exchange.inspector().vnis(),
      gonePeers: () => this.#gone.list(this.#clock.nowMs()),
      backlogOf: (id, maxLooks) =>
        this.#peers
          .values()
          .find((peer) => peer.id === id)
          ?.backlog(maxLooks) ?? 0,
      retainedOf: (id) => exchange.retainedOf(id),
      subscriberCount: (vni) => exchange.subscriberCount(vni),
      recipients: ({ vni, destination, nextHop }, limit) => {
        fillUpdateFields(fields, vni, destination, nextHop);
        return exchange.recipients(fields, limit);
      },
    };
  }

  /** Lists the connected peers, established or not. */
  peers(): PeerInfo[] {
    return Array.from(this.#peers, (peer) => peer.info());
  }

  /** Lists the VNIs with a route or a subscriber, in order: all, or at most `limit` of them. */
  vnis(limit?: number): VniInfo[] {
    return this.#exchange.vnis(limit);
  }

  /** Closes the connection of the peer with this id. Returns false if there is none. */
  resetPeer(id: number): boolean {
    const peer = Array.from(this.#peers).find((candidate) => candidate.id === id);
    peer?.connection.close({ reason: "reset" });
    return peer !== undefined;
  }

  /** Returns the server's present state, and the counters since its start. */
  stats(): ServerStats {
    const established = Array.from(this.#peers).filter(
      (peer) => peer.connection.session.state === "established",
    );
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

  [SERVER_FIGURES](): ServerFigures {
    const states = new Map<SessionState, number>();
    const traffic = new Traffic();
    traffic.add(this.#goneTraffic);
    for (const { connection } of this.#peers) {
      states.set(connection.session.state, (states.get(connection.session.state) ?? 0) + 1);
      traffic.add(connection.traffic);
    }
    return {
      states,
      peers: () => figuresOf(this.#peers),
      traffic,
      countsByVni: (limit) => this.#exchange.countsByVni(limit),
      nextHopsByType: this.#exchange.nextHopsByType,
      propagation: this.#exchange.propagation.value(),
    };
  }

  /**
   * Changes settings. `retainSeconds` applies to peers that are lost from now on, limits to further messages (no peer
   * loses what it has), the other times to connections that are made from now on.
   * @throws BadOptionError if a value is not valid; then nothing has changed
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
    // The ends of the connections must not be taken for a suspension.
    this.#suspensionWatch = null;
    this.#deferral.stop();
    this.#isStopped = true;
    this.#retentionTimer?.cancel();
    this.#lossWatch.stop();
    this.#listener?.stop();
    this.#listener = null;
    // No withdrawal is sent: only the server leaves, not the routes.
    for (const peer of this.#peers) peer.connection.close({ reason: "stopped" });
  }

  /** Stops the server at the end of the block with `using server = await Server.start(…)`. */
  [Symbol.dispose](): void {
    this.stop();
  }

  /** How long a peer that is lost now is retained. */
  get #retainMs(): number {
    this.#suspensionWatch?.look();
    return Math.max(this.#retainAlwaysMs, this.#deferral.retainMs);
  }

  /** The shortest keepalive interval in use. */
  get #shortestIntervalMs(): number {
    let seconds = this.#peerContext.keepaliveSeconds;
    for (const { connection } of this.#peers)
      seconds = Math.min(seconds, connection.session.keepaliveSeconds);
    return seconds * 1000;
  }

  /** Called after a suspension of this process. */
  #onSuspended(forMs: number): void {
    this.#logger.log(LOG.suspended, {
      forSeconds: Math.round(forMs / 100) / 10,
      settleSeconds: this.#deferralMs / 1000,
    });
    this.#deferral.onSuspended();
  }

  /**
   * Called when most announcers are lost at once: it was this server that could not be reached. Returns false if this has
   * happened too often (cut-off-limit.ts).
   */
  #onCutOff(): boolean {
    if (!this.#cutOffLimit.accept()) {
      this.#logger.log(LOG.mostAnnouncersLostAgain, {});
      return false;
    }
    if (!this.#deferral.awaitsReturn) {
      this.#logger.log(LOG.mostAnnouncersLost, {
        settleSeconds: this.#deferralMs / 1000,
      });
    }
    this.#deferral.onCutOff();
    return true;
  }

  #onPeerEstablished(): void {
    if (this.#deferral.onEstablished()) this.#retention.renew(this.#clock.nowMs() + this.#deferralMs);
  }

  #onPeerLost(loss: PeerLoss): void {
    const { peer, reason, establishedForMs } = loss;
    if (this.#deferralMs === 0 || establishedForMs < SEASONED_MS || reason === "reset") {
      this.#decide(loss);
      return;
    }
    this.#lossWatch.add({
      address: peer.connection.peer.address,
      wasSilent: reason === "keepalive-timeout",
      keepaliveSeconds: peer.connection.session.keepaliveSeconds,
      decide: () => this.#decide(loss),
    });
  }

  #decide(loss: PeerLoss): void {
    const forMs = this.#retainMs;
    if (forMs === 0) {
      loss.withdraw();
      return;
    }
    const announcements = loss.retain(forMs);
    // The peer itself, with its connection, is not kept, since very many may be retained at a time.
    this.#retention.retain({ name: loss.peer.name, announcements }, this.#clock.nowMs() + forMs);
    this.#armRetention();
  }

  /** Sets the timer of the retention, unless it fires early enough. */
  #armRetention(): void {
    const { nextMs } = this.#retention;
    if (this.#isStopped || nextMs >= this.#retentionTimerMs) return;
    this.#retentionTimer?.cancel();
    this.#retentionTimerMs = nextMs;
    this.#retentionTimer = this.#clock.after(Math.max(0, nextMs - this.#clock.nowMs()), () => {
      this.#retentionTimerMs = Number.POSITIVE_INFINITY;
      this.#withdrawDue();
      this.#armRetention();
    });
  }

  #withdrawDue(): void {
    const due = this.#retention.due(this.#clock.nowMs(), (isLate, extendedMs) =>
      this.#deferral.extensionMs(isLate, extendedMs, this.#hasEstablishedPeers),
    );
    for (const { name, announcements } of due) {
      const routes = this.#exchange.withdrawRetained(announcements);
      if (routes === 0) continue;
      const fields = { ...name, routes };
      this.#logger.log(LOG.retainedWithdrawn, fields);
    }
  }

  get #hasEstablishedPeers(): boolean {
    return this.#peers.values().some(({ connection }) => connection.session.state === "established");
  }

  *#presentAnnouncers(): Iterable<PresentAnnouncer> {
    const nowMs = this.#clock.nowMs();
    for (const peer of this.#peers) {
      const { connection } = peer;
      if (connection.session.state !== "established" || !peer.isAnnouncerFor(SEASONED_MS)) continue;
      const silentMs = SILENT_INTERVALS * 1000 * connection.session.keepaliveSeconds;
      yield {
        address: connection.peer.address,
        isSilent: nowMs - connection.session.lastReceivedMs > silentMs,
      };
    }
  }

  #accept(stream: ByteStream, onEstablished: () => void): Accepted {
    this.#counters.connectionsAccepted++;
    const peer = new ServerPeer(this.#nextPeerId++, stream, this.#peerContext, onEstablished);
    this.#peers.add(peer);
    this.#logger.debug("connection accepted", peer.name);
    return peer.connection;
  }
}

function* figuresOf(peers: Iterable<ServerPeer>): Iterable<PeerFigures> {
  for (const peer of peers) {
    const figures = peer.figures();
    if (figures !== null) yield figures;
  }
}
