/**
 * The journal against a list: entries have the moment of their last change, cursors the moment of the entry that
 * they stand behind.
 *
 *     BUNBOND_RUNS=10000 bun test --timeout 600000 test/route/table/journal.test.ts        that many random runs
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Journal, type JournalEnds } from "../../../src/route/table/journal.ts";
import {
  NEXT,
  PREFIX,
  PREVIOUS,
  ROUTE_ROW_WORDS,
  ROW_SHIFT,
  SLOT,
  VNI,
} from "../../../src/route/table/route-rows.ts";
import { NIL, RowPool } from "../../../src/route/table/row-pool.ts";

const { BUNBOND_RUNS } = process.env;

interface ModelEntry {
  readonly row: number;
  /** When it changed last. */
  moment: number;
}

interface ModelCursor {
  place: number;
  /** It has passed what changed up to here. Below 0: it stands before everything. */
  moment: number;
}

interface ModelList {
  readonly ends: JournalEnds;
  readonly entries: ModelEntry[];
  readonly cursors: ModelCursor[];
}

class JournalUnderTest {
  readonly #rows = new RowPool(ROUTE_ROW_WORDS);
  readonly #journal = new Journal(this.#rows);
  readonly lists: ModelList[];
  #moment = 0;
  #mostRows = 0;

  constructor(listCount: number) {
    this.lists = Array.from({ length: listCount }, (_, index) => ({
      ends: { index, head: NIL, tail: NIL },
      entries: [],
      cursors: [],
    }));
  }

