/**
 * Prints the client's changes to stdout, one per line. A slow reader neither delays the client nor makes its memory
 * grow beyond its routes: while the writer is full, the printer keeps only which routes differ from what was printed,
 * and each server's last state. A route that was added and removed in the meantime is not printed.
 */

import type { ClientHandler } from "../../client/events.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import { formatRoute } from "../../route/announcement-text.ts";
import { type OrderedChange, OrderedChanges } from "../../route/ordered-changes.ts";
import { routeJson } from "../../route/printable-route.ts";
import type { Route } from "../../route/route.ts";
import { describeCloseReason } from "../../session/close-reason.ts";
import type { LineWriter } from "../program/output.ts";

export class ChangePrinter {
  readonly #out: Pick<LineWriter, "write" | "drained">;
  readonly #format: "text" | "json";
  /** What is not printed yet, in order: changes by route, and the line of each server's state by server. */
  readonly #behind = new OrderedChanges<string>();
  #isCatchingUp = false;

  constructor(out: Pick<LineWriter, "write" | "drained">, format: "text" | "json") {
    this.#out = out;
    this.#format = format;
  }

  /** Prints the events of a client: those of servers, and with `printsRoutes` those of routes. */
  handler({ printsRoutes }: { readonly printsRoutes: boolean }): ClientHandler {
    const servers: ClientHandler = {
      serverState: (server, state, reason) =>
        this.server(formatEndpoint(server), state, reason && describeCloseReason(reason)),
    };
    if (!printsRoutes) return servers;
    return {
      ...servers,
      routeAdded: (route) => this.changed(route, true),
      routeRemoved: (route) => this.changed(route, false),
    };
  }

  changed(route: Route, isAdded: boolean): void {
    const change = { route, isAdded };
    if (this.#behind.size === 0 && this.#out.write(this.#line(change))) return;
    const key = formatRoute(route);
    // A route is added and removed in turn, so a second change cancels the first one.
    if (!this.#behind.delete(key)) this.#behind.append(key, route, isAdded);
    void this.#catchUp();
  }

  /** Prints a server's state as JSON. In the text format nothing is printed, since the log has it. */
  server(server: string, state: string, reason: string | null): void {
    if (this.#format !== "json") return;
    const fields = { event: "server", time: now(), server, state, ...(reason && { reason }) };
    const line = `${JSON.stringify(fields)}\n`;
    if (this.#behind.size === 0 && this.#out.write(line)) return;
    const key = `server ${server}`;
    this.#behind.delete(key);
    this.#behind.appendOther(key, line);
    void this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    while (this.#behind.size > 0) {
      await this.#out.drained();
      for (const [key, change] of this.#behind.entries()) {
        if (!this.#out.write(typeof change === "string" ? change : this.#line(change))) break;
        this.#behind.delete(key);
      }
    }
    this.#isCatchingUp = false;
  }

  #line({ route, isAdded }: OrderedChange): string {
    if (this.#format === "text") return `${now()} ${isAdded ? "+" : "-"} ${formatRoute(route)}\n`;
    return `${JSON.stringify({ event: isAdded ? "add" : "remove", time: now(), ...routeJson(route) })}\n`;
  }
}

function now(): string {
  return new Date().toISOString();
}
