/**
 * A connection in an attacker's hands: it writes whatever it is given as fast as the server takes it, and counts what
 * comes back without keeping it.
 */
import { connectedFrom } from "./connected-from.ts";
import { type Bytes, hello, KEEPALIVE } from "./frames.ts";

/** Frames are gathered to about so many bytes before they are written. */
const CHUNK_BYTES = 1 << 17;
const HEADER_BYTES = 4;
const UPDATE = 5;
const KEEPALIVE_TYPE = 2;

export interface Target {
  readonly host: string;
  readonly port: number;
  /** Of its HTTP API. */
  readonly httpPort: number;
  /** An IPv4 address of this machine to connect from; left out: the system's choice. */
  readonly from?: string;
}

export class AttackingPeer {
  closed = false;
  /** Frames received: all, and by kind. */
  frames = 0;
  updates = 0;
  keepalives = 0;
  endOfRibs = 0;
  readonly #socket: Bun.Socket<AttackingPeer>;
  readonly #unsent: Uint8Array[] = [];
  #chunk: number[] = [];
  #waiting: (() => void)[] = [];
  /** Of the frame that is being received: bytes of its header seen, and bytes still to come. */
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #payloadBytes = 0;

  private constructor(socket: Bun.Socket<AttackingPeer>) {
    this.#socket = socket;
  }

  /** Connects and sends nothing. Rejects where the server does not let it in. */
  static async connect(target: Target): Promise<AttackingPeer> {
    // A connection that cannot be had ends without having been opened.
    const ended = (peer: AttackingPeer | undefined) => {
      if (peer !== undefined) peer.#ended();
    };
    return await new Promise((resolve, reject) => {
      Bun.connect<AttackingPeer>({
        ...destinationOf(target),
        socket: {
          open(socket) {
            socket.data = new AttackingPeer(socket);
            resolve(socket.data);
          },
          data: (socket, chunk) => socket.data.#received(chunk),
          drain: (socket) => socket.data.#flush(),
          close: (socket) => ended(socket.data),
          error: (socket) => ended(socket.data),
        },
      }).catch(reject);
    });
  }

  static async establish(target: Target, keepaliveSeconds = 5, isServer = false): Promise<AttackingPeer> {
    const peer = await AttackingPeer.connect(target);
    peer.write(Uint8Array.from(hello(keepaliveSeconds, isServer)));
    await peer.until(() => peer.frames >= 1);
    // The second one comes early: no Go program does so, and the server writes at full speed.
    peer.write(Uint8Array.from(KEEPALIVE));
    await peer.until(() => peer.keepalives >= 1);
    peer.write(Uint8Array.from(KEEPALIVE));
    return peer;
  }

  /** Keeps the session alive from now on. */
  stayAlive(): this {
    const timer = setInterval(() => {
      if (this.closed) clearInterval(timer);
      else if (this.#unsent.length === 0) this.write(Uint8Array.from(KEEPALIVE));
    }, 1_500);
    return this;
  }

  /** Nothing more is read. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Adds a frame to those that are written in one go. */
  async add(bytes: Bytes): Promise<void> {
    for (const byte of bytes) this.#chunk.push(byte);
    if (this.#chunk.length >= CHUNK_BYTES) await this.flush();
  }

  /** Writes what was added, and waits until the system has taken all of it. */
  async flush(): Promise<void> {
    if (this.#chunk.length > 0) this.write(Uint8Array.from(this.#chunk));
    this.#chunk = [];
    await this.drained();
  }

  /** Flushes, and waits until the server has read all of it. */
  async fence(): Promise<void> {
    await this.flush();
    const answers = this.keepalives + 1;
    this.write(Uint8Array.from(KEEPALIVE));
    await this.until(() => this.keepalives >= answers);
  }

  write(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    if (this.#unsent.length === 1) this.#flush();
  }

  drained(): Promise<void> {
    return this.until(() => this.#unsent.length === 0);
  }

  /** Waits until it is so or the connection has ended. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.closed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
  }

  /** Ends the connection by FIN. */
  end(): void {
    this.#socket.end();
  }

  /** Sends a FIN and stays to be written to. */
  halfClose(): void {
    this.#socket.shutdown();
  }

  /** Ends the connection by RST. */
  leave(): void {
    this.#socket.terminate();
  }

  #flush(): void {
    while (!this.closed) {
      const [bytes] = this.#unsent;
      if (bytes === undefined) break;
      const taken = this.#socket.write(bytes);
      if (taken < bytes.length) {
        this.#unsent[0] = bytes.subarray(Math.max(0, taken));
        return;
      }
      this.#unsent.shift();
    }
    this.#wake();
  }

  #received(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#payloadBytes > 0) {
        const passed = Math.min(this.#payloadBytes, chunk.length - at);
        this.#payloadBytes -= passed;
        at += passed;
        continue;
      }
      this.#header[this.#headerBytes++] = chunk[at++] ?? 0;
      if (this.#headerBytes < HEADER_BYTES) continue;
      this.#headerBytes = 0;
      const [, high = 0, low = 0, type] = this.#header;
      this.#payloadBytes = (high << 8) | low;
      this.frames++;
      if (type === UPDATE) this.updates++;
      if (type === KEEPALIVE_TYPE) {
        if (this.#payloadBytes === 0) this.keepalives++;
        else this.endOfRibs++;
      }
    }
    this.#wake();
  }

  #ended(): void {
    this.closed = true;
    this.#unsent.length = 0;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Bun has no way to choose the own address: the socket is made beside it. */
function destinationOf({ host, port, from }: Target): { hostname: string; port: number } {
  if (from === undefined) return { hostname: host, port };
  // Bun's types do not have it.
  return { fd: connectedFrom(from, host, port) } as unknown as { hostname: string; port: number };
}

/** Runs `make` `count` times, some at a time, and gives those that were let in. */
export async function inGroups<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  const GROUP = 20;
  for (let first = 0; first < count; first += GROUP) {
    const group = Array.from({ length: Math.min(GROUP, count - first) }, (_, i) => make(first + i));
    for (const result of await Promise.allSettled(group)) {
      if (result.status === "fulfilled") made.push(result.value);
    }
  }
  return made;
}
