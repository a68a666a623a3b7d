/** What a client tells of its life, and ready-made listeners. */

import { guardedCall } from "../base/guarded-call.ts";
import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import type { Logger } from "../base/logger.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { formatRoute } from "../route/announcement.ts";
import type { Route } from "../route/route.ts";
import { type CloseReason, describeCloseReason } from "../session/close-reason.ts";
import type { ServerState } from "./link/server-link.ts";

/**
 * Is told what happens, as it happens. All are optional. What one of them throws, or what a promise that it returns
 * rejects with, is logged, and the client goes on.
 */
export interface ClientHandler {
  /** A route came into view: the first server brought it. */
  routeAdded?(route: Route): void;
  /** A route left the view: the last server dropped it. */
  routeRemoved?(route: Route): void;
  /** An own announcement is offered to the servers from now on: announced, or the end of draining. */
  announced?(route: Route): void;
  /** And no longer: withdrawn, or drained. Not at the stop. */
  withdrawn?(route: Route): void;
  /** The view of a subscribed VNI is whole, for the first time since it was subscribed (see completeness.ts). */
  complete?(vni: number): void;
  /** `reason` says why the connection ended, when the state is `retry` or `stopped`. */
  serverState?(server: Endpoint, state: ServerState, reason: CloseReason | null): void;
}

/** Does nothing. */
export const silentHandler: Required<ClientHandler> = {
  routeAdded() {},
  routeRemoved() {},
  announced() {},
  withdrawn() {},
  complete() {},
  serverState() {},
};

/** Logs every event as a line of level "info". `console` is a logger, too. */
export function loggingHandler(logger: Pick<Logger, "info">): Required<ClientHandler> {
  return {
    routeAdded: (route) => logger.info("route added", { route: formatRoute(route) }),
    routeRemoved: (route) => logger.info("route removed", { route: formatRoute(route) }),
    announced: (route) => logger.info("announced", { route: formatRoute(route) }),
    withdrawn: (route) => logger.info("withdrawn", { route: formatRoute(route) }),
    complete: (vni) => logger.info("view complete", { vni }),
    serverState: (server, state, reason) =>
      logger.info("server state", {
        server: formatEndpoint(server),
        state,
        ...(reason && { reason: describeCloseReason(reason) }),
      }),
  };
}

/** Passes everything on, and keeps what goes wrong there away from the client. */
export class GuardedHandler implements Required<ClientHandler> {
  readonly #handler: ClientHandler;
  readonly #logger: EventLog;
  constructor(handler: ClientHandler, logger: EventLog) {
    this.#handler = handler;
    this.#logger = logger;
  }

  routeAdded(route: Route): void {
    this.#tell("routeAdded", () => this.#handler.routeAdded?.(route));
  }
  routeRemoved(route: Route): void {
    this.#tell("routeRemoved", () => this.#handler.routeRemoved?.(route));
  }
  announced(route: Route): void {
    this.#tell("announced", () => this.#handler.announced?.(route));
  }
  withdrawn(route: Route): void {
    this.#tell("withdrawn", () => this.#handler.withdrawn?.(route));
  }
  complete(vni: number): void {
    this.#tell("complete", () => this.#handler.complete?.(vni));
  }
  serverState(server: Endpoint, state: ServerState, reason: CloseReason | null): void {
    this.#tell("serverState", () => this.#handler.serverState?.(server, state, reason));
  }

  #tell(event: keyof ClientHandler, call: () => unknown): void {
    guardedCall(call, (error) => {
      this.#logger.log(LOG.clientHandlerFailed, { event, error });
    });
  }
}
