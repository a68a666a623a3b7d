import { type Route, routeKey } from "../../route/route.ts";
import { fillUpdateFields } from "../../wire/codec.ts";
import { UpdateFields } from "../../wire/message.ts";

/**
 * What the client wants of every server, whether it is there or not: sent to each whenever it becomes
 * ESTABLISHED, and kept up while it is.
 */
export interface Wanted {
  readonly vnis: ReadonlySet<number>;
  /** By {@link announcementKey}. */
  readonly announcements: ReadonlyMap<string, Route>;
}

const fields = new UpdateFields();

/** A route's identity over all VNIs. */
export function announcementKey(route: Route): string {
  fillUpdateFields(fields, route.vni, route.destination, route.nextHop);
  return receivedKey(fields);
}

/** The same of a received one. */
export function receivedKey(received: UpdateFields): string {
  return `${received.vni} ${routeKey(received)}`;
}
