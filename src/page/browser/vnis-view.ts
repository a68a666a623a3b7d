/** The VNIs with their digests: equal digests at two daemons mean equal routes. */
import type { VniEntry, VniList } from "../../http/queries/api.ts";
import { counted, formatCount } from "../view/format.ts";
import { pageOf } from "../view/list-pages.ts";
import type { Place } from "../view/page-place.ts";
import type { DaemonConnection } from "./daemon.ts";
import { byId } from "./dom.ts";
import { Pager, Table } from "./table.ts";
import { Loader, type PageView } from "./view.ts";

const ROWS_PER_PAGE = 200;

export class VnisView implements PageView {
  readonly search = "";
  readonly #open: (place: Place) => void;
  readonly #pager: Pager;
  readonly #table: Table;
  readonly #loader: Loader;
  #vnis: readonly VniEntry[] = [];
  #page = 0;

  constructor(daemon: DaemonConnection, open: (place: Place) => void) {
    this.#open = open;
    const panel = byId("panel-vnis", HTMLElement);
    const turn = (step: number) => {
      this.#page += step;
      this.#render();
    };
    this.#pager = new Pager(
      panel,
      "VNIs",
      () => turn(-1),
      () => turn(1),
    );
    this.#table = new Table(
      panel,
      "VNIs",
      ["VNI", "IPv4 routes", "IPv6 routes", "Subscription", "Digest"],
      "There is no VNI with a route or a subscription.",
    );
    this.#loader = new Loader(async () => {
      const { vnis } = await daemon.get<VniList>("v1/vnis");
      this.#vnis = vnis;
      this.#render();
    });
  }

  show(): void {
    void this.#loader.start();
  }

  refresh(): void {
    void this.#loader.start();
  }

  #render(): void {
    const { rows, index, count } = pageOf(this.#vnis, this.#page, ROWS_PER_PAGE);
    this.#page = index;
    this.#table.show(
      rows.map((entry) => ({
        key: `${entry.vni}`,
        cells: [
          {
            text: `${entry.vni}`,
            onClick: () => this.#open({ view: "routes", search: `vni:${entry.vni}` }),
          },
          formatCount(entry.ipv4Routes),
          formatCount(entry.ipv6Routes),
          subscriptionText(entry),
          { text: entry.digest, class: "code" },
        ],
      })),
    );
    this.#pager.show(
      `${counted(this.#vnis.length, "VNI")}, page ${index + 1} of ${count}`,
      index > 0,
      index + 1 < count,
    );
  }
}

function subscriptionText({ subscribers, subscribed, complete }: VniEntry): string {
  if (subscribers !== undefined) return counted(subscribers, "subscriber");
  if (subscribed !== true) return "not subscribed";
  return complete === true ? "complete" : "not complete yet";
}
