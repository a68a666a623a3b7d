/**
 * Finds out whether the servers agree: whether those that have sent their whole table of a VNI have sent the same routes.
 *
 * Digests show that in no time while nothing changes. While routes change, the digests of right servers differ at nearly any
 * moment, since each change comes from one server before the others. So a difference of digests only raises the suspicion, and
 * routes decide:
 *
 *     each second     the digests of the servers are compared, VNI by VNI
 *     10 s different  ──▶ walk:    the VNI's routes that one server has and another lacks
 *     4 s later       ──▶ confirm: a KEEPALIVE is answered by each server, so none of them is dead
 *                         look:    those of the routes that no server has announced or withdrawn since; again, while they
 *                                  become fewer
 *     none is left    ──▶ the servers agree; the next walk is 5 s later, or as long as keeps walks at 2 % of the time
 *     some are left   ──▶ the servers disagree
 *
 * Right servers are not blamed if each change comes from all of them within 4 s: what the server that lacks the route has not sent
 * yet, it sends before the look. A route that changes all the time is not judged.
 *
 * A walk and its looks (a round) serve all VNIs that are due, and one walk compares any number of servers.
 *
 * Not compared are: a server that has not sent the whole VNI on the present connection (it is in its deferral, or sends no
 * End-of-RIBs and its time is not over); a server of whose routes some were skipped for want of room; routes that this client
 * announces itself. After the process was suspended, everything begins anew: what servers have sent meanwhile is unread.
 *
 * This runs (──▶ calls):
 *
 *     ClientCore ── check, unsubscribed ──▶ ┌───────────┐ ── differences, remaining ──▶ RibComparison
 *     #timer, each second while there are   │ Agreement │ ── probe ───────────────────▶ ServerLink
 *     two established servers ────────────▶ │           │ ── log ─────────────────────▶ EventLog
 *     clock.soon: slices of a walk ───────▶ └───────────┘
 */
import type { Clock, Timer } from "../../base/clock.ts";
import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import { COMPARED_PER_TURN, COMPARED_VNIS_PER_TURN } from "../../base/turn-budget.ts";
import { formatRoute } from "../../route/announcement-text.ts";
import type { Route } from "../../route/route.ts";
import type { ServerNumber } from "./adj-ribs-in.ts";
import { MAX_COMPARED_SERVERS, type RibComparison, type RouteDifference } from "./rib-comparison.ts";

const SAMPLE_MS = 1_000;
/** Digests that differ in so many samples, one after the other, are a suspicion. */
const SUSPICIOUS_SAMPLES = 10;
/** If two samples are further apart than this, the process did not run. */
const MAX_SAMPLE_GAP_MS = 3_000;
/** In this time each change comes from all servers. */
const CONFIRM_MS = 4_000;
/** How many looks there are, while each finds fewer differences than the one before: the servers are catching up. */
const MAX_LOOKS = 10;
/** The least time between two rounds about a VNI. */
const PAUSE_MS = 5_000;
/** The time between two rounds is at least this multiple of the time that the work of the first one took. */
const PAUSE_PER_WORK = 50;
/** Differences that a round holds, in all VNIs together: some megabytes. */
const MAX_DIFFERENCES = 10_000;
/** Differences that are kept to be shown: of one VNI, and of all together. */
const MAX_KEPT_PER_VNI = 100;
const MAX_KEPT = 10_000;

/** What the comparison needs to know of a server. */
export interface ComparedServer {
  readonly number: ServerNumber;
  readonly name: string;
  /** When its connection became established, by the clock; null while it is away. */
  readonly establishedMs: number | null;
  /** Returns true if it has sent all its routes of the VNI on the present connection. */
  hasSentTable(vni: number): boolean;
  /** When the last KEEPALIVE was sent that it has answered for {@link probe}. */
  readonly probeAnsweredMs: number;
  /** Sends a KEEPALIVE, unless one was sent at `fromMs` or later. */
  probe(fromMs: number): void;
}

/** What servers disagree about in one VNI. */
export interface Disagreement {
  readonly vni: number;
  /** How many routes one server has and another lacks. */
  readonly routes: number;
  /** True if there may be more. */
  readonly isAtLeast: boolean;
  /** The servers that were compared, with how many of the routes each of them lacks. */
  readonly servers: readonly { readonly server: string; readonly lacks: number }[];
  /** Some of the routes, by address. */
  readonly examples: readonly DisagreedRoute[];
}

export interface DisagreedRoute {
  readonly route: Route;
  /** Names of servers. */
  readonly has: readonly string[];
  readonly lacks: readonly string[];
}

/** A VNI whose digests differ, or differed in the last sample. */
interface Suspect {
  samples: number;
  /** No walk before this time. */
  dueMs: number;
  disagreement: Disagreement | null;
}

