import {
  NLM_F_DUMP,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
} from "../../../src/kernel/netlink/netlink-constants.ts";
import { NetlinkReader } from "../../../src/kernel/netlink/netlink-reader.ts";
import { EAGAIN, type NetlinkSocket } from "../../../src/kernel/netlink/netlink-socket.ts";
import { NetlinkWriter } from "../../../src/kernel/netlink/netlink-writer.ts";

/** A request as the scripted kernel sees it. */
export interface SeenRequest {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
}

/** A datagram, or the errno that a receive gives. */
export type Answer = Uint8Array | number;

/** A socket whose kernel is a function: what it gives is received, in its order. Requests without effect are acknowledged. */
export class ScriptedSocket implements NetlinkSocket {
  readonly #kernel: (requests: readonly SeenRequest[]) => readonly Answer[];
  /** The errno that each send gives. */
  readonly #sendErrno: number;
  readonly portId = 1;
  isClosed = false;
  readonly #answers: Answer[] = [];

  constructor(kernel: (requests: readonly SeenRequest[]) => readonly Answer[], sendErrno = 0) {
    this.#kernel = kernel;
    this.#sendErrno = sendErrno;
  }

  send(bytes: Uint8Array): number {
    if (this.#sendErrno !== 0) return -this.#sendErrno;
    const requests: SeenRequest[] = [];
    const message = new NetlinkReader(bytes);
    while (message.next()) {
      const { type, flags, sequence } = message;
      if (type === NLMSG_NOOP) this.#answers.push(answer(NLMSG_ERROR, sequence, 0));
      else requests.push({ type, flags, sequence });
    }
    if (requests.length > 0) this.#answers.push(...this.#kernel(requests));
    return 0;
  }

  receive(into: Uint8Array): number {
    const next = this.#answers.shift() ?? EAGAIN;
    if (typeof next === "number") return -next;
    into.set(next.subarray(0, into.length));
    return next.length;
  }

  [Symbol.dispose](): void {
    this.isClosed = true;
  }
}

/** NLMSG_ERROR or NLMSG_DONE with an errno (0: success), or another message with that as its only word. */
export function answer(type: number, sequence: number, errno: number, flags = 0): Uint8Array {
  const writer = new NetlinkWriter();
  writer.begin(type, flags, sequence);
  writer.u32(-errno);
  writer.end();
  return writer.bytes().slice();
}

export const done = (sequence: number, flags = 0): Uint8Array => answer(NLMSG_DONE, sequence, 0, flags);

export function isDump({ flags }: SeenRequest): boolean {
  return (flags & NLM_F_DUMP) === NLM_F_DUMP;
}
