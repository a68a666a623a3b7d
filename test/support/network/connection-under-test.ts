/** A connection on one end of a pipe in memory, a raw peer on the other, and between them a clock that obeys. */
import type { CloseReason } from "../../../src/session/close-reason.ts";
import { describeCloseReason } from "../../../src/session/close-reason.ts";
import { Connection, type ConnectionHandler } from "../../../src/transport/connection.ts";
import type { OutputSource } from "../../../src/transport/outbox.ts";
import type { Pace } from "../../../src/transport/pacing.ts";
import type { UpdateFields } from "../../../src/wire/message.ts";
import type { SkipCode } from "../../../src/wire/protocol-error.ts";
import { frameOfText } from "../models/frame-text.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemoryConnection, type MemoryNetworkOptions, type MemoryStream } from "./memory-network.ts";
import { RawPeer } from "./raw-peer.ts";

/** Gives out its frames in order, as many as fit; counts how often it was asked. */
export class ListSource implements OutputSource {
  asked = 0;
  onlyBulkIsDue = false;
  #frames: Uint8Array[] = [];
  /** One buffer for all runs, as real sources have one for all connections. */
  readonly #run = new Uint8Array(65_536);

  push(...frames: readonly string[]): void {
    for (const frame of frames) this.#frames.push(frameOfText(frame));
  }

  /** The buffer is used for another connection. */
  spoil(): void {
    this.#run.fill(0xff);
  }

  nextRun(limitBytes: number): Uint8Array {
    this.asked++;
    this.spoil();
    let end = 0;
    let count = 0;
    for (const frame of this.#frames) {
      if (end + frame.length > limitBytes) break;
      this.#run.set(frame, end);
      end += frame.length;
      count++;
    }
    this.#frames.splice(0, count);
    return this.#run.subarray(0, end);
  }
}

/** Notes every call as a line. */
export class NotingHandler implements ConnectionHandler {
  readonly calls: string[] = [];
  /** Called at each line, for tests that want to do something right there. */
  onCall: (call: string) => void = () => {};

  onEstablished(): void {
    this.#note("established");
  }
  onUpdate(fields: UpdateFields): void {
    this.#note(`update ${fields.vni}`);
  }
  onSkipped(code: SkipCode): void {
    this.#note(`skipped ${code}`);
  }
  onSubscribe(vni: number): void {
    this.#note(`subscribe ${vni}`);
  }
  onUnsubscribe(vni: number): void {
    this.#note(`unsubscribe ${vni}`);
  }
  onKeepalive(): void {
    this.#note("keepalive");
  }
  onEndOfRib(vni: number): void {
    this.#note(`endOfRib ${vni}`);
  }
  onHello(): void {}
  onClosed(reason: CloseReason): void {
    // What stands behind the reason is for people, and may change.
    const { detail: _, ...stable } = reason;
    this.#note(`closed ${describeCloseReason(stable)}`);
  }

  #note(call: string): void {
    this.calls.push(call);
    this.onCall(call);
  }
}

export interface ConnectionUnderTestOptions extends Omit<MemoryNetworkOptions, "clock"> {
  readonly role?: "client" | "server";
  readonly clock?: FakeClock;
  readonly pace?: Pace;
}

export class ConnectionUnderTest {
  readonly clock: FakeClock;
  readonly source = new ListSource();
  readonly handler = new NotingHandler();
  readonly connection: Connection;
  readonly peer: RawPeer;
  /** The connection's end of the pipe. */
  readonly stream: MemoryStream;

  constructor({
    role = "server",
    clock = new FakeClock(),
    pace,
    ...network
  }: ConnectionUnderTestOptions = {}) {
    const pipes = new MemoryConnection({ ...network, clock }, "[::1]:40000", "[::1]:4711");
    this.clock = clock;
    this.stream = role === "server" ? pipes.server : pipes.client;
    const peerStream = role === "server" ? pipes.client : pipes.server;
    this.peer = new RawPeer(clock).attach(peerStream);
    peerStream.events = this.peer;
    const { stream, source, handler } = this;
    this.connection = new Connection({ role, keepaliveSeconds: 5, stream, clock, source, handler, pace });
    this.stream.events = this.connection;
  }

  /** Both sides are ESTABLISHED; what was heard and called on the way is forgotten. */
  establish(): this {
    this.peer.send(this.connection.session.state === "hello-sent" ? "HELLO 5 server" : "HELLO 5");
    this.clock.settle();
    this.peer.send("KEEPALIVE");
    this.clock.settle();
    this.peer.takeHeard();
    this.peer.chunks.length = 0;
    this.handler.calls.length = 0;
    return this;
  }

  /** Frames for the peer, which is told that there are some. */
  give(...frames: readonly string[]): void {
    this.source.push(...frames);
    this.connection.wake();
  }
}

/** `count` different ADDs of 43 to 46 bytes. */
export function manyAdds(count: number, vni = 100): string[] {
  return Array.from({ length: count }, (_, i) => `ADD ${vni} 10.${i >> 8}.${i & 255}.0/24 via 2001:db8::1`);
}
