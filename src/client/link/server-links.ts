/** The servers of a client in the order in which they were added; and the removed ones, until they have read the withdrawals. */
import { type Endpoint, sameEndpoint } from "../../net/endpoint.ts";
import { Traffic } from "../../transport/traffic.ts";
import type { ServerNumber } from "../view/merged-view.ts";
import { type LinkContext, ServerLink } from "./server-link.ts";

export class ServerLinks implements Iterable<ServerLink> {
  readonly #context: LinkContext;
  readonly #links: ServerLink[] = [];
  readonly #retiring = new Set<ServerLink>();
  #nextNumber = 0;
  /** What the connections of removed servers have carried. */
  readonly #goneTraffic = new Traffic();

  constructor(context: LinkContext) {
    this.#context = context;
  }

  /** Iterates over the servers that were not removed. */
  [Symbol.iterator](): Iterator<ServerLink> {
    return this.#links.values();
  }

  /** Returns all links, including those of removed servers. */
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

  /** Returns another link than `but` that leads to the server with that id. */
  withId(serverId: string, but: ServerLink): ServerLink | undefined {
    return this.#links.find((link) => link !== but && link.serverId === serverId);
  }

  /** Adds a server that is not among the servers yet. */
  add(server: Endpoint): ServerLink {
    // The connection of a removed link and the new one would announce and withdraw the same routes at the same server.
    for (const old of this.#retiring) if (sameEndpoint(old.endpoint, server)) old.stop();
    const link = new ServerLink(this.#nextNumber++, server, this.#context);
    this.#links.push(link);
    return link;
  }

  /** Removes a server: its link only sends the withdrawals, and then stops. */
  remove(link: ServerLink): void {
    this.#links.splice(this.#links.indexOf(link), 1);
    this.#retiring.add(link);
  }

  stopped(link: ServerLink): void {
    if (this.#retiring.delete(link)) this.#goneTraffic.add(link.traffic);
  }

  /** What all connections have carried since the start. */
  traffic(): Traffic {
    const traffic = new Traffic();
    traffic.add(this.#goneTraffic);
    for (const link of this.all()) traffic.add(link.traffic);
    return traffic;
  }
}
