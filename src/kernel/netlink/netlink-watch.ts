/**
 * Reports what other programs change. The listening socket is given to Bun's event loop (Bun.connect({ fd }), which @types/bun
 * does not know; a socket-activation feature that takes any stream of bytes): nothing is polled, and idle costs nothing.
 *
 * Bun reads until its buffer of 512 KB is full or nothing is left, and a notification is never larger. When the kernel
 * had to drop some (ENOBUFS), Bun closes its descriptor; ours is a duplicate, so that the socket with its groups stays
 * open, and is handed over once more. Before that it is emptied: until then the kernel goes on dropping, without an error
 * (NETLINK_S_CONGESTED in net/netlink/af_netlink.c). So the loss is reported only when the socket is empty: a scan that
 * began before would miss what is dropped after it.
 */
import type { KernelEvent } from "../kernel.ts";
import {
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEXTHOP,
  RTM_DELROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEXTHOP,
  RTM_NEWROUTE,
} from "./netlink-constants.ts";
import { NetlinkReader } from "./netlink-reader.ts";
import { ENOBUFS, type NetlinkListener } from "./netlink-socket.ts";
import {
  readAddress,
  readAddressLink,
  readIpv6Link,
  readLink,
  readNexthop,
  readRoute,
} from "./rtnetlink-messages.ts";

/** The pause after a failure to hand the socket over, as when no file descriptor is left. */
const RETRY_MS = 1000;

/** The buffer for a datagram: those of dumps are smaller, and notifications smaller still. */
const NOTIFICATION_BUFFER_BYTES = 64 * 1024;
/** How long one poll may take: a notification takes 1 to 2 µs, and ten times as long in a process that has just started. */
const POLL_MS = 2;
/** How many datagrams are read between two checks of the clock. */
const POLLED_PER_LOOK = 32;

// One for all: a datagram is parsed before the next one is received.
const buffer = new Uint8Array(NOTIFICATION_BUFFER_BYTES);

interface Attached {
  terminate(): void;
}

export class NetlinkWatch implements Disposable {
  readonly #listener: NetlinkListener;
  readonly #report: (event: KernelEvent) => void;
  readonly #nowMs: () => number;
  #isClosed = false;
  #attached: Attached | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Whether notifications were lost: what is left in the socket is dropped, and then the loss is reported. */
  #isDraining = false;

  constructor(
    listener: NetlinkListener,
    report: (event: KernelEvent) => void,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#listener = listener;
    this.#report = report;
    this.#nowMs = nowMs;
    void this.#attach();
  }

  async #attach(): Promise<void> {
    const options = {
      socket: {
        open: (socket: Attached) => {
          if (this.#isClosed) socket.terminate();
          else this.#attached = socket;
        },
        data: (_: Attached, bytes: Uint8Array) => {
          if (!this.#isDraining) this.#read(bytes);
        },
        close: () => this.#detached(),
        error: () => {}, // `close` comes too
      },
    };
    try {
      // A cast, since @types/bun has `unix` and `hostname`, but not `fd`.
      const target = { fd: this.#listener.duplicateDescriptor(), ...options } as unknown as typeof options & {
        unix: string;
      };
      await Bun.connect(target);
    } catch {
      if (!this.#isClosed) this.#retry = setTimeout(() => this.#detached(), RETRY_MS);
    }
  }

  /** Reports what has arrived, without waiting for the event loop. Returns false if there is more. */
  poll(): boolean {
    const untilMs = this.#nowMs() + POLL_MS;
    for (let polled = 1; !this.#isClosed; polled++) {
      const length = this.#listener.receive(buffer);
      if (length < 0 && length !== -ENOBUFS) {
        // Nothing is left; or an error, which the event loop sees too.
        if (this.#isDraining) this.#drained();
        return true;
      }
      if (length === -ENOBUFS || length > buffer.length) this.#drain();
      else if (!this.#isDraining) this.#read(buffer.subarray(0, length));
      if (polled % POLLED_PER_LOOK === 0 && this.#nowMs() >= untilMs) return false;
    }
    return true;
  }

  #detached(): void {
    this.#attached = null;
    if (this.#isClosed) return;
    void this.#attach();
    this.#drain();
  }

  /** Empties the socket in slices; calls of `poll` do so, too. */
  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    const slice = () => {
      if (this.#isDraining && !this.poll()) setImmediate(slice);
    };
    setImmediate(slice);
  }

  #drained(): void {
    this.#isDraining = false;
    this.#report({ type: "overrun" });
  }

  #read(bytes: Uint8Array): void {
    const message = new NetlinkReader(bytes);
    while (message.next()) {
      const event = readEvent(message);
      // The report of one may have closed the kernel.
      if (event !== null && !this.#isClosed) this.#report(event);
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#attached?.terminate();
    this.#listener[Symbol.dispose]();
  }
}

function isReplace({ flags }: NetlinkReader): boolean {
  return (flags & NLM_F_REPLACE) !== 0;
}

/** The event that a message reports; null if it reports none of KernelEvent. */
export function readEvent(message: NetlinkReader): KernelEvent | null {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      const ipv6LinkIndex = readIpv6Link(message);
      if (ipv6LinkIndex !== null) return { type: "ipv6", linkIndex: ipv6LinkIndex };
      const link = readLink(message);
      if (link === null) return null;
      return { type: "link", index: link.index, link: message.type === RTM_NEWLINK ? link : null };
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = readAddress(message);
      if (address === null) return null;
      const linkIndex = readAddressLink(message);
      return { type: "address", isDeleted: message.type === RTM_DELADDR, linkIndex, address };
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = readRoute(message);
      if (route === null) return null;
      const isDeleted = message.type === RTM_DELROUTE;
      return { type: "route", isDeleted, isReplacing: !isDeleted && isReplace(message), route };
    }
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP: {
      const nexthop = readNexthop(message);
      return nexthop === null
        ? null
        : { type: "nexthop", isDeleted: message.type === RTM_DELNEXTHOP, nexthop };
    }
    default:
      return null;
  }
}
