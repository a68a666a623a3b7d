/** What a client's servers disagree about, as JSON. */
import type { DisagreedRoute, Disagreement } from "../../client/view/agreement.ts";
import { formatPrefix } from "../../net/prefix.ts";
import { formatNextHop } from "../../route/announcement-text.ts";
import { json } from "../connections/http-answer.ts";
import type { DisagreementSummary } from "../control/api.ts";
import { wholeNumberParameter } from "../query.ts";
import { type HttpRoute, queryRoute } from "../router.ts";
import type { DisagreedRouteEntry, DisagreementEntry, DisagreementList } from "./api.ts";
import type { ClientSource } from "./query-source.ts";

/** Routes that are named of each VNI. */
const DEFAULT_EXAMPLES = 20;
const MAX_EXAMPLES = 100;

export function disagreementsEndpoint(source: ClientSource): HttpRoute {
  return queryRoute(
    "GET",
    "/v1/disagreements",
    { limit: wholeNumberParameter(0, MAX_EXAMPLES, DEFAULT_EXAMPLES) },
    ({ query: { limit } }) => {
      const list: DisagreementList = {
        disagreements: source.disagreements().map((one) => entry(one, limit)),
      };
      return json(200, list);
    },
  );
}

export function disagreementSummary({ vni, routes, isAtLeast, servers }: Disagreement): DisagreementSummary {
  return { vni, routes, atLeast: isAtLeast, servers };
}

function entry(disagreement: Disagreement, limit: number): DisagreementEntry {
  return {
    ...disagreementSummary(disagreement),
    examples: disagreement.examples.slice(0, limit).map(routeEntry),
  };
}

function routeEntry({ route, has, lacks }: DisagreedRoute): DisagreedRouteEntry {
  return {
    destination: formatPrefix(route.destination),
    nextHop: formatNextHop(route.nextHop),
    has,
    lacks,
  };
}
