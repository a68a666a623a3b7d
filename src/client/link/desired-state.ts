import type { Route } from "../../route/route.ts";

/**
 * The subscriptions and announcements that a client wants each server to have, whether it is there or not. They are sent to a
 * server whenever it becomes ESTABLISHED, and kept up to date while it is.
 */
export interface DesiredState {
  readonly vnis: ReadonlySet<number>;
  /** The announcements by key (route-key.ts). */
  readonly announcements: ReadonlyMap<string, Route>;
}
