/**
 * Innocent peers beside an attack: A announces and withdraws a route, B is subscribed to it. Both ask for a
 * KEEPALIVE's answer ten times a second, and how long each answer and each update takes is kept. A peer that is cut off connects
 * again, and that is counted. A third one connects again and again, as hypervisors do that have just started: how long it
 * takes until it is established is kept, and how long until it has had the End-of-RIB of a table. It announces a route and goes, by
 * a FIN: how long that takes to reach a subscriber is kept, too.
 */
import { AttackingPeer, type Target } from "./attacking-peer.ts";
import { announce, hop, KEEPALIVE, subscribe, withdraw } from "./frames.ts";

const PERIOD_MS = 100;
const RETURN_MS = 300;
const VNI = 4_242;
/** Where those announce that come and go. */
const VISITED_VNI = 4_243;
const VISITOR_STAY_MS = 200;
const ROUTE = { vni: VNI, prefix: [10, 9, 8, 0], lengthBits: 24, hop: hop(7) };

export interface Observed {
  /** Longest waits, with those that are not over. */
  readonly keepaliveMaxMs: number;
  readonly updateMaxMs: number;
  /** Longest time from the first attempt to connect until a newcomer is established. */
  readonly newcomerMaxMs: number;
  /** Longest time from SUBSCRIBE to the End-of-RIB. */
  readonly endOfRibMaxMs: number;
  /** Longest time from an announcer's FIN to the withdrawal of its route. */
  readonly departureMaxMs: number;
  /** How late this process itself was: below that, the others say nothing. */
  readonly ownDelayMs: number;
  readonly lostSessions: number;
  readonly updates: number;
}

/** The longest of some waits, of which one may be under way. */
class LongestWait {
  #sinceMs: number | null = null;
  #maxMs = 0;

  get isOn(): boolean {
    return this.#sinceMs !== null;
  }

  begin(): void {
    this.#sinceMs ??= performance.now();
  }

  end(): void {
    this.#maxMs = this.maxMs;
    this.#sinceMs = null;
  }

