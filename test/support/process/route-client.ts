/**
 * A client program that prints its changes as JSON lines, ours with `--json` or another
 * implementation's in the same shape, and the view that these changes add up to.
 *
 * Tests compare views: a view is what it must be at last, whatever the order in which its changes
 * came. Each change must be one: an ADD of what is there or a REMOVE of what is not fails the test.
 */

import { routeLine, type TextRoute } from "../models/text-route.ts";
import { type ChildOptions, ChildProcess } from "./child-process.ts";

export interface RouteEvent extends TextRoute {
  readonly event: "add" | "remove";
  /** Which client, of a process that runs several. */
  readonly client?: number;
}

export interface ServerEvent {
  readonly event: "server";
  readonly server: string;
  /** "established" or another state of the connection. */
  readonly state: string;
  readonly client?: number;
}

export type ClientEvent = RouteEvent | ServerEvent;

interface Client {
  readonly routes: Set<string>;
  /** Server's address → its last state. */
  readonly servers: Map<string, string>;
}

export class RouteClient extends ChildProcess {
  readonly #events: ClientEvent[] = [];
  readonly #clients = new Map<number, Client>();
  #linesRead = 0;
  #fault: string | undefined;

  constructor(options: ChildOptions, clientCount = 1) {
    super(options);
    for (let client = 0; client < clientCount; client++) {
      this.#clients.set(client, { routes: new Set(), servers: new Map() });
    }
  }

  /** Takes in a line that is neither a change of a route nor of a server's state. */
  protected onOther(line: string): void {
    this.#fault ??= `unexpected line: ${line}`;
  }

  /** All changes so far. */
  get events(): readonly ClientEvent[] {
    this.#readNew();
    return this.#events;
  }

  /** The changes of routes among the events from index `from` on: "+ " or "- " and the `routeLine`. */
  changes(from = 0): string[] {
    return this.events
      .slice(from)
      .flatMap((event) =>
        event.event === "server" ? [] : `${event.event === "add" ? "+" : "-"} ${routeLine(event)}`,
      );
  }

  #readNew(): void {
    for (; this.#linesRead < this.stdoutLines.length; this.#linesRead++) {
      const line = this.stdoutLines[this.#linesRead] ?? "";
      // Trusted to have its shape: a field that is missing makes a view that equals nothing expected.
      const event = JSON.parse(line) as ClientEvent;
      if (event.event === "add" || event.event === "remove") this.#applyRoute(event);
      else if (event.event === "server") this.#client(event).servers.set(event.server, event.state);
      else {
        this.onOther(line);
        continue;
      }
      this.#events.push(event);
    }
    if (this.#fault !== undefined) throw new Error(`${this.#fault}\n${this.describe()}`);
  }

  #applyRoute(event: RouteEvent): void {
    const { routes } = this.#client(event);
    const route = routeLine(event);
    const changed = event.event === "add" ? !routes.has(route) : routes.has(route);
    if (!changed) this.#fault ??= `${event.event} changes nothing: ${route}`;
    if (event.event === "add") routes.add(route);
    else routes.delete(route);
  }

  #client({ client = 0 }: { readonly client?: number }): Client {
    const found = this.#clients.get(client);
    if (found === undefined) throw new Error(`no client ${client} was started`);
    return found;
  }

  /** What the client has now, as sorted `routeLine`s. */
  view(client = 0): string[] {
    this.#readNew();
    return [...this.#client({ client }).routes].sort();
  }

  /** Waits until the view is these routes, no more and no fewer. */
  async viewIs(routes: readonly TextRoute[], client = 0): Promise<void> {
    const expected = routes.map(routeLine).sort();
    const howFar = () => {
      const now = this.view(client);
      const missing = expected.filter((route) => !now.includes(route)).map((route) => `  missing ${route}`);
      const extra = now.filter((route) => !expected.includes(route)).map((route) => `  extra   ${route}`);
      return [`a view of ${expected.length} routes, has ${now.length}`, ...missing, ...extra].join("\n");
    };
    await this.until(howFar, () => (Bun.deepEquals(this.view(client), expected) ? true : undefined));
  }

  /** Waits for the first matching event from index `from` on. */
  event(match: (event: ClientEvent) => boolean, what: string, from = 0): Promise<ClientEvent> {
    return this.until(what, () => this.events.slice(from).find(match));
  }

  /** Waits until each client of this process is established with `server`, or with any if none is named. */
  async established(server?: string): Promise<void> {
    await this.serverState("established", server);
  }

  /** Waits until each client of this process has `server`, or any if none is named, in that state. */
  async serverState(state: string, server?: string): Promise<void> {
    await this.until(`${server ?? "a server"} ${state}`, () => {
      this.#readNew();
      const has = ({ servers }: Client) =>
        server === undefined ? [...servers.values()].includes(state) : servers.get(server) === state;
      return [...this.#clients.values()].every(has) ? true : undefined;
    });
  }
}
