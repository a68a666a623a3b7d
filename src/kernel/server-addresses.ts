/**
 * Finds the addresses of the client's servers: no route in the host's own table may cover them (desired/underlay.ts).
 *
 * A server given by name has all addresses of its name, for a connection may go to any of them. They are looked up, in the
 * way that connections look them up, each time the client begins to connect: before a route has come from that server, and
 * again when its name may have other addresses. While no VNI is mapped to that table, nothing is looked up.
 *
 * An address is kept for good: a server's routes stay while it is unreachable, too.
 */
import { parseAddress } from "../net/address.ts";
import type { IpAddress } from "../net/ip.ts";
import { hostNames } from "../transport/host-names.ts";

export class ServerAddresses {
  /** Looks up the addresses of a name, as text. Rejects if there are none, or the look-up fails. */
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

  /** Sets whether routes go into the host's own table, so that the addresses are needed. */
  need(isNeeded: boolean): void {
    const hasBegun = isNeeded && !this.#isNeeded;
    this.#isNeeded = isNeeded;
    if (hasBegun) for (const name of this.#names) void this.#resolve(name);
  }

  /** Records that the client connects to that host: an address, perhaps with a zone, or a name. */
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
      // The connection fails for the same reason, which is logged there. The next one looks up again.
    } finally {
      this.#underWay.delete(name);
    }
  }

  /** Reports an address that is new. Returns false if the text is no address. */
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

/** Looks up a name by the system's resolver, which Bun.connect uses, too. */
export async function lookUpAddresses(name: string): Promise<string[]> {
  await hostNames.ready(name);
  const records = await Bun.dns.lookup(name, { backend: "system" });
  return records.map(({ address }) => address);
}
