/**
 * What one subscriber is due, and whether it got just that: each frame is compared in place, and a bit per route
 * says whether the last word on it was an ADD.
 *
 * A delivery is right when it is one of the run's routes, with its next hop, in its turn (no REMOVE while
 * routes are announced), and news: an ADD of a route that was absent or a REMOVE of one that was there. Right ones
 * are counted as received. So once a subscriber has as many routes as it is due, it has exactly these.
 */
import { decodeUpdate } from "../../wire/decode.ts";
import { UpdateFields } from "../../wire/message.ts";
import { Action, HEADER_BYTES } from "../../wire/protocol.ts";
import { ProtocolError } from "../../wire/protocol-error.ts";
import { FrameTemplate } from "./frame-template.ts";
import type { RouteSet } from "./route-set.ts";

/** Deliveries by kind; those but `received` and `echoes` are wrong. */
export interface DeliveryCounts {
  received: number;
  /** It said what the subscriber knew: an ADD of a route it has, a REMOVE of one it has not. */
  repeated: number;
  /** An ADD while routes are withdrawn, or a REMOVE while they are announced. */
  outOfTurn: number;
  /** One of the run's destinations, but not as it was announced; or it cannot be read. */
  altered: number;
  /** None of the run's destinations. */
  foreign: number;
  /** The subscriber's own routes, sent back to it as Go and rustbond do. */
  echoes: number;
}

export function noDeliveries(): DeliveryCounts {
  return { received: 0, repeated: 0, outOfTurn: 0, altered: 0, foreign: 0, echoes: 0 };
}

export function addDeliveries(to: DeliveryCounts, more: DeliveryCounts): void {
  to.received += more.received;
  to.repeated += more.repeated;
  to.outOfTurn += more.outOfTurn;
  to.altered += more.altered;
  to.foreign += more.foreign;
  to.echoes += more.echoes;
}

export function wrongDeliveries({ repeated, outOfTurn, altered, foreign }: DeliveryCounts): number {
  return repeated + outOfTurn + altered + foreign;
}

/** Which actions may come now. */
export type Turn = "none" | "add" | "remove" | "any";
const TURN_BITS = { none: 0, add: 1 << Action.ADD, remove: 1 << Action.REMOVE, any: 3 } as const;

// Filled and read within one call: they serve all subscribers.
const received = new UpdateFields();
const expected = new UpdateFields();

export class DeliveryCheck {
  readonly #routes: RouteSet;
  readonly #self: number;
  readonly counts = noDeliveries();
  /** Routes whose last word was an ADD, markers aside. */
  routesPresent = 0;
  markersPresent = 0;
  /** Told of each right delivery, markers aside. */
  onReceived: ((index: number, action: Action) => void) | null = null;
  /** Told of an announcer's marker, announced or withdrawn. */
  onMarker: ((announcer: number) => void) | null = null;
  readonly #present: Int32Array;
  readonly #add: FrameTemplate;
  readonly #remove: FrameTemplate;
  #turnBits = 0;

  /** `self`: the announcer that this subscriber is, too; -1: none. */
  constructor(routes: RouteSet, self = -1) {
    this.#routes = routes;
    this.#self = self;
    this.#present = new Int32Array(Math.ceil(routes.indexCount / 32));
    this.#add = new FrameTemplate(routes, Action.ADD);
    this.#remove = new FrameTemplate(routes, Action.REMOVE);
  }

  setTurn(turn: Turn): void {
    this.#turnBits = TURN_BITS[turn];
  }

  /** Takes an UPDATE: the frame with its header at `offset`. */
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
    else if ((this.#turnBits & (1 << action)) === 0) counts.outOfTurn++;
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

  /** Not the bytes that were announced: perhaps the same written in another way, else wrong. */
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
