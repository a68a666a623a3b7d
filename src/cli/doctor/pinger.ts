/**
 * Sends echo requests and waits for the answers: some small ones for the loss and the round trip, then larger ones that may not be
 * fragmented for the path MTU. It waits in the calls themselves, so nothing else may run beside it.
 */
import { formatAddress } from "../../net/address.ts";
import type { IpAddress } from "../../net/ip.ts";
import {
  echoRequest,
  findPathMtu,
  leastPacketBytes,
  type PathMtu,
  type ProbeResult,
  type RoundTrips,
  replySequence,
  roundTrips,
  TOKEN_BYTES,
} from "../../tools/ping/echo.ts";
import { IcmpSocket, type IcmpSocketError, type IcmpSocketOptions } from "../../transport/icmp-socket.ts";

/** Between two requests, as far as answers come earlier. */
const INTERVAL_MS = 200;
const ANSWER_WITHIN_MS = 1_000;
/** IPV6_MIN_MTU (RFC 8200); what every IPv4 host accepts (RFC 791). */
const LEAST_MTU_BYTES = { 4: 576, 6: 1280 } as const;

export interface PingResult extends RoundTrips {
  /** The last error that this host or a router has reported, as "EHOSTUNREACH"; null if there was none. */
  readonly error: string | null;
  /** Null if it was not searched for, as nothing was answered. */
  readonly pathMtu: PathMtu | null;
}

/** @throws IcmpSocketError */
export async function ping(options: IcmpSocketOptions, count: number): Promise<PingResult> {
  using pinger = new Pinger(options);
  const timesMs: (number | null)[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    timesMs.push(pinger.tryOnce(leastPacketBytes(options.destination.family)).tookMs);
    // The program's signals have their turn, too.
    if (i < count - 1) await Bun.sleep(Math.max(0, startMs + INTERVAL_MS - performance.now()));
  }
  const times = roundTrips(timesMs);
  const { error } = pinger;
  return { ...times, error, pathMtu: times.received === 0 ? null : await pinger.findMtu() };
}

interface Attempt {
  readonly result: ProbeResult;
  readonly tookMs: number | null;
}

class Pinger implements Disposable {
  readonly #socket: IcmpSocket;
  readonly #family: 4 | 6;
  readonly #token = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
  readonly #identifier = process.pid & 0xffff;
  #sequence = 0;
  error: string | null = null;

  constructor(options: IcmpSocketOptions) {
    this.#socket = new IcmpSocket(options);
    this.#family = options.destination.family;
  }

  tryOnce(packetBytes: number): Attempt {
    const sequence = ++this.#sequence & 0xffff;
    const startMs = performance.now();
    const failed = this.#socket.send(
      echoRequest({
        family: this.#family,
        identifier: this.#identifier,
        sequence,
        token: this.#token,
        packetBytes,
      }),
    );
    if (failed !== null) return { result: this.#failed(failed), tookMs: null };
    for (;;) {
      const leftMs = startMs + ANSWER_WITHIN_MS - performance.now();
      if (leftMs <= 0) return { result: { kind: "lost" }, tookMs: null };
      const received = this.#socket.receive(leftMs);
      if (received === null) continue;
      if ("error" in received) return { result: this.#failed(received.error), tookMs: null };
      if (replySequence(received.message, this.#family, this.#token) !== sequence) continue;
      return { result: { kind: "answered" }, tookMs: performance.now() - startMs };
    }
  }

  findMtu(): Promise<PathMtu> {
    const least = LEAST_MTU_BYTES[this.#family];
    return findPathMtu(least, Math.max(least, this.#socket.pathMtuBytes), async (packetBytes) => {
      await Bun.sleep(0);
      return this.tryOnce(packetBytes).result;
    });
  }

  #failed(error: string): ProbeResult {
    if (error === "EMSGSIZE") return { kind: "too-big", fitsBytes: this.#socket.pathMtuBytes };
    this.error = error;
    return { kind: "lost" };
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

/** Returns what to do about a socket that cannot be opened. */
export function socketRemedy({ code, message }: IcmpSocketError, destination: IpAddress): string {
  switch (code) {
    case "EPERM":
    case "EACCES":
      return "a ping needs CAP_NET_RAW, or net.ipv4.ping_group_range with this user's group: run it as root, or sysctl -w net.ipv4.ping_group_range='0 2147483647'";
    case "ENODEV":
      return `there is no device of that name: ip link shows them (${message})`;
    case "EADDRNOTAVAIL":
      return `the source is no address of this host: ip addr shows them (${message})`;
    case "ENETUNREACH":
    case "EHOSTUNREACH":
      return `this host has no route to ${formatAddress(destination)}: ip route get ${formatAddress(destination)} (${message})`;
    case "EINVAL":
      return `${message}: a link-local address is one of a device, so give --interface DEVICE`;
    case "ENOSYS":
      return "a ping needs the JIT and glibc, which this process lacks";
    default:
      return message;
  }
}
