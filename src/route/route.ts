import type { Prefix } from "../net/ip.ts";
import type { NextHop } from "../wire/message.ts";

/** A route: one next hop for one destination in one tenant network. Several next hops for a destination are ECMP. */
export interface Route {
  readonly vni: number;
  readonly destination: Prefix;
  readonly nextHop: NextHop;
}