  append({ ends, entries }: ModelList): void {
    const row = this.#rows.allocate();
    // Any prefix: all that makes a row an entry.
    this.#rows.words[(row << ROW_SHIFT) + PREFIX] = 2 * row;
    this.#journal.append(ends, row);
    entries.push({ row, moment: ++this.#moment });
  }

  change({ ends, entries }: ModelList, pick: number): void {
    const [entry] = entries.splice(pick % entries.length, 1);
    if (entry === undefined) return;
    this.#journal.moveToEnd(ends, entry.row);
    entries.push({ row: entry.row, moment: ++this.#moment });
  }

  remove({ ends, entries }: ModelList, pick: number): void {
    const [entry] = entries.splice(pick % entries.length, 1);
    if (entry === undefined) return;
    this.#journal.remove(ends, entry.row);
    this.#rows.release(entry.row);
  }

  begin({ ends, cursors }: ModelList): void {
    const atHead = cursors.find(({ place }) => place === ends.head);
    const place = this.#journal.cursorAtHead(ends);
    cursors.push({ place, moment: atHead?.moment ?? -++this.#moment });
  }

  /** On by up to `count` entries; with none left, to those who stand at the end. */
  advance({ ends, entries, cursors }: ModelList, pick: number, count: number): void {
    const cursor = cursors[pick % cursors.length];
    if (cursor === undefined) return;
    const behind = entries.filter(({ moment }) => moment > cursor.moment);
    const target = behind[Math.min(behind.length, count) - 1];
    if (target !== undefined) {
      cursor.place = this.#journal.moveCursor(ends, cursor.place, target.row);
      // Who stands right behind the entry is joined, though what it went behind may have moved on since.
      const next = entries.find(({ moment }) => moment > target.moment)?.moment ?? Number.POSITIVE_INFINITY;
      const moments = cursors.map(({ moment }) => moment);
      const there = moments.filter((moment) => moment >= target.moment && moment < next);
      cursor.moment = there.length > 0 ? Math.min(...there) : target.moment;
      return;
    }
    const last = cursors.find(({ place }) => place === ends.tail);
    if (last === undefined) throw new Error("nothing is behind the cursor, but nobody stands at the end");
    if (last.place === cursor.place) return;
    cursor.place = this.#journal.moveCursor(ends, cursor.place, last.place);
    cursor.moment = last.moment;
  }

  end({ ends, cursors }: ModelList, pick: number): void {
    const [cursor] = cursors.splice(pick % cursors.length, 1);
    if (cursor !== undefined) this.#journal.removeCursor(ends, cursor.place);
  }

  check(): void {
    let rowsInUse = 0;
    for (const { ends, entries, cursors } of this.lists) {
      const listed = this.#listed(ends);
      expect(listed.filter((row) => !this.#isCursor(row))).toEqual(entries.map(({ row }) => row));
      for (const { place, moment } of cursors) {
        const behind = listed.slice(listed.indexOf(place) + 1).filter((row) => !this.#isCursor(row));
        expect(behind).toEqual(entries.filter((entry) => entry.moment > moment).map(({ row }) => row));
        const sharing = cursors.filter((other) => other.place === place);
        expect(this.#word(place, SLOT)).toBe(sharing.length);
        expect(this.#word(place, VNI)).toBe(ends.index);
        // Who has moved to the same spot stands at the same place, and nobody else does.
        expect(sharing).toEqual(cursors.filter((other) => other.moment === moment));
      }
      const places = new Set(cursors.map(({ place }) => place));
      expect(new Set(listed.filter((row) => this.#isCursor(row)))).toEqual(places);
      rowsInUse += entries.length + places.size;
    }
    expect(this.#rows.used).toBe(rowsInUse);
    // A moving cursor may need its new place before it gives up the old one.
    this.#mostRows = Math.max(this.#mostRows, rowsInUse + 1);
    for (const { ends } of this.lists) {
      for (const row of this.#listed(ends)) expect(row).toBeLessThan(this.#mostRows);
    }
  }

  /** The list forwards, which is the list backwards. */
  #listed({ head, tail }: JournalEnds): number[] {
    const forwards: number[] = [];
    for (let row = head; row !== NIL; row = this.#word(row, NEXT)) forwards.push(row);
    const backwards: number[] = [];
    for (let row = tail; row !== NIL; row = this.#word(row, PREVIOUS)) backwards.push(row);
    expect(backwards.reverse()).toEqual(forwards);
    return forwards;
  }

  #isCursor(row: number): boolean {
    return this.#word(row, PREFIX) === NIL;
  }

  #word(row: number, word: number): number {
    const found = this.#rows.words[(row << ROW_SHIFT) + word];
    if (found === undefined) throw new Error(`there is no row ${row}`);
    return found;
  }
}

describe("the journal", () => {
  test("keeps the order of last changes, and each cursor's place in it", () => {
    const step = fc.record({
      do: fc.constantFrom(
        ...(["append", "append", "change", "change", "change", "remove"] as const),
        ...(["begin", "advance", "advance", "advance", "end"] as const),
      ),
      list: fc.constantFrom(0, 0, 0, 1),
      pick: fc.nat(),
      count: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: "max" }), (steps) => {
        const pair = new JournalUnderTest(2);
        for (const { do: verb, list: index, pick, count } of steps) {
          const list = pair.lists[index];
          if (list === undefined) throw new Error(`there is no list ${index}`);
          if (verb === "append") pair.append(list);
          if (verb === "change") pair.change(list, pick);
          if (verb === "remove") pair.remove(list, pick);
          if (verb === "begin") pair.begin(list);
          if (verb === "advance") pair.advance(list, pick, count);
          if (verb === "end") pair.end(list, pick);
          pair.check();
        }
        for (const list of pair.lists) {
          while (list.entries.length > 0) pair.remove(list, 0);
          while (list.cursors.length > 0) pair.end(list, 0);
        }
        pair.check();
      }),
      { numRuns: Number(BUNBOND_RUNS ?? 100) },
    );
  });

  test("holds one place for all who have caught up, however they came", () => {
    const pair = new JournalUnderTest(1);
    const [list] = pair.lists;
    if (list === undefined) throw new Error("there is no list");
    for (let cursors = 0; cursors < 50; cursors++) {
      pair.append(list);
      pair.begin(list);
      pair.advance(list, cursors, cursors + 1);
    }
    pair.check();
    for (let cursor = 0; cursor < 50; cursor++) {
      pair.advance(list, cursor, 50);
      pair.advance(list, cursor, 50);
    }
    pair.check();
    expect(new Set(list.cursors.map(({ place }) => place)).size).toBe(1);
  });
});
