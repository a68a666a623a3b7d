/**
 * Reading all of something: links, addresses, nexthop objects, routes.
 *
 * The kernel fills a datagram whenever one is taken, as large as the largest receive buffer that the socket has shown
 * so far, and at most 32 KB. A record that does not fit into an empty one ends the dump, without an error (6.1, 6.18).
 * With net.ipv4.nexthop_compat_mode=1, the default, a route names all hops of its group, 96 bytes each, so it happens
 * - on a fresh socket, from 39 hops on: therefore each socket first shows its buffer, by taking the answer to a no-op;
 * - anywhere, from some 340 hops on. Ours have at most 256, but a foreign route may hide ours behind it. Therefore,
 *   where there is a group of more than 256, our routes are asked for apart (kernel.ts's protocol), see netlink-kernel.ts.
 */
import { KernelError } from "./kernel.ts";
import { NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR } from "./netlink-constants.ts";
import { NetlinkReader, readDone, readError } from "./netlink-reader.ts";
import { ENOBUFS, EOPNOTSUPP, type NetlinkSocket } from "./netlink-socket.ts";
import { NetlinkWriter } from "./netlink-writer.ts";
import { type Dump, putDumpRequest, putNoOperation } from "./rtnetlink-requests.ts";

/** The kernel's largest datagram of a dump is 32 KB, but for a link with hundreds of virtual functions. */
const BUFFER_BYTES = 256 * 1024;
/**
 * Where something changed meanwhile (NLM_F_DUMP_INTR), the dump is read again so often; then it is taken as it is: the
 * kernel goes on behind the last id or IPv4 prefix it told, so that what did not change is never missing. (Of IPv6 routes
 * some may be, without the flag: see fib-reading.ts.)
 */
const MAX_ATTEMPTS = 5;
const SLICE_MS = 3;
const SEQUENCE = 1;

export interface NetlinkSystem {
  openSocket(): NetlinkSocket;
  /** The usual words for an errno. */
  errorText(errno: number): string;
}

/** Long work on the one event loop, which gives all others a turn every few milliseconds. */
export class Slices {
  #startedMs = performance.now();

  isOver(): boolean {
    return performance.now() - this.#startedMs >= SLICE_MS;
  }

  async nextTurn(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#startedMs = performance.now();
  }
}

type Visit = (message: NetlinkReader) => void;

/**
 * `begin` is called at the start of each attempt and gives what to call for each of its messages; what earlier attempts
 * told is void then. The reader is good only during that call.
 * @throws KernelError NO_NEXTHOP_OBJECTS or SOCKET_FAILED
 */
export async function readDump(system: NetlinkSystem, dump: Dump, begin: () => Visit): Promise<void> {
  const slices = new Slices();
  for (let attempt = 1; ; attempt++) {
    const end = await readOnce(system, dump, begin(), slices);
    if (end === "whole" || (end === "changed" && attempt >= MAX_ATTEMPTS)) return;
    if (attempt >= MAX_ATTEMPTS) {
      throw new KernelError(
        "SOCKET_FAILED",
        `the kernel's ${dump.what} cannot be read: ${system.errorText(ENOBUFS)}`,
      );
    }
    await slices.nextTurn();
  }
}

/** "cut": a part was lost. */
async function readOnce(
  system: NetlinkSystem,
  dump: Dump,
  visit: Visit,
  slices: Slices,
): Promise<"whole" | "changed" | "cut"> {
  using socket = system.openSocket();
  const buffer = new Uint8Array(BUFFER_BYTES);
  const writer = new NetlinkWriter();
  putNoOperation(writer, 0);
  if (socket.send(writer.bytes()) < 0 || socket.receive(buffer) < 0) return "cut";
  writer.clear();
  putDumpRequest(writer, dump, SEQUENCE);
  if (socket.send(writer.bytes()) < 0) return "cut";

  let hasChanged = false;
  for (;;) {
    const length = socket.receive(buffer);
    if (length < 0 || length > buffer.length) return "cut";
    const message = new NetlinkReader(buffer.subarray(0, length));
    while (message.next()) {
      if (message.sequence !== SEQUENCE) continue;
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) hasChanged = true;
      if (message.type === NLMSG_ERROR) throw refusal(system, dump, readError(message).errno);
      if (message.type !== NLMSG_DONE) {
        visit(message);
        continue;
      }
      const errno = readDone(message);
      if (errno !== 0) throw refusal(system, dump, errno);
      return hasChanged ? "changed" : "whole";
    }
    if (slices.isOver()) await slices.nextTurn();
  }
}

function refusal(system: NetlinkSystem, dump: Dump, errno: number): KernelError {
  if (dump.what === "nexthops" && errno === EOPNOTSUPP) return noNexthopObjects();
  return new KernelError(
    "SOCKET_FAILED",
    `the kernel's ${dump.what} cannot be read: ${system.errorText(errno)}`,
  );
}

export function noNexthopObjects(): KernelError {
  return new KernelError(
    "NO_NEXTHOP_OBJECTS",
    "this kernel has no nexthop objects, which work on the kernel's routes needs: Linux 5.3 or newer has them",
  );
}
