import { type Route, routeKey } from "../../route/route.ts";
import { fillUpdateFields } from "../../wire/codec.ts";
import { UpdateFields } from "../../wire/message.ts";

/**
 * What a client wants of every server, present or not: its subscriptions and announcements. They are sent to each server
 * whenever it becomes ESTABLISHED, and kept up to date while it is.
 */
export interface ClientIntent {
  readonly vnis: ReadonlySet<number>;
  /** By {@link announcementKey}. */
  readonly announcements: ReadonlyMap<string, Route>;
}

const fields = new UpdateFields();

/** Returns the key of a route, which is unique over all VNIs. */
export function announcementKey(route: Route): string {
  fillUpdateFields(fields, route.vni, route.destination, route.nextHop);
  return receivedKey(fields);
}

/** Returns the key of a received route. */
export function receivedKey(received: UpdateFields): string {
  return `${received.vni} ${routeKey(received)}`;
}
