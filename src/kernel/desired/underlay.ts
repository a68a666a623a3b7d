/*
 * Keeps the addresses to which the tunnel's own packets, and the client's, go: those of hypervisors, and of servers
 * (server-addresses.ts). The host looks them up in its table "main". If a tenant's route there went to a destination that
 * contains such an address, it would send those packets into the tunnel, in a loop: with a default route, the host is cut off.
 *
 *     address ──▶ a trie per family, as a prefix of full length ──▶ handle ──▶ how many have it in use
 *
 * Whether a prefix contains one is a single descent, so that neither routes nor hops are walked through.
 */
import { familyBits, type IpAddress, type Prefix } from "../../net/ip.ts";
import { PrefixCursor } from "../../route/trie/prefix-cursor.ts";
import { PrefixPool } from "../../route/trie/prefix-trie.ts";

class Addresses {
  readonly #pool: PrefixPool;
  readonly #root: number;
  readonly #cursor: PrefixCursor;
  /** Handle → how many have the address in use. */
  readonly #users = new Map<number, number>();
  readonly #lengthBits: number;
  /** Whether there was no memory for an address: any prefix may contain it. */
  #isIncomplete = false;

  constructor(family: 4 | 6) {
    this.#pool = new PrefixPool(family);
    this.#root = this.#pool.createRoot();
    this.#cursor = new PrefixCursor(this.#pool, this.#root);
    this.#lengthBits = familyBits(family);
  }

  add({ w0, w1, w2, w3 }: IpAddress): boolean {
    const handle = this.#pool.insert(this.#root, w0, w1, w2, w3, this.#lengthBits);
    if (handle < 0) {
      this.#isIncomplete = true;
      return true;
    }
    const users = this.#users.get(handle) ?? 0;
    this.#users.set(handle, users + 1);
    return users === 0;
  }

  delete({ w0, w1, w2, w3 }: IpAddress): boolean {
    const handle = this.#pool.find(this.#root, w0, w1, w2, w3, this.#lengthBits);
    const users = this.#users.get(handle) ?? 0;
    if (users > 1) this.#users.set(handle, users - 1);
    if (users !== 1) return false;
    this.#users.delete(handle);
    this.#pool.remove(this.#root, handle);
    return true;
  }

  firstIn(prefix: Prefix): IpAddress | null {
    if (this.#isIncomplete) return prefix;
    const { w0, w1, w2, w3, lengthBits } = prefix;
    this.#cursor.seekInside(w0, w1, w2, w3, lengthBits);
    const handle = this.#cursor.next();
    return handle < 0 ? null : this.#pool.prefixOf(handle);
  }
}

export class Underlay {
  readonly #addresses = { 4: new Addresses(4), 6: new Addresses(6) };

  /** Counts a use of the address. Returns true if it was not in use. */
  add(address: IpAddress): boolean {
    return this.#addresses[address.family].add(address);
  }

  /** Ends a use of the address. Returns true if it was the last one. */
  delete(address: IpAddress): boolean {
    return this.#addresses[address.family].delete(address);
  }

  /** An address in use inside the prefix; null if there is none. */
  firstIn(prefix: Prefix): IpAddress | null {
    return this.#addresses[prefix.family].firstIn(prefix);
  }
}
