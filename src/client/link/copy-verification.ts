/**
 * Verifies what a server without exact views has of routes that we announced until now. A Go server does not inform an announcer
 * when another one withdraws the same route, and sends our own routes back as if they were another client's. So after our
 * withdrawal, neither the copies that it had sent before nor those that came in the meantime are certain. Its table is read anew
 * (route-refresh.ts):
 *
 *     asked ── our REMOVE was read, and a second has passed ──▶ due ── a route refresh for all that are due ──▶ answered
 *
 * Until then, a copy that was there before our announcement stays in view, and another one does not come into view. A question is
 * dropped when we announce the route again, or when the server sends the route on its first connection: a REMOVE at any time,
 * an ADD once the question is due. An earlier ADD may have been sent while we still counted as an announcer, and the withdrawal
 * that followed it was not sent to us.
 *
 * The second: a Go server takes messages of different types in any order, so it may answer the KEEPALIVE first.
 */

import type { Random, Timer } from "../../base/clock.ts";
import type { Endpoint } from "../../net/endpoint.ts";
import type { Route } from "../../route/route.ts";
import { receivedRouteKey } from "../../route/route-key.ts";
import { type RetryBounds, retryAfterMs } from "../../session/retry.ts";
import type { UpdateFields } from "../../wire/message.ts";
import { Action } from "../../wire/protocol.ts";
import type { MergedView, ServerNumber } from "../view/merged-view.ts";
import { Echo } from "../view/own-echoes.ts";
import { type RefreshContext, RouteRefresh } from "./route-refresh.ts";
import { SUBSCRIPTION_PAUSE_MS } from "./subscription-output.ts";

export interface VerificationContext extends RefreshContext {
  readonly retry: RetryBounds;
  readonly random: Random;
  readonly view: MergedView;
}

interface Question {
  readonly route: Route;
  /** The server has certainly carried out our REMOVE. */
  isDue: boolean;
}

export class CopyVerification {
  readonly #server: ServerNumber;
  readonly #endpoint: Endpoint;
  readonly #context: VerificationContext;
  /** Calls `read` after the server has read everything that is wanted now. */
  readonly #confirm: (read: () => void) => void;
  /** The routes to be verified, by key (route-key.ts). */
  readonly #questions = new Map<string, Question>();
  #isFencing = false;
  #isStopped = false;
  #refresh: RouteRefresh | null = null;
  /** Runs until the first questions are due. */
  #timer: Timer | null = null;
  /** Runs until a route refresh that failed is repeated. */
  #retryTimer: Timer | null = null;

  constructor(
    server: ServerNumber,
    endpoint: Endpoint,
    context: VerificationContext,
    confirm: (read: () => void) => void,
  ) {
    this.#server = server;
    this.#endpoint = endpoint;
    this.#context = context;
    this.#confirm = confirm;
  }

  ask(key: string, route: Route): void {
    this.#questions.set(key, { route, isDue: false });
    if (this.#isFencing) return;
    this.#isFencing = true;
    // Later, to take other questions of this turn along.
    this.#context.clock.soon(() => this.#fence());
  }

  /** Drops the question about a route. */
  forget(key: string): void {
    this.#questions.delete(key);
  }

  /** Drops the question if an UPDATE of the server itself has answered it. */
  onUpdate(fields: UpdateFields): void {
    if (this.#questions.size === 0) return;
    const key = receivedRouteKey(fields);
    if (fields.action === Action.REMOVE || this.#questions.get(key)?.isDue) this.#questions.delete(key);
  }

  dropVni(vni: number): void {
    for (const [key, { route }] of this.#questions) if (route.vni === vni) this.#questions.delete(key);
  }

  /** Ends the verification for good. */
  stop(): void {
    this.#isStopped = true;
    this.#questions.clear();
    this.#timer?.cancel();
    this.#retryTimer?.cancel();
    this.#refresh?.stop();
  }

  /** Waits until the questions so far are due. Questions that follow wait for the next KEEPALIVE. */
  #fence(): void {
    if (this.#isStopped) return;
    const asked = [...this.#questions].filter(([, { isDue }]) => !isDue);
    this.#confirm(() => {
      this.#timer = this.#context.clock.after(SUBSCRIPTION_PAUSE_MS, () => {
        for (const [, question] of asked) question.isDue = true;
        this.#isFencing = this.#questions.values().some(({ isDue }) => !isDue);
        if (this.#isFencing) this.#fence();
        this.#refreshDue();
      });
    });
  }

  #refreshDue(): void {
    if (this.#refresh !== null) return;
    const asked = new Map([...this.#questions].filter(([, { isDue }]) => isDue));
    if (asked.size === 0) return;
    this.#retryTimer?.cancel();
    const context = this.#context;
    const server = this.#server;
    const isOpen = (key: string, question: Question) => this.#questions.get(key) === question;
    const vnis = new Set(Array.from(asked.values(), ({ route }) => route.vni));
    this.#refresh = new RouteRefresh(this.#endpoint, vnis, context, {
      added: (fields) => {
        const key = receivedRouteKey(fields);
        const question = asked.get(key);
        if (question === undefined || !isOpen(key, question)) return;
        this.#questions.delete(key);
        context.view.received(server, fields, Echo.NEVER);
      },
      complete: () => {
        this.#refresh = null;
        for (const [key, question] of asked) {
          // The handler of an event may have changed the rest.
          if (!isOpen(key, question)) continue;
          this.#questions.delete(key);
          context.view.refuted(server, question.route);
        }
        this.#refreshDue();
      },
      failed: () => {
        this.#refresh = null;
        const afterMs = retryAfterMs(context.retry, context.random);
        this.#retryTimer = context.clock.after(afterMs, () => this.#refreshDue());
      },
    });
  }
}
