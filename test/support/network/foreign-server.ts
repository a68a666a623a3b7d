/**
 * A server of another make, as far as a client can tell the difference: it sends a subscriber's own routes
 * back on SUBSCRIBE and never withdraws them, and it sends no End-of-RIBs. Go's habits can be added.
 *
 * It notes what would have harmed a real one in `harm`, and goes on.
 */

import type { Clock } from "../../../src/base/clock.ts";
import type { Endpoint } from "../../../src/net/endpoint.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import type { ByteStream, Network, StreamEvents } from "../../../src/transport/network.ts";
import type { Message } from "../../../src/wire/message.ts";
import { Action } from "../../../src/wire/protocol.ts";
import { frameOfText } from "../models/frame-text.ts";
import { MemoryStream } from "./memory-network.ts";
import { MessageReader } from "./message-reader.ts";

export interface ForeignServerOptions {
  readonly clock: Clock;
  readonly network: Network;
  readonly endpoint: Endpoint;
  readonly keepaliveSeconds?: number;
  /** Accepts, reads, and never says a word. */
  readonly isMute?: boolean;
  /** Go: UNSUBSCRIBE takes the peer's announcements of the VNI along. */
  readonly unsubscribeWithdraws?: boolean;
  /** rustbond: a REMOVE from anybody removes the route, whoever else announces it. */
  readonly removesForAnyone?: boolean;
  /** Go: reads whole buffers as whole frames, this many in a second. */
  readonly framesPerSecond?: number;
  /** Where harm is noted. Default: in a list of its own. */
  readonly harm?: string[];
}

/** Go's read buffer: a read that fills it breaks the session, as does one that ends inside a frame. */
const GO_READ_BYTES = 65_535;

type Origin = ForeignPeer | "elsewhere";

export class ForeignServer {
  readonly options: ForeignServerOptions;
  readonly peers = new Set<ForeignPeer>();
  /** Routes as text → who announced them. */
  readonly routes = new Map<string, Set<Origin>>();
  readonly harm: string[];
  #stopListening: () => void = () => {};

  private constructor(options: ForeignServerOptions) {
    this.options = options;
    this.harm = options.harm ?? [];
  }

  static async start(options: ForeignServerOptions): Promise<ForeignServer> {
    const server = new ForeignServer(options);
    const listener = await options.network.listen(options.endpoint, (stream) => {
      const peer = new ForeignPeer(server, stream);
      server.peers.add(peer);
      return peer;
    });
    server.#stopListening = () => listener.stop();
    return server;
  }

  stop(): void {
    this.#stopListening();
    for (const peer of this.peers) peer.stream.end();
  }

  /** Some other client of this server announces the route. */
  announce(...routes: readonly string[]): void {
    for (const route of routes) this.add(route, "elsewhere");
  }

  withdraw(...routes: readonly string[]): void {
    for (const route of routes) this.remove(route, "elsewhere");
  }

  add(route: string, origin: Origin): void {
    this.routes.getOrInsertComputed(route, () => new Set()).add(origin);
    this.#tell(`ADD ${route}`, origin);
  }

  remove(route: string, origin: Origin): void {
    const origins = this.routes.get(route);
    if (this.options.removesForAnyone) origins?.clear();
    else if (!origins?.delete(origin)) return;
    if (origins === undefined || origins.size > 0) return;
    this.routes.delete(route);
    this.#tell(`REMOVE ${route}`, origin);
  }

  #tell(frame: string, except: Origin): void {
    const vni = vniOf(frame.split(" ")[1]);
    for (const peer of this.peers) if (peer !== except && peer.subscriptions.has(vni)) peer.send(frame);
  }
}

/** A client, as the foreign server sees it. */
export class ForeignPeer implements StreamEvents {
  readonly #server: ForeignServer;
  readonly stream: ByteStream;
  readonly subscriptions = new Set<number>();
  /** Every frame received, behind the handshake. */
  readonly heard: Message[] = [];
  readonly #reader = new MessageReader();
  /** When the VNI's SUBSCRIBE or UNSUBSCRIBE came, ms. */
  readonly #changedMs = new Map<number, number>();
  readonly #unsent: Uint8Array[] = [];

