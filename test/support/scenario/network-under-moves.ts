/**
 * Destinations that move from hop to hop and from announcer to announcer, while servers are restarted and everything
 * happens to whoever watches. Make before break: the new hop is announced first, and the old one is withdrawn behind
 * it, by the same announcer in the same turn or later, by another one when all servers have read the new announcement.
 *
 *     movers 0, 1 ──▶ servers 1, 2 ──▶ watchers at 1 and 2, at 1, at 2
 *
 * So each server that has not just been started has a hop of each destination at every moment, and a watcher that has
 * seen one must never be without any, not between two events either. Movers and servers meet with what leaves
 * that so:
 *
 * - A server that ends is started again, with time to settle. What it had, watchers hold until its End-of-RIB.
 * - Where a server retains, a mover's connection is cut, a server stands still, everything does. There no two movers
 *   announce the same hop: who withdraws a route takes along what is retained of it.
 */
import { ClientCore } from "../../../src/client/client-core.ts";
import type { Endpoint } from "../../../src/net/endpoint.ts";
import { Server } from "../../../src/server/server.ts";
import type { ByteStream, ConnectEvents, Listener, Network } from "../../../src/transport/network.ts";
import { routeOfText } from "../models/frame-text.ts";
import { GapLog } from "../models/gap-log.ts";
import { DESTINATIONS, MOVERS, type MoveStep, type Place, WATCHERS } from "../models/move-steps.ts";
import { SeededRandom } from "../models/random.ts";
import { ClientRig, serverEndpoint } from "../network/client-rig.ts";
import { ForeignServer } from "../network/foreign-server.ts";
import type { MemoryConnection } from "../network/memory-network.ts";
import { SimulatedProcess } from "./simulated-process.ts";

/**
 * - "retaining": both servers are ours and retain. Each mover has its own hops.
 * - "sharing": both are ours and do not. Both movers announce the same hops.
 * - "foreign": the same, but server 2 is of another make: no End-of-RIBs.
 */
export type MovesKind = "retaining" | "sharing" | "foreign";

export interface MovesOptions {
  readonly seed: number;
  readonly kind: MovesKind;
  /** Of a connection, one way. In a small one changes wait, and come to less than they were. */
  readonly capacityBytes: number;
}

const PORTS: readonly number[] = [1, 2];
const VNI = 100;
/** A VNI without routes: whose End-of-RIB tells a mover that it need not be careful. */
const EMPTY_VNI = 200;
/** Longer than a retry and a handshake; and twice that. */
const SETTLE_SECONDS = 15;
const RETAIN_SECONDS = 40;
/** Longer than all that can be under way. */
const QUIET_MS = 150_000;
/** A stalled connection is then left alone: it is not to break. */
const BETWEEN_STALLS_MS = 20_000;

interface RunningServer {
  readonly process: SimulatedProcess;
  stop(): void;
}

interface RunningClient {
  readonly client: ClientCore;
  readonly log: GapLog;
  readonly process: SimulatedProcess;
  readonly network: OwnNetwork;
}

/** Where a destination is now. */
interface Present {
  readonly place: Place;
  /** The servers that have read its announcement. */
  readonly readBy: Set<number>;
  stopAsking(): void;
}

/** An old place that is still announced. */
interface Withdrawal {
  readonly destination: number;
  readonly place: Place;
  readonly dueMs: number;
}

export class NetworkUnderMoves {
  readonly #options: MovesOptions;
  /** "watcher 0: 100 10.0.1.0/24": what must not be. */
  readonly gaps: string[] = [];
  readonly #rig: ClientRig;
  readonly #random: SeededRandom;
  readonly #servers = new Map<number, RunningServer>();
  /** When the server of a port is started again. */
  readonly #startsMs = new Map<number, number>();
  readonly #movers: RunningClient[];
  readonly #watchers: RunningClient[];
  /** By destination. */
  readonly #present: Present[] = [];
  readonly #withdrawals = new Set<Withdrawal>();
  /** When a connection may be stalled again. */
  readonly #notStalledBeforeMs = new Map<MemoryConnection, number>();
  #delayMs = 0;

