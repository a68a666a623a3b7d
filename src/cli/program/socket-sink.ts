/**
 * Standard output that is a socket, as of a service whose output goes to systemd's journal: others may have it, too, and it
 * cannot be opened anew (own-stream.ts). So it stays as it is, and each send says for itself that it does not wait.
 */
import { sendAtOnce, sendState } from "../../transport/sockopt.ts";
import type { TextSink } from "./output.ts";

/** After so long a socket that took nothing is tried again. */
const RETRY_MS = 10;
/** A socket that is ready, and takes nothing so many times in a row, fails for good: its other end reads no more (EPIPE). */
const MOST_REFUSALS = 10;
/** Of one send. */
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
        throw Object.assign(new Error("the reader has gone"), { code: "EPIPE" });
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
