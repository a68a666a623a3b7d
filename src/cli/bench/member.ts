/**
 * One connection of a run, as announcer, subscriber or both. It keeps the protocol's manners by way of the same
 * connection as BunBond's own client: KEEPALIVEs on time, time limits, frames never cut by others, and it
 * always reads.
 *
 * To announce to a Go server (`paced`) it does as that client does: at most ten writes of up to 1,400 bytes
 * between two KEEPALIVE answers (see client/link-output.ts).
 */

import type { Clock, Timer } from "../../base/clock.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import { type CloseReason, describeCloseReason } from "../../session/close-reason.ts";
import { Connection, type ConnectionHandler } from "../../transport/connection.ts";
import type { ByteStream, Network } from "../../transport/network.ts";
import type { OutputSource } from "../../transport/outbox.ts";
import { PACED_WRITE_BYTES } from "../../transport/pacing.ts";
import { encodeSubscription, MAX_CONTROL_FRAME_BYTES } from "../../wire/encode.ts";
import { MessageType, TIMEOUT_INTERVALS } from "../../wire/protocol.ts";
import { CheckedInput } from "./checked-input.ts";
import { DeliveryCheck } from "./delivery-check.ts";
import type { FrameSource } from "./frame-source.ts";
import type { Expectation, MemberSpec, WorkerSettings } from "./messages.ts";
import type { RouteSet } from "./route-set.ts";

const NOTHING = new Uint8Array(0);
const PACED_WRITES = 10;

export interface MemberContext {
  readonly settings: WorkerSettings;
  readonly routes: RouteSet;
  readonly network: Network;
  readonly clock: Clock;
  /** The connection could not be had or was lost. */
  failed(message: string): void;
}

export class Member implements ConnectionHandler, OutputSource {
  readonly spec: MemberSpec;
  readonly #context: MemberContext;
  readonly check: DeliveryCheck;
  #connection: Connection | null = null;
  #connectTimer: Timer | null = null;
  readonly #established = Promise.withResolvers<void>();
  #isClosing = false;
  #hasSubscribed = false;
  /** A frame that goes before all others. */
  #first = NOTHING;
  #source: FrameSource | null = null;
  #sentBefore = 0;
  /** A KEEPALIVE is to be sent behind all that has been given out. */
  #wantsFence = false;
  #fence = Number.POSITIVE_INFINITY;
  #fenced: (() => void) | null = null;
  #pacedWrites = 0;
  #pacedFence = 0;
  #expected: Expectation = { turn: "none", routes: 0, markers: 0 };
  #complete = Promise.withResolvers<void>();

  constructor(spec: MemberSpec, context: MemberContext) {
    this.spec = spec;
    this.#context = context;
    this.check = new DeliveryCheck(context.routes, spec.announcer);
  }

  /** Updates handed to the socket. */
  get sentUpdates(): number {
    return this.#sentBefore + (this.#source?.sentFrames ?? 0);
  }

  get isEstablished(): boolean {
    return this.#connection?.session.state === "established";
  }

  get hasSubscribed(): boolean {
    return this.#hasSubscribed;
  }

