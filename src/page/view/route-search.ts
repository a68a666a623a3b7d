/**
 * What a person types into the search field, as requests:
 *
 *     10.0.1.7                the longest match in each VNI, and its explanation
 *     10.0.1.0/24             the routes inside the prefix, and the explanation of the prefix
 *     vni:100 type:nat        filters; also via:ADDRESS, from:PEER and stale
 *     anything else           routes whose text contains it
 */

/** Parameters of /v1/routes. */
export interface RouteParameters {
  vni?: string;
  nextHop?: string;
  type?: string;
  from?: string;
  stale?: string;
  prefix?: string;
  match?: string;
  text?: string;
}

export interface RouteSearch {
  readonly parameters: Readonly<RouteParameters>;
  /** The path of the explanation, relative to the page; null if no address or prefix is asked about. */
  readonly explanation: string | null;
}

/** The filters by the name before the colon, with the parameter of each. */
const FILTERS: Readonly<Record<string, "vni" | "nextHop" | "type" | "from">> = {
  vni: "vni",
  via: "nextHop",
  type: "type",
  from: "from",
};

/** Whole IPv4 addresses, and text with two colons at least; the daemon decides whether it is valid. */
const ADDRESS = /^(?:\d+\.\d+\.\d+\.\d+|[\da-f]*:[\da-f.]*:[\da-f:.]*)(\/\d+)?$/i;

export function parseSearch(text: string): RouteSearch {
  const parameters: RouteParameters = {};
  const words: string[] = [];
  let asked: string | null = null;
  for (const term of text.split(/\s+/)) {
    if (term === "") continue;
    const [, name = "", value = ""] = /^([a-z]+):(.+)$/.exec(term) ?? [];
    const filter = FILTERS[name];
    const [, length] = ADDRESS.exec(term) ?? [null];
    if (filter !== undefined) parameters[filter] = value;
    else if (term === "stale") parameters.stale = "true";
    else if (asked === null && ADDRESS.test(term)) {
      asked = term;
      parameters.prefix = term;
      if (length !== undefined) parameters.match = "longer";
    } else words.push(term);
  }
  if (words.length > 0) parameters.text = words.join(" ");
  if (asked === null) return { parameters, explanation: null };
  const { vni } = parameters;
  const query = vni === undefined ? "" : `?vni=${encodeURIComponent(vni)}`;
  return { parameters, explanation: `v1/explain/${encodeURIComponent(asked)}${query}` };
}

export function routesPath({ parameters }: RouteSearch, limit: number, cursor: string | null): string {
  const query = new URLSearchParams({ ...parameters, limit: `${limit}` });
  if (cursor !== null) query.set("cursor", cursor);
  return `v1/routes?${query}`;
}
