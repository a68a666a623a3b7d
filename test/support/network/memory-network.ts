/**
 * TCP in memory, by a given clock: two pipes of limited capacity per connection, which can stall, cut bytes
 * anywhere, delay, and break.
 *
 *     client ── write ──▶ [ pipe: up to capacityBytes ] ── received ──▶ server       and the other way round
 */

import type { Clock, Random, Timer } from "../../../src/base/clock.ts";
import { type Endpoint, formatEndpoint } from "../../../src/net/endpoint.ts";
import type { PeerIdentity } from "../../../src/net/peer-identity.ts";
import {
  type ByteStream,
  type ConnectEvents,
  ListenError,
  type Listener,
  type Network,
  type StreamEvents,
} from "../../../src/transport/network.ts";

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  /** What a writer can have under way: a socket's send and receive buffers together. Default 65,536. */
  readonly capacityBytes?: number;
  /** Cuts what is delivered at random places; left out: all that is there comes at once. */
  readonly cutRandomly?: Random;
  /** One way, default 0. A changing one never lets bytes overtake others. */
  readonly delayMs?: number | (() => number);
  /** An attempt to connect that is swallowed is repeated, as Linux repeats SYN: after 1, 3, 7 and 15 s; after 31 s it has failed. */
  readonly retransmitsSyn?: boolean;
}

const SYN_RETRIES_MS = [1_000, 2_000, 4_000, 8_000, 16_000];

export class MemoryNetwork implements Network {
  readonly #options: MemoryNetworkOptions;
  /** All connections that were ever made, in order. */
  readonly connections: MemoryConnection[] = [];
  /** Addresses that lead to other ones, as two names of a host do. */
  readonly aliases = new Map<string, string>();
  /** Addresses that swallow connection attempts, as a host that is switched off. */
  readonly silent = new Set<string>();
  /** As if the process had so many. */
  descriptorLimit = Number.POSITIVE_INFINITY;
  readonly #accepting = new Map<string, (stream: ByteStream) => StreamEvents>();
  #nextPort = 40_000;

  constructor(options: MemoryNetworkOptions) {
    this.#options = options;
  }

