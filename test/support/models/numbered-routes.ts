/**
 * Routes by number, for tests of so many that an object or a line of text each would be too much: number n of a VNI
 * is 10.0.0.0 + n as /32, via 2001:db8::1. And a view of them that is as strict as a client may be.
 */
import { decodeKeepalive, decodeUpdate, NO_END_OF_RIB } from "../../../src/wire/decode.ts";
import { encodeUpdate, MAX_UPDATE_FRAME_BYTES } from "../../../src/wire/encode.ts";
import { Framer } from "../../../src/wire/framer.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { Action, MessageType } from "../../../src/wire/protocol.ts";

const FIRST_ADDRESS = 10 << 24;
const HOP_FIRST_WORD = 0x20010db8;

/** Puts the route into `out`, which serves no other purpose; `out.action` stays. `number`: below 2^24. */
export function fillNumbered(out: UpdateFields, vni: number, number: number): UpdateFields {
  out.vni = vni;
  out.p0 = FIRST_ADDRESS + number;
  out.lengthBits = 32;
  out.h0 = HOP_FIRST_WORD;
  out.h3 = 1;
  return out;
}

/** Frames of the routes `from` to `to` - 1. */
export function numberedFrames(
  vni: number,
  from: number,
  to: number,
  action: Action = Action.ADD,
): Uint8Array {
  const bytes = new Uint8Array((to - from) * MAX_UPDATE_FRAME_BYTES);
  const view = new DataView(bytes.buffer);
  const fields = new UpdateFields();
  let end = 0;
  for (let number = from; number < to; number++) {
    end = encodeUpdate(view, end, fillNumbered(fields, vni, number), action);
  }
  return bytes.subarray(0, end);
}

/** What was heard of a VNI's routes. */
export class NumberedView {
  readonly vni: number;
  readonly count: number;
  /** Routes that are there. */
  size = 0;
  adds = 0;
  removes = 0;
  /** UPDATEs heard before the End-of-RIB, or -1 before it came. */
  endedAfter = -1;
  readonly #isThere: Uint8Array;

  constructor(vni: number, count: number) {
    this.vni = vni;
    this.count = count;
    this.#isThere = new Uint8Array(count);
  }

  has(number: number): boolean {
    return this.#isThere[number] === 1;
  }

  /** @throws if the route is not one of these, or the frame says nothing new */
  heardUpdate(fields: UpdateFields): void {
    const number = fields.p0 - FIRST_ADDRESS;
    const isRight =
      fields.family === 4 && fields.lengthBits === 32 && fields.h0 === HOP_FIRST_WORD && fields.h3 === 1;
    if (!isRight || number < 0 || number >= this.count) throw new Error(`no such route: ${fields.p0}`);
    const isAdd = fields.action === Action.ADD;
    if (this.has(number) === isAdd)
      throw new Error(`route ${number} is ${isAdd ? "added" : "removed"} again`);
    this.#isThere[number] = isAdd ? 1 : 0;
    this.size += isAdd ? 1 : -1;
    if (isAdd) this.adds++;
    else this.removes++;
  }

  receivedEndOfRib(): void {
    if (this.endedAfter >= 0) throw new Error(`a second End-of-RIB of VNI ${this.vni}`);
    this.endedAfter = this.adds + this.removes;
  }
}

/** A subscriber's views by VNI, fed with bytes that may end anywhere. */
export class NumberedViews {
  /** KEEPALIVEs that are no End-of-RIBs. */
  keepalives = 0;
  readonly #framer = new Framer();
  readonly #fields = new UpdateFields();
  readonly #views: ReadonlyMap<number, NumberedView>;

  constructor(...views: readonly NumberedView[]) {
    this.#views = new Map(views.map((view) => [view.vni, view]));
  }

  /** How many frames ended in these bytes. */
  read(bytes: Uint8Array): number {
    const framer = this.#framer;
    let frames = 0;
    framer.push(bytes);
    for (; framer.next(); frames++) this.#frame(framer);
    return frames;
  }

  #frame({ type, view, payloadOffset, payloadLengthBytes }: Framer): void {
    if (type === MessageType.UPDATE) {
      const skip = decodeUpdate(view, payloadOffset, payloadLengthBytes, this.#fields);
      if (skip !== null) throw new Error(`an UPDATE that is to be skipped: ${skip}`);
      this.#view(this.#fields.vni).heardUpdate(this.#fields);
    } else if (type === MessageType.KEEPALIVE) {
      const vni = decodeKeepalive(view, payloadOffset, payloadLengthBytes);
      if (vni === NO_END_OF_RIB) this.keepalives++;
      else this.#view(vni).receivedEndOfRib();
    } else if (type !== MessageType.HELLO) throw new Error(`a server sends no message of type ${type}`);
  }

  #view(vni: number): NumberedView {
    const view = this.#views.get(vni);
    if (view === undefined) throw new Error(`VNI ${vni} was not subscribed to`);
    return view;
  }
}
