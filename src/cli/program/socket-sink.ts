/**
 * This sink writes to a standard output that is a socket, as that of a service whose output goes to systemd's journal.
 * Other programs may share it, and it cannot be opened anew (own-stream.ts). So its mode is not changed, and each send
 * has the flag not to wait.
 */
import { sendAtOnce, sendState } from "../../transport/sockopt.ts";
import type { TextSink } from "./output.ts";

/** A socket that took nothing is tried again after this time. */
const RETRY_MS = 10;
/**
 * A socket that is ready but takes nothing this many times in a row has failed: its other end no longer reads (EPIPE).
 */
const MOST_REFUSALS = 10;
/** The most bytes of one send. */
const MOST_BYTES = 65_536;

export class SocketSink implements TextSink {
  readonly #fd: number;
  constructor(fd: number) {
    this.#fd = fd;
  }

  async write(text: string): Promise<number> {
    const bytes = new TextEncoder().encode(text);
    let refusals = 0;
    for (let sent = 0; sent < bytes.length; ) {
      const taken = sendAtOnce(this.#fd, bytes.subarray(sent, sent + MOST_BYTES));
      sent += taken;
      if (taken > 0) {
        refusals = 0;
        continue;
      }
      const state = sendState(this.#fd);
      if (state === "ready") refusals++;
      if (state === "gone" || refusals >= MOST_REFUSALS) {
        throw Object.assign(new Error("the reader has closed"), { code: "EPIPE" });
      }
      await Bun.sleep(RETRY_MS);
    }
    return bytes.length;
  }

  flush(): number {
    return 0;
  }

  end(): number {
    return 0;
  }
}
