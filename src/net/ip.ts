/**
 * An IP address in numbers. Each word has 32 bits in network order as a signed integer, as an Int32Array returns it, so
 * that values pass between objects, typed arrays and DataViews unchanged. An IPv4 address is in `w0`, and its other
 * words are 0. `>>> 0` makes a word unsigned.
 */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
}

/** An address block. Its first `lengthBits` bits count (0 to 32, or 128), and all bits after them are 0. */
export interface Prefix extends IpAddress {
  readonly lengthBits: number;
}

/** Returns the number of bits in an address of the family. */
export function familyBits(family: 4 | 6): 32 | 128 {
  return family === 4 ? 32 : 128;
}
