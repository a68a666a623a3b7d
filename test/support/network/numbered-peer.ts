import type { ExchangePeer, RouteExchange } from "../../../src/server/exchange/route-exchange.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { fillNumbered, type NumberedView, NumberedViews } from "../models/numbered-routes.ts";

/** A peer of a RouteExchange that deals in numbered routes, and pulls when it is told to. */
export class NumberedPeer implements ExchangePeer {
  readonly #exchange: RouteExchange;
  readonly isServer = false;
  readonly #fields = new UpdateFields();
  readonly #views: NumberedViews;
  #isAwake = false;
  /** How often it was woken. */
  wakes = 0;

  /** Has joined. `views`: of what it is going to subscribe to. */
  constructor(exchange: RouteExchange, ...views: readonly NumberedView[]) {
    this.#exchange = exchange;
    this.#views = new NumberedViews(...views);
    exchange.join(this);
  }

  wake(): void {
    this.#isAwake = true;
    this.wakes++;
  }

  add(vni: number, number: number): void {
    const outcome = this.#exchange.add(this, fillNumbered(this.#fields, vni, number));
    if (outcome !== "added") throw new Error(`route ${number} is not added: ${outcome}`);
  }

  remove(vni: number, number: number): void {
    if (!this.#exchange.remove(this, fillNumbered(this.#fields, vni, number))) {
      throw new Error(`route ${number} was not there`);
    }
  }

  /** The routes `from` to `to` - 1. */
  addAll(vni: number, from: number, to: number): void {
    for (let number = from; number < to; number++) this.add(vni, number);
  }

  removeAll(vni: number, from: number, to: number): void {
    for (let number = from; number < to; number++) this.remove(vni, number);
  }

  /** One run, if it was woken; how many bytes that were. */
  pull(limitBytes = 65_536): number {
    if (!this.#isAwake) return 0;
    this.#isAwake = false;
    const run = this.#exchange.nextRun(this, limitBytes);
    if (run.length > 0) this.#isAwake = true;
    if (this.#views.read(run) > 0 && run.length > limitBytes) throw new Error(`a run of ${run.length} bytes`);
    return run.length;
  }

  /** All that is due; how many bytes that were. */
  drain(limitBytes = 65_536): number {
    let bytes = 0;
    while (this.#isAwake) bytes += this.pull(limitBytes);
    return bytes;
  }
}
