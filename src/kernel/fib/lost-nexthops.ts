/**
 * Finds the rows whose routes named a nexthop of ours that others have deleted or changed. The kernel notifies about the
 * nexthop, but not about the IPv4 routes that went with it; the model has them. One walk through all rows finds them,
 * however many nexthops were lost by then: it takes no memory per row, and pauses.
 */
import type { FibNexthops } from "./nexthops.ts";
import { type FibRows, OBSERVED } from "./rows.ts";

/** How many rows one step of the walk looks at. */
const ROWS_PER_STEP = 64;

interface LostNexthop {
  /** Whether the kernel has deleted its routes with it; else they are there, and still name it. */
  readonly isGone: boolean;
  readonly atMs: number;
}

export class LostNexthops {
  readonly #rows: FibRows;
  readonly #nexthops: FibNexthops;
  readonly #visit: (row: number, isGone: boolean, atMs: number) => void;
  /** Losses by nexthop id. */
  #losses = new Map<number, LostNexthop>();
  /** The losses that the walk under way looks for. */
  #walked: ReadonlyMap<number, LostNexthop> = new Map();
  #isWalking = false;

  constructor(
    rows: FibRows,
    nexthops: FibNexthops,
    visit: (row: number, isGone: boolean, atMs: number) => void,
  ) {
    this.#rows = rows;
    this.#nexthops = nexthops;
    this.#visit = visit;
  }

  /** Records a loss. Returns true if a walk is to begin. */
  add(id: number, loss: LostNexthop): boolean {
    this.#losses.set(id, loss);
    if (this.#isWalking) return false;
    this.#isWalking = true;
    return true;
  }

  /** Whether the nexthop with this id is gone, and the walk that finds its rows has not ended. */
  isGone(id: number): boolean {
    return this.#isWalking && (this.#losses.get(id) ?? this.#walked.get(id))?.isGone === true;
  }

  /** Each step visits one row at most. */
  *walk(): Generator<void> {
    const rows = this.#rows;
    const nexthops = this.#nexthops;
    while (this.#losses.size > 0) {
      const losses = this.#losses;
      this.#losses = new Map();
      this.#walked = losses;
      this.#addGroups(losses);
      for (let row = 0; row < rows.end; row++) {
        if (row % ROWS_PER_STEP === 0) yield;
        if (!rows.isUsed(row)) continue;
        const id = rows.get(row, OBSERVED);
        const loss = losses.get(id);
        // A scan may have met it again meanwhile.
        if (loss === undefined || (loss.isGone && nexthops.get(id) !== undefined)) continue;
        this.#visit(row, loss.isGone, loss.atMs);
        yield;
      }
    }
    this.#walked = new Map();
    this.#isWalking = false;
  }

  /** A group whose member was changed no longer stands for a hop set. */
  #addGroups(losses: Map<number, LostNexthop>): void {
    const changed = [...losses].find(([, { isGone }]) => !isGone);
    if (changed === undefined) return;
    const [, loss] = changed;
    for (const group of this.#nexthops.all()) {
      if (group.set === null || !group.members?.some(({ id }) => losses.has(id))) continue;
      this.#nexthops.setMeaning(group, null);
      losses.set(group.id, loss);
    }
  }
}
