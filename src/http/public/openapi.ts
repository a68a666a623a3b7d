/**
 * The description of public HTTP in OpenAPI 3.1, served at /v1/openapi.json. Server and client have the same, with what only one
 * of them answers marked as such. test/http/public/openapi.test.ts compares it with the router and with answers.
 */
import { ref, SCHEMAS, type Schema } from "./openapi-schemas.ts";

export interface OpenApiParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description: string;
  readonly schema: Schema;
}

export interface OpenApiResponse {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema?: Schema }>>;
}

export interface OpenApiOperation {
  readonly summary: string;
  readonly parameters: readonly OpenApiParameter[];
  /** By status; "default" is every other one. */
  readonly responses: Readonly<Record<string, OpenApiResponse>>;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Readonly<Record<string, string>>;
  readonly paths: Readonly<Record<string, { readonly get: OpenApiOperation }>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const text: Schema = { type: "string" };
const number: Schema = { type: "integer", minimum: 0 };

function query(name: string, description: string, schema: Schema = text): OpenApiParameter {
  return { name, in: "query", required: false, description, schema };
}

function inPath(name: string, description: string, schema: Schema = text): OpenApiParameter {
  return { name, in: "path", required: true, description, schema };
}

const VNI = query("vni", "only this VNI", number);
const LIMIT = query("limit", "at most so many; default 500", { type: "integer", minimum: 1, maximum: 1000 });
const CURSOR = query("cursor", "the `next` of the page before");
const FORMAT = query("format", "json, or jsonl for all as lines of JSON", {
  type: "string",
  enum: ["json", "jsonl"],
});
const ROUTES = [
  query("prefix", "an address, which is looked up as a packet's destination is, or a prefix"),
  query("match", "how `prefix` is compared", {
    type: "string",
    enum: ["exact", "longer", "shorter", "longest"],
  }),
  query("type", "STANDARD, NAT or LOADBALANCER_TARGET"),
  query("nextHop", "the address of the next hop"),
  query("from", "a peer's id or address, or a server's address"),
  query("stale", "only retained or stale routes", { type: "boolean" }),
  query("text", "only routes whose text contains it"),
  LIMIT,
  CURSOR,
  FORMAT,
];
const CHANGES = [
  VNI,
  query("prefix", "only destinations inside it"),
  query("about", "only routes, or only sessions", { type: "string", enum: ["routes", "peers"] }),
];

const JSON_TYPE = "application/json";

function response(description: string, type: string, schema?: Schema): OpenApiResponse {
  return { description, content: { [type]: schema === undefined ? {} : { schema } } };
}

const ERROR = response("the request is refused; the code and the message say why", JSON_TYPE, ref("Error"));

function answers(
  summary: string,
  ok: OpenApiResponse,
  parameters: readonly OpenApiParameter[] = [],
  others: Readonly<Record<string, OpenApiResponse>> = {},
): { readonly get: OpenApiOperation } {
  return { get: { summary, parameters, responses: { "200": ok, ...others, default: ERROR } } };
}

function answersJson(
  summary: string,
  schema: Schema,
  parameters: readonly OpenApiParameter[] = [],
): { readonly get: OpenApiOperation } {
  return answers(summary, response(summary, JSON_TYPE, schema), parameters);
}

/** Either form of a list: one page, or lines of JSON. */
function answersPage(
  summary: string,
  name: string,
  parameters: readonly OpenApiParameter[],
): { readonly get: OpenApiOperation } {
  const content = { [JSON_TYPE]: { schema: ref(name) }, "application/x-ndjson": {} };
  return answers(summary, { description: summary, content }, parameters);
}

const PAGE_FILE = {
  description: "a file of the page",
  content: { "text/javascript": {}, "text/css": {}, "image/svg+xml": {} },
};
const NOT_MODIFIED = { description: "the reader has it, by its entity tag", content: {} };

const PATHS: OpenApiDocument["paths"] = {
  "/": answers(
    "the page for browsers; for all others the paths, and the version",
    {
      description: "HTML if the header Accept prefers it to JSON",
      content: { [JSON_TYPE]: { schema: ref("Index") }, "text/html": {} },
    },
    [],
    { "304": NOT_MODIFIED },
  ),
  "/page/{file}": answers("a file of the page", PAGE_FILE, [inPath("file", "its name")], {
    "304": NOT_MODIFIED,
  }),
  "/healthz": answersJson("answers while the event loop runs", ref("Health")),
  "/readyz": answers("whether the daemon does its work", response("it does", JSON_TYPE, ref("Ready")), [], {
    "503": response("it does not, for these reasons", JSON_TYPE, ref("NotReady")),
  }),
  "/metrics": answers("metrics in Prometheus' text format", response("all metrics", "text/plain", text)),
  "/routes.json": answersJson("all routes as the Go program writes them", ref("RoutesDocument")),
  "/routes.yaml": answers("the same as YAML", response("all routes", "text/yaml", text)),
  "/v1/openapi.json": answersJson("this description", { type: "object", additionalProperties: true }),
  "/v1/status": answersJson("the state of the daemon", {
    anyOf: [ref("ServerStatus"), ref("ClientStatus")],
  }),
  "/v1/peers": answersJson(
    "a server's peers, or a client's servers",
    {
      anyOf: [ref("PeerList"), ref("GonePeerList"), ref("ServerList")],
    },
    [query("gone", "of a server: the peers that left in the last hour", { type: "boolean" })],
  ),
  "/v1/peers/{id}": answersJson("one peer or server", { anyOf: [ref("PeerDetail"), ref("ServerEntry")] }, [
    inPath("id", "a peer's id, or a server's address and port"),
  ]),
  "/v1/vnis": answersJson("the VNIs, with digests", ref("VniList")),
  "/v1/vnis/{vni}/routes": answersPage("the routes of a VNI", "RoutePage", [
    inPath("vni", "the VNI", number),
    ...ROUTES,
  ]),
  "/v1/routes": answersPage("the routes of all VNIs", "RoutePage", [VNI, ...ROUTES]),
  "/v1/explain/{address}": answersJson("why an address or prefix works or does not", ref("Explanation"), [
    inPath("address", "the address or prefix"),
    VNI,
    query("source", "an address that must have a route in the same VNI"),
  ]),
  "/v1/history": answersJson("the last changes, the oldest first", ref("HistoryPage"), [
    ...CHANGES,
    query("since", "a duration, as 5m, or a time"),
    query("after", "only changes after the one of this number", number),
    LIMIT,
  ]),
  "/v1/events": answers(
    "the state, and then each change, as server-sent events",
    response("events begin, route, end and change", "text/event-stream"),
    [
      ...CHANGES,
      query("snapshot", "false: no routes between begin and end", { type: "boolean" }),
      query("after", "the id of the last event that the reader has"),
      {
        name: "Last-Event-ID",
        in: "header",
        required: false,
        description: "the same, as browsers send it",
        schema: text,
      },
    ],
  ),
  "/v1/disagreements": answersJson(
    "of a client: the VNIs about whose routes its servers disagree",
    ref("DisagreementList"),
    [query("limit", "at most so many routes of each VNI", number)],
  ),
  "/v1/fib": answersPage("of a client: its kernel routes, desired and observed", "FibPage", [
    query("table", "only this routing table", number),
    VNI,
    query("state", "only routes in this state"),
    LIMIT,
    CURSOR,
    FORMAT,
  ]),
};

export function openApiDocument(version: string): OpenApiDocument {
  return {
    openapi: "3.1.0",
    info: {
      title: "BunBond",
      version,
      description:
        "Read-only. HEAD is answered where GET is, other methods by 405. A request for a foreign host name is answered by 421.",
    },
    paths: PATHS,
    components: { schemas: SCHEMAS },
  };
}
