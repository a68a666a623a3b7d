/**
 * A MetalBond peer on a TCP socket of its own, for servers that run as processes. It sends what it is told, good
 * or bad, in the writes it is told, does nothing by itself, and keeps what it hears as text (see frame-text.ts).
 *
 * Tests wait for frames, never for an amount of time. That something was not sent is shown by a marker: a later
 * change that goes the same way has come, and it was not in front of it.
 */
import { formatEndpoint, parseEndpoint } from "../../../src/net/endpoint.ts";
import { encodeMessage } from "../../../src/wire/codec.ts";
import { frameOfText, textOfMessage } from "../models/frame-text.ts";
import { MessageReader } from "./message-reader.ts";

/** Ends a wait that would be for ever; it decides nothing. */
const WAIT_MS = 30_000;
/** So long that, with a server of the same interval, no test has to think of keeping its sessions alive. */
export const LONG_KEEPALIVE_SECONDS = 600;

export class TcpPeer {
  /** How it looks from the server, as the server's log names it. */
  readonly name: string;
  readonly #socket: Bun.Socket<Hearing>;

  private constructor(socket: Bun.Socket<Hearing>) {
    this.#socket = socket;
    this.name = formatEndpoint({ host: socket.localAddress, port: socket.localPort });
  }

  /** A connection on which nothing was sent yet. */
  static async connect(address: string): Promise<TcpPeer> {
    const endpoint = parseEndpoint(address);
    if ("code" in endpoint) throw new Error(`${address}: ${endpoint.message}`);
    const socket = await Bun.connect<Hearing>({
      hostname: endpoint.host,
      port: endpoint.port,
      data: new Hearing(),
      socket: {
        data: (socket, chunk) => socket.data.take(chunk),
        close: (socket) => socket.data.close(),
        error: (socket) => socket.data.close(),
      },
    });
    socket.setNoDelay(true);
    return new TcpPeer(socket);
  }

  /** Connects and completes the handshake. */
  static async establish(address: string, keepaliveSeconds = LONG_KEEPALIVE_SECONDS): Promise<TcpPeer> {
    const peer = await TcpPeer.connect(address);
    peer.send(`HELLO ${keepaliveSeconds}`);
    await peer.hearing.until(/^HELLO /);
    peer.send("KEEPALIVE");
    await peer.hearing.until(/^KEEPALIVE$/);
    return peer;
  }

  /** Connects, subscribes and has the existing routes, which are given back. */
  static async subscribe(address: string, vni: number): Promise<{ peer: TcpPeer; existing: string[] }> {
    const peer = await TcpPeer.establish(address);
    peer.send(`SUBSCRIBE ${vni}`);
    return { peer, existing: await peer.heardUntil(`END ${vni}`) };
  }

  /** All frames in one write. */
  send(...frames: readonly string[]): void {
    this.sendBytes(Uint8Array.from(frames.flatMap((frame) => [...frameOfText(frame)])));
  }

  /** In one write: a few kilobytes at most, which always fit. */
  sendBytes(bytes: Uint8Array): void {
    const taken = this.#socket.write(bytes);
    if (taken !== bytes.length) throw new Error(`the socket took ${taken} of ${bytes.length} bytes`);
  }

  /** Waits for the frame, and gives what was heard in front of it since the last call. */
  heardUntil(frame: string): Promise<string[]> {
    return this.hearing.until(new RegExp(`^${RegExp.escape(frame)}$`));
  }

  /** Waits for these frames, in any order, and nothing between them. */
  async heardAll(...frames: readonly string[]): Promise<void> {
    const missing = new Set(frames);
    while (missing.size > 0) {
      const frame = await this.hearing.next();
      if (!missing.delete(frame)) throw new Error(`waiting for ${[...missing].join(", ")}: heard ${frame}`);
    }
  }

  /** Asks for a KEEPALIVE: with the answer, the server has read all that any peer had sent before. */
  async roundTrip(): Promise<void> {
    this.send("KEEPALIVE");
    await this.heardUntil("KEEPALIVE");
  }

  /** Waits until the server has closed the connection, and gives what was heard since the last call. */
  closedByServer(): Promise<string[]> {
    return this.hearing.untilClosed();
  }

  /** Ends the connection in order. */
  end(): void {
    this.#socket.end();
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }

  private get hearing(): Hearing {
    return this.#socket.data;
  }
}

/** What has been heard and not yet asked for, and who waits for more. */
class Hearing {
  #isClosed = false;
  #heard: string[] = [];
  #fault: string | null = null;
  #lookAgain: () => void = () => {};
  readonly #reader = new MessageReader();

  take(chunk: Uint8Array): void {
    for (const { message, bytes } of this.#reader.read(chunk)) {
      if (message === null || !Bun.deepEquals(encodeMessage(message), bytes)) {
        this.#fault ??= `a frame came that is not in canonical form: ${bytes.toHex()}`;
      } else this.#heard.push(textOfMessage(message));
    }
    this.#lookAgain();
  }

  close(): void {
    this.#isClosed = true;
    this.#lookAgain();
  }

  /** The next frame that was not asked for yet. */
  async next(): Promise<string> {
    const [frame = ""] = await this.#wait("a frame", () =>
      this.#heard.length > 0 ? this.#heard.splice(0, 1) : null,
    );
    return frame;
  }

  /** Waits for a frame that matches, and gives those in front of it. */
  until(end: RegExp): Promise<string[]> {
    return this.#wait(`${end}`, () => {
      const at = this.#heard.findIndex((frame) => end.test(frame));
      return at < 0 ? null : this.#heard.splice(0, at + 1).slice(0, -1);
    });
  }

  /** Waits until the connection is closed, and gives all that was heard before. */
  untilClosed(): Promise<string[]> {
    return this.#wait("the end of the connection", () => (this.#isClosed ? this.#heard.splice(0) : null));
  }

  /** Looks for what `probe` gives whenever something has come, until that is not null. */
  #wait(what: string, probe: () => string[] | null): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.#lookAgain = () => {};
        settle();
      };
      const fail = (why: string) => {
        const heard = this.#heard.join(", ") || "nothing";
        finish(() => reject(new Error(`waiting for ${what}: ${why}; heard ${heard}`)));
      };
      const look = () => {
        if (this.#fault !== null) return fail(this.#fault);
        const found = probe();
        if (found !== null) finish(() => resolve(found));
        else if (this.#isClosed) fail("the connection was closed");
      };
      const timer = setTimeout(() => fail(`nothing in ${WAIT_MS} ms`), WAIT_MS);
      this.#lookAgain = look;
      look();
    });
  }
}
