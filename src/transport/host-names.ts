/**
 * This class looks up host names so that one for which no name server answers does not delay the others.
 *
 * The system's resolver, getaddrinfo(3), occupies a thread until it has an answer. Bun 1.4.4 has as many for this as
 * there are processors, at least two, and reads files with them as well. Where no name server answers, a look-up takes
 * 10 s (resolv.conf(5)): two such names delayed all others by that, also those in /etc/hosts. c-ares, the other
 * resolver in Bun, needs no thread, but does not use the system's further sources (nsswitch.conf(5)), and reads
 * resolv.conf only once. So c-ares only shows that a name has an address, which the system's resolver will then also
 * find at once; other names are looked up by the system's resolver, one after the other:
 *
 *     ready(name) ── c-ares ── an address ────────────────────────────────────▶ ready
 *                       │ an error, or nothing for a second
 *                       ▼
 *                    the system's resolver, one name at a time ── an address ─▶ ready
 *                       └── an error, or no turn in time ─────────────────────▶ not ready, and why
 *
 * A look-up continues after its time limit, and a further call for the same name joins it.
 */

import { lookup } from "node:dns/promises";
import type { Clock } from "../base/clock.ts";
import { systemErrorCode } from "../base/system-error.ts";
import { SystemClock } from "./schedule/system-clock.ts";

/** The two resolvers. Each rejects if the name has no address, or no name server answers. */
export interface Resolvers {
  readonly cares: (name: string) => Promise<unknown>;
  readonly system: (name: string) => Promise<unknown>;
}

/** If a name server answers, c-ares has the answer within this time. */
const CARES_ALONE_MS = 1_000;
/** The time limit of a look-up. The system's resolver tries for this long by default. */
const WITHIN_MS = 10_000;
/** How long Bun remembers a name's addresses. */
const KNOWN_FOR_MS = 30_000;

export class HostNames {
  readonly #resolvers: Resolvers;
  readonly #clock: Clock;
  readonly #byCares = new Map<string, Promise<void>>();
  readonly #bySystem = new Map<string, Promise<void>>();
  /** When a name's address was last found. */
  readonly #foundMs = new Map<string, number>();
  /** Settles when the system's resolver is idle. */
  #systemIdle: Promise<void> = Promise.resolve();

  constructor(resolvers: Resolvers, clock: Clock) {
    this.#resolvers = resolvers;
    this.#clock = clock;
  }

  /** Resolves when the system's resolver can look up the name without delay; rejects if the look-up fails. */
  async ready(name: string): Promise<void> {
    if (this.#isKnown(name)) return;
    const byCares = this.#shared(this.#byCares, name, () => this.#find(name, this.#resolvers.cares));
    const bySystem = this.#shared(this.#bySystem, name, () => this.#findBySystem(name, byCares));
    await new Promise<void>((resolve, reject) => {
      const timer = this.#clock.after(WITHIN_MS, () => reject(lookUpError(name, "EAI_AGAIN")));
      const finish = (settle: () => void) => {
        timer.cancel();
        settle();
      };
      byCares.then(
        () => finish(resolve),
        () => {}, // the system's answer counts
      );
      bySystem.then(
        () => finish(resolve),
        (error: unknown) => finish(() => reject(lookUpError(name, codeOf(error)))),
      );
    });
  }

  #isKnown(name: string): boolean {
    const foundMs = this.#foundMs.get(name);
    return foundMs !== undefined && this.#clock.nowMs() - foundMs < KNOWN_FOR_MS;
  }

  async #find(name: string, resolver: (name: string) => Promise<unknown>): Promise<void> {
    await resolver(name);
    this.#foundMs.set(name, this.#clock.nowMs());
  }

  async #findBySystem(name: string, byCares: Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(CARES_ALONE_MS, resolve);
      byCares.catch(() => {
        timer.cancel();
        resolve();
      });
    });
    const turn = this.#systemIdle.then(async () => {
      if (!this.#isKnown(name)) await this.#find(name, this.#resolvers.system);
    });
    this.#systemIdle = turn.catch(() => {});
    await turn;
  }

  #shared(underWay: Map<string, Promise<void>>, name: string, find: () => Promise<void>): Promise<void> {
    return underWay.getOrInsertComputed(name, () => {
      const promise = find();
      const forget = () => underWay.delete(name);
      promise.then(forget, forget);
      return promise;
    });
  }
}

/** Makes an error like those of Bun.connect. */
function lookUpError(name: string, code: string): Error {
  return Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code });
}

function codeOf(error: unknown): string {
  return systemErrorCode(error) ?? String(error);
}

/** The host names of this process: there is one, since the threads are shared, too. */
export const hostNames = new HostNames(
  {
    cares: (name) => Bun.dns.lookup(name, { backend: "c-ares" }),
    system: (name) => lookup(name),
  },
  new SystemClock(),
);