  listen(endpoint: Endpoint, accept: (stream: ByteStream) => StreamEvents): Promise<Listener> {
    const taken = { host: endpoint.host, port: endpoint.port || this.#nextPort++ };
    const name = formatEndpoint(taken);
    if (this.#accepting.has(name)) {
      return Promise.reject(new ListenError("EADDRINUSE", endpoint, `${name} is in use`));
    }
    this.#accepting.set(name, accept);
    return Promise.resolve({ endpoint: taken, stop: () => this.#accepting.delete(name) });
  }

  connect(endpoint: Endpoint, events: ConnectEvents, retry = 0): void {
    const given = formatEndpoint(endpoint);
    const name = this.aliases.get(given) ?? given;
    if (this.silent.has(given)) {
      const afterMs = SYN_RETRIES_MS[retry];
      if (this.#options.retransmitsSyn !== true) return;
      if (afterMs === undefined) events.failed("connection timed out");
      else this.#options.clock.after(afterMs, () => this.connect(endpoint, events, retry + 1));
      return;
    }
    const local = formatEndpoint({ host: "::1", port: this.#nextPort++ });
    this.#options.clock.after(delayNow(this.#options), () => {
      const accept = this.#accepting.get(name);
      if (accept === undefined) {
        events.failed("connection refused");
        return;
      }
      const connection = new MemoryConnection(this.#options, local, name);
      this.connections.push(connection);
      connection.server.events = accept(connection.server);
      const clientEvents = events.connected(connection.client);
      if (clientEvents === null) connection.client.abort();
      else connection.client.events = clientEvents;
    });
  }
}

/** Both ends of one connection. */
export class MemoryConnection {
  readonly client: MemoryStream;
  readonly server: MemoryStream;

  constructor(options: MemoryNetworkOptions, clientName: string, serverName: string) {
    this.client = new MemoryStream(options, clientName, serverName);
    this.server = new MemoryStream(options, serverName, clientName);
    this.client.peer = this.server;
    this.server.peer = this.client;
  }

  /** Both sides learn at once that the connection is gone; what is under way is lost. */
  break(): void {
    this.client.closeNow("connection reset");
    this.server.closeNow("connection reset");
  }
}

export class MemoryStream implements ByteStream {
  readonly #options: MemoryNetworkOptions;
  readonly local: string;
  readonly remote: PeerIdentity;
  events: StreamEvents | null = null;
  /** What comes here is delivered as it was written, for a reader that takes each read as whole frames. */
  isNeverCut = false;
  peer: MemoryStream | null = null;
  /** Bytes on their way to this end. */
  #incoming: { readonly atMs: number; readonly bytes: Uint8Array }[] = [];
  #incomingBytes = 0;
  #writerWaits = false;
  #ended = false;
  #closed = false;
  #isReading = true;
  #isPaused = false;
  #abortTimer: Timer | null = null;

  constructor(options: MemoryNetworkOptions, local: string, remote: string) {
    this.#options = options;
    this.local = local;
    this.remote = peerOf(remote);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** It has said its last word: the other end closes once it has read everything. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** A reader that is stopped takes nothing: its pipe fills, and then its writer waits. */
  set isReading(isReading: boolean) {
    this.#isReading = isReading;
    if (isReading) this.#schedule(0);
  }

  /** By the stream's owner, whereas `isReading` is the test's word. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule(0);
  }

  write(bytes: Uint8Array): number {
    const { peer } = this;
    if (this.#closed || this.#ended || peer === null || peer.#closed) return 0;
    const capacityBytes = this.#options.capacityBytes ?? 65_536;
    const taken = Math.min(bytes.length, capacityBytes - peer.#incomingBytes);
    if (taken < bytes.length) peer.#writerWaits = true;
    if (taken > 0) peer.#take(bytes.slice(0, taken));
    return taken;
  }

  end(): void {
    if (this.#closed || this.#ended) return;
    this.#ended = true;
    const { peer } = this;
    if (peer !== null) peer.#schedule(Math.max(0, peer.#nextArrivalMs() - this.#options.clock.nowMs()));
    this.closeNow(null);
  }

  endWithin(ms: number): void {
    if (this.#closed || this.#ended) return;
    this.#ended = true;
    const options = this.#options;
    const { peer } = this;
    if (peer !== null) peer.#schedule(Math.max(0, peer.#nextArrivalMs() - options.clock.nowMs()));
    this.#abortTimer = options.clock.after(ms, () => this.abort());
  }

  abort(): void {
    if (this.#closed) return;
    this.closeNow(null);
    const options = this.#options;
    const { peer } = this;
    if (peer !== null) options.clock.after(delayNow(options), () => peer.closeNow("connection reset"));
  }

  /** The end's owner is told that it is over. */
  closeNow(detail: string | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abortTimer?.cancel();
    this.#incoming = [];
    this.#options.clock.soon(() => this.events?.closed(detail));
    const { peer } = this;
    // Whoever is told of a FIN closes, too, and that is what a half-closed end waits for.
    if (peer?.hasEnded && !peer.isClosed) peer.closeNow(null);
  }

  #take(bytes: Uint8Array): void {
    const atMs = this.#nextArrivalMs();
    this.#incoming.push({ atMs, bytes });
    this.#incomingBytes += bytes.length;
    this.#schedule(atMs - this.#options.clock.nowMs());
  }

  /** When something sent now is here: not before what is on its way already. */
  #nextArrivalMs(): number {
    const nextMs = this.#options.clock.nowMs() + delayNow(this.#options);
    return Math.max(nextMs, this.#incoming.at(-1)?.atMs ?? 0);
  }

  #schedule(delayMs: number): void {
    this.#options.clock.after(delayMs, () => this.#deliver());
  }

  /** One chunk at a time: bytes written in a row may come together, or cut. */
  #deliver(): void {
    if (this.#closed || !this.#isReading || this.#isPaused || this.events === null) return;
    const { peer } = this;
    const nowMs = this.#options.clock.nowMs();
    const due = this.#incoming.filter(({ atMs }) => atMs <= nowMs).map(({ bytes }) => bytes);
    if (due.length === 0) {
      if (peer?.hasEnded && this.#incoming.length === 0) this.closeNow(null);
      return;
    }
    const all = new Uint8Array(Buffer.concat(due));
    const cut = this.isNeverCut ? undefined : this.#options.cutRandomly;
    const length = cut === undefined ? all.length : 1 + Math.floor(cut() * all.length);
    this.#incoming.splice(0, due.length);
    if (length < all.length) this.#incoming.unshift({ atMs: nowMs, bytes: all.slice(length) });
    this.#incomingBytes -= length;
    this.events.received(all.slice(0, length));
    if (this.#writerWaits) {
      this.#writerWaits = false;
      this.#options.clock.soon(() => peer?.events?.writable());
    }
    this.#schedule(0);
  }
}

function delayNow({ delayMs = 0 }: MemoryNetworkOptions): number {
  return typeof delayMs === "number" ? delayMs : delayMs();
}

/** The identity of a peer named "[::1]:4711", or by any other text before its port. */
export function peerOf(name: string): PeerIdentity {
  const [, address = name, port = "0"] = /^\[?(.*?)\]?:(\d+)$/.exec(name) ?? [];
  return { address, port: Number(port) };
}