  /** How many deliveries still lack of what is expected. */
  get missing(): number {
    if (!this.spec.subscribes) return 0;
    const { routesPresent, markersPresent } = this.check;
    return (
      Math.abs(this.#expected.routes - routesPresent) + Math.abs(this.#expected.markers - markersPresent)
    );
  }

  /** Resolves when ESTABLISHED. */
  open(): Promise<void> {
    const { network, clock, settings } = this.#context;
    const limitMs = settings.keepaliveSeconds * TIMEOUT_INTERVALS * 1000;
    this.#connectTimer = clock.after(limitMs, () => this.#fail("cannot connect: no answer"));
    network.connect(settings.server, {
      connected: (stream) => this.#connected(stream),
      failed: (detail) => this.#fail(`cannot connect: ${detail}`),
    });
    return this.#established.promise;
  }

  #connected(stream: ByteStream): CheckedInput | null {
    if (this.#isClosing) return null;
    this.#connectTimer?.cancel();
    const { keepaliveSeconds } = this.#context.settings;
    const connection = new Connection({
      role: "client",
      keepaliveSeconds,
      stream,
      clock: this.#context.clock,
      source: this,
      handler: this,
    });
    this.#connection = connection;
    return new CheckedInput(connection, this.check, () => this.#look());
  }

  /** From now on these deliveries are right, and {@link complete} waits for them. */
  expect(expected: Expectation): void {
    this.#expected = expected;
    this.check.setTurn(expected.turn);
    this.#complete = Promise.withResolvers();
    this.#look();
  }

  /** Resolves when there is all that is expected. */
  get complete(): Promise<void> {
    return this.#complete.promise;
  }

  #look(): void {
    if (this.missing === 0) this.#complete.resolve();
  }

  /** Sends SUBSCRIBE. Resolves when the server has read it. */
  startSubscription(): Promise<void> {
    const frame = new Uint8Array(MAX_CONTROL_FRAME_BYTES);
    const view = new DataView(frame.buffer);
    const end = encodeSubscription(view, 0, MessageType.SUBSCRIBE, this.#context.routes.vni);
    this.#hasSubscribed = true;
    this.#first = frame.subarray(0, end);
    return this.#fenceBehind();
  }

  /** Sends what the source has, until it ends. Resolves when the server has read it. */
  send(source: FrameSource): Promise<void> {
    this.#sentBefore += this.#source?.sentFrames ?? 0;
    this.#source = source;
    return this.#fenceBehind();
  }

  /** The source has something, or has ended. */
  wake(): void {
    this.#connection?.wake();
  }

  /** A KEEPALIVE behind everything; resolves with its answer. */
  #fenceBehind(): Promise<void> {
    this.#wantsFence = true;
    this.#fence = Number.POSITIVE_INFINITY;
    this.wake();
    return new Promise((resolve) => {
      this.#fenced = resolve;
    });
  }

  close(): void {
    this.#isClosing = true;
    this.#connectTimer?.cancel();
    this.#connection?.close({ reason: "stopped" });
  }

  #fail(what: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#context.failed(`${formatEndpoint(this.#context.settings.server)}: ${what}`);
  }

  // --- output --------------------------------------------------------------------------------------

  /** Called when all that was given out before has been taken by the socket. */
  nextRun(limitBytes: number): Uint8Array {
    if (this.#first.length > 0) {
      const first = this.#first;
      this.#first = NOTHING;
      return first;
    }
    const limit = this.#pacedLimit(limitBytes);
    if (limit === 0) return NOTHING;
    const run = this.#source?.next(limit) ?? NOTHING;
    if (run.length > 0) this.#pacedWrites++;
    else if (this.#wantsFence && (this.#source?.hasEnded ?? true)) {
      this.#wantsFence = false;
      this.#fence = this.#sendKeepalive();
    }
    return run;
  }

  /** 0: wait for an answer. */
  #pacedLimit(limitBytes: number): number {
    if (!this.#context.settings.paced) return limitBytes;
    if (this.#pacedWrites < PACED_WRITES) return Math.min(limitBytes, PACED_WRITE_BYTES);
    if (this.#pacedFence === 0) this.#pacedFence = this.#sendKeepalive();
    return 0;
  }

  #sendKeepalive(): number {
    return this.#connection?.sendKeepalive() ?? 0;
  }

  // --- events of the connection --------------------------------------------------------------------

  onEstablished(): void {
    this.#established.resolve();
  }

  onKeepalive(): void {
    const answered = this.#connection?.keepalivesAnswered ?? 0;
    if (this.#pacedFence > 0 && answered >= this.#pacedFence) {
      this.#pacedFence = 0;
      this.#pacedWrites = 0;
      this.wake();
    }
    if (answered >= this.#fence) {
      this.#fence = Number.POSITIVE_INFINITY;
      this.#fenced?.();
    }
  }

  onClosed(reason: CloseReason): void {
    this.#fail(`a connection ended: ${describeCloseReason(reason)}`);
  }

  /** UPDATEs were checked before, and a server sends nothing else that matters to a run. */
  onUpdate(): void {}
  onSkipped(): void {}
  onSubscribe(): void {}
  onUnsubscribe(): void {}
  onHello(): void {}
  onEndOfRib(): void {}
}