  constructor(server: ForeignServer, stream: ByteStream) {
    this.#server = server;
    this.stream = stream;
  }

  received(chunk: Uint8Array): void {
    const { clock, framesPerSecond } = this.#server.options;
    const heardBefore = this.heard.length;
    let bytesRead = 0;
    for (const { message, bytes } of this.#reader.read(chunk)) {
      bytesRead += bytes.length;
      if (message !== null) this.#take(message);
    }
    if (framesPerSecond === undefined) return;
    if (chunk.length >= GO_READ_BYTES) this.#harm(`a read of ${chunk.length} bytes`);
    if (bytesRead !== chunk.length) this.#harm("a read that ends inside a frame");
    this.#isReading = false;
    clock.after((1000 * (this.heard.length - heardBefore)) / framesPerSecond, () => {
      this.#isReading = true;
    });
  }

  set #isReading(isReading: boolean) {
    if (this.stream instanceof MemoryStream) this.stream.isReading = isReading;
  }

  #take(message: Message): void {
    const server = this.#server;
    const { isMute = false, keepaliveSeconds = 5 } = server.options;
    if (isMute) return;
    if (message.type !== "HELLO") this.heard.push(message);
    switch (message.type) {
      case "HELLO":
        this.send(`HELLO ${keepaliveSeconds} server`);
        break;
      case "KEEPALIVE":
        this.send("KEEPALIVE");
        break;
      case "SUBSCRIBE":
        this.#subscribe(message.vni);
        break;
      case "UNSUBSCRIBE":
        this.#unsubscribe(message.vni);
        break;
      case "UPDATE":
        if (message.action === Action.ADD) server.add(formatRoute(message), this);
        else server.remove(formatRoute(message), this);
    }
  }

  #subscribe(vni: number): void {
    if (this.subscriptions.has(vni)) this.#harm(`a second SUBSCRIBE of VNI ${vni}`);
    this.#changed(vni);
    this.subscriptions.add(vni);
    for (const [route, origins] of this.#server.routes) {
      if (vniOf(route) === vni) for (const _ of origins) this.send(`ADD ${route}`);
    }
  }

  #unsubscribe(vni: number): void {
    if (!this.subscriptions.delete(vni)) this.#harm(`an UNSUBSCRIBE of VNI ${vni} without subscription`);
    this.#changed(vni);
    if (this.#server.options.unsubscribeWithdraws) this.#forget((route) => vniOf(route) === vni);
  }

  /** Go may take SUBSCRIBE and UNSUBSCRIBE in either order when they come close together. */
  #changed(vni: number): void {
    const nowMs = this.#server.options.clock.nowMs();
    const sinceMs = nowMs - (this.#changedMs.get(vni) ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < 1_000) this.#harm(`SUBSCRIBE and UNSUBSCRIBE of VNI ${vni} within ${sinceMs} ms`);
    this.#changedMs.set(vni, nowMs);
  }

  #forget(which: (route: string) => boolean): void {
    for (const route of [...this.#server.routes.keys()]) if (which(route)) this.#server.remove(route, this);
  }

  #harm(what: string): void {
    this.#server.harm.push(what);
  }

  send(frame: string): void {
    this.#unsent.push(frameOfText(frame));
    this.writable();
  }

  writable(): void {
    for (;;) {
      const [bytes] = this.#unsent;
      if (bytes === undefined) return;
      const taken = this.stream.write(bytes);
      if (taken < bytes.length) {
        this.#unsent[0] = bytes.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
  }

  closed(): void {
    this.#server.peers.delete(this);
    this.#forget(() => true);
  }
}

function vniOf(route: string | undefined): number {
  return Number.parseInt(route ?? "", 10);
}
