/**
 * Tables. On a narrow screen each row is a block, with the column's name before each value (style.css); the roles keep it a table
 * for assistive technology. Rows are kept by their keys while the contents change, so that the keyboard's focus stays where it is.
 */
import { element } from "./dom.ts";

export interface Cell {
  readonly text: string;
  /** What a click on the text does; such a text is a button. */
  readonly onClick?: () => void;
  readonly class?: string;
}

export interface TableRow {
  /** Names the row among the others. */
  readonly key: string;
  readonly cells: readonly (Cell | string)[];
}

export class Table {
  readonly #table: HTMLTableElement;
  readonly #body: HTMLTableSectionElement;
  readonly #columns: readonly string[];
  readonly #empty: string;
  readonly #rows = new Map<string, { readonly row: HTMLTableRowElement; text: string }>();

  constructor(
    parent: HTMLElement,
    caption: string,
    columns: readonly string[],
    empty = "There is nothing here.",
  ) {
    this.#columns = columns;
    this.#empty = empty;
    const heads = columns.map((text) =>
      element("th", { text, attributes: { scope: "col", role: "columnheader" } }),
    );
    this.#body = element("tbody", { attributes: { role: "rowgroup" } });
    this.#table = element("table", { attributes: { role: "table" } }, [
      element("caption", { text: caption }),
      element("thead", { attributes: { role: "rowgroup" } }, [
        element("tr", { attributes: { role: "row" } }, heads),
      ]),
      this.#body,
    ]);
    parent.append(this.#table);
  }

  show(rows: readonly TableRow[]): void {
    const shown = rows.length > 0 ? rows : [{ key: "", cells: [this.#empty] }];
    const keys = new Set(shown.map(({ key }) => key));
    for (const [key, { row }] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let place: Element | null = this.#body.firstElementChild;
    for (const { key, cells } of shown) {
      const row = this.#rowOf(key, cells);
      if (row === place) place = place.nextElementSibling;
      else this.#body.insertBefore(row, place);
    }
  }

  /** Returns the row with these cells, the one that is there if it can stay. */
  #rowOf(key: string, cells: TableRow["cells"]): HTMLTableRowElement {
    const text = JSON.stringify(cells);
    const known = this.#rows.get(key);
    if (known?.text === text) return known.row;
    if (known !== undefined && this.#change(known.row, cells)) {
      known.text = text;
      return known.row;
    }
    known?.row.remove();
    const row = element(
      "tr",
      { attributes: { role: "row" } },
      cells.map((cell, i) => this.#cell(cell, i, cells.length)),
    );
    this.#rows.set(key, { row, text });
    return row;
  }

  /** Changes the texts of a row in place; returns false if it has other buttons than before. */
  #change(row: HTMLTableRowElement, cells: TableRow["cells"]): boolean {
    if (row.cells.length !== cells.length) return false;
    for (const [i, cell] of cells.entries()) {
      const target = row.cells[i];
      const { text, onClick, class: style = "" } = typeof cell === "string" ? { text: cell } : cell;
      if (target === undefined) return false;
      if (onClick !== undefined) {
        if (target.textContent !== text) return false;
        continue;
      }
      target.textContent = text;
      target.className = style;
    }
    return true;
  }

  #cell(cell: Cell | string, index: number, count: number): HTMLTableCellElement {
    const { text, onClick, class: style = "" } = typeof cell === "string" ? { text: cell } : cell;
    const isWhole = count === 1 && this.#columns.length > 1;
    const attributes = {
      role: "cell",
      "data-label": this.#columns[index] ?? "",
      ...(isWhole && { colspan: `${this.#columns.length}` }),
    };
    if (onClick === undefined) return element("td", { text, class: style, attributes });
    return element("td", { class: style, attributes }, [
      element("button", { text, class: "link", attributes: { type: "button" }, onClick }),
    ]);
  }
}

/** The buttons before and after a page of a table. */
export class Pager {
  readonly #text = element("span", { attributes: { role: "status" } });
  readonly #previous: HTMLButtonElement;
  readonly #next: HTMLButtonElement;

  constructor(parent: HTMLElement, name: string, back: () => void, forward: () => void) {
    const button = (text: string, onClick: () => void) =>
      element("button", { text, onClick, attributes: { type: "button" } });
    this.#previous = button("Previous", back);
    this.#next = button("Next", forward);
    const bar = element("nav", { class: "pager", attributes: { "aria-label": `Pages of ${name}` } }, [
      this.#previous,
      this.#text,
      this.#next,
    ]);
    parent.append(bar);
  }

  show(text: string, hasPrevious: boolean, hasNext: boolean): void {
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#previous.disabled = !hasPrevious;
    this.#next.disabled = !hasNext;
  }
}
