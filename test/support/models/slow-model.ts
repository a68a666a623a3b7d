/**
 * What protocol.md's rules demand of a server, as slow and obvious as can be: plain maps and lists, everything
 * worked out anew at each change. Tests tell it each operation in the order in which the server does it, and each
 * frame that a subscriber hears; it throws at the first one that a right server would not have sent.
 *
 * It knows no table, no queue and no order of sending. For each route of each subscription it keeps the list of
 * all that the view ever said of it, and checks that what the subscriber is told walks forward along this list:
 *
 *     moment        3         7      8            12           (counts the operations that changed something)
 *     in view       no ────── yes ── no ───────── yes ──────▶
 *     told, right                ADD ── REMOVE ────── ADD      or ADD late or never, as long as the last word is right
 *     told, wrong   ADD at once · ADD, ADD · ADD after the last REMOVE without a moment 12
 *
 * Peers and routes are names; equal names are the same. A route's name says its VNI, too.
 */

/** A right server would not have done this. */
export class Breach extends Error {
  override readonly name = "Breach";
}

interface ViewChange {
  readonly moment: number;
  readonly isInView: boolean;
}

interface RouteHistory {
  readonly view: ViewChange[];
  /** The last word was ADD. */
  isTold: boolean;
  /** The earliest moment at which the view said what was told last. */
  toldMoment: number;
}

interface ModelSubscription {
  readonly vni: number;
  readonly sinceMoment: number;
  readonly routes: Map<string, RouteHistory>;
  endOfRibReceived: boolean;
  hasEnded: boolean;
  /** Number of the peer's first KEEPALIVE behind its UNSUBSCRIBE; 0: there is none. Its answer is the fence. */
  fence: number;
}

interface ModelPeer {
  readonly isServer: boolean;
  /** Ended ones stay until their fence. */
  readonly subscriptions: Map<number, ModelSubscription>;
  keepalivesSent: number;
  keepalivesAnswered: number;
}

export class SlowModel {
  readonly #peers = new Map<string, ModelPeer>();
  readonly #left = new Set<string>();
  /** Those who left, and whose announcements are retained. */
  readonly #retained = new Map<string, ModelPeer>();
  /** VNI → route → who announces it. Routes that nobody announces any more stay, with nobody. */
  readonly #origins = new Map<number, Map<string, Set<string>>>();
  #moment = 0;
  #endOfRibDeferred: boolean;

  constructor(options: { readonly deferEndOfRib: boolean }) {
    this.#endOfRibDeferred = options.deferEndOfRib;
  }

  // --- what the server is told -------------------------------------------------------------------

