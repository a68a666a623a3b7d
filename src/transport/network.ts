import { BunBondError } from "../base/bunbond-error.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { PeerIdentity } from "../net/peer-identity.ts";

/**
 * A TCP connection. There are two implementations: tcp-network.ts (sockets), and the tests' in-memory pipes, which can
 * stall, cut and delay at will.
 */
export interface ByteStream {
  /** Takes as many bytes as fit, and returns their number. The caller keeps the rest until `writable`. */
  write(bytes: Uint8Array): number;
  /** Stops receiving until `resume`, except for what the system has already delivered. */
  pause(): void;
  resume(): void;
  /** Makes the receive buffer small, so that the system buffers little and the sender has to wait. */
  narrow?(): void;
  /** Ends the connection once all taken bytes have been sent. */
  end(): void;
  /**
   * Sends the FIN once all taken bytes have been sent, and closes when the other side has closed, too. If it has not
   * done so after `ms`, the connection is reset. What is received in the meantime is ignored.
   */
  endWithin(ms: number): void;
  /** Ends the connection at once. */
  abort(): void;
  /** The identity of the other side. */
  readonly remote: PeerIdentity;
  /** This side's address and port as text, as "[2001:db8::1]:4711". */
  readonly local: string;
}

/** The events of a connection. */
export interface StreamEvents {
  /** Called when bytes have been received. The receiver may keep `chunk`: it is never overwritten. */
  received(chunk: Uint8Array): void;
  /** Called when there is room again, after a write that did not take everything. */
  writable(): void;
  /** Called last, when the connection has ended. `detail` is null if it ended in order. */
  closed(detail: string | null): void;
}

/** A listening socket. */
export interface Listener {
  /** The endpoint, with the port that is really in use. */
  readonly endpoint: Endpoint;
  /**
   * Makes connections wait that are made from now on until `resume`. It is left out if the listener cannot be paused.
   */
  pause?(): void;
  resume?(): void;
  stop(): void;
}

/** The outcome of an attempt to connect; exactly one of the two is called. */
export interface ConnectEvents {
  /** Returns the receiver of the stream's events, or null to abort a stream that is no longer needed. */
  connected(stream: ByteStream): StreamEvents | null;
  failed(detail: string): void;
}

/** Makes and accepts connections: by sockets, unless a program passes its own implementation. */
export interface Network {
  /** Listens on an endpoint. Rejects with a {@link ListenError} if that is not possible. */
  listen(endpoint: Endpoint, accept: (stream: ByteStream) => StreamEvents): Promise<Listener>;
  connect(endpoint: Endpoint, events: ConnectEvents): void;
  /** How many descriptors the process may have now. Each connection takes one. It is left out if there is no limit. */
  readonly descriptorLimit?: number;
}

/**
 * An operation of the system has failed. `code` is the system's code if there is one ("EADDRINUSE"), or a closed
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
