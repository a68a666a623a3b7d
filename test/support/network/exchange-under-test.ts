/** A RouteExchange and the slow model, told the same: every answer and every frame is compared at once. */
import { formatRoute } from "../../../src/route/announcement-text.ts";
import { History } from "../../../src/route/history.ts";
import { type ExchangePeer, RouteExchange } from "../../../src/server/exchange/route-exchange.ts";
import { fillUpdateFields } from "../../../src/wire/codec.ts";
import { UpdateFields } from "../../../src/wire/message.ts";
import { Action } from "../../../src/wire/protocol.ts";
import { digestOf } from "../models/digest-of.ts";
import { routeOfText, textOfMessage } from "../models/frame-text.ts";
import { ReplayedRoutes } from "../models/replayed-routes.ts";
import { SlowModel } from "../models/slow-model.ts";
import { MessageReader } from "./message-reader.ts";

/** A peer as the exchange sees it; it counts on being woken, as a connection does. */
class TestPeer implements ExchangePeer {
  readonly name: string;
  readonly isServer: boolean;
  isAwake = false;
  readonly reader = new MessageReader();
  readonly #exchange: RouteExchange;

  constructor(exchange: RouteExchange, name: string, isServer: boolean) {
    this.#exchange = exchange;
    this.name = name;
    this.isServer = isServer;
  }

  wake(): void {
    if (this.isAwake && this.#exchange.onlyBulkIsDue(this))
      throw new Error(`${this.name} is woken for bulk although it is awake`);
    this.isAwake = true;
  }
}

/** Lists of three are long ones: each test meets both kinds, and lists that change from one to the other. */
const LONG_LIST_FROM = 2;

const MAX_TURNS = 100_000;

export interface ExchangeUnderTestOptions {
  readonly deferEndOfRib: boolean;
  /** Long jobs are done in turns of so many steps, each when the test says so; left out: in one go. */
  readonly stepsPerTurn?: number;
}

export class ExchangeUnderTest {
  readonly exchange: RouteExchange;
  readonly model: SlowModel;
  /** What is to be run in the next turn of the event loop. */
  #later: (() => void)[] = [];
  #turns = 0;
  readonly #peers = new Map<string, TestPeer>();
  readonly #fields = new UpdateFields();
  readonly #history = new History(1_000_000);
  readonly #replayed = new ReplayedRoutes();