  /** The peer is ESTABLISHED. A name is used once. */
  join(peer: string, isServer: boolean): void {
    if (this.#peers.has(peer) || this.#left.has(peer)) throw new Error(`${peer} has joined before`);
    this.#peers.set(peer, {
      isServer,
      subscriptions: new Map(),
      keepalivesSent: 0,
      keepalivesAnswered: 0,
    });
  }

  leave(peer: string): void {
    this.retain(peer);
    this.forget(peer);
  }

  /**
   * It has left, but its announcements still count: each until somebody else announces or withdraws the same route, all
   * until {@link forget}.
   */
  retain(peer: string): void {
    this.#retained.set(peer, this.#peer(peer));
    this.#peers.delete(peer);
    this.#left.add(peer);
  }

  forget(peer: string): void {
    if (!this.#retained.delete(peer)) throw new Error(`nothing is retained of ${peer}`);
    for (const routes of this.#origins.values()) for (const origins of routes.values()) origins.delete(peer);
    this.#noteViews();
  }

  /** False: the peer announced it already. */
  add(peer: string, vni: number, route: string): boolean {
    this.#peer(peer);
    const routes = this.#origins.getOrInsertComputed(vni, () => new Map<string, Set<string>>());
    const origins = routes.getOrInsertComputed(route, () => new Set<string>());
    if (origins.has(peer)) return false;
    origins.add(peer);
    this.#takeOver(origins);
    this.#noteViews();
    return true;
  }

  /** False: the peer did not announce it, and nothing changes. */
  remove(peer: string, vni: number, route: string): boolean {
    this.#peer(peer);
    const origins = this.#origins.get(vni)?.get(route);
    if (origins === undefined || !origins.delete(peer)) return false;
    this.#takeOver(origins);
    this.#noteViews();
    return true;
  }

  /** False: it was subscribed already. */
  subscribe(peer: string, vni: number): boolean {
    const { subscriptions } = this.#peer(peer);
    const known = subscriptions.get(vni);
    if (known?.hasEnded)
      throw new Error(`${peer} must not SUBSCRIBE ${vni} before its fence: the test is wrong`);
    if (known !== undefined) return false;
    const subscription = {
      vni,
      // The moment that #noteViews is about to note: the view begins with what is there.
      sinceMoment: this.#moment + 1,
      routes: new Map<string, RouteHistory>(),
      endOfRibReceived: false,
      hasEnded: false,
      fence: 0,
    };
    subscriptions.set(vni, subscription);
    this.#noteViews();
    return true;
  }

  /** False: it was not subscribed. */
  unsubscribe(peer: string, vni: number): boolean {
    const subscription = this.#peer(peer).subscriptions.get(vni);
    if (subscription === undefined || subscription.hasEnded) return false;
    subscription.hasEnded = true;
    return true;
  }

  /** By the peer, to the server. */
  keepaliveSent(name: string): void {
    const peer = this.#peer(name);
    peer.keepalivesSent++;
    for (const subscription of peer.subscriptions.values()) {
      if (subscription.hasEnded && subscription.fence === 0) subscription.fence = peer.keepalivesSent;
    }
  }

  releaseEndOfRib(): void {
    this.#endOfRibDeferred = false;
  }

  // --- what subscribers hear ---------------------------------------------------------------------

  heardUpdate(name: string, isAdd: boolean, vni: number, route: string): void {
    const what = `${name} hears ${isAdd ? "ADD" : "REMOVE"} ${route}`;
    const subscription = this.#hearing(name, vni, what);
    if (subscription === null) return;
    const history = subscription.routes.get(route);
    if (history === undefined) throw new Breach(`${what}, which nobody has announced`);
    if (history.isTold === isAdd) throw new Breach(`${what}, which it has been told already`);
    const moment = firstMoment(history, isAdd);
    if (moment === null) {
      throw new Breach(`${what}, which its view did not say at or after moment ${history.toldMoment}:
        ${history.view.map((change) => `${change.moment}: ${change.isInView}`).join(", ")}`);
    }
    history.isTold = isAdd;
    history.toldMoment = moment;
  }

  receivedEndOfRib(name: string, vni: number): void {
    const what = `${name} hears the End-of-RIB of VNI ${vni}`;
    const subscription = this.#hearing(name, vni, what);
    if (subscription === null) return;
    if (this.#endOfRibDeferred) throw new Breach(`${what}, although they are held back`);
    if (subscription.endOfRibReceived) throw new Breach(`${what} a second time`);
    subscription.endOfRibReceived = true;
    const histories = [...subscription.routes.values()];
    let moment = Math.max(subscription.sinceMoment, ...histories.map((history) => history.toldMoment));
    while (!histories.every((history) => wasInView(history, moment) === history.isTold)) {
      if (++moment > this.#moment) throw new Breach(`${what} while there is something still to be sent`);
    }
    for (const history of histories) history.toldMoment = moment;
  }

  keepaliveAnswered(name: string): void {
    if (this.#left.has(name)) return;
    const peer = this.#peer(name);
    if (++peer.keepalivesAnswered > peer.keepalivesSent) {
      throw new Breach(
        `${name} hears answer ${peer.keepalivesAnswered} to ${peer.keepalivesSent} KEEPALIVEs`,
      );
    }
    for (const { vni, fence } of [...peer.subscriptions.values()]) {
      if (fence > 0 && fence <= peer.keepalivesAnswered) peer.subscriptions.delete(vni);
    }
  }

  /** Everything that is due has been heard. */
  atQuiet(): void {
    for (const [name, peer] of this.#peers) {
      if (peer.keepalivesAnswered !== peer.keepalivesSent) {
        throw new Breach(
          `${name} has ${peer.keepalivesAnswered} answers to ${peer.keepalivesSent} KEEPALIVEs`,
        );
      }
      for (const { vni, hasEnded, endOfRibReceived, routes } of peer.subscriptions.values()) {
        if (hasEnded) continue;
        for (const [route, history] of routes) {
          if (history.isTold === wasInView(history, this.#moment)) continue;
          const told = history.isTold ? "still there" : "not there";
          throw new Breach(`${name} believes at the end that ${route} is ${told}`);
        }
        if (!endOfRibReceived && !this.#endOfRibDeferred)
          throw new Breach(`${name} never hears the End-of-RIB of VNI ${vni}`);
      }
    }
  }

  /** All routes that somebody announces, sorted. */
  routes(): string[] {
    const announced: string[] = [];
    for (const routes of this.#origins.values()) {
      for (const [route, origins] of routes) if (origins.size > 0) announced.push(route);
    }
    return announced.sort();
  }

  /** What the peer would have to know of the VNI now, sorted. */
  view(peer: string, vni: number): string[] {
    const routes = this.#origins.get(vni)?.keys() ?? [];
    return [...routes].filter((route) => this.#isInView(peer, vni, route)).sort();
  }

  // --- the rules ---------------------------------------------------------------------------------

  /** Some origin is neither the peer itself nor, if the peer is a server, another server. */
  #isInView(peer: string, vni: number, route: string): boolean {
    for (const origin of this.#origins.get(vni)?.get(route) ?? []) {
      const { isServer } = this.#retained.get(origin) ?? this.#peer(origin);
      const betweenServers = isServer && this.#peer(peer).isServer;
      if (origin !== peer && !betweenServers) return true;
    }
    return false;
  }

  /** Somebody alive has spoken of the route: what those who left said of it counts no more. */
  #takeOver(origins: Set<string>): void {
    for (const origin of origins) if (this.#retained.has(origin)) origins.delete(origin);
  }

  /** After every operation: what does each subscriber's view say of each route now? */
  #noteViews(): void {
    this.#moment++;
    for (const [peer, { subscriptions }] of this.#peers) {
      for (const { vni, sinceMoment, routes } of subscriptions.values()) {
        for (const route of this.#origins.get(vni)?.keys() ?? []) {
          const history = routes.getOrInsertComputed(route, () => newHistory(sinceMoment));
          const isInView = this.#isInView(peer, vni, route);
          if (history.view.at(-1)?.isInView !== isInView)
            history.view.push({ moment: this.#moment, isInView });
        }
      }
    }
  }

  /** The subscription that a frame of the VNI belongs to; null: the peer is gone, and reads what was under way. */
  #hearing(name: string, vni: number, what: string): ModelSubscription | null {
    if (this.#left.has(name)) return null;
    const subscription = this.#peer(name).subscriptions.get(vni);
    if (subscription === undefined) throw new Breach(`${what}, to which it is not subscribed`);
    return subscription;
  }

  #peer(name: string): ModelPeer {
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(`${name} is not established`);
    return peer;
  }
}

/** Nothing has been told yet. A route that is there when the subscription begins has a second entry of that moment. */
function newHistory(moment: number): RouteHistory {
  return { view: [{ moment, isInView: false }], isTold: false, toldMoment: moment };
}

function wasInView(history: RouteHistory, moment: number): boolean {
  return history.view.findLast((change) => change.moment <= moment)?.isInView === true;
}

/** The earliest moment, not before the last one, at which the view said this. */
function firstMoment({ view, toldMoment }: RouteHistory, isInView: boolean): number | null {
  for (const [index, change] of view.entries()) {
    const until = view[index + 1]?.moment ?? Number.POSITIVE_INFINITY;
    if (change.isInView === isInView && until > toldMoment) return Math.max(change.moment, toldMoment);
  }
  return null;
}
