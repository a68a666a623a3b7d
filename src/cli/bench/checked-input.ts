/**
 * Checks UPDATEs between a socket and its connection, where they arrived, and passes on all other frames. Of the UPDATEs, the
 * connection gets only the first one of each chunk, as a sign of life.
 */
import type { Connection } from "../../transport/connection.ts";
import type { StreamEvents } from "../../transport/network.ts";
import { Framer } from "../../wire/framer.ts";
import { MessageType } from "../../wire/protocol.ts";
import { ProtocolError } from "../../wire/protocol-error.ts";
import type { DeliveryCheck } from "./delivery-check.ts";

export class CheckedInput implements StreamEvents {
  readonly #connection: Connection;
  readonly #check: DeliveryCheck;
  /** Called after each chunk. */
  readonly #chunkChecked: () => void;
  readonly #framer = new Framer();

  constructor(connection: Connection, check: DeliveryCheck, chunkChecked: () => void) {
    this.#connection = connection;
    this.#check = check;
    this.#chunkChecked = chunkChecked;
  }

  received(chunk: Uint8Array): void {
    try {
      this.#frames(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#connection.close({ reason: "protocol-error", code: error.code, detail: error.message });
    }
    this.#chunkChecked();
  }

  #frames(chunk: Uint8Array): void {
    const framer = this.#framer;
    let hasShownLife = false;
    framer.push(chunk);
    while (framer.next()) {
      if (framer.type === MessageType.UPDATE) {
        this.#check.update(framer.view, framer.frameOffset, framer.payloadLengthBytes);
        if (hasShownLife) continue;
        hasShownLife = true;
      }
      const end = framer.payloadOffset + framer.payloadLengthBytes;
      this.#connection.received(framer.bytes.subarray(framer.frameOffset, end));
    }
  }

  writable(): void {
    this.#connection.writable();
  }

  closed(detail: string | null): void {
    this.#connection.closed(detail);
  }
}
