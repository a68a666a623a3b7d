import type { ClientHandler } from "../../../src/client/events.ts";
import type { ServerState } from "../../../src/client/link/server-link.ts";
import { type Endpoint, formatEndpoint } from "../../../src/net/endpoint.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import type { Route } from "../../../src/route/route.ts";
import { type CloseReason, describeCloseReason } from "../../../src/session/close-reason.ts";

/**
 * A client's events as text, "+ 100 10.0.1.0/24 via 2001:db8::1", and the view that they add up to. Each must
 * be a change: a route added that is there, or removed that is not, is a fault that every reading reports.
 */
export class ViewLog implements ClientHandler {
  readonly #view = new Set<string>();
  #changes: string[] = [];
  #states: string[] = [];
  #wholeVnis: number[] = [];
  #own: string[] = [];
  #fault: string | null = null;
  /** Is told of each removal at once, with the route as text. */
  onRemoved: (line: string) => void = () => {};

  routeAdded(route: Route): void {
    const line = formatRoute(route);
    if (this.#view.has(line)) this.#fault ??= `added, but was there: ${line}`;
    this.#view.add(line);
    this.#changes.push(`+ ${line}`);
  }

  routeRemoved(route: Route): void {
    const line = formatRoute(route);
    if (!this.#view.delete(line)) this.#fault ??= `removed, but was not there: ${line}`;
    this.#changes.push(`- ${line}`);
    this.onRemoved(line);
  }

  serverState(server: Endpoint, state: ServerState, reason: CloseReason | null): void {
    const because = reason === null ? "" : `: ${describeCloseReason(reason)}`;
    this.#states.push(`${formatEndpoint(server)} ${state}${because}`);
  }

  announced(route: Route): void {
    this.#own.push(`announced ${formatRoute(route)}`);
  }

  withdrawn(route: Route): void {
    this.#own.push(`withdrawn ${formatRoute(route)}`);
  }

  complete(vni: number): void {
    this.#wholeVnis.push(vni);
  }

  /** Sorted. */
  get view(): string[] {
    this.#check();
    return [...this.#view].sort();
  }

  /** The changes of routes since they were last taken. */
  takeChanges(): string[] {
    this.#check();
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** "[::1]:1 established", "[::1]:1 retry: closed-by-peer": the states since they were last taken. */
  takeStates(): string[] {
    const states = this.#states;
    this.#states = [];
    return states;
  }

  /** The VNIs whose view became whole since they were last taken. */
  takeWhole(): number[] {
    const vnis = this.#wholeVnis;
    this.#wholeVnis = [];
    return vnis;
  }

  /** "announced 100 10.0.1.0/24 via 2001:db8::1": what became of own announcements since it was last taken. */
  takeOwn(): string[] {
    const own = this.#own;
    this.#own = [];
    return own;
  }

  #check(): void {
    if (this.#fault !== null) throw new Error(this.#fault);
  }
}
