/** The part of the page's address after "#": which view is shown, and what was searched for ("#routes?q=10.0.1.7"). */

export const VIEWS = ["overview", "peers", "vnis", "routes", "history"] as const;
export type View = (typeof VIEWS)[number];

export interface Place {
  readonly view: View;
  /** The text of the search, or of the history's filter. */
  readonly search: string;
}

/** Returns null for an anchor within the page. */
export function parsePlace(hash: string): Place | null {
  if (hash === "" || hash === "#") return { view: "overview", search: "" };
  const [, name = "", query = ""] = /^#([a-z]+)(?:\?(.*))?$/.exec(hash) ?? [];
  const view = VIEWS.find((each) => each === name);
  return view === undefined ? null : { view, search: new URLSearchParams(query).get("q") ?? "" };
}

export function formatPlace({ view, search }: Place): string {
  return search === "" ? `#${view}` : `#${view}?${new URLSearchParams({ q: search })}`;
}

/** Returns the tab that a key of the arrows, Home or End leads to (ARIA Authoring Practices, "Tabs"); null for others. */
export function viewAfterKey(view: View, key: string): View | null {
  const index = VIEWS.indexOf(view);
  const steps: Readonly<Record<string, number>> = {
    ArrowRight: index + 1,
    ArrowLeft: index - 1 + VIEWS.length,
    Home: 0,
    End: VIEWS.length - 1,
  };
  const target = steps[key];
  return target === undefined ? null : (VIEWS[target % VIEWS.length] ?? null);
}
