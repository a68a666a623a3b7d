import { type Route, routeKey } from "../../route/route.ts";
import { fillUpdateFields } from "../../wire/codec.ts";
import { UpdateFields } from "../../wire/message.ts";

/**
 * The subscriptions and announcements that a client wants each server to have, whether it is there or not. They are sent to a server
 * whenever it becomes ESTABLISHED, and kept up to date while it is.
 */
export interface DesiredState {
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
