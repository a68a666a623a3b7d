/**
 * Reads dumps: all links, addresses, nexthop objects or routes.
 *
 * The kernel fills a datagram whenever one is received, as large as the largest receive buffer that the socket has shown
 * so far, and at most 32 KB. A record that does not fit into an empty one ends the dump: that of nexthops with EMSGSIZE,
 * that of routes without an error (6.1, 6.18). With net.ipv4.nexthop_compat_mode=1, the default, a route names all hops of
 * its group, 96 bytes each, so it happens
 * - on a fresh socket, from 39 hops on: therefore each socket first shows its buffer, by taking the answer to a no-op;
 * - anywhere, from some 340 hops on; for a group itself from some 4,000 members on. Ours have at most 256, but a dump
 *   that ends at a foreign one does not reach ours: netlink-kernel.ts notices, and requests ours separately.
 */
import { KERNEL_DUMP_MS } from "../../base/turn-budget.ts";
import { KernelError } from "../kernel.ts";
import { NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR } from "./netlink-constants.ts";
import { NetlinkReader, readDone, readError } from "./netlink-reader.ts";
import { EMSGSIZE, ENOBUFS, ENOENT, EOPNOTSUPP, type NetlinkSocket } from "./netlink-socket.ts";
import { NetlinkWriter } from "./netlink-writer.ts";
import { type Dump, putDumpRequest, putNexthopRequest, putNoOperation } from "./rtnetlink-requests.ts";

/** The kernel's largest datagram of a dump is 32 KB, but for a link with hundreds of virtual functions. */
const DUMP_BUFFER_BYTES = 256 * 1024;
/**
 * How often a dump is read if something changes meanwhile (NLM_F_DUMP_INTR); then it is taken as it is: the kernel continues
 * after the last id or IPv4 prefix that it has sent, so that what did not change is never missing. (IPv6 routes may be
 * missing without the flag: see objects/route-kind.ts.)
 */
const MAX_ATTEMPTS = 5;
const SEQUENCE = 1;

export interface NetlinkSystem {
  openSocket(): NetlinkSocket;
  /** The usual text for an errno. */
  errorText(errno: number): string;
}

/** Divides long work: other work on the event loop gets a turn every few milliseconds. */
export class Slices {
  #startedMs = performance.now();

  isOver(): boolean {
    return performance.now() - this.#startedMs >= KERNEL_DUMP_MS;
  }

  async nextTurn(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#startedMs = performance.now();
  }
}

type Visit = (message: NetlinkReader) => void;

/**
 * Reads a dump. `begin` is called at the start of each attempt, and returns the function to call for each of its messages;
 * the messages of earlier attempts are void then. The reader is valid only during that call. Returns false if a record was
 * too large, and the dump ended there.
 * @throws KernelError NO_NEXTHOP_OBJECTS or SOCKET_FAILED
 */
export async function readDump(system: NetlinkSystem, dump: Dump, begin: () => Visit): Promise<boolean> {
  const slices = new Slices();
  for (let attempt = 1; ; attempt++) {
    const end = await readOnce(system, dump, begin(), slices);
    if (end === "short") return false;
    if (end === "whole" || (end === "changed" && attempt >= MAX_ATTEMPTS)) return true;
    if (attempt >= MAX_ATTEMPTS) {
      throw new KernelError(
        "SOCKET_FAILED",
        `the kernel's ${dump.what} cannot be read: ${system.errorText(ENOBUFS)}`,
      );
    }
    await slices.nextTurn();
  }
}

/**
 * Visits the nexthops with these ids that exist. Each is requested separately: an answer has as much room as it needs.
 * @throws KernelError SOCKET_FAILED
 */
export async function readNexthops(
  system: NetlinkSystem,
  ids: Iterable<number>,
  visit: Visit,
): Promise<void> {
  using socket = system.openSocket();
  const slices = new Slices();
  const buffer = new Uint8Array(DUMP_BUFFER_BYTES);
  const writer = new NetlinkWriter();
  for (const id of ids) {
    writer.clear();
    putNexthopRequest(writer, id, SEQUENCE);
    const sent = -socket.send(writer.bytes());
    const length = sent === 0 ? socket.receive(buffer) : -sent;
    if (length < 0 || length > buffer.length) {
      throw new KernelError(
        "SOCKET_FAILED",
        `the kernel's nexthops cannot be read: ${system.errorText(length < 0 ? -length : ENOBUFS)}`,
      );
    }
    const message = new NetlinkReader(buffer.subarray(0, length));
    // An error means that there is none.
    while (message.next()) if (message.type !== NLMSG_ERROR) visit(message);
    if (slices.isOver()) await slices.nextTurn();
  }
}

/** Reads a dump once. "cut": a part was lost. "short": a record does not fit into a dump. */
async function readOnce(
  system: NetlinkSystem,
  dump: Dump,
  visit: Visit,
  slices: Slices,
): Promise<"whole" | "changed" | "cut" | "short"> {
  using socket = system.openSocket();
  const buffer = new Uint8Array(DUMP_BUFFER_BYTES);
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
      if (message.type === NLMSG_ERROR) {
        const { errno } = readError(message);
        if (errno === ENOENT && dump.what === "routes") return "whole";
        throw refusal(system, dump, errno);
      }
      if (message.type !== NLMSG_DONE) {
        visit(message);
        continue;
      }
      const errno = readDone(message);
      if (errno === EMSGSIZE) return "short";
      // The requested routing table does not exist: it has no routes.
      if (errno !== 0 && !(errno === ENOENT && dump.what === "routes")) throw refusal(system, dump, errno);
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
