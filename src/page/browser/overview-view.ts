/** The overview: the daemon's state, its numbers, two plots, and the latest changes. */
import type { ClientStatus, PeerDetail, ServerStatus } from "../../http/control/api.ts";
import type { ChangeEntry, HistoryPage } from "../../http/queries/api.ts";
import { CHANGE_COLUMNS, changeRow } from "../view/change-row.ts";
import { counted, formatAge } from "../view/format.ts";
import { historyPath } from "../view/history-filter.ts";
import type { LiveState } from "../view/live-state.ts";
import { overviewFacts } from "../view/overview-facts.ts";
import { type PeerAnswer, peersBehind } from "../view/peer-row.ts";
import { RateSeries } from "../view/rate-series.ts";
import { type DaemonConnection, RefusedError } from "./daemon.ts";
import { byId, element, setText } from "./dom.ts";
import { Plots } from "./plots.ts";
import { Table } from "./table.ts";
import { Loader, type PageView } from "./view.ts";

const LATEST_CHANGES = 20;
const PLOTTED_SECONDS = 300;
/** A request may take a twentieth of the daemon's time at most. */
const PAUSE_FACTOR = 20;
const LEAST_PAUSE_MS = 2_000;

/** How many of the peers that are behind are asked about: their backlog is counted route by route. */
const ASKED_PEERS = 10;

export class OverviewView implements PageView {
  readonly search = "";
  readonly #series = new RateSeries(PLOTTED_SECONDS);
  readonly #plots = new Plots(byId("plot-rate", HTMLElement), byId("plot-backlog", HTMLElement));
  readonly #facts = byId("facts", HTMLElement);
  readonly #changes = new Table(
    byId("latest", HTMLElement),
    "Latest changes",
    CHANGE_COLUMNS,
    "Nothing has changed yet.",
  );
  readonly #loader: Loader;
  readonly #latest: Loader;
  #shownChanges: readonly ChangeEntry[] = [];
  #backlog = 0;
  #nextLoadMs = 0;

  constructor(daemon: DaemonConnection) {
    this.#loader = new Loader(async () => {
      const beganMs = performance.now();
      const status = await daemon.get<ServerStatus | ClientStatus>("v1/status");
      const behind = peersBehind(await daemon.get<PeerAnswer>("v1/peers"), ASKED_PEERS);
      let backlog = 0;
      for (const id of behind) backlog += await backlogOf(daemon, id);
      this.#backlog = backlog;
      const tookMs = performance.now() - beganMs;
      this.#nextLoadMs = performance.now() + Math.max(LEAST_PAUSE_MS, tookMs * PAUSE_FACTOR);
      this.#showStatus(status);
    });
    this.#latest = new Loader(async () => {
      const { changes } = await daemon.get<HistoryPage>(historyPath("", LATEST_CHANGES));
      this.#shownChanges = changes.toReversed();
      this.#showLatest();
    });
  }

  show(): void {
    this.#plots.show(this.#series.columns);
    void this.#loader.start();
    void this.#latest.start();
  }

  refresh(): void {
    void this.#latest.start();
  }

  tick(state: LiveState): void {
    if (state.begun > 0 && state.connection === "live") {
      const timeSeconds = Date.now() / 1000;
      this.#series.add({ timeSeconds, total: state.total, backlog: this.#backlog });
      setText(
        byId("rate", HTMLElement),
        `${counted(this.#series.rate, "route change")} per second, backlog ${counted(this.#backlog, "route")}`,
      );
      this.#plots.show(this.#series.columns);
    }
    this.#showLatest();
    if (document.hidden || performance.now() < this.#nextLoadMs) return;
    // Until an answer has come: a daemon that is away is asked again after the least pause.
    this.#nextLoadMs = performance.now() + LEAST_PAUSE_MS;
    void this.#loader.start();
  }

  #showLatest(): void {
    const nowMs = Date.now();
    const rows = this.#shownChanges.map((change) => ({
      key: `${change.number}`,
      cells: changeRow(change, nowMs),
    }));
    this.#changes.show(rows);
  }

  #showStatus(status: ServerStatus | ClientStatus): void {
    const { program, version, uptimeSeconds } = status;
    setText(
      byId("program", HTMLElement),
      `${program} · ${version} · up ${formatAge(uptimeSeconds * 1000)} · ${status.state}`,
    );
    document.title = `BunBond ${program}`;
    setText(byId("tab-peers", HTMLElement), program === "server" ? "Peers" : "Servers");
    const facts = overviewFacts(status).map(({ name, value, isProblem }) =>
      element("div", { class: isProblem ? "fact problem" : "fact" }, [
        element("dt", { text: name }),
        element("dd", { text: value }),
      ]),
    );
    this.#facts.replaceChildren(...facts);
  }
}

/** Resolves to how many routes a peer has yet to be sent; 0 if it has left meanwhile. */
async function backlogOf(daemon: DaemonConnection, id: number): Promise<number> {
  try {
    return (await daemon.get<PeerDetail>(`v1/peers/${id}`)).backlogRoutes;
  } catch (error) {
    if (error instanceof RefusedError) return 0;
    throw error;
  }
}