  constructor(options: MovesOptions) {
    this.#options = options;
    const { seed, capacityBytes } = options;
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#rig = new ClientRig({
      seed,
      capacityBytes,
      delayMs: () => (this.#delayMs === 0 ? 0 : random.below(this.#delayMs)),
      cutRandomly: () => (random.chance(0.5) ? 0.999 : random.word() / 2 ** 32),
    });
    this.#movers = MOVERS.map((mover) => this.#startClient(`mover ${mover}`, PORTS));
    this.#watchers = WATCHERS.map((_, watcher) => this.#startWatcher(watcher));
  }

  async run(steps: readonly MoveStep[]): Promise<void> {
    for (const port of PORTS) await this.#startServer(port);
    this.#mover(1).client.subscribe(EMPTY_VNI);
    for (const destination of DESTINATIONS.keys()) this.#settleAt(destination, { mover: 0, hop: 1 });
    await this.#pass(20_000);
    for (const step of steps) await this.#act(step);
    this.#delayMs = 5;
    await this.#pass(QUIET_MS);
  }

  get views(): string[][] {
    return this.#watchers.map(({ log }) => log.view);
  }

  get expectedViews(): string[][] {
    const view = this.#present.map(({ place }, destination) => this.#routeText(destination, place)).sort();
    return this.#watchers.map(() => view);
  }

  // --- steps -------------------------------------------------------------------------------------

  async #act(step: MoveStep): Promise<void> {
    const { clock } = this.#rig;
    const retains = this.#options.kind === "retaining";
    switch (step[0]) {
      case "move":
        for (const place of step[2]) this.#move(step[1], place, step[3]);
        break;
      case "cut mover":
        if (retains) this.#openConnections(this.#movers, step[1])?.break();
        break;
      case "stall mover":
      case "stall watcher":
        this.#stall(step[0] === "stall mover" ? this.#movers : this.#watchers, step[1], step[2]);
        break;
      case "end server":
        this.#endServer(step[1], step[2]);
        this.#startsMs.set(step[1], clock.nowMs() + step[3]);
        break;
      case "pause server":
        if (retains) this.#pauseFor(this.#servers.get(1 + (step[1] % 2))?.process, step[2]);
        break;
      case "pause watcher":
        this.#pauseFor(this.#watcher(step[1]).process, step[2]);
        break;
      case "cut watcher":
      case "cut at watcher":
      case "cut at server":
      case "cut in silence":
        this.#cut(step[0], step[1]);
        break;
      case "restart watcher":
        this.#watcher(step[1]).process.kill("end");
        this.#watchers[step[1]] = this.#startWatcher(step[1]);
        break;
      case "subscribe anew":
        this.#watcher(step[1]).log.forget();
        this.#watcher(step[1]).client.unsubscribe(VNI);
        this.#watcher(step[1]).client.subscribe(VNI);
        break;
      case "reset server":
        this.#watcher(step[1]).client.resetServer(serverEndpoint(WATCHERS[step[1]]?.[0] ?? 1));
        break;
      case "delay":
        this.#delayMs = step[1];
        break;
      case "suspend":
        if (retains) clock.freeze(step[1]);
        break;
      case "wait":
        await this.#pass(step[1]);
    }
  }

  /** Time passes, and servers come back in it. */
  async #pass(forMs: number): Promise<void> {
    const { clock } = this.#rig;
    const untilMs = clock.nowMs() + forMs;
    for (;;) {
      const [port, atMs] = [...this.#startsMs].sort((a, b) => a[1] - b[1])[0] ?? [];
      if (port === undefined || atMs === undefined || atMs > untilMs) break;
      clock.advance(Math.max(0, atMs - clock.nowMs()));
      this.#startsMs.delete(port);
      await this.#startServer(port);
    }
    clock.advance(untilMs - clock.nowMs());
  }

  // --- moves -------------------------------------------------------------------------------------

  #move(destination: number, to: Place, laterMs: number): void {
    const { place, stopAsking } = existing(this.#present[destination]);
    if (isSame(place, to)) return;
    stopAsking();
    const { clock } = this.#rig;
    for (const withdrawal of this.#withdrawals) {
      const isTo = withdrawal.destination === destination && isSame(withdrawal.place, to);
      if (isTo) this.#withdrawals.delete(withdrawal);
    }
    this.#settleAt(destination, to);
    this.#withdrawals.add({ destination, place, dueMs: clock.nowMs() + laterMs });
    clock.after(laterMs, () => this.#tryWithdrawals());
    if (laterMs === 0) this.#tryWithdrawals();
  }

  #settleAt(destination: number, place: Place): void {
    const { client } = this.#mover(place.mover);
    client.announce(routeOfText(this.#routeText(destination, place)));
    const readBy = new Set<number>();
    const stopAsking = client.confirm(({ port }) => {
      readBy.add(port);
      this.#tryWithdrawals();
    });
    this.#present[destination] = { place, readBy, stopAsking };
  }

  #tryWithdrawals(): void {
    const nowMs = this.#rig.clock.nowMs();
    for (const withdrawal of this.#withdrawals) {
      const { destination, place, dueMs } = withdrawal;
      const present = existing(this.#present[destination]);
      // What one client tells is read in its order.
      const isRead =
        present.place.mover === place.mover ||
        [...this.#servers.keys()].every((port) => present.readBy.has(port));
      if (nowMs < dueMs || !isRead) continue;
      this.#withdrawals.delete(withdrawal);
      this.#mover(place.mover).client.withdraw(routeOfText(this.#routeText(destination, place)));
    }
  }

  #routeText(destination: number, { mover, hop }: Place): string {
    const address = this.#options.kind === "retaining" ? `2001:db8:${mover + 1}::${hop}` : `2001:db8::${hop}`;
    return `${VNI} ${DESTINATIONS[destination]} via ${address}`;
  }

  // --- faults ------------------------------------------------------------------------------------

  #openConnections(clients: readonly RunningClient[], which: number): MemoryConnection | undefined {
    const open = this.#rig.network.connections.filter(
      ({ client, server }) =>
        !client.isClosed && !server.isClosed && clients.some(({ network }) => network.streams.has(client)),
    );
    return open[which % Math.max(1, open.length)];
  }

  #stall(clients: readonly RunningClient[], which: number, forMs: number): void {
    const { clock } = this.#rig;
    const connection = this.#openConnections(clients, which);
    if (connection === undefined || clock.nowMs() < (this.#notStalledBeforeMs.get(connection) ?? 0)) return;
    this.#notStalledBeforeMs.set(connection, clock.nowMs() + forMs + BETWEEN_STALLS_MS);
    setReading(connection, false);
    clock.after(forMs, () => setReading(connection, true));
  }

  #pauseFor(process: SimulatedProcess | undefined, forMs: number): void {
    process?.pause();
    this.#rig.clock.after(forMs, () => process?.resume());
  }

  #cut(how: (MoveStep & readonly [string, which: number])[0], which: number): void {
    const connection = this.#openConnections(this.#watchers, which);
    if (connection === undefined) return;
    const { client, server } = connection;
    if (how === "cut at watcher") client.closeNow("connection reset");
    else if (how === "cut at server") server.closeNow("connection reset");
    else if (how === "cut in silence") setReading(connection, false);
    else connection.break();
  }

  #endServer(port: number, how: "stop" | "end" | "reset"): void {
    const server = this.#servers.get(port);
    if (server === undefined) return;
    // Its clients hear of it.
    for (const connection of this.#rig.network.connections) {
      const { client } = connection;
      if (
        connection.server.local === `[::1]:${port}` &&
        this.#movers.some(({ network }) => network.streams.has(client))
      ) {
        setReading(connection, true);
      }
    }
    server.process.resume();
    if (how === "stop") server.stop();
    else server.process.kill(how);
    this.#servers.delete(port);
    for (const { readBy } of this.#present) readBy.delete(port);
    this.#tryWithdrawals();
  }

  // --- processes ---------------------------------------------------------------------------------

  #startClient(name: string, ports: readonly number[]): RunningClient {
    const network = new OwnNetwork(this.#rig.network);
    const process = this.#process(network);
    const log = new GapLog((destination) => this.gaps.push(`${name}: ${destination}`));
    const { random } = this.#rig;
    const servers = ports.map(serverEndpoint);
    const client = new ClientCore({ servers, clock: process, network: process, random, handler: log });
    client.start();
    return { client, log, process, network };
  }

  #startWatcher(watcher: number): RunningClient {
    const running = this.#startClient(`watcher ${watcher}`, WATCHERS[watcher] ?? PORTS);
    running.client.subscribe(VNI);
    return running;
  }

  async #startServer(port: number): Promise<void> {
    if (this.#servers.has(port)) return;
    const process = this.#process(this.#rig.network);
    const endpoint = serverEndpoint(port);
    const shared = { clock: process, network: process };
    const { kind } = this.#options;
    const server =
      kind === "foreign" && port === 2
        ? await ForeignServer.start({ ...shared, endpoint })
        : await Server.start({
            ...shared,
            listen: endpoint,
            settleSeconds: SETTLE_SECONDS,
            retainSeconds: kind === "retaining" ? RETAIN_SECONDS : 0,
          });
    this.#servers.set(port, { process, stop: () => server.stop() });
  }

  #process(network: Network): SimulatedProcess {
    return new SimulatedProcess(this.#rig.clock, network, this.#random.word());
  }

  #mover(index: number): RunningClient {
    return existing(this.#movers[index]);
  }

  #watcher(index: number): RunningClient {
    return existing(this.#watchers[index % WATCHERS.length]);
  }
}

/** A network that knows whose connections go out through it. */
class OwnNetwork implements Network {
  readonly #inner: Network;
  readonly streams = new Set<ByteStream>();

  constructor(inner: Network) {
    this.#inner = inner;
  }

  listen(...given: Parameters<Network["listen"]>): Promise<Listener> {
    return this.#inner.listen(...given);
  }

  connect(endpoint: Endpoint, { connected, failed }: ConnectEvents): void {
    this.#inner.connect(endpoint, {
      connected: (stream) => {
        this.streams.add(stream);
        return connected(stream);
      },
      failed,
    });
  }
}

function setReading({ client, server }: MemoryConnection, isReading: boolean): void {
  client.isReading = server.isReading = isReading;
}

function isSame(one: Place, other: Place): boolean {
  return one.mover === other.mover && one.hop === other.hop;
}

function existing<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error("there is none");
  return thing;
}
