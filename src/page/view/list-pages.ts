/** The part of a list that one page of a table shows. */
export interface ListPage<T> {
  readonly rows: readonly T[];
  /** From 0 on; the last page if the list has become shorter. */
  readonly index: number;
  readonly count: number;
}

export function pageOf<T>(list: readonly T[], index: number, size: number): ListPage<T> {
  const count = Math.max(1, Math.ceil(list.length / size));
  const shown = Math.min(Math.max(0, index), count - 1);
  return { rows: list.slice(shown * size, (shown + 1) * size), index: shown, count };
}
