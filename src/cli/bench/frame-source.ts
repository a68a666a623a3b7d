/** The frames that an announcer sends: whole frames on demand, as many as the socket takes at a time. */
import { MAX_UPDATE_FRAME_BYTES } from "../../wire/encode.ts";
import { Action } from "../../wire/protocol.ts";
import type { RouteSet } from "./route-set.ts";

export interface FrameSource {
  /** Number of frames of routes handed out, without markers. */
  readonly sentFrames: number;
  /** True if there will be no further frames. */
  readonly hasEnded: boolean;
  /** Returns the next frames, at most `limitBytes` (which is enough for one); empty if there are none now. */
  next(limitBytes: number): Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** Hands out frames of equal length that were encoded before, from one large buffer. */
export class EncodedFrames implements FrameSource {
  readonly #bytes: Uint8Array;
  readonly #frameBytes: number;
  readonly #areMarkers: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, frameBytes: number, areMarkers = false) {
    this.#bytes = bytes;
    this.#frameBytes = frameBytes;
    this.#areMarkers = areMarkers;
  }

  get sentFrames(): number {
    return this.#areMarkers ? 0 : this.#at / this.#frameBytes;
  }

  get hasEnded(): boolean {
    return this.#at === this.#bytes.length;
  }

  next(limitBytes: number): Uint8Array {
    const start = this.#at;
    this.#at = Math.min(this.#bytes.length, start + limitBytes - (limitBytes % this.#frameBytes));
    return this.#bytes.subarray(start, this.#at);
  }
}

/**
 * Announces a batch of routes and withdraws it, then the next batch, until it is stopped; through all routes of
 * the announcer and round again. Each step ends with the marker: a subscriber that has it has received all before it.
 *
 *     step 1   ADD … ADD        ADD marker
 *     step 2   REMOVE … REMOVE  REMOVE marker
 */
export class ChurnFrames implements FrameSource {
  readonly #routes: RouteSet;
  readonly #announcer: number;
  readonly #batch: number;
  /** A step begins only when it is released; the first one is released from the start. */
  readonly #paced: boolean;
  sentFrames = 0;
  readonly #step: Uint8Array;
  readonly #view: DataView;
  #stepBytes = 0;
  #frameBytes = 0;
  #at = 0;
  #action: Action = Action.REMOVE;
  #firstRoute = 0;
  #mayBegin = true;
  #isStopped = false;

  constructor(routes: RouteSet, announcer: number, batch: number, paced: boolean) {
    this.#routes = routes;
    this.#announcer = announcer;
    this.#batch = batch;
    this.#paced = paced;
    this.#step = new Uint8Array((batch + 1) * MAX_UPDATE_FRAME_BYTES);
    this.#view = new DataView(this.#step.buffer);
  }

  get hasEnded(): boolean {
    return this.#isStopped && this.#at === this.#stepBytes && this.#action === Action.REMOVE;
  }

  /** Lets the next step begin. */
  release(): void {
    this.#mayBegin = true;
  }

  /** Ends the steps after the next withdrawal. */
  stop(): void {
    this.#isStopped = true;
  }

  next(limitBytes: number): Uint8Array {
    if (this.#at === this.#stepBytes) {
      if (!this.#mayBegin || this.hasEnded) return NOTHING;
      this.#encodeStep();
    }
    const start = this.#at;
    this.#at = Math.min(this.#stepBytes, start + limitBytes - (limitBytes % this.#frameBytes));
    const hasMarker = this.#at === this.#stepBytes;
    this.sentFrames += (this.#at - start) / this.#frameBytes - (hasMarker ? 1 : 0);
    return this.#step.subarray(start, this.#at);
  }

  #encodeStep(): void {
    const routes = this.#routes;
    const announcer = this.#announcer;
    const batch = this.#batch;
    const { routesPerAnnouncer } = routes;
    this.#action = this.#action === Action.ADD ? Action.REMOVE : Action.ADD;
    let at = 0;
    for (let i = 0; i < batch; i++) {
      const index = routes.indexOf(announcer, (this.#firstRoute + i) % routesPerAnnouncer);
      at = routes.encode(this.#view, at, index, this.#action);
    }
    this.#frameBytes = at / batch;
    this.#stepBytes = routes.encode(this.#view, at, routes.markerOf(announcer), this.#action);
    this.#at = 0;
    this.#mayBegin = !this.#paced;
    if (this.#action === Action.REMOVE) this.#firstRoute = (this.#firstRoute + batch) % routesPerAnnouncer;
  }
}

/** Hands out one frame at a time, each when it is released. */
export class TimedFrames implements FrameSource {
  readonly #frames: number;
  /** Writes frame `n` and returns the offset after it; the frame goes to the socket at once. */
  readonly #encode: (view: DataView, n: number) => number;
  sentFrames = 0;
  readonly #frame = new Uint8Array(MAX_UPDATE_FRAME_BYTES);
  readonly #view = new DataView(this.#frame.buffer);
  #released = 0;

  constructor(frames: number, encode: (view: DataView, n: number) => number) {
    this.#frames = frames;
    this.#encode = encode;
  }

  get hasEnded(): boolean {
    return this.sentFrames === this.#frames;
  }

  release(): void {
    this.#released++;
  }

  next(): Uint8Array {
    if (this.sentFrames === this.#released) return NOTHING;
    return this.#frame.subarray(0, this.#encode(this.#view, this.sentFrames++));
  }
}
