/**
 * The page of a daemon: five views, of which one is shown.
 *
 *     address (#routes?q=…) ─▶ place ─▶ view.show()
 *     DaemonConnection ─ state ─▶ notice, latest changes; then refresh() of the view that is shown, once a second at most
 *     timer, every second ─▶ ages, the plots' next point
 *     timer, while the page is visible ─▶ status and peers
 */
import { formatAge, formatCount } from "../view/format.ts";
import { isOld, type LiveState } from "../view/live-state.ts";
import { formatPlace, type Place, parsePlace, VIEWS, type View, viewAfterKey } from "../view/page-place.ts";
import { DaemonConnection } from "./daemon.ts";
import { byId, setText } from "./dom.ts";
import { HistoryView } from "./history-view.ts";
import { OverviewView } from "./overview-view.ts";
import { PeersView } from "./peers-view.ts";
import { RoutesView } from "./routes-view.ts";
import type { PageView } from "./view.ts";
import { VnisView } from "./vnis-view.ts";

const REFRESH_MS = 1_000;
const TICK_MS = 1_000;

class Page {
  readonly #daemon = new DaemonConnection((state) => this.#onChange(state));
  readonly #views: Readonly<Record<View, PageView>>;
  readonly #search = byId("search-text", HTMLInputElement);
  readonly #notice = byId("notice", HTMLElement);
  readonly #age = byId("age", HTMLElement);
  #place: Place = { view: "overview", search: "" };
  #connection: LiveState["connection"] = "connecting";
  #begun = 0;
  #total = 0;
  #refresh: ReturnType<typeof setTimeout> | null = null;

  constructor() {
    const open = (place: Place) => this.open(place);
    const daemon = this.#daemon;
    this.#views = {
      overview: new OverviewView(daemon),
      peers: new PeersView(daemon, open),
      vnis: new VnisView(daemon, open),
      routes: new RoutesView(daemon, open),
      history: new HistoryView(daemon, open),
    };
    for (const view of VIEWS) {
      const tab = this.#tab(view);
      tab.addEventListener("click", () => open({ view, search: this.#searchOf(view) }));
      tab.addEventListener("keydown", (event) => this.#onTabKey(event, view));
    }
    byId("search", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      open({ view: "routes", search: this.#search.value.trim() });
    });
    document.addEventListener("keydown", (event) => this.#onKey(event));
    window.addEventListener("hashchange", () => this.#follow());
    document.addEventListener("visibilitychange", () => this.#refreshSoon(0));
  }

  start(): void {
    this.#follow();
    this.#daemon.connect();
    setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  /** Shows a place, and makes it an entry of the browser's history. */
  open(place: Place): void {
    const hash = formatPlace(place);
    if (location.hash === hash) this.#show(place);
    else location.hash = hash;
  }

  #follow(): void {
    const place = parsePlace(location.hash);
    if (place !== null) this.#show(place);
  }

  #show(place: Place): void {
    this.#place = place;
    for (const view of VIEWS) {
      const isShown = view === place.view;
      const tab = this.#tab(view);
      tab.setAttribute("aria-selected", `${isShown}`);
      tab.tabIndex = isShown ? 0 : -1;
      byId(`panel-${view}`, HTMLElement).hidden = !isShown;
    }
    if (place.view === "routes" && document.activeElement !== this.#search) this.#search.value = place.search;
    this.#views[place.view].show(place.search);
  }

  /** A tab leads back to what was searched for in it. */
  #searchOf(view: View): string {
    return this.#views[view].search;
  }

  #tab(view: View): HTMLButtonElement {
    return byId(`tab-${view}`, HTMLButtonElement);
  }

  #onTabKey(event: KeyboardEvent, view: View): void {
    const next = viewAfterKey(view, event.key);
    if (next === null) return;
    event.preventDefault();
    this.open({ view: next, search: this.#searchOf(next) });
    this.#tab(next).focus();
  }

  #onKey(event: KeyboardEvent): void {
    const isTyping = event.target instanceof HTMLInputElement;
    if (event.key !== "/" || isTyping || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.#search.focus();
    this.#search.select();
  }

  #onChange(state: LiveState): void {
    if (state.connection !== this.#connection) this.#showState(state);
    this.#connection = state.connection;
    if (state.begun === this.#begun && state.total === this.#total) return;
    this.#begun = state.begun;
    this.#total = state.total;
    this.#refreshSoon(REFRESH_MS);
  }

  #refreshSoon(afterMs: number): void {
    if (document.hidden) return;
    this.#refresh ??= setTimeout(() => {
      this.#refresh = null;
      this.#views[this.#place.view].refresh(this.#daemon.state);
    }, afterMs);
  }

  #tick(): void {
    this.#showState(this.#daemon.state);
    for (const view of VIEWS) this.#views[view].tick?.(this.#daemon.state);
  }

  #showState(state: LiveState): void {
    const nowMs = Date.now();
    const { connection, heardMs, total } = state;
    const old = isOld(state, nowMs);
    document.documentElement.classList.toggle("old", old);
    this.#notice.hidden = !old;
    // Without the time, which would be read out again each second.
    if (old)
      setText(this.#notice, "The connection to the daemon is lost. What is shown may be old; trying again.");
    else setText(this.#notice, "");
    const heard = heardMs === null ? "no data yet" : `data is ${formatAge(nowMs - heardMs)} old`;
    setText(this.#age, `${connection} · ${heard} · ${formatCount(total)} changes so far`);
  }
}

new Page().start();
