/** A queue holds the bytes of a file that were read and not used yet. Chunks are joined only where something lies across their border. */
export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  /** Bytes of the first chunk that have been taken. */
  #taken = 0;
  #waitingBytes = 0;
  /** Bytes still to be dropped of what comes. */
  #toSkip = 0;

  push(chunk: Uint8Array): void {
    const skipped = Math.min(this.#toSkip, chunk.length);
    this.#toSkip -= skipped;
    if (skipped === chunk.length) return;
    this.#chunks.push(chunk.subarray(skipped));
    this.#waitingBytes += chunk.length - skipped;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Returns the next `count` bytes and leaves them, or null if fewer wait. */
  peek(count: number): DataView | null {
    if (this.#waitingBytes < count) return null;
    let first = this.#chunks[0] ?? new Uint8Array(0);
    if (first.length - this.#taken < count) {
      first = this.#joined(count);
    }
    return new DataView(first.buffer, first.byteOffset + this.#taken, count);
  }

  /** Drops bytes, also such as have not come yet. */
  skip(count: number): void {
    let rest = count;
    while (rest > 0) {
      const [first] = this.#chunks;
      if (first === undefined) {
        this.#toSkip += rest;
        return;
      }
      const dropped = Math.min(rest, first.length - this.#taken);
      rest -= dropped;
      this.#taken += dropped;
      this.#waitingBytes -= dropped;
      if (this.#taken < first.length) return;
      this.#chunks.shift();
      this.#taken = 0;
    }
  }

  /** Puts as many chunks together as hold `count` bytes, without what was taken of the first one, and returns them as the first. */
  #joined(count: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    while (bytes < count) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) break;
      const part = chunk.subarray(this.#taken);
      this.#taken = 0;
      parts.push(part);
      bytes += part.length;
    }
    const first = new Uint8Array(bytes);
    let at = 0;
    for (const part of parts) {
      first.set(part, at);
      at += part.length;
    }
    this.#chunks.unshift(first);
    return first;
  }
}
