import { BunBondError } from "../base/bunbond-error.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { PeerIdentity } from "../net/peer-identity.ts";

/**
 * A TCP connection as the rest of BunBond sees it. There are two implementations: tcp-network.ts (sockets) and the tests'
 * in-memory pipes, which can stall, cut and delay at will.
 */
export interface ByteStream {
  /** Takes as much as fits, and returns how many bytes that were; the rest stays with the caller until `writable`. */
  write(bytes: Uint8Array): number;
  /** Stops receiving until `resume`, but for what the system has delivered already. */
  pause(): void;
  resume(): void;
  /** Makes the receive buffer small, so that the system holds little and the sender has to wait. */
  narrow?(): void;
  /** Ends the connection once everything taken has been sent. */
  end(): void;
  /**
   * Sends the FIN once everything taken has been sent, and closes when the other side has closed, too. If it has not done so
   * after `ms`, the connection is reset. What is received meanwhile is ignored.
   */
  endWithin(ms: number): void;
  /** Ends the connection at once. */
  abort(): void;
  /** The other side. */
  readonly remote: PeerIdentity;
  /** This side's address and port as text, as "[2001:db8::1]:4711". */
  readonly local: string;
}

/** The events of a connection. */
export interface StreamEvents {
  /** Bytes have been received. The receiver may keep `chunk`: it is never overwritten. */
  received(chunk: Uint8Array): void;
  /** There is room again, after a write that did not take everything. */
  writable(): void;
  /** The connection has ended; this is the last event. `detail` is null if it ended in order. */
  closed(detail: string | null): void;
}

/** A listening socket. */
export interface Listener {
  /** The endpoint with the port that was really taken, if port 0 was given. */
  readonly endpoint: Endpoint;
  /** Lets connections that are made from now on wait until `resume`. Left out if the listener cannot be paused. */
  pause?(): void;
  resume?(): void;
  stop(): void;
}

/** The outcome of an attempt to connect; exactly one of the two is called. */
export interface ConnectEvents {
  /** Returns what receives the stream's events from now on, or null to abort a stream that is not wanted any more. */
  connected(stream: ByteStream): StreamEvents | null;
  failed(detail: string): void;
}

/** Makes and accepts connections: by sockets, unless a program passes its own implementation. */
export interface Network {
  /** Listens on an endpoint. Rejects with a {@link ListenError} if that is not possible. */
  listen(endpoint: Endpoint, accept: (stream: ByteStream) => StreamEvents): Promise<Listener>;
  connect(endpoint: Endpoint, events: ConnectEvents): void;
  /** How many descriptors the process may have now, of which each connection takes one. Left out if there is no limit. */
  readonly descriptorLimit?: number;
}

/**
 * An operation of the system has failed. `code` is the system's code where it has one ("EADDRINUSE"), or a closed
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

/** The server cannot listen on an address. */
export class ListenError extends IoError {
  readonly endpoint: Endpoint;
  override readonly name = "ListenError";

  constructor(code: string, endpoint: Endpoint, message: string) {
    super(code, message);
    this.endpoint = endpoint;
  }
}
