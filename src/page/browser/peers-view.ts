/** The peers of a server, or the servers of a client. */
import type { GonePeerEntry, GonePeerList } from "../../http/control/api.ts";
import { counted } from "../view/format.ts";
import { pageOf } from "../view/list-pages.ts";
import type { Place } from "../view/page-place.ts";
import {
  GONE_COLUMNS,
  goneRow,
  PEER_COLUMNS,
  type PeerAnswer,
  peerRow,
  SERVER_COLUMNS,
  serverRow,
} from "../view/peer-row.ts";
import type { DaemonConnection } from "./daemon.ts";
import { byId } from "./dom.ts";
import { Pager, Table, type TableRow } from "./table.ts";
import { Loader, type PageView } from "./view.ts";

const ROWS_PER_PAGE = 200;

export class PeersView implements PageView {
  readonly search = "";
  readonly #open: (place: Place) => void;
  readonly #panel = byId("panel-peers", HTMLElement);
  readonly #pager: Pager;
  readonly #loader: Loader;
  #table: Table | null = null;
  #gone: Table | null = null;
  #answer: PeerAnswer = { peers: [] };
  #page = 0;

  constructor(daemon: DaemonConnection, open: (place: Place) => void) {
    this.#open = open;
    const turn = (step: number) => {
      this.#page += step;
      this.#render();
    };
    this.#pager = new Pager(
      this.#panel,
      "peers",
      () => turn(-1),
      () => turn(1),
    );
    this.#loader = new Loader(async () => {
      this.#answer = await daemon.get<PeerAnswer>("v1/peers");
      this.#render();
      if ("servers" in this.#answer) return;
      const { peers } = await daemon.get<GonePeerList>("v1/peers?gone=true");
      this.#showGone(peers);
    });
  }

  show(): void {
    void this.#loader.start();
  }

  refresh(): void {
    void this.#loader.start();
  }

  #render(): void {
    const rows = this.#rows(Date.now());
    const { rows: shown, index, count } = pageOf(rows, this.#page, ROWS_PER_PAGE);
    this.#page = index;
    this.#table?.show(shown);
    const noun = "peers" in this.#answer ? "peer" : "server";
    this.#pager.show(
      `${counted(rows.length, noun)}, page ${index + 1} of ${count}`,
      index > 0,
      index + 1 < count,
    );
  }

  #rows(nowMs: number): TableRow[] {
    if ("peers" in this.#answer) {
      this.#table ??= new Table(this.#panel, "Peers of this server", PEER_COLUMNS, "No peer is connected.");
      return this.#answer.peers.map((peer) => {
        const [id = "", ...others] = peerRow(peer, nowMs);
        return {
          key: id,
          cells: [{ text: id, onClick: () => this.#routesOf(id) }, ...others],
        };
      });
    }
    this.#table ??= new Table(this.#panel, "Servers of this client", SERVER_COLUMNS);
    return this.#answer.servers.map((server) => {
      const [name = "", ...others] = serverRow(server, nowMs);
      return {
        key: name,
        cells: [{ text: name, onClick: () => this.#routesOf(name) }, ...others],
      };
    });
  }

  #showGone(peers: readonly GonePeerEntry[]): void {
    this.#gone ??= new Table(this.#panel, "Peers that left in the last hour", GONE_COLUMNS, "None has left.");
    const nowMs = Date.now();
    const rows = peers
      .toSorted((a, b) => Date.parse(b.goneSince) - Date.parse(a.goneSince))
      .map((peer) => ({ key: `${peer.id}`, cells: goneRow(peer, nowMs) }));
    this.#gone.show(rows.slice(0, ROWS_PER_PAGE));
  }

  #routesOf(name: string): void {
    this.#open({ view: "routes", search: `from:${name}` });
  }
}
