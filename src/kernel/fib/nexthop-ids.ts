/**
 * Numbers of nexthop objects. They are one space for everybody in a network namespace, so each protocol number has
 * a block of its own, far from the small ids that people and other daemons count up from:
 *
 *     0x40000000 + protocol × 2^20  …  + 2^20 - 1
 */
const FIRST_ID = 0x40000000;
export const IDS_PER_PROTOCOL = 2 ** 20;

export class IdBlock {
  readonly first: number;
  readonly last: number;

  /** `protocol`: 1 to 255. */
  constructor(protocol: number) {
    this.first = FIRST_ID + protocol * IDS_PER_PROTOCOL;
    this.last = this.first + IDS_PER_PROTOCOL - 1;
  }

  has(id: number): boolean {
    return id >= this.first && id <= this.last;
  }

  /** The first id behind `id`, round the block, that is free; 0: none is. */
  nextFree(id: number, isTaken: (id: number) => boolean): number {
    let next = id;
    do {
      next = this.has(next + 1) ? next + 1 : this.first;
      if (!isTaken(next)) return next;
    } while (next !== id);
    return 0;
  }
}
