/**
 * Finds ids for nexthop objects. All programs of a network namespace share one space of ids, so each protocol number has a
 * block of its own, far from the small ids with which people and other daemons begin:
 *
 *     0x40000000 + protocol × 2^20  …  + 2^20 - 1
 */
const FIRST_ID = 0x40000000;
export const IDS_PER_PROTOCOL = 2 ** 20;

export class IdBlock {
  readonly first: number;
  readonly last: number;

  /** Makes the block of a `protocol`, 1 to 255. */
  constructor(protocol: number) {
    this.first = FIRST_ID + protocol * IDS_PER_PROTOCOL;
    this.last = this.first + IDS_PER_PROTOCOL - 1;
  }

  has(id: number): boolean {
    return id >= this.first && id <= this.last;
  }

  /** The next free id after `id`, wrapping round at the end of the block; 0 if the block is full. */
  nextFree(id: number, isTaken: (id: number) => boolean): number {
    let next = id;
    do {
      next = this.has(next + 1) ? next + 1 : this.first;
      if (!isTaken(next)) return next;
    } while (next !== id);
    return 0;
  }
}
