/** What queries about a server read: its routes with their announcers, and its last changes. */
import type { History } from "../route/history.ts";
import type { Route } from "../route/route.ts";
import type { RouteInspector } from "../route/table/route-inspector.ts";
import type { RouteRecipients } from "./exchange/route-exchange.ts";
import type { GonePeer } from "./gone-peers.ts";

/** The name of the method that returns it: the daemon uses it, and it is not part of the library's API. */
export const INSPECTION: unique symbol = Symbol("inspection");

export interface ServerInspection {
  readonly routes: RouteInspector;
  readonly history: History;
  /** The clock of holders' and history's times. */
  nowMs(): number;
  /** Iterates over the VNIs with a route or a subscriber, in no particular order. The iteration may pause. */
  vnis(): Iterable<number>;
  /** Returns how many peers subscribe to the VNI. */
  subscriberCount(vni: number): number;
  /** Lists the peers that have left in the last hour, the one that left last at the end. */
  gonePeers(): GonePeer[];
  /** Returns how many routes are still to be sent to the peer, of at most `maxLooks` that are looked at; 0 for another id. */
  backlogOf(id: number, maxLooks: number): number;
  /** Returns how many announcements of the lost peer with this id are retained. */
  retainedOf(id: number): number;
  /** Returns the subscribers that a route was sent to, at most `limit`, and their number; null if there is no such route. */
  recipients(route: Route, limit: number): RouteRecipients | null;
}
