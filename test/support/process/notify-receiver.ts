import { socketAddress } from "../../../src/systemd/notify-socket.ts";
import { openLibc } from "../../../src/transport/libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const POLL_MS = 5;

/** Receives notifications as systemd does, on a UNIX datagram socket. */
export class NotifyReceiver implements Disposable {
  readonly #calls = openLibc({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  });
  readonly #fd: number;
  /** Assignments in the order in which they came; those of a datagram stay together. */
  readonly received: string[] = [];

  /** `socket` is a path, or an abstract name after "@". */
  constructor(socket: string) {
    const address = socketAddress(socket);
    this.#fd = this.#calls?.socket(AF_UNIX, SOCK_DGRAM, 0) ?? -1;
    if (this.#calls?.bind(this.#fd, address, address.length) !== 0) throw new Error(`cannot bind ${socket}`);
  }

  /** Takes what has come, and returns whether that was something. */
  receive(): boolean {
    const bytes = new Uint8Array(4096);
    let count = 0;
    for (; ; count++) {
      const length = Number(this.#calls?.recv(this.#fd, bytes, bytes.length, MSG_DONTWAIT) ?? -1);
      if (length < 0) return count > 0;
      this.received.push(Buffer.from(bytes.subarray(0, length)).toString());
    }
  }

  /** Resolves to the first notification that has the text, from number `from` on. The test's own time limit ends the wait. */
  async next(text: string, from = 0): Promise<string> {
    for (;;) {
      this.receive();
      const found = this.received.slice(from).find((each) => each.includes(text));
      if (found !== undefined) return found;
      await Bun.sleep(POLL_MS);
    }
  }

  [Symbol.dispose](): void {
    this.#calls?.close(this.#fd);
  }
}
