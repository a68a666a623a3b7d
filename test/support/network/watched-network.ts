/**
 * A network on which a server is watched by the slow model: whatever the server reads is told to the model as an
 * operation just before the server gets it, and so is the end of a connection, from whichever side it comes.
 *
 *     raw peer ── bytes ──▶ watcher ── the same bytes ──▶ server
 *                              └── join, add, subscribe, … ──▶ slow model
 *
 * It follows the protocol by itself, frame by frame, and stops at the first one that a server must not accept.
 * What peers hear is not its business: they tell the model at their end of the pipe.
 */
import type { Endpoint } from "../../../src/net/endpoint.ts";
import { formatPeer, type PeerIdentity } from "../../../src/net/peer-identity.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import type {
  ByteStream,
  ConnectEvents,
  Listener,
  Network,
  StreamEvents,
} from "../../../src/transport/network.ts";
import type { Message } from "../../../src/wire/message.ts";
import { Action } from "../../../src/wire/protocol.ts";
import { ProtocolError } from "../../../src/wire/protocol-error.ts";
import type { SlowModel } from "../models/slow-model.ts";
import { MessageReader } from "./message-reader.ts";

/** Who tells the model that a peer has left: it may be retained. Left out: the network, and it is not. */
export interface Membership {
  joined?(peer: string): void;
  left(peer: string): void;
}

export class WatchedNetwork implements Network {
  readonly #inner: Network;
  readonly #model: SlowModel;
  readonly #membership: Membership;
  constructor(
    inner: Network,
    model: SlowModel,
    membership: Membership = { left: (peer) => model.leave(peer) },
  ) {
    this.#inner = inner;
    this.#model = model;
    this.#membership = membership;
  }

  listen(endpoint: Endpoint, accept: (stream: ByteStream) => StreamEvents): Promise<Listener> {
    return this.#inner.listen(endpoint, (stream) =>
      new Watcher(stream, this.#model, this.#membership).watch(accept),
    );
  }

  connect(endpoint: Endpoint, events: ConnectEvents): void {
    this.#inner.connect(endpoint, events);
  }
}

/** Between the server and one connection of its. In the model the peer has the name of its end of the pipe. */
class Watcher implements ByteStream, StreamEvents {
  readonly #stream: ByteStream;
  readonly #model: SlowModel;
  readonly #membership: Membership;
  readonly remote: PeerIdentity;
  /** The peer's name in the model. */
  readonly #name: string;
  readonly local: string;
  readonly #reader = new MessageReader();
  #state: "hello-awaited" | "keepalive-awaited" | "established" | "over" = "hello-awaited";
  #isServer = false;
  #server: StreamEvents | null = null;

  constructor(stream: ByteStream, model: SlowModel, membership: Membership) {
    this.#stream = stream;
    this.#model = model;
    this.#membership = membership;
    this.remote = stream.remote;
    this.#name = formatPeer(stream.remote);
    this.local = stream.local;
  }

  watch(accept: (stream: ByteStream) => StreamEvents): StreamEvents {
    this.#server = accept(this);
    return this;
  }

  // --- from the network ----------------------------------------------------------------------------

  received(chunk: Uint8Array): void {
    if (this.#state !== "over") this.#follow(chunk);
    this.#server?.received(chunk);
  }

  writable(): void {
    this.#server?.writable();
  }

  closed(detail: string | null): void {
    this.#leave();
    this.#server?.closed(detail);
  }

  // --- from the server -----------------------------------------------------------------------------

  write(bytes: Uint8Array): number {
    return this.#stream.write(bytes);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#leave();
    this.#stream.end();
  }

  endWithin(ms: number): void {
    this.#leave();
    this.#stream.endWithin(ms);
  }

  abort(): void {
    this.#leave();
    this.#stream.abort();
  }

  // --- to the model --------------------------------------------------------------------------------

  #follow(chunk: Uint8Array): void {
    try {
      for (const { message } of this.#reader.read(chunk)) {
        // An UPDATE with a bad value, or the breach that the server is about to close for.
        if (message === null) continue;
        if (!this.#accept(message)) return;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  /** False: the server must not accept this, nor anything behind it. */
  #accept(message: Message): boolean {
    if (message.type === "HELLO" && this.#state === "hello-awaited") {
      this.#isServer = message.isServer;
      this.#state = "keepalive-awaited";
      return true;
    }
    if (message.type === "KEEPALIVE" && this.#state === "keepalive-awaited") {
      this.#state = "established";
      this.#model.join(this.#name, this.#isServer);
      this.#membership.joined?.(this.#name);
    }
    // A further one changes nothing.
    if (message.type === "HELLO") return this.#state !== "over";
    if (this.#state !== "established") return false;
    const model = this.#model;
    const remote = this.#name;
    if (message.type === "KEEPALIVE") model.keepaliveSent(remote);
    else if (message.type === "SUBSCRIBE") model.subscribe(remote, message.vni);
    else if (message.type === "UNSUBSCRIBE") model.unsubscribe(remote, message.vni);
    else if (message.type === "UPDATE") {
      if (message.action === Action.ADD) model.add(remote, message.vni, formatRoute(message));
      else model.remove(remote, message.vni, formatRoute(message));
    }
    return true;
  }

  #leave(): void {
    if (this.#state === "established") this.#membership.left(this.#name);
    this.#state = "over";
  }
}

/** Tells the model what a peer hears; to be called with each message, from the HELLO on. */
export function tellHeard(model: SlowModel, peer: string, message: Message): void {
  if (message.type === "UPDATE") {
    model.heardUpdate(peer, message.action === Action.ADD, message.vni, formatRoute(message));
  } else if (message.type === "KEEPALIVE") {
    if (message.endOfRib === undefined) model.keepaliveAnswered(peer);
    else model.receivedEndOfRib(peer, message.endOfRib);
  } else if (message.type !== "HELLO") throw new Error(`a server sends no ${message.type}`);
}
