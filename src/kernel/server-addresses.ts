/**
 * Which addresses the client's servers have: no route in the host's own table may cover them (underlay.ts).
 *
 * A server given by name has those of its name, for a connection may go to any of them. They are looked up, in the way
 * that connections look them up, each time the client begins to connect: no route has come from there by then, another
 * server's routes do not hide it, and a name that has moved is noticed. While no route goes into that table nobody asks.
 *
 * An address is kept for good: a server's routes stay when it is away, too.
 */
import { parseAddress } from "../net/address.ts";
import type { IpAddress } from "../net/ip.ts";
import { hostNames } from "../transport/host-names.ts";

export class ServerAddresses {
  /** Addresses of a name, as text. Rejects where there is none, or nobody knows. */
  readonly #lookUp: (name: string) => Promise<readonly string[]>;
  readonly #found: (address: IpAddress) => void;
  readonly #names = new Set<string>();
  readonly #underWay = new Set<string>();
  readonly #known = new Set<string>();
  #isNeeded = false;

  constructor(lookUp: (name: string) => Promise<readonly string[]>, found: (address: IpAddress) => void) {
    this.#lookUp = lookUp;
    this.#found = found;
  }

  /** Routes go into the host's own table, or no longer. */
  need(isNeeded: boolean): void {
    const hasBegun = isNeeded && !this.#isNeeded;
    this.#isNeeded = isNeeded;
    if (hasBegun) for (const name of this.#names) void this.#resolve(name);
  }

  /** The client connects to that host: an address, perhaps with a zone, or a name. */
  connecting(host: string): void {
    if (this.#learn(host)) return;
    this.#names.add(host);
    if (this.#isNeeded) void this.#resolve(host);
  }

  async #resolve(name: string): Promise<void> {
    if (this.#underWay.has(name)) return;
    this.#underWay.add(name);
    try {
      for (const address of await this.#lookUp(name)) this.#learn(address);
    } catch {
      // The connection fails for the same reason, which is told there. The next one asks again.
    } finally {
      this.#underWay.delete(name);
    }
  }

  /** False: it is no address. */
  #learn(text: string): boolean {
    const [withoutZone = ""] = text.split("%");
    const address = parseAddress(withoutZone);
    if (address === null) return false;
    if (!this.#known.has(withoutZone)) {
      this.#known.add(withoutZone);
      this.#found(address);
    }
    return true;
  }
}

/** By the system's resolver, which Bun.connect asks too. */
export async function lookUpAddresses(name: string): Promise<string[]> {
  await hostNames.ready(name);
  const records = await Bun.dns.lookup(name, { backend: "system" });
  return records.map(({ address }) => address);
}
