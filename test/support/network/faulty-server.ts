/**
 * A MetalBond server on a real socket that gives every UPDATE to all subscribers but its announcer, and does one
 * thing wrong: for tests of who should notice.
 */
import { formatEndpoint } from "../../../src/net/endpoint.ts";
import type { ByteStream, Listener, StreamEvents } from "../../../src/transport/network.ts";
import { BunNetwork } from "../../../src/transport/tcp-network.ts";
import { encodeMessage } from "../../../src/wire/codec.ts";
import type { Message } from "../../../src/wire/message.ts";
import { Action } from "../../../src/wire/protocol.ts";
import { MessageReader } from "./message-reader.ts";

type Update = Message & { type: "UPDATE" };

/** What becomes of a delivery that was to be exactly this update. */
export type Fault = (update: Update) => readonly Update[];

export const FAULTS = {
  none: (update) => [update],
  drop: () => [],
  repeat: (update) => [update, update],
  /** The next hop's last bit. */
  alter: (update) => {
    const { address } = update.nextHop;
    return [{ ...update, nextHop: { ...update.nextHop, address: { ...address, w3: address.w3 ^ 1 } } }];
  },
  /** A route that nobody has announced goes along. */
  invent: (update) => [
    update,
    { ...update, destination: { family: 4, w0: 11 << 24, w1: 0, w2: 0, w3: 0, lengthBits: 8 } },
  ],
  /** The other action goes along. */
  takeBack: (update) => [
    update,
    { ...update, action: update.action === Action.ADD ? Action.REMOVE : Action.ADD },
  ],
} satisfies Record<string, Fault>;

export interface FaultyServerOptions {
  readonly fault: Fault;
  /** Which delivery it is done to, counted from 1 over all subscribers. */
  readonly delivery: number;
  /** A subscriber gets its own routes back, too. */
  readonly echoes?: boolean;
}

export class FaultyServer implements AsyncDisposable {
  readonly options: FaultyServerOptions;
  readonly peers = new Set<FaultyPeer>();
  #listener: Listener | null = null;
  #deliveries = 0;

  constructor(options: FaultyServerOptions) {
    this.options = options;
  }

  async start(): Promise<this> {
    this.#listener = await new BunNetwork().listen({ host: "::1", port: 0 }, (stream) => {
      const peer = new FaultyPeer(this, stream);
      this.peers.add(peer);
      return peer;
    });
    return this;
  }

  get address(): string {
    if (this.#listener === null) throw new Error("the server has not started");
    return formatEndpoint(this.#listener.endpoint);
  }

  distribute(update: Update, announcer: FaultyPeer): void {
    for (const peer of this.peers) {
      if (!peer.isSubscribed || (peer === announcer && !this.options.echoes)) continue;
      const isFaulty = ++this.#deliveries === this.options.delivery;
      for (const sent of isFaulty ? this.options.fault(update) : [update]) peer.send(sent);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener?.stop();
    for (const peer of this.peers) peer.stream.abort();
  }
}

class FaultyPeer implements StreamEvents {
  readonly #server: FaultyServer;
  readonly stream: ByteStream;
  isSubscribed = false;
  readonly #reader = new MessageReader();
  #unsent = new Uint8Array(0);

  constructor(server: FaultyServer, stream: ByteStream) {
    this.#server = server;
    this.stream = stream;
  }

  received(chunk: Uint8Array): void {
    for (const { message } of this.#reader.read(chunk)) if (message !== null) this.#take(message);
    this.writable();
  }

  #take(message: Message): void {
    if (message.type === "HELLO") this.send({ type: "HELLO", keepaliveSeconds: 5, isServer: true });
    else if (message.type === "KEEPALIVE") this.send(message);
    else if (message.type === "SUBSCRIBE") this.isSubscribed = true;
    else if (message.type === "UPDATE") this.#server.distribute(message, this);
  }

  send(message: Message): void {
    const frame = encodeMessage(message);
    const joined = new Uint8Array(this.#unsent.length + frame.length);
    joined.set(this.#unsent);
    joined.set(frame, this.#unsent.length);
    this.#unsent = joined;
    this.writable();
  }

  writable(): void {
    this.#unsent = this.#unsent.slice(this.stream.write(this.#unsent));
  }

  closed(): void {
    this.#server.peers.delete(this);
  }
}
