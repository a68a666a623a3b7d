/** Names of the types of next hops: short ones for people, as in `#lb`, and the protocol's for programs. */
import { NextHopType } from "../wire/protocol.ts";

/** The names that an announcement takes and a route's line shows. */
export const NEXT_HOP_TYPES = {
  std: NextHopType.STANDARD,
  nat: NextHopType.NAT,
  lb: NextHopType.LOADBALANCER_TARGET,
} as const satisfies Record<string, NextHopType>;

export type NextHopTypeName = keyof typeof NEXT_HOP_TYPES;

export const NEXT_HOP_TYPE_NAMES = ["std", "nat", "lb"] as const satisfies readonly NextHopTypeName[];

/** The names by number. */
export const SHORT_TYPE_NAMES: Readonly<Record<NextHopType, NextHopTypeName>> = {
  [NextHopType.STANDARD]: "std",
  [NextHopType.NAT]: "nat",
  [NextHopType.LOADBALANCER_TARGET]: "lb",
};

/** The names in the protocol's definition, by number. */
export const PROTOCOL_TYPE_NAMES: Readonly<Record<NextHopType, string>> = {
  [NextHopType.STANDARD]: "STANDARD",
  [NextHopType.NAT]: "NAT",
  [NextHopType.LOADBALANCER_TARGET]: "LOADBALANCER_TARGET",
};
