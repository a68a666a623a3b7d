/**
 * A client with one server, which is the test itself: it sees each write by itself, as the frames in it, says what a
 * server would say, and decides how much the socket takes. Nothing comes by itself but what time brings.
 */
import { ClientCore } from "../../../src/client/client-core.ts";
import type { ClientOptions } from "../../../src/client/options.ts";
import type { ByteStream, ConnectEvents, Network, StreamEvents } from "../../../src/transport/network.ts";
import { frameOfText, routeOfText, textOfMessage } from "../models/frame-text.ts";
import { ViewLog } from "../models/view-log.ts";
import { FakeClock } from "./fake-clock.ts";
import { MessageReader } from "./message-reader.ts";

export interface Written {
  readonly atMs: number;
  readonly lengthBytes: number;
  /** As in frame-text.ts. */
  readonly frames: readonly string[];
}

export class ScriptedLink implements Network, ByteStream {
  readonly remote = { address: "::1", port: 1 };
  readonly local = "[::1]:2";
  readonly clock = new FakeClock();
  readonly log = new ViewLog();
  readonly client: ClientCore;
  /** What the socket takes before its writer has to wait. */
  roomBytes = Number.POSITIVE_INFINITY;
  isEnded = false;
  #written: Written[] = [];
  #reader = new MessageReader();
  #unansweredKeepalives = 0;
  #connecting: ConnectEvents | null = null;
  #events: StreamEvents | null = null;

  constructor(options: Partial<ClientOptions> = {}) {
    const { clock, log } = this;
    const servers = [{ host: "::1", port: 1 }];
    this.client = new ClientCore({
      servers,
      clock,
      network: this,
      handler: log,
      random: () => 0,
      ...options,
    });
    this.client.start();
  }

  // --- the test as the server ---------------------------------------------------------------------

  /** Connected, a HELLO, and the KEEPALIVE that makes the client ESTABLISHED; what it writes then is not taken yet. */
  establish(keepaliveSeconds = 5): this {
    this.accept();
    this.say(`HELLO ${keepaliveSeconds} server`);
    this.take();
    this.answerAll();
    return this;
  }

  accept(): void {
    this.isEnded = false;
    this.#reader = new MessageReader();
    this.#unansweredKeepalives = 0;
    this.#events = this.#connecting?.connected(this) ?? null;
    this.clock.settle();
  }

  say(...frames: readonly string[]): void {
    this.#events?.received(Uint8Array.from(frames.flatMap((frame) => [...frameOfText(frame)])));
    this.clock.settle();
  }

  /** Answers the KEEPALIVEs that are not answered yet, or the first so many of them. */
  answerAll(count = this.#unansweredKeepalives): void {
    this.#unansweredKeepalives -= count;
    this.say(...Array<string>(count).fill("KEEPALIVE"));
  }

  /** There is room again. */
  makeRoom(roomBytes = Number.POSITIVE_INFINITY): void {
    this.roomBytes = roomBytes;
    this.#events?.writable();
    this.clock.settle();
  }

  breakConnection(): void {
    this.#events?.closed("connection reset");
    this.clock.settle();
  }

  // --- what the client does -----------------------------------------------------------------------

  announce(...routes: readonly string[]): void {
    for (const route of routes) this.client.announce(routeOfText(route));
    this.clock.settle();
  }

  withdraw(...routes: readonly string[]): void {
    for (const route of routes) this.client.withdraw(routeOfText(route));
    this.clock.settle();
  }

  subscribe(...vnis: readonly number[]): void {
    for (const vni of vnis) this.client.subscribe(vni);
    this.clock.settle();
  }

  unsubscribe(...vnis: readonly number[]): void {
    for (const vni of vnis) this.client.unsubscribe(vni);
    this.clock.settle();
  }

  /** The writes since they were last taken: each as its frames, joined by "; ". */
  take(): string[] {
    return this.takeWrites().map(({ frames }) => frames.join("; "));
  }

  takeWrites(): Written[] {
    const written = this.#written;
    this.#written = [];
    return written;
  }

  // --- the network --------------------------------------------------------------------------------

  listen(): Promise<never> {
    return Promise.reject(new Error("nobody listens here"));
  }

  connect(_: unknown, events: ConnectEvents): void {
    this.#connecting = events;
  }

  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.roomBytes);
    this.roomBytes -= taken;
    if (taken === 0) return 0;
    const messages = Array.from(this.#reader.read(bytes.slice(0, taken)), ({ message }) => message);
    const frames = messages.map((message) => (message === null ? "?" : textOfMessage(message)));
    this.#unansweredKeepalives += frames.filter((frame) => frame === "KEEPALIVE").length;
    this.#written.push({ atMs: this.clock.nowMs(), lengthBytes: taken, frames });
    return taken;
  }

  // The script goes on when the client has read.
  pause(): void {}
  resume(): void {}

  end(): void {
    this.isEnded = true;
  }

  endWithin(): void {
    this.isEnded = true;
  }

  abort(): void {
    this.isEnded = true;
  }
}

/** Established, subscribed to the VNIs, everything said so far answered; the last word is the End-of-RIB, if asked for. */
export function subscribedLink(
  vnis: readonly number[],
  { endOfRibs, ...options }: { endOfRibs: boolean } & Partial<ClientOptions>,
): ScriptedLink {
  const link = new ScriptedLink(options);
  link.subscribe(...vnis);
  link.establish();
  link.answerAll();
  if (endOfRibs) link.say(...vnis.map((vni) => `END ${vni}`));
  link.clock.advance(1_000);
  link.take();
  return link;
}