  constructor({ deferEndOfRib, stepsPerTurn }: ExchangeUnderTestOptions) {
    this.exchange = new RouteExchange({
      deferEndOfRib,
      table: { longListFrom: LONG_LIST_FROM },
      history: this.#history,
      ...(stepsPerTurn === undefined ? {} : { stepsPerTurn, soon: (run) => this.#later.push(run) }),
    });
    this.model = new SlowModel({ deferEndOfRib });
  }

  /** A turn of the event loop. False: nobody waited for one. */
  turn(): boolean {
    if (++this.#turns > MAX_TURNS) throw new Error("the exchange never comes to rest");
    const due = this.#later;
    this.#later = [];
    for (const run of due) run();
    return due.length > 0;
  }

  join(name: string, isServer: boolean): void {
    const peer = new TestPeer(this.exchange, name, isServer);
    this.#peers.set(name, peer);
    this.exchange.join(peer, { id: null, name });
    this.model.join(name, isServer);
  }

  leave(name: string): void {
    const peer = this.#peer(name);
    this.#peers.delete(name);
    this.exchange.leave(peer);
    this.model.leave(name);
  }

  /** `route` as in frames' text: "100 10.0.1.0/24 via 2001:db8::1". */
  add(name: string, route: string): void {
    const fields = this.#fieldsOf(route);
    same(
      `add ${route}`,
      this.exchange.add(this.#peer(name), fields),
      this.model.add(name, fields.vni, route) ? "added" : "known",
    );
  }

  remove(name: string, route: string): void {
    const fields = this.#fieldsOf(route);
    const isRemoved = this.exchange.remove(this.#peer(name), fields);
    same(`remove ${route}`, isRemoved, this.model.remove(name, fields.vni, route));
  }

  subscribe(name: string, vni: number): void {
    const verdict = this.exchange.subscribe(this.#peer(name), vni);
    same(`subscribe ${vni}`, verdict, this.model.subscribe(name, vni) ? "subscribed" : "known");
  }

  /** The fence is at once: whatever is pulled from now on would go behind the answer. */
  unsubscribe(name: string, vni: number): void {
    const wasSubscribed = this.exchange.unsubscribe(this.#peer(name), vni);
    same(`unsubscribe ${vni}`, wasSubscribed, this.model.unsubscribe(name, vni));
    this.model.keepaliveSent(name);
    this.model.keepaliveAnswered(name);
  }

  releaseEndOfRib(): void {
    this.exchange.releaseEndOfRib();
    this.model.releaseEndOfRib();
  }

  /** One run. Asking a peer that was not woken is allowed, and must give nothing. */
  pull(name: string, limitBytes: number): string[] {
    const peer = this.#peer(name);
    const wasAwake = peer.isAwake;
    // It may be woken from within, to be asked again in the next turn.
    peer.isAwake = false;
    const run = this.exchange.nextRun(peer, limitBytes);
    if (run.length > limitBytes) throw new Error(`a run of ${run.length} bytes, where ${limitBytes} may be`);
    if (run.length > 0 && !wasAwake) throw new Error(`there is something for ${name}, but nobody woke it`);
    if (run.length > 0) peer.isAwake = true;
    const heard: string[] = [];
    for (const { message } of peer.reader.read(run.slice())) {
      if (message === null) throw new Error("a frame that is to be skipped");
      heard.push(textOfMessage(message));
      if (message.type === "UPDATE") {
        this.model.heardUpdate(name, message.action === Action.ADD, message.vni, formatRoute(message));
      } else if (message.type === "KEEPALIVE" && message.endOfRib !== undefined) {
        this.model.receivedEndOfRib(name, message.endOfRib);
      } else throw new Error(`a ${message.type} in a run`);
    }
    return heard;
  }

  /** All that is due to a peer, if it was woken. */
  drain(name: string, limitBytes = 1_400): string[] {
    const heard: string[] = [];
    const peer = this.#peer(name);
    while (peer.isAwake) {
      const frames = this.pull(name, limitBytes);
      heard.push(...frames);
      if (frames.length === 0) this.turn();
    }
    return heard;
  }

  /** Everybody hears everything, and the table holds what the model holds. */
  quiet(limitBytes = 1_400): void {
    do for (const name of this.#peers.keys()) this.drain(name, limitBytes);
    while (this.turn());
    for (const name of this.#peers.keys()) this.drain(name, limitBytes);
    this.model.atQuiet();
    const routes = Array.from(this.exchange.routes(), formatRoute).sort();
    same("routes", routes.join("\n"), this.model.routes().join("\n"));
    same("route count", this.exchange.routeCount, routes.length);
    this.#replayed.follow(this.#history);
    same("routes by history", this.#replayed.routes().join("\n"), routes.join("\n"));
    const inspector = this.exchange.inspector();
    for (const route of routes) {
      const { vni, destination, nextHop } = routeOfText(route);
      const inspected = inspector.inspect(vni, destination);
      const found = inspected.find((one) => Bun.deepEquals(one.nextHop, nextHop));
      const holders = found?.holders.map(({ source }) => source.name).sort() ?? [];
      same(`holders of ${route}`, `${holders}`, `${this.#replayed.namesOf(route, this.#history)}`);
    }
    for (const { vni, digest } of this.exchange.vnis()) {
      const ofVni = routes.map(routeOfText).filter((route) => route.vni === vni);
      same(`digest of VNI ${vni}`, digest, digestOf(ofVni));
    }
  }

  #fieldsOf(route: string): UpdateFields {
    const { vni, destination, nextHop } = routeOfText(route);
    fillUpdateFields(this.#fields, vni, destination, nextHop);
    return this.#fields;
  }

  #peer(name: string): TestPeer {
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(`there is no peer ${name}`);
    return peer;
  }
}

function same<T>(what: string, real: T, expected: T): void {
  if (real !== expected)
    throw new Error(`${what}: ${String(real)}, where the model says ${String(expected)}`);
}
