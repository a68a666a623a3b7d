/** The routes, a page at a time, and the explanation of the address or prefix that was searched for. */
import type { ExplainedMatch, Explanation, RouteEntry, RoutePage } from "../../http/queries/api.ts";
import { CursorPages } from "../view/cursor-pages.ts";
import { counted } from "../view/format.ts";
import type { Place } from "../view/page-place.ts";
import { HOP_COLUMNS, ROUTE_COLUMNS, routeRows } from "../view/route-rows.ts";
import { parseSearch, routesPath } from "../view/route-search.ts";
import type { DaemonConnection } from "./daemon.ts";
import { byId, element, setText } from "./dom.ts";
import { Pager, Table, type TableRow } from "./table.ts";
import { Loader, type PageView } from "./view.ts";

const DESTINATIONS_PER_PAGE = 100;
/** Further matches of an explanation are counted only. */
const SHOWN_MATCHES = 5;
const SHOWN_NOT_SENT = 20;

export class RoutesView implements PageView {
  search = "";
  readonly #daemon: DaemonConnection;
  readonly #open: (place: Place) => void;
  readonly #verdict = byId("verdict", HTMLElement);
  readonly #matches = byId("matches", HTMLElement);
  readonly #pager: Pager;
  readonly #table: Table;
  readonly #loader: Loader;
  #pages = new CursorPages();
  /** The explanation that is shown, as text, to leave it alone while it stays the same. */
  #explained = "";

  constructor(daemon: DaemonConnection, open: (place: Place) => void) {
    this.#daemon = daemon;
    this.#open = open;
    const list = byId("routes", HTMLElement);
    this.#pager = new Pager(
      list,
      "routes",
      () => this.#turn(() => this.#pages.back()),
      () => this.#turn(() => this.#pages.forward()),
    );
    this.#table = new Table(list, "Routes", ROUTE_COLUMNS, "There is no such route.");
    this.#loader = new Loader(
      () => this.#load(),
      (message) => this.#showVerdict("refused", message),
    );
  }

  show(search: string): void {
    if (search !== this.search) this.#pages = new CursorPages();
    this.search = search;
    void this.#loader.start();
  }

  refresh(): void {
    void this.#loader.start();
  }

  #turn(step: () => void): void {
    step();
    void this.#loader.start();
  }

  async #load(): Promise<void> {
    const search = parseSearch(this.search);
    const pages = this.#pages;
    const explaining = search.explanation === null ? null : this.#daemon.get<Explanation>(search.explanation);
    const page = this.#daemon.get<RoutePage>(routesPath(search, DESTINATIONS_PER_PAGE, pages.cursor));
    const [{ routes, next }, explanation] = await Promise.all([page, explaining]);
    if (pages !== this.#pages) return; // another search has begun
    pages.loaded(next);
    this.#showExplanation(explanation);
    this.#showRoutes(routes);
  }

  #showRoutes(routes: readonly RouteEntry[]): void {
    const nowMs = Date.now();
    const rows: TableRow[] = routes.flatMap((entry) =>
      routeRows(entry, nowMs).map(([vni = "", destination = "", ...others], i) => ({
        key: `${vni} ${destination} ${i}`,
        cells: [vni, { text: destination, onClick: () => this.#explain(entry) }, ...others],
      })),
    );
    this.#table.show(rows);
    const { number, hasPrevious, hasNext } = this.#pages;
    const text = `page ${number}, ${counted(routes.length, "destination")}${hasNext ? ", and there are more" : ""}`;
    this.#pager.show(text, hasPrevious, hasNext);
  }

  #explain({ vni, destination }: RouteEntry): void {
    this.#open({ view: "routes", search: `${destination} vni:${vni}` });
  }

  #showVerdict(verdict: string, text: string): void {
    this.#verdict.className = `verdict verdict-${verdict}`;
    this.#verdict.hidden = text === "";
    setText(this.#verdict, text);
    if (text === "" || verdict === "refused") {
      this.#explained = "";
      this.#matches.replaceChildren();
      if (verdict === "refused") this.#table.show([]);
    }
  }

  #showExplanation(explanation: Explanation | null): void {
    if (explanation === null) {
      this.#showVerdict("none", "");
      return;
    }
    const { verdict, summary, matches, matchCount } = explanation;
    this.#showVerdict(verdict, `${verdict.replaceAll("-", " ")}: ${summary}`);
    const text = JSON.stringify(explanation);
    if (text === this.#explained) return;
    this.#explained = text;
    const shown = matches.slice(0, SHOWN_MATCHES).map(matchElement);
    const more = matchCount - shown.length;
    if (more > 0)
      shown.push(element("p", { text: `… and in ${counted(more, "other VNI")}: add vni:NUMBER` }));
    this.#matches.replaceChildren(...shown);
  }
}

function matchElement(match: ExplainedMatch): HTMLElement {
  const { vni, destination, verdict, summary, covering, recipients, kernel } = match;
  const article = element("article", { class: "match" }, [
    element("h3", { text: `VNI ${vni}: ${destination}` }),
    element("p", { text: `${verdict.replaceAll("-", " ")}: ${summary}` }),
  ]);
  if (covering.length > 0) {
    article.append(element("p", { text: `It goes before the shorter ${covering.join(", ")}.` }));
  }
  if (kernel !== null) {
    const problem = kernel.problem === null ? "" : `: ${kernel.problem}`;
    article.append(element("p", { text: `Kernel table ${kernel.table}: ${kernel.state}${problem}` }));
  }
  const nowMs = Date.now();
  const hops = new Table(article, `Next hops of ${destination} in VNI ${vni}`, HOP_COLUMNS);
  hops.show(routeRows(match, nowMs).map(([, , ...cells], i) => ({ key: `${i}`, cells })));
  for (const { nextHop, subscribers, sent, notSent } of recipients) {
    const names = notSent.slice(0, SHOWN_NOT_SENT).join(", ");
    const missing =
      notSent.length === 0 ? "" : `; not to ${names}${notSent.length > SHOWN_NOT_SENT ? ", …" : ""}`;
    const text = `${nextHop}: sent to ${sent} of ${counted(subscribers, "subscriber")}${missing}`;
    article.append(element("p", { text }));
  }
  return article;
}
