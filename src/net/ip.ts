/**
 * An IP address as numbers. Each word holds 32 bits in network order as a signed integer, the way an
 * Int32Array gives it back, so that values pass between objects, typed arrays and DataViews unchanged.
 * An IPv4 address is `w0`; its other words are 0. Print unsigned with `>>> 0`.
 */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
}

/** An address block: `lengthBits` leading bits count (0 to 32, or 128), all bits after them are 0. */
export interface Prefix extends IpAddress {
  readonly lengthBits: number;
}

/** Number of bits in an address of the family. */
export function familyBits(family: 4 | 6): 32 | 128 {
  return family === 4 ? 32 : 128;
}
