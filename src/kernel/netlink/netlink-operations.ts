/**
 * Carries out operations: some hundred messages in one send, and then the answers to it.
 *
 * The kernel carries out all messages of a send before it returns, so all answers are there then. Errors come without a
 * request; only the last message requests an acknowledgement, after which no answer follows. If it is missing, answers were
 * lost, and all operations that are not known to have failed might have: they are reported as failed, too (ENOBUFS), for
 * another attempt shows by EEXIST or ENOENT what has happened.
 */
import { constants } from "node:os";
import { KernelError, type Operation, type OperationFailure } from "../kernel.ts";
import { NLM_F_ACK, NLMSG_ERROR } from "./netlink-constants.ts";
import { type NetlinkError, NetlinkReader, readError } from "./netlink-reader.ts";
import { EAGAIN, ENOBUFS, ENOMEM, type NetlinkSocket } from "./netlink-socket.ts";
import { NetlinkWriter } from "./netlink-writer.ts";
import { type OperationContext, putOperation, putProbe, putResilienceProbe } from "./rtnetlink-requests.ts";

/** The most operations of a send: it takes some 2 ms, and the socket's buffer holds the answers if all of them fail. */
const BATCH_OPERATIONS = 256;
/** A batch also ends after this many bytes, since groups can be large. */
const BATCH_BYTES = 64 * 1024;
/** The buffer for one answer: an error, the request's header and the text. */
const ANSWER_BYTES = 4096;

export class NetlinkOperations {
  readonly #socket: NetlinkSocket;
  readonly #errorText: (errno: number) => string;
  readonly #writer = new NetlinkWriter();
  readonly #answer = new Uint8Array(ANSWER_BYTES);
  /** The sequence number of the next message; those of one batch follow each other, modulo 2^32. */
  #sequence = 1;

  constructor(socket: NetlinkSocket, errorText: (errno: number) => string) {
    this.#socket = socket;
    this.#errorText = errorText;
  }

  /**
   * Carries out the operations, and returns those that failed.
   * @throws KernelError SOCKET_FAILED
   */
  apply(operations: readonly Operation[], context: OperationContext): OperationFailure[] {
    const failures: OperationFailure[] = [];
    for (let from = 0; from < operations.length; ) {
      const count = this.#write(operations, from, context);
      this.#carryOut(from, count, failures);
      from += count;
    }
    return failures;
  }

  /** The kernel's answer to a change that cannot succeed (see putProbe), as an errno. */
  probe(): number {
    return this.#probe(putProbe);
  }

  /** The kernel's answer to a request about resilient groups (see putResilienceProbe), as an errno. */
  probeResilience(): number {
    return this.#probe(putResilienceProbe);
  }

  #probe(put: (writer: NetlinkWriter, sequence: number) => void): number {
    this.#writer.clear();
    put(this.#writer, this.#sequence);
    let answer = 0;
    const end = this.#exchange(1, (_, { errno }) => {
      answer = errno;
    });
    return end === 0 ? answer : end;
  }

  /** Writes a batch of the operations from `from` on. Returns how many are in it. */
  #write(operations: readonly Operation[], from: number, context: OperationContext): number {
    const writer = this.#writer;
    writer.clear();
    let count = 0;
    while (count < BATCH_OPERATIONS && writer.byteLength < BATCH_BYTES) {
      const operation = operations[from + count];
      if (operation === undefined) break;
      putOperation(writer, operation, this.#sequence + count, context);
      count++;
    }
    writer.addFlag(NLM_F_ACK);
    return count;
  }

  /** Sends the batch of `count` operations that is written, and adds those that failed. */
  #carryOut(from: number, count: number, failures: OperationFailure[]): void {
    const known = new Set<number>();
    const end = this.#exchange(count, (offset, { errno, text }) => {
      if (errno === 0) return;
      known.add(offset);
      failures.push(this.#failure(from + offset, errno, text));
    });
    if (end === 0) return;
    for (let offset = 0; offset < count; offset++) {
      if (!known.has(offset)) failures.push(this.#failure(from + offset, end, null));
    }
  }

  /**
   * Sends the `count` messages that are written, and calls `onAnswer` for each answer. Returns 0, or the errno for those
   * messages whose result is not known.
   */
  #exchange(count: number, onAnswer: (offset: number, error: NetlinkError) => void): number {
    const first = this.#sequence >>> 0;
    this.#sequence = (first + count) >>> 0;
    const sent = -this.#socket.send(this.#writer.bytes());
    if (sent === ENOBUFS || sent === ENOMEM || sent === EAGAIN) return sent;
    if (sent !== 0) throw socketFailed(this.#errorText(sent));
    let isAcknowledged = false;
    let isWhole = true;
    for (;;) {
      const length = this.#socket.receive(this.#answer);
      if (length === -EAGAIN) return isAcknowledged && isWhole ? 0 : ENOBUFS;
      if (length === -ENOBUFS) isWhole = false;
      else if (length < 0) throw socketFailed(this.#errorText(-length));
      const message = new NetlinkReader(this.#answer.subarray(0, Math.max(0, length)));
      while (message.next()) {
        const offset = (message.sequence - first) >>> 0;
        if (message.type !== NLMSG_ERROR || offset >= count) continue;
        if (offset === count - 1) isAcknowledged = true;
        onAnswer(offset, readError(message));
      }
    }
  }

  #failure(index: number, errno: number, text: string | null): OperationFailure {
    return { index, code: ERROR_NAMES.get(errno) ?? `E${errno}`, message: text ?? this.#errorText(errno) };
  }
}

/** 17 → "EEXIST"; if a number has several names, the first one. */
const ERROR_NAMES = new Map(
  Object.entries(constants.errno)
    .map(([name, errno]) => [errno, name] as const)
    .reverse(),
);

function socketFailed(why: string): KernelError {
  return new KernelError("SOCKET_FAILED", `the kernel cannot be spoken to: ${why}`);
}