/** A server on one connection. */
interface Session {
  readonly server: ComparedServer;
  readonly establishedMs: number;
}

/** A VNI in a round. */
interface Inquiry {
  readonly vni: number;
  readonly sessions: readonly Session[];
  readonly servers: readonly ServerNumber[];
  differences: RouteDifference[];
  /** There was no room for all differences. */
  isCut: boolean;
}

interface Round {
  inquiries: Inquiry[];
  /** The time that the walk and the looks took, without pauses. */
  workMs: number;
  looks: number;
  /** Null during a walk or a look. */
  confirmMs: number | null;
}

export interface AgreementOptions {
  readonly clock: Clock;
  readonly logger: EventLog;
  readonly comparison: Pick<
    RibComparison,
    "digestOf" | "hasLeftOut" | "differences" | "remaining" | "forget"
  >;
  /** The subscribed VNIs. */
  readonly vnis: ReadonlySet<number>;
  readonly servers: () => Iterable<ComparedServer>;
}

export class Agreement {
  readonly #options: AgreementOptions;
  readonly #suspects = new Map<number, Suspect>();
  /** The servers that are compared in the VNI of the last {@link #compare}. */
  readonly #compared: ComparedServer[] = [];
  #round: Round | null = null;
  #timer: Timer | null = null;
  #sampledMs = 0;
  #keptExamples = 0;
  #found = 0;
  #isStopped = false;

  constructor(options: AgreementOptions) {
    this.#options = options;
  }

  /** The VNIs about which servers disagree at present, in the order in which that was found. */
  get disagreements(): readonly Disagreement[] {
    return [...this.#suspects.values()].flatMap(({ disagreement }) => disagreement ?? []);
  }

  /** How often a disagreement about a VNI was found since the start. */
  get found(): number {
    return this.#found;
  }

  /** Returns why the servers' routes cannot be relied on, as text for an operator; null if they can. */
  get problem(): string | null {
    const vnis = this.disagreements.map(({ vni }) => vni);
    if (vnis.length === 0) return null;
    const shown = vnis.slice(0, 10).join(", ");
    return `the servers disagree about the routes of ${vnis.length} VNIs: ${shown}${vnis.length > 10 ? ", …" : ""}; 'bunbond diff --servers' names the routes`;
  }

  /** Starts or ends the samples, after a server's state has changed or a VNI was subscribed. */
  check(): void {
    if (this.#isStopped) return;
    if (!this.#hasTwoServers()) {
      this.#timer?.cancel();
      this.#timer = null;
      this.#endRound();
      for (const vni of [...this.#suspects.keys()]) this.#end(vni, "not compared");
    } else if (this.#timer === null && this.#options.vnis.size > 0) {
      this.#sampledMs = this.#options.clock.nowMs();
      this.#sampleLater();
    }
  }

  unsubscribed(vni: number): void {
    this.#end(vni, "unsubscribed");
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#endRound();
  }

  #hasTwoServers(): boolean {
    let established = 0;
    for (const { establishedMs } of this.#options.servers()) if (establishedMs !== null) established++;
    return established >= 2;
  }

  // --- samples -----------------------------------------------------------------------------------

  #sampleLater(): void {
    const { clock } = this.#options;
    const timer = clock.after(SAMPLE_MS, () => {
      // The sockets are read first: after a suspension they have much to say.
      clock.soon(() => {
        if (this.#timer === timer) this.#sample(timer);
      });
    });
    this.#timer = timer;
  }

  #sample(timer: Timer): void {
    const { clock, vnis } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs - this.#sampledMs > MAX_SAMPLE_GAP_MS) this.#beginAnew();
    this.#sampledMs = nowMs;
    // Subscriptions may change between two slices; a set's iterator follows them.
    const rest = vnis.values();
    const slice = (): void => {
      if (this.#timer !== timer) return;
      for (let left = COMPARED_VNIS_PER_TURN; left > 0; left--) {
        const { done, value } = rest.next();
        if (done) {
          this.#stepRound();
          if (vnis.size > 0) this.#sampleLater();
          else this.#timer = null;
          return;
        }
        this.#sampleVni(value);
      }
      clock.soon(slice);
    };
    slice();
  }

  /** Forgets what was observed, but not what was found. */
  #beginAnew(): void {
    this.#endRound();
    for (const [vni, suspect] of this.#suspects) {
      suspect.samples = 0;
      if (suspect.disagreement === null) this.#suspects.delete(vni);
    }
  }

  #sampleVni(vni: number): void {
    const compared = this.#compare(vni);
    const [first] = compared;
    if (first === undefined || compared.length < 2) {
      if (this.#suspects.size > 0) this.#end(vni, "not compared");
      return;
    }
    const { comparison } = this.#options;
    const digest = comparison.digestOf(first.number, vni);
    if (compared.every(({ number }) => comparison.digestOf(number, vni).equals(digest))) {
      if (this.#suspects.size > 0) this.#end(vni, "equal");
      return;
    }
    const suspect = this.#suspects.getOrInsertComputed(vni, () => ({
      samples: 0,
      dueMs: Number.NEGATIVE_INFINITY,
      disagreement: null,
    }));
    suspect.samples++;
  }

  /** Returns the servers that can be compared in the VNI, until the next call. */
  #compare(vni: number): readonly ComparedServer[] {
    const { comparison, servers } = this.#options;
    const compared = this.#compared;
    compared.length = 0;
    for (const server of servers()) {
      if (compared.length === MAX_COMPARED_SERVERS) break;
      if (server.establishedMs === null || !server.hasSentTable(vni)) continue;
      if (!comparison.hasLeftOut(server.number, vni)) compared.push(server);
    }
    return compared;
  }

