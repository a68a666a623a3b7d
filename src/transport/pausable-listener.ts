/**
 * A TCP listener of Bun that can be paused: who connects meanwhile waits in the kernel's accept queue.
 *
 * Bun (1.4.4) accepts whatever waits in one go, be it thousands of connections, and has no call against that: the event loop stands
 * still, and connections are judged before anything of them could be read. But it leaves off once the listener is closed, and
 * it can listen on a descriptor that is given to it. So here is kept a second descriptor of the listening socket: to pause is
 * to close Bun's, to go on is to give Bun a copy of it; both together take some 10 µs. In each turn of the event
 * loop no more than {@link PausableListenerOptions.perTurn} connections are accepted.
 *
 * Where the libc cannot be called (sockopt.ts), it is never paused.
 */
import { closeSync } from "node:fs";
import { acceptQueueLength, duplicateDescriptor, setBacklog } from "./sockopt.ts";

export interface PausableListenerOptions<Data> {
  readonly hostname: string;
  readonly port: number;
  readonly backlog: number;
  readonly data: Data;
  readonly allowHalfOpen?: boolean;
  readonly socket: Bun.SocketHandler<Data>;
  /** So many connections are accepted in a turn of the event loop. */
  readonly perTurn: number;
}

export class PausableListener<Data> {
  readonly port: number;
  readonly #options: PausableListenerOptions<Data>;
  /** Null while it is paused. */
  #listener: Bun.TCPSocketListener<Data> | null;
  /** Null: it cannot be paused, or has been stopped. */
  #descriptor: number | null;
  #acceptedInTurn = 0;
  #isTurnOver = false;
  #isPaused = false;

  /** @throws the system's error */
  constructor(options: PausableListenerOptions<Data>) {
    this.#options = options;
    const { hostname, port } = options;
    this.#listener = Bun.listen<Data>({ hostname, port, ...this.#common });
    this.port = this.#listener.port;
    // Bun's types do not have it.
    const { fd } = this.#listener as { fd?: number };
    this.#descriptor = fd === undefined ? null : duplicateDescriptor(fd);
    if (fd !== undefined) setBacklog(fd, options.backlog);
  }

  get canPause(): boolean {
    return this.#descriptor !== null;
  }

  /** How many connections wait in the accept queue; 0 where that is not known. */
  get waiting(): number {
    return this.#descriptor === null ? 0 : acceptQueueLength(this.#descriptor);
  }

  pause(): void {
    this.#isPaused = true;
    this.#apply();
  }

  resume(): void {
    this.#isPaused = false;
    this.#apply();
  }

  /** Connections that wait are reset by the kernel. */
  stop(): void {
    this.#listener?.stop();
    this.#listener = null;
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  get #common() {
    const { data, allowHalfOpen = false, socket } = this.#options;
    const open = (opened: Bun.Socket<Data>) => {
      this.#accepted();
      return socket.open?.(opened);
    };
    return { data, allowHalfOpen, socket: { ...socket, open } };
  }

  #accepted(): void {
    if (this.#acceptedInTurn++ === 0) setImmediate(this.#nextTurn);
    if (this.#acceptedInTurn < this.#options.perTurn) return;
    this.#isTurnOver = true;
    this.#apply();
  }

  /** What has been accepted is in the poll set by now, before the listener: the next turn reads it first. */
  readonly #nextTurn = (): void => {
    this.#acceptedInTurn = 0;
    this.#isTurnOver = false;
    this.#apply();
  };

  #apply(): void {
    if (this.#descriptor === null) return;
    const listens = !this.#isPaused && !this.#isTurnOver;
    if (!listens) {
      this.#listener?.stop();
      this.#listener = null;
      return;
    }
    if (this.#listener !== null) return;
    const fd = duplicateDescriptor(this.#descriptor);
    // Without a free descriptor there could be no connection either.
    if (fd === null) {
      setTimeout(() => this.#apply(), RETRY_MS);
      return;
    }
    // Bun's types have no listening on a descriptor.
    const onDescriptor = { fd, ...this.#common } as unknown as Bun.TCPSocketListenOptions<Data>;
    this.#listener = Bun.listen<Data>(onDescriptor) as Bun.TCPSocketListener<Data>;
    setBacklog(this.#descriptor, this.#options.backlog);
  }
}

const RETRY_MS = 100;
