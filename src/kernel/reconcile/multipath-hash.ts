/**
 * Checks by what the kernel chooses among the hops of a group: the sysctl fib_multipath_hash_policy, one for each family. Its
 * default, 0, is a packet's addresses, so that all connections between two addresses take one hop; and of IPv6 the flow
 * label, which may change in the midst of a connection. Tenants' packets are looked up before the tunnel wraps them, so it
 * is the family of the inner packet that counts.
 */
import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import type { Fib } from "../fib/fib.ts";
import type { Kernel } from "../kernel.ts";
import { multipathHashPolicyName } from "../netlink/sysctl.ts";

/** The policy that uses no ports (Documentation/networking/ip-sysctl.rst). */
const BY_ADDRESSES = 0;

/** Warns about the policy while there are groups. */
export class MultipathHash {
  readonly #fib: Fib;
  readonly #kernel: Pick<Kernel, "multipathHashPolicy">;
  readonly #logger: EventLog;
  /** What the last check depended on: the policy itself is read once for each scan. */
  #lookedAt = "";
  #said: string | null = null;

  constructor(fib: Fib, kernel: Pick<Kernel, "multipathHashPolicy">, logger: EventLog) {
    this.#fib = fib;
    this.#kernel = kernel;
    this.#logger = logger;
  }

  /** What is wrong now, with the command that helps; null if nothing is, or there is no group. */
  get problem(): string | null {
    const names = this.#families()
      .filter((family) => this.#kernel.multipathHashPolicy(family) === BY_ADDRESSES)
      .map(multipathHashPolicyName);
    if (names.length === 0) return null;
    const settings = names.map((name) => `${name}=1`).join(" ");
    return `of several next hops, one is chosen by a packet's addresses (IPv6: and its flow label), not by its ports, so connections may share one: sysctl -w ${settings}`;
  }

  /** Logs a warning, once for each problem. */
  look(): void {
    const lookedAt = `${this.#fib.scans} ${this.#families()}`;
    if (lookedAt === this.#lookedAt) return;
    this.#lookedAt = lookedAt;
    const { problem } = this;
    if (problem !== null && problem !== this.#said) this.#logger.log(LOG.multipathHash, { problem });
    this.#said = problem;
  }

  /** The families of the routes that we have, if there are groups. */
  #families(): (4 | 6)[] {
    const { nexthops, tables } = this.#fib;
    if (nexthops.groupCount === 0) return [];
    const all = [...tables.all()];
    return ([4, 6] as const).filter((family) => all.some(({ counts }) => counts[family].installed > 0));
  }
}
