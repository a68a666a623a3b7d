import { BunBondError } from "../base/bunbond-error.ts";
import type { Endpoint } from "../net/endpoint.ts";

/**
 * What the rest of BunBond knows of a TCP connection. Two implementations: bun-network.ts (sockets) and
 * the tests' in-memory pipes, which can stall, cut and delay at will.
 */
export interface ByteStream {
  /** Takes as much as fits and says how many bytes that were; the rest is the caller's until `writable`. */
  write(bytes: Uint8Array): number;
  /** Nothing more is received until `resume`, but for what the system has handed over already. */
  pause(): void;
  resume(): void;
  /** From now on the system is to hold little of what has not been received, and its sender to wait. */
  narrow?(): void;
  /** Ends the connection once everything taken has been sent. */
  end(): void;
  /**
   * Sends the FIN once everything taken has been sent, and closes when the other side has closed, too. What it has not done
   * by then is ended by a RST. What is received meanwhile is of no interest to anybody.
   */
  endWithin(ms: number): void;
  /** Ends the connection at once. */
  abort(): void;
  /** The other side, as `[2001:db8::1]:52100`: for people; two peers can look alike (scopes are lost). */
  readonly remote: string;
  readonly local: string;
}

/** What a connection tells its owner. */
export interface StreamEvents {
  /** `chunk` is the receiver's to keep: it is never overwritten. */
  received(chunk: Uint8Array): void;
  /** After a write that did not take everything: there is room again. */
  writable(): void;
  /** The last event. `detail` is there when it did not end in order. */
  closed(detail: string | null): void;
}

/** An address that is listened on. */
export interface Listener {
  /** With the port that was really taken, when 0 was asked for. */
  readonly endpoint: Endpoint;
  /** Who connects from now on waits until `resume`. Left out: it cannot be paused. */
  pause?(): void;
  resume?(): void;
  stop(): void;
}

/** What becomes of an attempt to connect; exactly one of the two is called. */
export interface ConnectEvents {
  /** Returns who takes the stream's events from now on; a stream nobody wants any more is aborted by null. */
  connected(stream: ByteStream): StreamEvents | null;
  failed(detail: string): void;
}

/** Where connections come from: sockets, unless a program brings its own. */
export interface Network {
  /** Rejects with a {@link ListenError} when the endpoint cannot be had. */
  listen(endpoint: Endpoint, accept: (stream: ByteStream) => StreamEvents): Promise<Listener>;
  connect(endpoint: Endpoint, events: ConnectEvents): void;
  /** How many descriptors the process may have now, of which each connection takes one. Left out: no limit. */
  readonly descriptorLimit?: number;
}

/**
 * The system cannot do what is asked of it. `code` is the system's word where it has one ("EADDRINUSE"), or a closed
 * connection's reason ("CONNECT_FAILED").
 */
export class IoError extends BunBondError {
  readonly code: string;
  override readonly name: string = "IoError";

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The address to listen on cannot be had. */
export class ListenError extends IoError {
  readonly endpoint: Endpoint;
  override readonly name = "ListenError";

  constructor(code: string, endpoint: Endpoint, message: string) {
    super(code, message);
    this.endpoint = endpoint;
  }
}
