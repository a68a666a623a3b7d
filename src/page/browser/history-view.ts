/** The last changes, newest first, of everything or of a VNI or a prefix. */
import type { HistoryPage } from "../../http/queries/api.ts";
import { CHANGE_COLUMNS, changeRow } from "../view/change-row.ts";
import { historyPath } from "../view/history-filter.ts";
import type { Place } from "../view/page-place.ts";
import type { DaemonConnection } from "./daemon.ts";
import { byId, setText } from "./dom.ts";
import { Table } from "./table.ts";
import { Loader, type PageView } from "./view.ts";

const SHOWN_CHANGES = 200;

export class HistoryView implements PageView {
  search = "";
  readonly #filter = byId("history-text", HTMLInputElement);
  readonly #error = byId("history-error", HTMLElement);
  readonly #table = new Table(
    byId("panel-history", HTMLElement),
    `The last ${SHOWN_CHANGES} changes, newest first`,
    CHANGE_COLUMNS,
    "The history has no such change.",
  );
  readonly #loader: Loader;

  constructor(daemon: DaemonConnection, open: (place: Place) => void) {
    byId("history-filter", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      open({ view: "history", search: this.#filter.value.trim() });
    });
    this.#loader = new Loader(
      async () => {
        const { changes } = await daemon.get<HistoryPage>(historyPath(this.search, SHOWN_CHANGES));
        const nowMs = Date.now();
        setText(this.#error, "");
        this.#table.show(
          changes.toReversed().map((change) => ({
            key: `${change.number}`,
            cells: changeRow(change, nowMs),
          })),
        );
      },
      (message) => setText(this.#error, message),
    );
  }

  show(search: string): void {
    this.search = search;
    if (document.activeElement !== this.#filter) this.#filter.value = search;
    void this.#loader.start();
  }

  refresh(): void {
    void this.#loader.start();
  }
}
