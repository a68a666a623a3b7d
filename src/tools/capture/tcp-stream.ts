/**
 * A stream puts the bytes that one side of a TCP connection sent in order, from captured segments. Segments may come out of order,
 * twice, or overlapping; of bytes that come twice the first copy counts. Sequence numbers are compared by their signed distance, so
 * that they may pass 2^32.
 *
 * What is missing is waited for as long as the segments after it take at most {@link MAX_WAITING_BYTES}: the capturing machine may
 * have lost a packet that the receiver got, and then it never comes.
 */

/** A part of the stream, in order: bytes, or the number of bytes that the capture lacks. */
export type StreamPart = Uint8Array | number;

export const MAX_WAITING_BYTES = 256 << 10;
/** What a waiting segment costs beside its bytes. */
const SEGMENT_COST_BYTES = 64;

interface WaitingSegment {
  readonly sequence: number;
  readonly data: Uint8Array;
}

export class TcpStream {
  /** The sequence number of the first byte, and of the next one; null before the first segment. */
  #first: number | null = null;
  #next: number | null = null;
  /** Sorted by their distance from `#next`, which is positive. */
  readonly #waiting: WaitingSegment[] = [];
  #waitingBytes = 0;

  /** What the segments that wait take. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Takes a SYN. Returns false if it belongs to another connection than the segments so far. */
  begin(sequence: number): boolean {
    const first = (sequence + 1) >>> 0;
    this.#first ??= first;
    this.#next ??= first;
    return this.#first === first;
  }

  /** Returns true if everything before this sequence number has come. */
  hasAllBefore(sequence: number): boolean {
    return this.#next === sequence >>> 0;
  }

  /** Takes a segment, of which `missingBytes` at its end were not captured. Returns what is in order now. */
  add(sequence: number, data: Uint8Array, missingBytes: number): StreamPart[] {
    this.#first ??= sequence;
    this.#next ??= sequence;
    const parts: StreamPart[] = [];
    if (distance(sequence, this.#next) <= 0) {
      this.#take(sequence, data, parts);
      this.#miss(sequence + data.length, missingBytes, parts);
      this.#drain(parts);
    } else if (data.length > 0) {
      this.#wait(sequence, data);
      while (this.#waitingBytes > MAX_WAITING_BYTES) this.#passGap(parts);
    }
    return parts;
  }

  /** Gives up what is missing: returns all that waits, with the gaps in it. */
  flush(): StreamPart[] {
    const parts: StreamPart[] = [];
    while (this.#waiting.length > 0) this.#passGap(parts);
    return parts;
  }

  #take(sequence: number, data: Uint8Array, parts: StreamPart[]): void {
    const next = this.#next ?? sequence;
    const fresh = data.subarray(Math.min(data.length, -distance(sequence, next)));
    if (fresh.length === 0) return;
    parts.push(fresh);
    this.#next = (next + fresh.length) >>> 0;
  }

  /** The bytes from `sequence` on were not captured. */
  #miss(sequence: number, count: number, parts: StreamPart[]): void {
    if (this.#next === null || count === 0) return;
    const missing = count + distance(sequence >>> 0, this.#next);
    if (missing <= 0) return;
    parts.push(missing);
    this.#next = (this.#next + missing) >>> 0;
  }

  #wait(sequence: number, data: Uint8Array): void {
    const next = this.#next ?? sequence;
    const position = distance(sequence, next);
    let index = this.#waiting.length;
    while (index > 0 && distance(this.#waiting[index - 1]?.sequence ?? next, next) > position) index--;
    // A copy: the packet's chunk of the file would stay alive.
    this.#waiting.splice(index, 0, { sequence, data: data.slice() });
    this.#waitingBytes += data.length + SEGMENT_COST_BYTES;
  }

  #passGap(parts: StreamPart[]): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#next === null) return;
    parts.push(distance(first.sequence, this.#next));
    this.#next = first.sequence;
    this.#drain(parts);
  }

  /** Takes the waiting segments that are in order now. */
  #drain(parts: StreamPart[]): void {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined || this.#next === null || distance(first.sequence, this.#next) > 0) return;
      this.#waiting.shift();
      this.#waitingBytes -= first.data.length + SEGMENT_COST_BYTES;
      this.#take(first.sequence, first.data, parts);
    }
  }
}

/** Returns how far `a` is after `b`, negative if it is before, in a space of 2^32. */
function distance(a: number, b: number): number {
  return (a - b) | 0;
}
