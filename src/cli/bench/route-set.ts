/**
 * The routes of a run. Each has an index that is part of its bytes, so that a received frame shows which route it is and
 * whether it is right.
 *
 *     index    0 … 2^s - 1          2^s … 2 × 2^s - 1     …     announcers × 2^s …
 *     what     routes of announcer 0,  of announcer 1,    …     one marker of each announcer
 *              the first `routesPerAnnouncer` of each
 *
 *     prefix   IPv4: 10.0.0.0 + index, /32      IPv6: 2001:2:: + index, /128 (RFC 5180: for benchmarks)
 *     hop      2001:db8:: + announcer + 1
 *
 * Markers are announced at the end: a subscriber that has one has received everything that was sent before it.
 */
import { encodeUpdate, MAX_UPDATE_FRAME_BYTES } from "../../wire/encode.ts";
import { UpdateFields } from "../../wire/message.ts";
import type { Action } from "../../wire/protocol.ts";

export interface RouteSetOptions {
  readonly vni: number;
  readonly family: 4 | 6;
  readonly announcers: number;
  readonly routesPerAnnouncer: number;
}

const IPV4_BASE = 10 << 24;
const IPV6_BENCHMARK = 0x2001_0002;
const HOP = 0x2001_0db8;
const MAX_IPV4_INDEX = 2 ** 24;

export class RouteSet {
  readonly vni: number;
  readonly family: 4 | 6;
  readonly announcers: number;
  readonly routesPerAnnouncer: number;
  /** An announcer's number is its routes' index, shifted right by this. */
  readonly announcerShift: number;
  /** Masks an index to the number among its announcer's routes. */
  readonly numberMask: number;
  /** The index of the first marker; the marker of announcer n has the index n higher. */
  readonly firstMarker: number;
  /** One more than the highest index. */
  readonly indexCount: number;
  /** The last word of the prefix of index 0; that word grows with the index. */
  readonly baseWord: number;
  readonly #fields = new UpdateFields();

  constructor({ vni, family, announcers, routesPerAnnouncer }: RouteSetOptions) {
    this.vni = vni;
    this.family = family;
    this.announcers = announcers;
    this.routesPerAnnouncer = routesPerAnnouncer;
    this.announcerShift = Math.ceil(Math.log2(routesPerAnnouncer));
    this.numberMask = 2 ** this.announcerShift - 1;
    this.firstMarker = announcers * 2 ** this.announcerShift;
    this.indexCount = this.firstMarker + announcers;
    this.baseWord = family === 4 ? IPV4_BASE : 0;
  }

  /** True if all indexes have an address. */
  get fits(): boolean {
    return this.indexCount <= (this.family === 4 ? MAX_IPV4_INDEX : 2 ** 31);
  }

  get routeCount(): number {
    return this.announcers * this.routesPerAnnouncer;
  }

  /** Returns true if neither a route nor a marker has this index. */
  isUnused(index: number): boolean {
    if (index >= this.firstMarker) return index >= this.indexCount;
    return (index & this.numberMask) >= this.routesPerAnnouncer;
  }

  /** Returns the index of an announcer's route `n`, 0 to routesPerAnnouncer - 1. */
  indexOf(announcer: number, n: number): number {
    return announcer * 2 ** this.announcerShift + n;
  }

  markerOf(announcer: number): number {
    return this.firstMarker + announcer;
  }

  announcerOf(index: number): number {
    return index < this.firstMarker ? index >>> this.announcerShift : index - this.firstMarker;
  }

  /** Writes a frame, up to {@link MAX_UPDATE_FRAME_BYTES}, and returns the offset after it. */
  encode(view: DataView, offset: number, index: number, action: Action): number {
    this.fill(this.#fields, index);
    return encodeUpdate(view, offset, this.#fields, action);
  }

  /** Returns the frames of `count` indexes, one after the other. */
  encodeRange(firstIndex: number, count: number, action: Action): Uint8Array {
    const bytes = new Uint8Array(count * this.frame(action).length);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (let i = 0; i < count; i++) at = this.encode(view, at, firstIndex + i, action);
    return bytes;
  }

  /** Returns the frame of index 0: all frames have its length, and differ only in two words. */
  frame(action: Action): Uint8Array {
    const room = new Uint8Array(MAX_UPDATE_FRAME_BYTES);
    return room.slice(0, this.encode(new DataView(room.buffer), 0, 0, action));
  }

  /** Sets `out` to an ADD of the route. */
  fill(out: UpdateFields, index: number): void {
    out.action = 0;
    out.vni = this.vni;
    out.family = this.family;
    const word = (this.baseWord + index) | 0;
    out.p0 = this.family === 4 ? word : IPV6_BENCHMARK;
    out.p1 = 0;
    out.p2 = 0;
    out.p3 = this.family === 4 ? 0 : word;
    out.lengthBits = this.family === 4 ? 32 : 128;
    out.hopFamily = 6;
    out.h0 = HOP;
    out.h1 = 0;
    out.h2 = 0;
    out.h3 = this.announcerOf(index) + 1;
    out.targetVni = 0;
    out.hopType = 0;
    out.natPortFrom = 0;
    out.natPortTo = 0;
  }
}
