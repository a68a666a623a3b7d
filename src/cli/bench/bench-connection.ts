/**
 * This class is one connection of a run, as announcer, subscriber or both. It follows the protocol by the same
 * Connection as BunBond's own client: KEEPALIVEs in time, time limits, frames that are never interleaved, and it always
 * reads.
 *
 * Announcements to a Go server (`paced`) are written as that client does: at most ten writes of up to 1,400 bytes
 * between two KEEPALIVE answers (see client/link/link-output.ts).
 */

import type { Clock, Timer } from "../../base/clock.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import { type CloseReason, describeCloseReason } from "../../session/close-reason.ts";
import { Barrier } from "../../transport/barrier.ts";
import { Connection, type ConnectionHandler } from "../../transport/connection.ts";
import type { ByteStream, Network } from "../../transport/network.ts";
import type { OutputSource } from "../../transport/outbox.ts";
import { PACED_WRITE_BYTES } from "../../transport/pacing.ts";
import { encodeSubscription, MAX_CONTROL_FRAME_BYTES } from "../../wire/encode.ts";
import { MessageType, TIMEOUT_INTERVALS } from "../../wire/protocol.ts";
import { CheckedInput } from "./checked-input.ts";
import { DeliveryCheck } from "./delivery-check.ts";
import type { FrameSource } from "./frame-source.ts";
import type { ConnectionSpec, Expectation, WorkerSettings } from "./messages.ts";
import type { RouteSet } from "./route-set.ts";

const NOTHING = new Uint8Array(0);
const PACED_WRITES = 10;

export interface ConnectionContext {
  readonly settings: WorkerSettings;
  readonly routes: RouteSet;
  readonly network: Network;
  readonly clock: Clock;
  /** The connection could not be made or was lost, or the server refused routes. */
  failed(message: string): void;
}

export class BenchConnection implements ConnectionHandler, OutputSource {
  readonly spec: ConnectionSpec;
  readonly #context: ConnectionContext;
  readonly check: DeliveryCheck;
  #connection: Connection | null = null;
  #connectTimer: Timer | null = null;
  readonly #established = Promise.withResolvers<void>();
  #isClosing = false;
  #hasSubscribed = false;
  /** True while the server's table is complete and does not change: then End-of-RIB follows the last expected route. */
  #isSyncing = false;
  /** A frame that is sent before all others. */
  #first = NOTHING;
  #source: FrameSource | null = null;
  #sentBefore = 0;
  /** Callbacks for when the server has read everything handed out so far. */
  readonly #unread = new Barrier<() => void>();
  /** Writes that are not known to have been read; and those of them that will be, once the next answer has come. */
  #pacedWrites = 0;
  readonly #unreadWrites = new Barrier<number>();
  #expected: Expectation = { actions: "none", routes: 0, markers: 0 };
  #complete = Promise.withResolvers<void>();

  constructor(spec: ConnectionSpec, context: ConnectionContext) {
    this.spec = spec;
    this.#context = context;
    this.check = new DeliveryCheck(context.routes, spec.announcer);
  }

  /** Number of updates handed to the socket. */
  get sentUpdates(): number {
    return this.#sentBefore + (this.#source?.sentFrames ?? 0);
  }

  get isEstablished(): boolean {
    return this.#connection?.session.state === "established";
  }

  get hasSubscribed(): boolean {
    return this.#hasSubscribed;
  }

  /** How many of the expected deliveries have not been received yet. */
  get missing(): number {
    if (!this.spec.subscribes) return 0;
    const { routesPresent, markersPresent } = this.check;
    return (
      Math.abs(this.#expected.routes - routesPresent) + Math.abs(this.#expected.markers - markersPresent)
    );
  }

  /** Connects. Resolves when the session is ESTABLISHED. */
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
    return new CheckedInput(connection, this.check, () => this.#resolveIfComplete());
  }

  /** Makes these deliveries the right ones from now on; {@link complete} waits for them. */
  expect(expected: Expectation): void {
    this.#isSyncing = false;
    this.#expected = expected;
    this.check.expect(expected.actions);
    this.#complete = Promise.withResolvers();
    this.#resolveIfComplete();
  }

  /** Resolves when everything expected has been received. */
  get complete(): Promise<void> {
    return this.#complete.promise;
  }

  #resolveIfComplete(): void {
    if (this.missing === 0) this.#complete.resolve();
  }

  /** Sends SUBSCRIBE, for a table that does not change meanwhile. Resolves when the server has read it. */
  startSubscription(): Promise<void> {
    const frame = new Uint8Array(MAX_CONTROL_FRAME_BYTES);
    const view = new DataView(frame.buffer);
    const end = encodeSubscription(view, 0, MessageType.SUBSCRIBE, this.#context.routes.vni);
    this.#hasSubscribed = true;
    this.#isSyncing = true;
    this.#first = frame.subarray(0, end);
    return this.#sendFence();
  }

  /** Sends what the source has, until the source ends. Resolves when the server has read it. */
  send(source: FrameSource): Promise<void> {
    this.#sentBefore += this.#source?.sentFrames ?? 0;
    this.#source = source;
    return this.#sendFence();
  }

  /** Must be called when the source has something again, or has ended. */
  wake(): void {
    this.#connection?.wake();
  }

  /** Sends a KEEPALIVE after everything else. Resolves with its answer. */
  #sendFence(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#unread.add(resolve);
    this.wake();
    return promise;
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

  /** Called when the socket has taken everything handed out before. */
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
    else if (this.#unread.needsKeepalive && (this.#source?.hasEnded ?? true)) {
      this.#unread.sent(this.#sendKeepalive());
    }
    return run;
  }

  get onlyBulkIsDue(): boolean {
    return true;
  }

  /** Returns 0 if an answer has to come first. */
  #pacedLimit(limitBytes: number): number {
    if (!this.#context.settings.paced) return limitBytes;
    if (this.#pacedWrites < PACED_WRITES) return Math.min(limitBytes, PACED_WRITE_BYTES);
    if (this.#unreadWrites.isEmpty) {
      this.#unreadWrites.add(this.#pacedWrites);
      this.#unreadWrites.sent(this.#sendKeepalive());
    }
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
    for (const writes of this.#unreadWrites.answered(answered)) {
      this.#pacedWrites -= writes;
      this.wake();
    }
    for (const read of this.#unread.answered(answered)) read();
  }

  onClosed(reason: CloseReason): void {
    this.#fail(`a connection ended: ${describeCloseReason(reason)}`);
  }

  /**
   * Detects a server that refused routes: its table is complete, but has fewer routes than expected. Other servers than
   * BunBond's send no End-of-RIB, and a run on them ends by its time-out.
   */
  onEndOfRib(): void {
    if (!this.#isSyncing || this.missing === 0) return;
    const { routes } = this.#expected;
    const present = this.check.routesPresent;
    this.#fail(
      `the server has only ${present} of ${routes} routes: it refused the others; see its log, and raise its --max-routes or the number of --announcers`,
    );
  }

  /** UPDATEs are checked before they get here, and nothing else that a server sends matters to a run. */
  onUpdate(): void {}
  onSkipped(): void {}
  onSubscribe(): void {}
  onUnsubscribe(): void {}
  onHello(): void {}
}