  // --- rounds ------------------------------------------------------------------------------------

  /** Starts a round if a VNI is due, or a look if all servers have answered. */
  #stepRound(): void {
    const round = this.#round;
    const nowMs = this.#options.clock.nowMs();
    if (round === null) this.#startRound(nowMs);
    else if (round.confirmMs !== null && nowMs >= round.confirmMs) this.#confirm(round, round.confirmMs);
  }

  #startRound(nowMs: number): void {
    const inquiries: Inquiry[] = [];
    for (const [vni, { samples, dueMs }] of this.#suspects) {
      if (samples < SUSPICIOUS_SAMPLES || dueMs > nowMs) continue;
      const sessions = this.#compare(vni).map((server) => ({
        server,
        establishedMs: server.establishedMs ?? nowMs,
      }));
      if (sessions.length < 2) continue;
      inquiries.push({
        vni,
        sessions,
        servers: sessions.map(({ server }) => server.number),
        differences: [],
        isCut: false,
      });
    }
    if (inquiries.length === 0) return;
    // Those that have waited longest come first, where there is no room for the differences of all.
    inquiries.sort((a, b) => this.#dueMs(a) - this.#dueMs(b));
    const round: Round = { inquiries, workMs: 0, looks: 0, confirmMs: null };
    this.#round = round;
    this.#inSlices(round, this.#walk(round), () => {
      round.confirmMs = this.#options.clock.nowMs() + CONFIRM_MS;
    });
  }

  #dueMs({ vni }: Inquiry): number {
    return this.#suspects.get(vni)?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** Collects the differences, and yields after each destination. */
  *#walk({ inquiries }: Round): Iterable<void> {
    let room = MAX_DIFFERENCES;
    for (const inquiry of inquiries) {
      if (room === 0) inquiry.isCut = true;
      else {
        for (const found of this.#options.comparison.differences(inquiry)) {
          const taken = found.length > room ? found.slice(0, room) : found;
          inquiry.differences.push(...taken);
          room -= taken.length;
          if (room === 0) {
            inquiry.isCut = true;
            break;
          }
          yield;
        }
      }
      yield;
    }
  }

  /** Asks the servers for a sign of life, and looks again when all have given it. */
  #confirm(round: Round, sinceMs: number): void {
    round.inquiries = round.inquiries.filter((inquiry) => this.#isValid(inquiry));
    let isAnswered = true;
    for (const { sessions } of round.inquiries) {
      for (const { server } of sessions) {
        if (server.probeAnsweredMs >= sinceMs) continue;
        isAnswered = false;
        server.probe(sinceMs);
      }
    }
    if (round.inquiries.length === 0) this.#endRound();
    else if (isAnswered) this.#lookAgain(round);
  }

  /** Returns false if one of the servers is no longer compared, or the VNI is no longer in question. */
  #isValid({ vni, sessions }: Inquiry): boolean {
    const compared = this.#suspects.has(vni) ? this.#compare(vni) : [];
    return sessions.every(({ server, establishedMs }) => {
      return server.establishedMs === establishedMs && compared.includes(server);
    });
  }

  #lookAgain(round: Round): void {
    round.confirmMs = null;
    round.looks++;
    const before = new Map(round.inquiries.map((inquiry) => [inquiry, inquiry.differences.length]));
    this.#inSlices(round, this.#look(round), () => {
      const shrinking: Inquiry[] = [];
      for (const inquiry of round.inquiries) {
        const left = inquiry.differences.length;
        const isShrinking = left > 0 && left < (before.get(inquiry) ?? 0);
        if (isShrinking && round.looks < MAX_LOOKS) shrinking.push(inquiry);
        else if (this.#isValid(inquiry)) this.#conclude(inquiry, round);
      }
      round.inquiries = shrinking;
      if (shrinking.length > 0) round.confirmMs = this.#options.clock.nowMs() + CONFIRM_MS;
      else this.#endRound();
    });
  }

  #endRound(): void {
    this.#round = null;
    this.#options.comparison.forget();
  }

  /** Keeps the differences that remain, and yields after each. */
  *#look({ inquiries }: Round): Iterable<void> {
    for (const inquiry of inquiries) {
      const left: RouteDifference[] = [];
      for (const difference of inquiry.differences) {
        const remaining = this.#options.comparison.remaining(difference, inquiry);
        if (remaining !== null) left.push(remaining);
        yield;
      }
      inquiry.differences = left;
    }
  }

  /** Does the work up to each `yield` in slices, then calls `done`; unless the round is given up in the meantime. */
  #inSlices(round: Round, work: Iterable<void>, done: () => void): void {
    const { clock } = this.#options;
    const steps = work[Symbol.iterator]();
    const slice = (): void => {
      if (this.#round !== round || this.#isStopped) return;
      const startMs = clock.nowMs();
      let isDone = false;
      for (let left = COMPARED_PER_TURN; left > 0 && !isDone; left--) isDone = steps.next().done === true;
      round.workMs += clock.nowMs() - startMs;
      if (isDone) done();
      else clock.soon(slice);
    };
    slice();
  }

  // --- results -----------------------------------------------------------------------------------

  #conclude(inquiry: Inquiry, round: Round): void {
    const { vni, differences, isCut } = inquiry;
    const suspect = this.#suspects.get(vni);
    if (suspect === undefined) return;
    suspect.dueMs = this.#options.clock.nowMs() + Math.max(PAUSE_MS, round.workMs * PAUSE_PER_WORK);
    if (differences.length > 0) this.#disagree(suspect, inquiry);
    // If not all could be looked at, nothing is known about the rest.
    else if (!isCut) this.#resolve(vni, suspect, LOG.serversAgree);
  }

  #disagree(suspect: Suspect, inquiry: Inquiry): void {
    const before = suspect.disagreement;
    this.#keptExamples -= before?.examples.length ?? 0;
    const after = disagreementOf(inquiry, Math.min(MAX_KEPT_PER_VNI, MAX_KEPT - this.#keptExamples));
    this.#keptExamples += after.examples.length;
    suspect.disagreement = after;
    if (before === null) this.#found++;
    const lacking = after.servers.filter(({ lacks }) => lacks > 0);
    const known = new Set(before?.servers.flatMap(({ server, lacks }) => (lacks > 0 ? server : [])));
    const [first] = inquiry.differences;
    // The same servers are reported once.
    if (first === undefined || lacking.every(({ server }) => known.has(server))) return;
    this.#options.logger.log(LOG.serversDisagree, {
      vni: after.vni,
      routes: after.routes,
      servers: after.servers.map(({ server }) => server).join(),
      lacking: lacking.map(({ server, lacks }) => `${server} lacks ${lacks}`).join(),
      first: formatRoute(first.route),
    });
  }

  /** Ends the suspicion about a VNI, if there is one. */
  #end(vni: number, because: "equal" | "not compared" | "unsubscribed"): void {
    const suspect = this.#suspects.get(vni);
    if (suspect === undefined) return;
    const event = because === "equal" ? LOG.serversAgree : LOG.serversNotCompared;
    this.#resolve(vni, suspect, because === "unsubscribed" ? null : event);
    this.#suspects.delete(vni);
  }

  #resolve(
    vni: number,
    suspect: Suspect,
    event: typeof LOG.serversAgree | typeof LOG.serversNotCompared | null,
  ): void {
    if (suspect.disagreement === null) return;
    this.#keptExamples -= suspect.disagreement.examples.length;
    suspect.disagreement = null;
    if (event !== null) this.#options.logger.log(event, { vni });
  }
}

function disagreementOf({ vni, sessions, differences, isCut }: Inquiry, kept: number): Disagreement {
  const names = sessions.map(({ server }) => server.name);
  const namesOf = (bits: number) => names.filter((_, index) => (bits & (1 << index)) !== 0);
  return {
    vni,
    routes: differences.length,
    isAtLeast: isCut,
    servers: names.map((server, index) => ({
      server,
      lacks: differences.reduce((sum, { lacks }) => sum + ((lacks >> index) & 1), 0),
    })),
    examples: differences.slice(0, kept).map(({ route, has, lacks }) => ({
      route,
      has: namesOf(has),
      lacks: namesOf(lacks),
    })),
  };
}
