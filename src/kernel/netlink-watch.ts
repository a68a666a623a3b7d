/**
 * Word of what others change. The listening socket is handed to Bun's event loop (Bun.connect({ fd }), which @types/bun
 * does not know; a socket-activation feature that takes any stream of bytes): nothing is polled, and idle costs nothing.
 *
 * Bun reads until its buffer of 512 KB is full or nothing is left, and a notification is never larger. When the kernel
 * had to drop some (ENOBUFS), Bun closes its descriptor; ours is a duplicate, so that the socket with its groups lives
 * on, and is handed over once more. Before, it is emptied: until then the kernel goes on dropping, without a word.
 */
import type { KernelEvent } from "./kernel.ts";
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
import { EAGAIN, ENOBUFS, type NetlinkListener } from "./netlink-socket.ts";
import {
  readAddress,
  readAddressLink,
  readIpv6Link,
  readLink,
  readNexthop,
  readRoute,
} from "./rtnetlink-messages.ts";

/** After a failure to hand it over, as when no file descriptor is left. */
const RETRY_MS = 1000;

/** Of a datagram: those of dumps are smaller, and notifications smaller still. */
const BUFFER_BYTES = 64 * 1024;
/** Datagrams at a time, so that nothing else is held up. */
const MAX_POLLED = 1024;

// What is in it is read before anything else can be.
const buffer = new Uint8Array(BUFFER_BYTES);

interface Attached {
  terminate(): void;
}

export class NetlinkWatch implements Disposable {
  #isClosed = false;
  #attached: Attached | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly listener: NetlinkListener,
    private readonly report: (event: KernelEvent) => void,
  ) {
    void this.#attach();
  }

  async #attach(): Promise<void> {
    const options = {
      socket: {
        open: (socket: Attached) => {
          if (this.#isClosed) socket.terminate();
          else this.#attached = socket;
        },
        data: (_: Attached, bytes: Uint8Array) => this.#read(bytes),
        close: () => this.#detached(),
        error: () => {}, // `close` comes too
      },
    };
    try {
      // A cast, since @types/bun has `unix` and `hostname`, but not `fd`.
      const target = { fd: this.listener.duplicateDescriptor(), ...options } as unknown as typeof options & {
        unix: string;
      };
      await Bun.connect(target);
    } catch {
      if (!this.#isClosed) this.#retry = setTimeout(() => this.#detached(), RETRY_MS);
    }
  }

  /** Reports what has come, without waiting for the event loop. False: there is more. */
  poll(): boolean {
    for (let left = MAX_POLLED; left > 0 && !this.#isClosed; left--) {
      const length = this.listener.receive(buffer);
      if (length === -EAGAIN) return true;
      if (length >= 0 && length <= buffer.length) this.#read(buffer.subarray(0, length));
      else if (length === -ENOBUFS || length > 0) this.report({ type: "overrun" });
      else return true; // the event loop sees it too
    }
    return this.#isClosed;
  }

  #detached(): void {
    this.#attached = null;
    if (this.#isClosed) return;
    this.listener.drain();
    void this.#attach();
    this.report({ type: "overrun" });
  }

  #read(bytes: Uint8Array): void {
    const message = new NetlinkReader(bytes);
    while (message.next()) {
      const event = readEvent(message);
      // The report of one may have closed the kernel.
      if (event !== null && !this.#isClosed) this.report(event);
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#attached?.terminate();
    this.listener[Symbol.dispose]();
  }
}

function isReplace({ flags }: NetlinkReader): boolean {
  return (flags & NLM_F_REPLACE) !== 0;
}

/** Null: nothing that anybody waits for. */
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
