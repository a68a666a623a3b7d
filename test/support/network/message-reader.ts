import { decodeMessage } from "../../../src/wire/codec.ts";
import { Framer } from "../../../src/wire/framer.ts";
import type { Message } from "../../../src/wire/message.ts";
import { ProtocolError } from "../../../src/wire/protocol-error.ts";

export interface ReadFrame {
  /** Null: an UPDATE that is to be skipped. */
  readonly message: Message | null;
  readonly bytes: Uint8Array;
}

/** A stream's chunks as messages, the easy way: every frame is copied, every message an object. */
export class MessageReader {
  readonly #framer = new Framer();

  /** @throws ProtocolError for what closes a connection, behind the frames before it */
  *read(chunk: Uint8Array): Generator<ReadFrame> {
    const framer = this.#framer;
    framer.push(chunk);
    while (framer.next()) {
      const bytes = framer.bytes.slice(framer.frameOffset, framer.payloadOffset + framer.payloadLengthBytes);
      yield { message: messageOf(bytes), bytes };
    }
  }
}

function messageOf(frame: Uint8Array): Message | null {
  try {
    return decodeMessage(frame);
  } catch (error) {
    if (error instanceof ProtocolError && !error.closesConnection) return null;
    throw error;
  }
}
