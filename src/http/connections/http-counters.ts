/** Counts refused HTTP connections and requests, for metrics and `bunbond status`. */

/** The reasons why HTTP and the control socket refuse connections and requests, with explanations for help. */
export const HTTP_REFUSALS = {
  "no-room": "connections closed because there were 48",
  "slow-reader": "responses cut off because they were read too slowly",
  "bad-request": "connections that sent no valid request, or none within 10 s",
  "foreign-host": "requests for a host name that is not configured",
} as const;
export type HttpRefusal = keyof typeof HTTP_REFUSALS;

export class HttpCounters {
  readonly refusals = new Map<HttpRefusal, number>();

  refused(reason: HttpRefusal): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }
}
