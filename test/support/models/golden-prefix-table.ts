/**
 * The obvious prefix table: prefixes by name, every question answered by trying all lengths or sorting all.
 * Addresses are strings of bits, so that nothing is shared with the table under test.
 */
export interface GoldenPrefix {
  /** The prefix's leading bits, as many as it is long. */
  readonly bits: string;
  readonly handle: number;
}

export class GoldenPrefixTable {
  readonly #rows = new Map<string, GoldenPrefix>();

  get size(): number {
    return this.#rows.size;
  }

  find(bits: string): number {
    return this.#rows.get(bits)?.handle ?? -1;
  }

  add(bits: string, handle: number): void {
    this.#rows.set(bits, { bits, handle });
  }

  delete(bits: string): void {
    this.#rows.delete(bits);
  }

  /** Handles of all that contain the address or prefix, the longest first. */
  covering(bits: string): number[] {
    const found: number[] = [];
    for (let length = bits.length; length >= 0; length--) {
      const row = this.#rows.get(bits.slice(0, length));
      if (row !== undefined) found.push(row.handle);
    }
    return found;
  }

  lookup(address: string): number {
    return this.covering(address)[0] ?? -1;
  }

  /** All in order of address, then of length. */
  walk(): GoldenPrefix[] {
    return [...this.#rows.values()].sort((a, b) => compareBits(a.bits, b.bits));
  }

  covered(bits: string): number[] {
    return this.walk()
      .filter((row) => row.bits.startsWith(bits))
      .map((row) => row.handle);
  }
}

/** By address with zeros behind, then by length. */
export function compareBits(a: string, b: string): number {
  const left = a.padEnd(128, "0");
  const right = b.padEnd(128, "0");
  return left < right ? -1 : left > right ? 1 : a.length - b.length;
}

/** The four words of an address whose leading bits are given, zeros behind. */
export function wordsOf(bits: string): [number, number, number, number] {
  const all = bits.padEnd(128, "0");
  return [0, 32, 64, 96].map((at) => Number.parseInt(all.slice(at, at + 32), 2) | 0) as [
    number,
    number,
    number,
    number,
  ];
}
