/** This file implements streams over TCP sockets. It is a thin layer over Bun.listen and Bun.connect. */
import { systemErrorCode, systemErrorText } from "../base/system-error.ts";
import { PEERS_ACCEPTED_PER_TURN } from "../base/turn-budget.ts";
import { type Endpoint, formatEndpoint, hasHostName, normalizePeerAddress } from "../net/endpoint.ts";
import type { PeerIdentity } from "../net/peer-identity.ts";
import { isOutOfDescriptors, readDescriptorLimit } from "./descriptor-limit.ts";
import { hostNames } from "./host-names.ts";
import { listenError } from "./listen-error.ts";
import type { ByteStream, ConnectEvents, Listener, Network, StreamEvents } from "./network.ts";
import { PausableListener } from "./pausable-listener.ts";
import { limitReceiveBuffer, limitUnsent } from "./sockopt.ts";

type Socket = Bun.Socket<SocketData>;

/**
 * The size of a narrowed receive buffer. The kernel doubles the value for its own overhead (socket(7)), so it has some
 * 64 KB of data.
 */
const NARROW_BYTES = 32_768;
/**
 * How much may wait in the kernel for a peer that does not read. Without a limit it grows to tcp_wmem's 4 MB per
 * connection, even if the peer's window is closed: 500 such readers took 1 GB, and at tcp_mem's limit the kernel drops
 * the segments of all connections. The answer to a KEEPALIVE also waits until all this has been sent.
 */
const UNSENT_BYTES = 131_072;
/**
 * The length of the accept queue. Bun's 512 places are used up at once when thousands connect, as after a restart or in
 * an attack. Then the kernel drops every SYN, and a client whose SYN was dropped tries again after 1, 3 and 7 s.
 */
const BACKLOG = 4_096;

/** The data of a Bun socket: the receiver of its events, which is null until it is open and after it is closed. */
interface SocketData {
  events: StreamEvents | null;
  opened(socket: Socket): void;
}

export interface BunNetworkOptions {
  /** The descriptor of a socket that listens already, instead of one that `listen` opens (see inherited-socket.ts). */
  readonly listeningDescriptor?: number;
}

export class BunNetwork implements Network {
  readonly #listeningDescriptor: number | undefined;

  constructor({ listeningDescriptor }: BunNetworkOptions = {}) {
    this.#listeningDescriptor = listeningDescriptor;
  }

  async listen(endpoint: Endpoint, accept: (stream: ByteStream) => StreamEvents): Promise<Listener> {
    const opened = (socket: Socket) => {
      const { fd } = socket as Socket & { readonly fd?: number };
      if (fd !== undefined && fd >= 0) limitUnsent(fd, UNSENT_BYTES);
      socket.data = { events: null, opened };
      socket.data.events = accept(new SocketStream(socket));
    };
    try {
      const listener = new PausableListener<SocketData>({
        hostname: endpoint.host,
        port: endpoint.port,
        ...(this.#listeningDescriptor !== undefined && { descriptor: this.#listeningDescriptor }),
        backlog: BACKLOG,
        data: { events: null, opened },
        socket: socketHandler,
        perTurn: PEERS_ACCEPTED_PER_TURN,
      });
      return {
        endpoint: { host: endpoint.host, port: listener.port },
        ...(listener.canPause && { pause: () => listener.pause(), resume: () => listener.resume() }),
        stop: () => listener.stop(),
      };
    } catch (error) {
      throw listenError(endpoint, error);
    }
  }

  connect(endpoint: Endpoint, { connected, failed }: ConnectEvents): void {
    const opened = (socket: Socket) => {
      const events = connected(new SocketStream(socket));
      if (events === null) socket.terminate();
      else socket.data.events = events;
    };
    const dial = () =>
      Bun.connect<SocketData>({
        hostname: endpoint.host,
        port: endpoint.port,
        data: { events: null, opened },
        socket: socketHandler,
      });
    const dialled = hasHostName(endpoint) ? hostNames.ready(endpoint.host).then(dial) : dial();
    dialled.catch((error: unknown) => failed(connectErrorText(error)));
  }

  get descriptorLimit(): number {
    return readDescriptorLimit();
  }
}

const socketHandler: Bun.SocketHandler<SocketData> = {
  binaryType: "uint8array",
  open(socket) {
    // Frames are gathered into runs before they are written, so Nagle's algorithm could only delay them.
    socket.setNoDelay(true);
    socket.data.opened(socket);
  },
  data(socket, chunk) {
    socket.data.events?.received(chunk);
  },
  drain(socket) {
    socket.data.events?.writable();
  },
  error(socket, error) {
    socketClosed(socket, systemErrorText(error));
  },
  close(socket, error) {
    socketClosed(socket, error === undefined ? null : systemErrorText(error));
  },
};

function socketClosed(socket: Socket, detail: string | null): void {
  const { events } = socket.data;
  socket.data.events = null;
  events?.closed(detail);
}

class SocketStream implements ByteStream {
  readonly #socket: Socket;
  readonly remote: PeerIdentity;
  readonly local: string;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.remote = { address: normalizePeerAddress(socket.remoteAddress), port: socket.remotePort };
    this.local = formatEndpoint({ host: normalizePeerAddress(socket.localAddress), port: socket.localPort });
  }

  write(bytes: Uint8Array): number {
    // Bun returns -1 for a socket that is closing; its close event follows.
    return Math.max(0, this.#socket.write(bytes));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  narrow(): void {
    // Bun's types do not have it.
    const { fd } = this.#socket as Socket & { readonly fd?: number };
    if (fd !== undefined && fd >= 0) limitReceiveBuffer(fd, NARROW_BYTES);
  }

  end(): void {
    this.#socket.end();
  }

  /**
   * Shuts down without closing the descriptor, as `end` does: otherwise data that the other side sends before it has
   * read the FIN would be answered by a RST.
   */
  endWithin(ms: number): void {
    this.#socket.shutdown();
    // The process may exit in the meantime.
    this.#socket.unref();
    setTimeout(() => this.#socket.terminate(), ms).unref();
  }

  abort(): void {
    this.#socket.terminate();
  }
}

/**
 * Returns why connecting failed. Bun reports ECONNREFUSED for all errors, also without a route to the host or a free
 * descriptor.
 */
function connectErrorText(error: unknown): string {
  if (systemErrorCode(error) !== "ECONNREFUSED") return systemErrorText(error);
  if (isOutOfDescriptors()) return `EMFILE: ${OUT_OF_DESCRIPTORS}`;
  return "ECONNREFUSED: no program listens there, or there is no route to that host";
}

const OUT_OF_DESCRIPTORS =
  "this process has reached its limit of open files; raise LimitNOFILE= of the unit or ulimit -n";
