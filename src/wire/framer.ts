/**
 * The framer divides a byte stream into frames (README.md, §1.1). TCP delivers chunks that contain many frames and end
 * anywhere; frames are read where they were received. Only a frame that is cut by the end of a chunk is copied: its
 * beginning into a buffer of this framer, and then the bytes of the next chunk that complete it.
 *
 *     chunk 1                                chunk 2
 *     | frame | frame | frame | fra|         |me | frame | frame |
 *       view    view    view    copy ──┐  ┌── copy  view    view
 *                                     tail buffer: one frame
 */
import {
  HEADER_BYTES,
  MAX_FRAME_BYTES,
  MAX_PAYLOAD_BYTES,
  MessageType,
  PROTOCOL_VERSION,
} from "./protocol.ts";
import { ProtocolError } from "./protocol-error.ts";

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

/**
 * The caller asks for one frame after the other; nothing is allocated per frame:
 *
 *     framer.push(chunk);
 *     while (framer.next()) use(framer.type, framer.view, framer.payloadOffset, framer.payloadLengthBytes);
 *
 * The fields describe the frame that the last `next()` found. They are views of the pushed chunk, which must not be
 * overwritten in the meantime, or of the tail buffer. A frame's bytes stay as they are until `next()` returns false; a
 * caller that needs them longer must copy them.
 */
export class Framer {
  type: MessageType = MessageType.HELLO;
  /** A view of all of `bytes`, at the same offsets. It usually extends beyond the frame. */
  view: DataView = NO_VIEW;
  bytes: Uint8Array = NO_BYTES;
  /** The first byte of the header. The frame ends at `payloadOffset + payloadLengthBytes`. */
  frameOffset = 0;
  payloadOffset = 0;
  payloadLengthBytes = 0;

  #chunk: Uint8Array = NO_BYTES;
  #chunkView: DataView = NO_VIEW;
  /** The first byte of the chunk that was not read yet. */
  #position = 0;
  /** The tail buffer. It is empty until a frame is cut: most connections are idle and never need it. */
  #tail: Uint8Array = NO_BYTES;
  #tailView: DataView = NO_VIEW;
  /** How many bytes of the cut frame are in the tail buffer; 0 if no frame is cut. */
  #tailBytes = 0;

  /** Takes the next chunk. It may be called only after `next()` has returned false. */
  push(chunk: Uint8Array): void {
    if (this.#position < this.#chunk.length) throw new Error("Framer: push() before next() returned false");
    this.#chunk = chunk;
    this.#chunkView = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#position = 0;
  }

  /**
   * Moves to the next whole frame. Returns false if the chunk has no more. Throws ProtocolError as soon as a header is
   * not valid, even if only its first byte is known; the rest of the stream cannot be read after that.
   */
  next(): boolean {
    if (this.#tailBytes > 0) return this.#completeTail();
    const start = this.#position;
    const available = this.#chunk.length - start;
    if (available < HEADER_BYTES) return this.#cut(available);
    checkHeader(this.#chunkView, start, HEADER_BYTES);
    const frameBytes = HEADER_BYTES + this.#chunkView.getUint16(start + 1);
    if (available < frameBytes) return this.#cut(available);
    this.#position = start + frameBytes;
    this.#describe(this.#chunk, this.#chunkView, start);
    return true;
  }

  #describe(bytes: Uint8Array, view: DataView, start: number): void {
    this.bytes = bytes;
    this.view = view;
    this.type = messageType(view.getUint8(start + 3));
    this.frameOffset = start;
    this.payloadOffset = start + HEADER_BYTES;
    this.payloadLengthBytes = view.getUint16(start + 1);
  }

  /** Copies the last `available` bytes of the chunk, 0 to 1191, which begin a frame. */
  #cut(available: number): false {
    if (available > 0) {
      checkHeader(this.#chunkView, this.#position, available);
      if (this.#tail.length === 0) {
        this.#tail = new Uint8Array(MAX_FRAME_BYTES);
        this.#tailView = new DataView(this.#tail.buffer);
      }
      this.#moveToTail(available);
    }
    return this.#release();
  }

  #completeTail(): boolean {
    if (this.#tailBytes < HEADER_BYTES) this.#moveToTail(HEADER_BYTES);
    checkHeader(this.#tailView, 0, this.#tailBytes);
    if (this.#tailBytes < HEADER_BYTES) return this.#release();
    const frameBytes = HEADER_BYTES + this.#tailView.getUint16(1);
    this.#moveToTail(frameBytes);
    if (this.#tailBytes < frameBytes) return this.#release();
    this.#tailBytes = 0;
    this.#describe(this.#tail, this.#tailView, 0);
    return true;
  }

  /** Copies from the chunk until the tail buffer has `wantedBytes`, or the chunk ends. */
  #moveToTail(wantedBytes: number): void {
    const end = Math.min(this.#position + wantedBytes - this.#tailBytes, this.#chunk.length);
    this.#tail.set(this.#chunk.subarray(this.#position, end), this.#tailBytes);
    this.#tailBytes += end - this.#position;
    this.#position = end;
  }

  /** Releases the chunk: an idle connection must not keep its memory of up to 512 KB. */
  #release(): false {
    this.#chunk = NO_BYTES;
    this.#chunkView = NO_VIEW;
    this.#position = 0;
    this.bytes = NO_BYTES;
    this.view = NO_VIEW;
    this.frameOffset = 0;
    this.payloadOffset = 0;
    this.payloadLengthBytes = 0;
    return false;
  }
}

/** Returns the number of whole frames that follow each other in `bytes`. */
export function countFrames(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frames = 0;
  for (let at = 0; at < bytes.length; frames++) at += HEADER_BYTES + view.getUint16(at + 1);
  return frames;
}

/** Checks the `available` bytes of a header that have been received, from `start` on. */
function checkHeader(view: DataView, start: number, available: number): void {
  const version = view.getUint8(start);
  if (version !== PROTOCOL_VERSION)
    throw new ProtocolError("UNSUPPORTED_VERSION", { offset: 0, value: version });
  if (available < 3) return;
  const payloadBytes = view.getUint16(start + 1);
  if (payloadBytes > MAX_PAYLOAD_BYTES) {
    throw new ProtocolError("PAYLOAD_TOO_LONG", { offset: 1, value: payloadBytes });
  }
  if (available > 3) messageType(view.getUint8(start + 3));
}

function messageType(value: number): MessageType {
  switch (value) {
    case MessageType.HELLO:
    case MessageType.KEEPALIVE:
    case MessageType.SUBSCRIBE:
    case MessageType.UNSUBSCRIBE:
    case MessageType.UPDATE:
      return value;
    default:
      throw new ProtocolError("UNKNOWN_TYPE", { offset: 3, value });
  }
}
