/** Counts refused HTTP connections and requests, for `bunbond status`. */

/**
 * - `no-room`: the connection was closed because there are too many
 * - `slow-reader`: the reader took too little of an answer
 * - `bad-request`: the request was malformed, or not complete in time
 * - `foreign-host`: the request named another host
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
