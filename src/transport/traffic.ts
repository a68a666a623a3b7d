/** Counts the messages and bytes of a connection, or of several. Counting allocates nothing. */
import { HEADER_BYTES } from "../wire/protocol.ts";

/** End-of-RIBs are KEEPALIVEs with a payload (§2.7 of the protocol); here they are a kind of their own. */
export const END_OF_RIB = 0;

/** The kinds of messages; the index is the type in the frame. */
export const MESSAGE_KINDS = [
  "end-of-rib",
  "hello",
  "keepalive",
  "subscribe",
  "unsubscribe",
  "update",
] as const;

export class Traffic {
  /** Messages by kind, as all arrays here. */
  readonly received = new Float64Array(MESSAGE_KINDS.length);
  readonly sent = new Float64Array(MESSAGE_KINDS.length);
  receivedBytes = 0;
  sentBytes = 0;

  countReceived(kind: number): void {
    this.received[kind] = (this.received[kind] as number) + 1;
  }

  countSent(kind: number, messages = 1): void {
    this.sent[kind] = (this.sent[kind] as number) + messages;
  }

  /** Counts whole frames that are sent; none of them is an End-of-RIB. The header is in wire/protocol.ts. */
  countSentFrames(frames: Uint8Array): void {
    for (let at = 0; at < frames.length; ) {
      this.countSent(frames[at + 3] as number);
      at += HEADER_BYTES + (((frames[at + 1] as number) << 8) | (frames[at + 2] as number));
    }
  }

  add(other: Traffic): void {
    for (const kind of MESSAGE_KINDS.keys()) {
      this.received[kind] = (this.received[kind] as number) + (other.received[kind] as number);
      this.countSent(kind, other.sent[kind]);
    }
    this.receivedBytes += other.receivedBytes;
    this.sentBytes += other.sentBytes;
  }
}
