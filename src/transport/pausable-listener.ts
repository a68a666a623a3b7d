/**
 * This class is a TCP listener of Bun that can be paused. Connections that are made in the meantime wait in the
 * kernel's accept queue.
 *
 * Bun (1.4.4) accepts all waiting connections in one go, even thousands, and has no call to prevent that: the event
 * loop is blocked, and admission has to decide before anything was read from them. But Bun stops accepting once the
 * listener is closed, and it can listen on a given descriptor. So this class keeps a second descriptor of the listening
 * socket: to pause, it closes Bun's; to resume, it gives Bun a copy; both together take some 10 µs. In each turn of the
 * event loop no more than {@link PausableListenerOptions.perTurn} connections are accepted.
 *
 * If the libc cannot be called (sockopt.ts), the listener is never paused.
 */
import { closeSync } from "node:fs";
import { acceptQueueLength, duplicateDescriptor, setBacklog } from "./sockopt.ts";

export interface PausableListenerOptions<Data> {
  readonly hostname: string;
  readonly port: number;
  /** A socket that listens there already; left out if one is to be opened. */
  readonly descriptor?: number;
  readonly backlog: number;
  readonly data: Data;
  readonly allowHalfOpen?: boolean;
  readonly socket: Bun.SocketHandler<Data>;
  /** The most connections that are accepted in a turn of the event loop. */
  readonly perTurn: number;
}

export class PausableListener<Data> {
  readonly port: number;
  readonly #options: PausableListenerOptions<Data>;
  /** Bun's listener; null while this one is paused. */
  #listener: Bun.TCPSocketListener<Data> | null;
  /** The second descriptor; null if the listener cannot be paused, or has been stopped. */
  #descriptor: number | null;
  #acceptedInTurn = 0;
  #isTurnOver = false;
  #isPaused = false;

  /** @throws the system's error */
  constructor(options: PausableListenerOptions<Data>) {
    this.#options = options;
    const { hostname, port, descriptor: given } = options;
    this.#listener =
      given === undefined ? Bun.listen<Data>({ hostname, port, ...this.#common }) : this.#listenOn(given);
    // Bun does not know the port of a descriptor.
    this.port = given === undefined ? this.#listener.port : port;
    // Bun's types do not have it.
    const { fd } = this.#listener as { fd?: number };
    this.#descriptor = fd === undefined ? null : duplicateDescriptor(fd);
    if (fd !== undefined) setBacklog(fd, options.backlog);
  }

  get canPause(): boolean {
    return this.#descriptor !== null;
  }

  /** How many connections wait in the accept queue; 0 if that is not known. */
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

  /** Stops listening. The kernel resets connections that wait. */
  stop(): void {
    this.#listener?.stop();
    this.#listener = null;
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  get #common() {
    const { data, allowHalfOpen = false, socket } = this.#options;
    const open = (opened: Bun.Socket<Data>) => {
      this.#onAccepted();
      return socket.open?.(opened);
    };
    return { data, allowHalfOpen, socket: { ...socket, open } };
  }

  #onAccepted(): void {
    if (this.#acceptedInTurn++ === 0) setImmediate(this.#nextTurn);
    if (this.#acceptedInTurn < this.#options.perTurn) return;
    this.#isTurnOver = true;
    this.#apply();
  }

  /** Ends a turn: accepted connections are in the poll set by now, before the listener, so the next turn reads them first. */
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
    // Without a free descriptor no connection could be accepted either.
    if (fd === null) {
      setTimeout(() => this.#apply(), RETRY_MS);
      return;
    }
    this.#listener = this.#listenOn(fd);
    setBacklog(this.#descriptor, this.#options.backlog);
  }

  /** Returns Bun's listener, which closes the descriptor when it stops. */
  #listenOn(fd: number): Bun.TCPSocketListener<Data> {
    // Bun's types lack listening on a descriptor.
    const onDescriptor = { fd, ...this.#common } as unknown as Bun.TCPSocketListenOptions<Data>;
    return Bun.listen<Data>(onDescriptor) as Bun.TCPSocketListener<Data>;
  }
}

const RETRY_MS = 100;
