/** A client's servers, in the order in which they were added; and those that were removed, until they have been told. */
import { type Endpoint, sameEndpoint } from "../../net/endpoint.ts";
import type { ServerNumber } from "../view/merged-view.ts";
import { type LinkContext, ServerLink } from "./server-link.ts";

export class ServerLinks implements Iterable<ServerLink> {
  readonly #context: LinkContext;
  readonly #links: ServerLink[] = [];
  readonly #retiring = new Set<ServerLink>();
  #nextNumber = 0;

  constructor(context: LinkContext) {
    this.#context = context;
  }

  /** Those that were not removed. */
  [Symbol.iterator](): Iterator<ServerLink> {
    return this.#links.values();
  }

  /** With those that were removed. */
  all(): readonly ServerLink[] {
    return [...this.#links, ...this.#retiring];
  }

  get isAnyEstablished(): boolean {
    return this.#links.some(({ state }) => state === "established");
  }

  find(server: Endpoint): ServerLink | undefined {
    return this.#links.find(({ endpoint }) => sameEndpoint(endpoint, server));
  }

  numbered(number: ServerNumber): ServerLink | undefined {
    return this.#links.find((link) => link.number === number);
  }

  /** Another one that leads to the server with that id. */
  withId(serverId: string, but: ServerLink): ServerLink | undefined {
    return this.#links.find((link) => link !== but && link.serverId === serverId);
  }

  /** One that is not among them yet. */
  add(server: Endpoint): ServerLink {
    // The connection of one that was removed and the new one would tell the server different things of the same routes.
    for (const old of this.#retiring) if (sameEndpoint(old.endpoint, server)) old.stop();
    const link = new ServerLink(this.#nextNumber++, server, this.#context);
    this.#links.push(link);
    return link;
  }

  /** From now on it only has to be told, until it has stopped. */
  remove(link: ServerLink): void {
    this.#links.splice(this.#links.indexOf(link), 1);
    this.#retiring.add(link);
  }

  stopped(link: ServerLink): void {
    this.#retiring.delete(link);
  }
}
