/**
 * Checks whether one subscriber receives exactly what it should: each frame is compared in place, and a bit per route
 * says whether the last UPDATE for it was an ADD.
 *
 * A delivery is right if it is one of the run's routes, with its next hop, of an action that is expected now (no REMOVE while
 * routes are announced), and changes something: an ADD of a route that was absent or a REMOVE of one that was present. Right
 * deliveries are counted as received. So a subscriber that has as many routes as expected has exactly the expected ones.
 */
import { decodeUpdate } from "../../wire/decode.ts";
import { UpdateFields } from "../../wire/message.ts";
import { Action, HEADER_BYTES } from "../../wire/protocol.ts";
import { ProtocolError } from "../../wire/protocol-error.ts";
import { FrameTemplate } from "./frame-template.ts";
import type { RouteSet } from "./route-set.ts";

/** Deliveries by kind. All kinds except `received` and `echoes` are wrong. */
export interface DeliveryCounts {
  received: number;
  /** Deliveries that changed nothing: an ADD of a route that is present, a REMOVE of one that is absent. */
  repeated: number;
  /** ADDs while routes are withdrawn, and REMOVEs while they are announced. */
  unexpected: number;
  /** Deliveries of the run's destinations that differ from what was announced, and unreadable ones. */
  altered: number;
  /** Deliveries of destinations that are not the run's. */
  foreign: number;
  /** The subscriber's own routes, sent back to it; Go's and rustbond's servers do that. */
  echoes: number;
}

export function noDeliveries(): DeliveryCounts {
  return { received: 0, repeated: 0, unexpected: 0, altered: 0, foreign: 0, echoes: 0 };
}

export function addDeliveries(to: DeliveryCounts, more: DeliveryCounts): void {
  to.received += more.received;
  to.repeated += more.repeated;
  to.unexpected += more.unexpected;
  to.altered += more.altered;
  to.foreign += more.foreign;
  to.echoes += more.echoes;
}

export function wrongDeliveries({ repeated, unexpected, altered, foreign }: DeliveryCounts): number {
  return repeated + unexpected + altered + foreign;
}

/** Which actions may be received now. */
export type ExpectedActions = "none" | "add" | "remove" | "any";
const ACTION_BITS = { none: 0, add: 1 << Action.ADD, remove: 1 << Action.REMOVE, any: 3 } as const;

// They are filled and read within one call, so all subscribers share them.
const received = new UpdateFields();
const expected = new UpdateFields();

export class DeliveryCheck {
  readonly #routes: RouteSet;
  readonly #self: number;
  readonly counts = noDeliveries();
  /** Number of routes whose last UPDATE was an ADD, without markers. */
  routesPresent = 0;
  markersPresent = 0;
  /** Called for each right delivery, except of markers. */
  onReceived: ((index: number, action: Action) => void) | null = null;
  /** Called when an announcer's marker is announced or withdrawn. */
  onMarker: ((announcer: number) => void) | null = null;
  readonly #present: Int32Array;
  readonly #add: FrameTemplate;
  readonly #remove: FrameTemplate;
  #expectedBits = 0;

  /** `self` is the announcer with the same connection; -1 if the subscriber does not announce. */
  constructor(routes: RouteSet, self = -1) {
    this.#routes = routes;
    this.#self = self;
    this.#present = new Int32Array(Math.ceil(routes.indexCount / 32));
    this.#add = new FrameTemplate(routes, Action.ADD);
    this.#remove = new FrameTemplate(routes, Action.REMOVE);
  }

  /** Sets which actions are right from now on. */
  expect(actions: ExpectedActions): void {
    this.#expectedBits = ACTION_BITS[actions];
  }

  /** Checks an UPDATE: the frame whose header is at `offset`. */
  update(view: DataView, offset: number, payloadBytes: number): void {
    const isAdd = payloadBytes === this.#add.payloadBytes;
    const template = isAdd ? this.#add : this.#remove;
    if (payloadBytes !== template.payloadBytes || !template.matches(view, offset)) {
      this.#unlike(view, offset, payloadBytes);
      return;
    }
    const routes = this.#routes;
    const index = (view.getInt32(offset + template.indexOffset) - routes.baseWord) >>> 0;
    const announcer = view.getInt32(offset + template.hopOffset) - 1;
    this.#judge(index, announcer, isAdd ? Action.ADD : Action.REMOVE);
  }

  #judge(index: number, announcer: number, action: Action): void {
    const routes = this.#routes;
    const { counts } = this;
    if (routes.isUnused(index)) counts.foreign++;
    else if (announcer !== routes.announcerOf(index)) counts.altered++;
    else if (announcer === this.#self) counts.echoes++;
    else if ((this.#expectedBits & (1 << action)) === 0) counts.unexpected++;
    else this.#take(index, action);
  }

  #take(index: number, action: Action): void {
    const word = index >>> 5;
    const bit = 1 << (index & 31);
    const before = this.#present[word] ?? 0;
    const isAdd = action === Action.ADD;
    if (((before & bit) !== 0) === isAdd) {
      this.counts.repeated++;
      return;
    }
    this.#present[word] = before ^ bit;
    const change = isAdd ? 1 : -1;
    if (index >= this.#routes.firstMarker) {
      this.markersPresent += change;
      this.onMarker?.(index - this.#routes.firstMarker);
    } else {
      this.routesPresent += change;
      this.counts.received++;
      this.onReceived?.(index, action);
    }
  }

  /** Judges a frame whose bytes are not those announced: it may be the same UPDATE in another encoding, or wrong. */
  #unlike(view: DataView, offset: number, payloadBytes: number): void {
    const routes = this.#routes;
    const { counts } = this;
    if (!isReadable(view, offset + HEADER_BYTES, payloadBytes)) {
      counts.altered++;
      return;
    }
    const index = ((routes.family === 4 ? received.p0 : received.p3) - routes.baseWord) >>> 0;
    routes.fill(expected, index);
    if (routes.isUnused(index) || !sameFields(received, expected, DESTINATION_FIELDS)) counts.foreign++;
    else if (!sameFields(received, expected, NEXT_HOP_FIELDS)) counts.altered++;
    else this.#judge(index, routes.announcerOf(index), received.action);
  }
}

function isReadable(view: DataView, offset: number, lengthBytes: number): boolean {
  try {
    return decodeUpdate(view, offset, lengthBytes, received) === null;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

const DESTINATION_FIELDS = ["vni", "family", "p0", "p1", "p2", "p3", "lengthBits"] as const;
const NEXT_HOP_FIELDS = [
  "hopFamily",
  "h0",
  "h1",
  "h2",
  "h3",
  "targetVni",
  "hopType",
  "natPortFrom",
  "natPortTo",
] as const;

function sameFields(a: UpdateFields, b: UpdateFields, names: readonly (keyof UpdateFields)[]): boolean {
  return names.every((name) => a[name] === b[name]);
}
