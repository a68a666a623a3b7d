/** Streams over TCP sockets: the thin edge to Bun.listen and Bun.connect. */
import { systemErrorCode, systemErrorText } from "../base/system-error.ts";
import { type Endpoint, formatEndpoint, hasHostName, normalizePeerAddress } from "../net/endpoint.ts";
import { isOutOfDescriptors, readDescriptorLimit } from "./descriptor-limit.ts";
import { hostNames } from "./host-names.ts";
import { listenError } from "./listen-error.ts";
import type { ByteStream, ConnectEvents, Listener, Network, StreamEvents } from "./network.ts";
import { PausableListener } from "./pausable-listener.ts";
import { limitReceiveBuffer, limitUnsent } from "./sockopt.ts";

type Socket = Bun.Socket<SocketData>;

/** The kernel doubles it, for what it needs itself (socket(7)): some 64 KB of data. */
const NARROW_BYTES = 32_768;
/**
 * What may wait in the kernel for a peer that does not read. Without a limit it grows to tcp_wmem's 4 MB a connection, also for
 * one whose window is closed: 500 such readers took 1 GB, and at tcp_mem's limit the kernel drops everybody's segments. What
 * waits there is also what an answer to a KEEPALIVE is behind.
 */
const UNSENT_BYTES = 131_072;
/**
 * Bun's 512 are full at once when thousands connect, as after a restart or in an attack, and then the kernel drops every
 * SYN: whoever was dropped tries again after 1, 3 and 7 s.
 */
const BACKLOG = 4_096;
/** Each takes some 40 µs, with the one that it may push out. */
const ACCEPTED_PER_TURN = 64;

/** What hangs on a Bun socket: who takes its events, null until it is open or when nobody wants it any more. */
interface SocketData {
  events: StreamEvents | null;
  opened(socket: Socket): void;
}

export class BunNetwork implements Network {
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
        backlog: BACKLOG,
        data: { events: null, opened },
        socket: socketHandler,
        perTurn: ACCEPTED_PER_TURN,
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
    // Frames are gathered into runs before they are written: Nagle could only delay them.
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
  readonly remote: string;
  readonly local: string;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.remote = formatEndpoint({
      host: normalizePeerAddress(socket.remoteAddress),
      port: socket.remotePort,
    });
    this.local = formatEndpoint({ host: normalizePeerAddress(socket.localAddress), port: socket.localPort });
  }

  write(bytes: Uint8Array): number {
    // Bun answers -1 on a socket that is closing; its close event follows.
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

  /** `end` closes the descriptor: what the other side then sends, before it has read the FIN, would be answered by a RST. */
  endWithin(ms: number): void {
    this.#socket.shutdown();
    // A process that has nothing else to do need not wait for it.
    this.#socket.unref();
    setTimeout(() => this.#socket.terminate(), ms).unref();
  }

  abort(): void {
    this.#socket.terminate();
  }
}

/** Bun says ECONNREFUSED of whatever the system said: no way to that host, or no descriptor left for a socket. */
function connectErrorText(error: unknown): string {
  if (systemErrorCode(error) !== "ECONNREFUSED") return systemErrorText(error);
  if (isOutOfDescriptors()) return `EMFILE: ${OUT_OF_DESCRIPTORS}`;
  return "ECONNREFUSED: nobody listens there, or there is no way to that host";
}

const OUT_OF_DESCRIPTORS =
  "this process has as many open files as it may have; raise LimitNOFILE= of the unit or ulimit -n";
