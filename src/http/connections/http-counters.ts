/** What HTTP readers were refused, for `bunbond status`. */

/**
 * - `no-room`: closed, since there are as many connections as there may be
 * - `slow-reader`: took too little of an answer
 * - `bad-request`: sent what makes no request, or not all of one in time
 * - `foreign-host`: asked for a name that is not this machine's
 */
export type HttpRefusal = "no-room" | "slow-reader" | "bad-request" | "foreign-host";

export class HttpCounters {
  readonly #refusals = new Map<HttpRefusal, number>();

  refused(reason: HttpRefusal): void {
    this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1);
  }

  flat(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      Array.from(this.#refusals, ([reason, count]) => [`httpRefusals.${reason}`, count]),
    );
  }
}
