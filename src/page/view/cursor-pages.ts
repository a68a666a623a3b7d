/** The pages that were visited on the way to the one that is shown: a cursor only leads forward. */
export class CursorPages {
  /** The cursors of the pages from the first to the present one; the first page has none. */
  readonly #cursors: (string | null)[] = [null];
  #next: string | null = null;

  get cursor(): string | null {
    return this.#cursors.at(-1) ?? null;
  }

  /** The number of the page, from 1 on. */
  get number(): number {
    return this.#cursors.length;
  }

  get hasPrevious(): boolean {
    return this.#cursors.length > 1;
  }

  get hasNext(): boolean {
    return this.#next !== null;
  }

  /** Notes the cursor that came with the present page. */
  loaded(next: string | null): void {
    this.#next = next;
  }

  forward(): void {
    if (this.#next === null) return;
    this.#cursors.push(this.#next);
    this.#next = null;
  }

  back(): void {
    if (!this.hasPrevious) return;
    this.#next = this.#cursors.pop() ?? null;
  }
}