  /** What was before does not count. */
  reset(): void {
    this.#maxMs = 0;
    if (this.#sinceMs !== null) this.#sinceMs = performance.now();
  }

  get maxMs(): number {
    return Math.max(this.#maxMs, this.#sinceMs === null ? 0 : performance.now() - this.#sinceMs);
  }
}

export class Observer {
  readonly #target: Target;
  readonly #keepalives = [new LongestWait(), new LongestWait()];
  readonly #update = new LongestWait();
  readonly #newcomer = new LongestWait();
  readonly #endOfRib = new LongestWait();
  readonly #departure = new LongestWait();
  #ownDelayMs = 0;
  #lostSessions = 0;
  #updates = 0;
  #isOver = false;
  readonly #runs: Promise<void>[];
  readonly #established: PromiseWithResolvers<void>[] = [Promise.withResolvers(), Promise.withResolvers()];

  constructor(target: Target) {
    this.#target = target;
    this.#runs = [this.#run(0), this.#run(1), this.#comeAndGo(), this.#watchOwnDelay()];
  }

  /** Both have been let in for the first time. */
  async ready(): Promise<void> {
    await Promise.all(this.#established.map(({ promise }) => promise));
  }

  /** What counts begins now: at first this process itself is slow, until its code is compiled. */
  begin(): void {
    for (const wait of [...this.#keepalives, this.#update, this.#newcomer]) wait.reset();
    this.#ownDelayMs = 0;
    this.#updates = 0;
    this.#lostSessions = 0;
  }

  async finish(): Promise<Observed> {
    const observed = {
      keepaliveMaxMs: Math.max(...this.#keepalives.map(({ maxMs }) => maxMs)),
      updateMaxMs: this.#update.maxMs,
      newcomerMaxMs: this.#newcomer.maxMs,
      endOfRibMaxMs: this.#endOfRib.maxMs,
      departureMaxMs: this.#departure.maxMs,
      ownDelayMs: this.#ownDelayMs,
      lostSessions: this.#lostSessions,
      updates: this.#updates,
    };
    this.#isOver = true;
    await Promise.all(this.#runs);
    return observed;
  }

  async #run(index: 0 | 1): Promise<void> {
    while (!this.#isOver) {
      try {
        const peer = await AttackingPeer.establish(this.#target);
        this.#established[index]?.resolve();
        await this.#live(peer, index);
        if (!this.#isOver) this.#lostSessions++;
        peer.leave();
      } catch {
        // Not let in: it is tried again, and meanwhile the update waits.
      }
      await Bun.sleep(RETURN_MS);
    }
  }

  async #live(peer: AttackingPeer, index: 0 | 1): Promise<void> {
    const wait = this.#keepalives[index] as LongestWait; // there are two
    await peer.fence();
    if (index === 1) peer.write(Uint8Array.from(subscribe(VNI)));
    let answers = peer.keepalives;
    let updates = peer.updates;
    let isAnnounced = false;
    let nextMs = performance.now();
    while (!peer.closed && !this.#isOver) {
      if (performance.now() >= nextMs) {
        nextMs = performance.now() + PERIOD_MS;
        if (!wait.isOn) {
          wait.begin();
          answers = peer.keepalives;
          peer.write(Uint8Array.from(KEEPALIVE));
        }
        if (index === 0 && !this.#update.isOn && this.#established[1] !== undefined) {
          isAnnounced = !isAnnounced;
          this.#update.begin();
          peer.write(Uint8Array.from(isAnnounced ? announce(ROUTE) : withdraw(ROUTE)));
        }
      }
      await Promise.race([
        peer.until(() => peer.keepalives > answers || peer.updates > updates),
        Bun.sleep(PERIOD_MS / 4),
      ]);
      if (wait.isOn && peer.keepalives > answers) wait.end();
      if (peer.updates > updates) {
        this.#updates += peer.updates - updates;
        updates = peer.updates;
        if (index === 1 && this.#update.isOn) this.#update.end();
      }
    }
    // What was under way when the session was lost counts as long as it took to come back.
  }

  async #comeAndGo(): Promise<void> {
    let watcher: AttackingPeer | null = null;
    for (let visits = 0; !this.#isOver; visits++) {
      this.#newcomer.begin();
      try {
        const peer = await AttackingPeer.establish(this.#target);
        if (!peer.closed) this.#newcomer.end();
        if (watcher === null || watcher.closed) watcher = await this.#watchVisitors();
        // One that was not let in ends, too.
        if (!peer.closed && !watcher.closed) await this.#visit(peer, watcher, visits);
        peer.leave();
      } catch {
        // Not let in: the wait goes on.
      }
      await Bun.sleep(RETURN_MS);
    }
    watcher?.leave();
  }

  async #watchVisitors(): Promise<AttackingPeer> {
    const watcher = (await AttackingPeer.establish(this.#target)).stayAlive();
    watcher.write(Uint8Array.from(subscribe(VISITED_VNI)));
    return watcher;
  }

  /** Announces a route, has a table, and goes. */
  async #visit(peer: AttackingPeer, watcher: AttackingPeer, visits: number): Promise<void> {
    const { updates } = watcher;
    const route = { vni: VISITED_VNI, prefix: [10, 9, 7, visits & 255], lengthBits: 32, hop: hop(8) };
    const isOver = () => this.#isOver || watcher.closed || peer.closed;
    const ticker = setInterval(() => {
      if (!this.#isOver) return;
      peer.leave();
      watcher.leave();
    }, PERIOD_MS);
    this.#endOfRib.begin();
    peer.write(Uint8Array.from([...announce(route), ...subscribe(VNI)]));
    await Promise.all([
      peer.until(() => peer.endOfRibs > 0 || isOver()),
      watcher.until(() => watcher.updates > updates || isOver()),
    ]);
    if (peer.endOfRibs > 0) this.#endOfRib.end();
    await Bun.sleep(VISITOR_STAY_MS);
    this.#departure.begin();
    peer.end();
    await watcher.until(() => watcher.updates > updates + 1 || this.#isOver || watcher.closed);
    if (watcher.updates > updates + 1) this.#departure.end();
    clearInterval(ticker);
  }

  async #watchOwnDelay(): Promise<void> {
    const STEP_MS = 20;
    while (!this.#isOver) {
      const before = performance.now();
      await Bun.sleep(STEP_MS);
      this.#ownDelayMs = Math.max(this.#ownDelayMs, performance.now() - before - STEP_MS);
    }
  }
}
