/** The events of a client, ready-made handlers, and the fan-out to all handlers. */

import type { EventLog } from "../base/log-event.ts";
import * as LOG from "../base/log-events.ts";
import type { Logger } from "../base/logger.ts";
import { failureText } from "../base/user-callback.ts";
import { type Endpoint, formatEndpoint } from "../net/endpoint.ts";
import { formatRoute } from "../route/announcement-text.ts";
import type { Route } from "../route/route.ts";
import { type CloseReason, describeCloseReason } from "../session/close-reason.ts";
import type { ServerState } from "./link/server-link.ts";
import { type ClientView, FOLLOW_VIEW, isViewFollower } from "./view/client-view.ts";

/**
 * Handles events of a client as they happen. All methods are optional. What a method throws, or what a promise that it returns
 * rejects with, is logged, and the client goes on.
 */
export interface ClientHandler {
  /** A route came into view: the first server announced it. */
  routeAdded?(route: Route): void;
  /** A route left the view: the last server withdrew it, or its stale time has ended. */
  routeRemoved?(route: Route): void;
  /** An own announcement is offered to the servers from now on: it was announced, or draining has ended. */
  announced?(route: Route): void;
  /** An own announcement is no longer offered: it was withdrawn or drained. Not called when the client stops. */
  withdrawn?(route: Route): void;
  /** The view of a subscribed VNI is complete, for the first time since it was subscribed (see completeness.ts). */
  complete?(vni: number): void;
  /** `reason` says why the connection ended, when the state is `retry` or `stopped`. */
  serverState?(server: Endpoint, state: ServerState, reason: CloseReason | null): void;
}

/** A handler that does nothing. */
export const silentHandler: Required<ClientHandler> = {
  routeAdded() {},
  routeRemoved() {},
  announced() {},
  withdrawn() {},
  complete() {},
  serverState() {},
};

/** Returns a handler that logs every event as a line of level "info". `console` is a logger, too. */
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

/** Passes every event on to several handlers, in the order in which they were added; a handler that fails affects no other. */
export class HandlerFanOut implements Required<ClientHandler> {
  readonly #logger: EventLog;
  /** Replaced at each change, so that a handler may add or remove handlers during an event. */
  #handlers: readonly ClientHandler[];
  #view: ClientView | null = null;

  constructor(handlers: ClientHandler | readonly ClientHandler[], logger: EventLog) {
    this.#logger = logger;
    this.#handlers = isList(handlers) ? [...handlers] : [handlers];
  }

  /** Gives the view to the handlers that read it, and to those that are added later. Called before the first event. */
  follow(view: ClientView): void {
    this.#view = view;
    for (const handler of this.#handlers) if (isViewFollower(handler)) handler[FOLLOW_VIEW](view);
  }

  /** Adds a handler for the events from now on. Returns a function that removes it again. */
  add(handler: ClientHandler): () => void {
    if (this.#view !== null && isViewFollower(handler)) handler[FOLLOW_VIEW](this.#view);
    this.#handlers = [...this.#handlers, handler];
    let isAdded = true;
    return () => {
      if (isAdded) this.#handlers = withoutOne(this.#handlers, handler);
      isAdded = false;
    };
  }

  // Routes come by the million: so no closure for each call, which is many times slower.

  routeAdded(route: Route): void {
    for (const handler of this.#handlers) {
      try {
        this.#watch("routeAdded", handler.routeAdded?.(route));
      } catch (error) {
        this.failed("routeAdded", error);
      }
    }
  }

  routeRemoved(route: Route): void {
    for (const handler of this.#handlers) {
      try {
        this.#watch("routeRemoved", handler.routeRemoved?.(route));
      } catch (error) {
        this.failed("routeRemoved", error);
      }
    }
  }

  announced(route: Route): void {
    for (const handler of this.#handlers) {
      try {
        this.#watch("announced", handler.announced?.(route));
      } catch (error) {
        this.failed("announced", error);
      }
    }
  }

  withdrawn(route: Route): void {
    for (const handler of this.#handlers) {
      try {
        this.#watch("withdrawn", handler.withdrawn?.(route));
      } catch (error) {
        this.failed("withdrawn", error);
      }
    }
  }

  complete(vni: number): void {
    for (const handler of this.#handlers) {
      try {
        this.#watch("complete", handler.complete?.(vni));
      } catch (error) {
        this.failed("complete", error);
      }
    }
  }

  serverState(server: Endpoint, state: ServerState, reason: CloseReason | null): void {
    for (const handler of this.#handlers) {
      try {
        this.#watch("serverState", handler.serverState?.(server, state, reason));
      } catch (error) {
        this.failed("serverState", error);
      }
    }
  }

  /** Logs the rejection if the result of a handler is a promise, as of an async function. */
  #watch(event: keyof ClientHandler, result: unknown): void {
    if (result instanceof Promise) result.catch((error: unknown) => this.failed(event, error));
  }

  /** Logs the failure of something that a program has given. */
  failed(event: keyof ClientHandler | "announceWhen", error: unknown): void {
    this.#logger.log(LOG.clientHandlerFailed, { event, error: failureText(error) });
  }
}

function isList(handlers: ClientHandler | readonly ClientHandler[]): handlers is readonly ClientHandler[] {
  return Array.isArray(handlers);
}

/** Returns the list without the last entry that is `handler`: it may have been added several times. */
function withoutOne(handlers: readonly ClientHandler[], handler: ClientHandler): ClientHandler[] {
  const at = handlers.lastIndexOf(handler);
  return handlers.filter((_, index) => index !== at);
}
