/**
 * This schedule decides which connection is read when. The event loop delivers the received bytes of each readable
 * socket, up to 512 KB per socket and a thousand sockets per iteration, without any fairness; the schedule adds it.
 *
 *     a chunk comes ──▶ tiny, its connection has credit ──────────▶ read at once       (READ_TINY_MS a turn for all)
 *                   ├─▶ small, its connection has credit ─────────▶ read at once       (READ_SMALL_MS a turn for all)
 *                   ├─▶ none waits, the turn's time is not over ──▶ read at once       (READ_MS a turn for all)
 *                   └─▶ else: the stream is paused, the chunk waits
 *
 *     each turn         the tiny ones that wait, the small ones, then the others, by turns (fair-queue.ts), each for a
 *                       quantum of time. If no small one waits, its time is for the tiny ones.
 *
 *     a chunk is read ─▶ the connection has credit, or there is an open place: the stream is resumed
 *                     └▶ else it is parked: paused, with nothing held, until a place is open
 *
 * Credit is processor time: a connection has some at first, gains more as time passes, and spends it when it is read. A
 * connection that sends little always has credit. Of those without credit only some are open at a time, since an open
 * one can deliver 512 KB at once: sixteen, while little is held; and in any case one each of 32 sources that hold
 * nothing, so that a source with thousands does not take all places. So the bytes that are held are bounded, whatever
 * the number of connections and of sources, but for the chunks that were delivered before their connection was known to
 * send much, at most one each.
 *
 * The schedule is pure: streams and time are passed in.
 */
import type { Clock } from "../../base/clock.ts";
import {
  QUANTUM_MS,
  READ_MS,
  READ_SMALL_MS,
  READ_TINY_MS,
  RESUMED_PER_TURN,
  SOURCES_PER_TURN,
} from "../../base/turn-budget.ts";
import { FairMember, FairQueue, type FairSource, Ring } from "./fair-queue.ts";

/** The part of a connection that the schedule needs. */
export interface Reader {
  /** Reads what was received, until about this time. Returns true if some of it is left. */
  read(untilMs: number): boolean;
  /** Stops further deliveries until `resumeInput`. */
  pauseInput(): void;
  resumeInput(): void;
  /** Makes each delivery from now on as small as possible. */
  narrowInput(): void;
}

/** The largest chunk that counts as small: some hundred updates. */
const SMALL_BYTES = 4_096;
/** The largest chunk that counts as tiny: a KEEPALIVE and some updates. It does not wait for thousands of small chunks. */
const TINY_BYTES = 256;
/** Once this much time has been used, a turn is requested, in which the times are counted anew. */
const ASK_AFTER_MS = 1;
/** The most credit of a connection, in processor time. */
const MOST_CREDIT_MS = 1;
/** The least credit, so that a connection that has sent much has credit again within a second. */
const LEAST_CREDIT_MS = -4;
/** The rate at which credit grows. A client that sends a KEEPALIVE and ten updates a second needs a tenth of it. */
const CREDIT_PER_MS = 0.004;
/**
 * The most that a small chunk costs, whatever time has passed: the process may have been interrupted in the meantime.
 */
const MOST_MS_PER_BYTE = 0.0025;
/**
 * The cost of delivering a chunk, which is copied into new memory, and held. It is set to several times the measured
 * time.
 */
const DELIVERY_MS_PER_BYTE = 5e-6;
/** How many connections without credit may deliver at a time, as long as no more than the target is held. */
const SHARED_PLACES = 16;
const HELD_TARGET_BYTES = 16 << 20;
/**
 * How many sources may have one connection each that has a place beyond those, whatever is held. The place is occupied
 * until what the connection has delivered is read.
 */
const SOURCE_PLACES = 32;
/**
 * Beyond this all streams are parked, until less is held. That happens only if very many that were silent before send much at the
 * same moment.
 */
const HELD_LIMIT_BYTES = 128 << 20;
/** How long a connection may keep an open place without delivering anything, while others are parked. */
const OPEN_MS = 5;

/** The kind of a connection's place. */
type Place = "none" | "shared" | "source";

/** The state of a connection in the schedule. */
type Standing =
  | "open"
  | "open place"
  | "waiting tiny"
  | "waiting small"
  | "waiting"
  | "parked small"
  | "parked";

export class ReadMember extends FairMember<ReadMember> {
  readonly reader: Reader;
  readonly role: "client" | "server";
  standing: Standing = "open";
  /** True if its last chunk was not small, or it has no credit: it may deliver in an open place only. */
  isHeavy = false;
  isNarrow = false;
  heldBytes = 0;
  creditMs = MOST_CREDIT_MS;
  /** When its credit was last computed. */
  countedMs: number;
  /** When it got its open place. */
  openedMs = 0;
  /** True from when it gets a place of its source until it has been read, or the place is withdrawn. */
  hasSourcePlace = false;

  constructor(source: FairSource, reader: Reader, role: "client" | "server", nowMs: number) {
    super(source);
    this.reader = reader;
    this.role = role;
    this.countedMs = nowMs;
  }

  /** True if it has, or may have, received data that was not read yet. */
  get isWaiting(): boolean {
    return this.standing !== "open" && this.standing !== "open place";
  }
}

export class ReadSchedule {
  readonly #clock: Clock;
  readonly #members = new Set<ReadMember>();
  readonly #tiny = new FairQueue<ReadMember>(QUANTUM_MS);
  readonly #small = new FairQueue<ReadMember>(QUANTUM_MS);
  readonly #waiting = new FairQueue<ReadMember>(QUANTUM_MS);
  /** Parked connections. Their costs are counted in places. */
  readonly #parkedSmall = new FairQueue<ReadMember>(1);
  readonly #parked = new FairQueue<ReadMember>(1);
  /** Connections with an open place, the oldest first. */
  readonly #openPlaces = new Ring<ReadMember>();
  /** How many of those places are shared ones. */
  #sharedCount = 0;
  /** How many places of sources are occupied. */
  #sourceCount = 0;
  #heldBytes = 0;
  /** True if all connections were parked, and there has been no room since. */
  #isFull = false;
  /** The time used in this turn. */
  #tinyMs = 0;
  #smallMs = 0;
  #readMs = 0;
  #turnAsked = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many bytes of chunks wait to be read. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  join(source: FairSource, reader: Reader, role: "client" | "server"): ReadMember {
    const member = new ReadMember(source, reader, role, this.#clock.nowMs());
    this.#members.add(member);
    return member;
  }

  /** Removes a connection. It is never read again, and its chunks are dropped. */
  leave(member: ReadMember): void {
    if (!this.#members.delete(member)) return;
    const wasWaiting = member.isWaiting;
    this.#unstand(member);
    this.#freeSourcePlace(member);
    this.#release(member);
    // Otherwise the socket would never detect that the peer has closed, too.
    if (wasWaiting) member.reader.resumeInput();
  }

  /**
   * Called when the peer has closed. Returns true if the unread data is still to be read. It is not if much is held:
   * pausing does not stop connections from ending, and new ones take their places.
   */
  keeps(member: ReadMember): boolean {
    return member.heldBytes > 0 && this.#heldBytes < HELD_TARGET_BYTES;
  }

  /** Called when a connection has received bytes: they are read at once, or later. */
  onReceived(member: ReadMember, bytes: number): void {
    if (member.heldBytes > 0) {
      this.#hold(member, bytes);
      return;
    }
    const nowMs = this.#clock.nowMs();
    this.#count(member, nowMs);
    this.#take(member, bytes * DELIVERY_MS_PER_BYTE);
    const isParked = member.isWaiting;
    this.#unstand(member);
    const isSmall = bytes <= SMALL_BYTES && member.creditMs > 0;
    const isTiny = isSmall && bytes <= TINY_BYTES;
    member.isHeavy = !isSmall;
    if (isSmall ? !isParked && this.#mayReadSmallAtOnce(isTiny) : this.#mayReadAtOnce(member)) {
      const leftMs = READ_MS[member.role] - this.#readMs;
      const hasMore = member.reader.read(nowMs + Math.max(QUANTUM_MS, leftMs));
      const costMs = this.#cost(member, nowMs, bytes, isSmall);
      if (isTiny) this.#tinyMs += costMs;
      else if (isSmall) this.#smallMs += costMs;
      else this.#readMs += costMs;
      if (this.#tinyMs + this.#smallMs + this.#readMs > ASK_AFTER_MS) this.#askTurn();
      if (!this.#members.has(member)) {
        if (isParked) member.reader.resumeInput();
        return;
      }
      if (!hasMore) {
        this.#reopen(member, isParked);
        return;
      }
      this.#wait(member, bytes, "waiting");
    } else this.#wait(member, bytes, isTiny ? "waiting tiny" : isSmall ? "waiting small" : "waiting");
    if (!isParked) member.reader.pauseInput();
    if (this.#heldBytes > HELD_LIMIT_BYTES) this.#parkAll();
    else this.#isFull = false;
    this.#askTurn();
  }

  #mayReadSmallAtOnce(isTiny: boolean): boolean {
    return isTiny ? this.#tinyMs < READ_TINY_MS : this.#smallMs < READ_SMALL_MS;
  }

  #mayReadAtOnce({ role }: ReadMember): boolean {
    return this.#waiting.length === 0 && this.#parked.length === 0 && this.#readMs < READ_MS[role];
  }

  // --- a turn ------------------------------------------------------------------------------------

  #askTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#clock.soon(this.#turn, "input");
  }

  readonly #turn = (): void => {
    this.#turnAsked = false;
    // Thousands of peers may send their KEEPALIVEs at the same moment.
    const tinyMs = this.#small.length === 0 ? READ_TINY_MS + READ_SMALL_MS : READ_TINY_MS;
    this.#tinyMs = this.#serveSmall(this.#tiny, tinyMs);
    this.#smallMs = this.#serveSmall(this.#small, READ_SMALL_MS);
    this.#readMs = 0;
    for (let member = this.#waiting.next(); member !== null; member = this.#waiting.next()) {
      const leftMs = READ_MS[member.role] - this.#readMs;
      if (leftMs <= 0) break;
      const forMs = this.#waiting.length === 1 ? leftMs : Math.min(QUANTUM_MS, leftMs);
      this.#readMs += this.#serve(member, this.#waiting, forMs);
    }
    this.#openParked();
    if (this.#tiny.length + this.#small.length + this.#waiting.length > 0) this.#askTurn();
    else if (this.#parkedSmall.length + this.#parked.length > 0) this.#openLater();
  };

  /** Reads from the connections in a queue for about this long, and returns the cost. */
  #serveSmall(queue: FairQueue<ReadMember>, forMs: number): number {
    let costMs = 0;
    for (let member = queue.next(); member !== null && costMs < forMs; member = queue.next()) {
      costMs += this.#serve(member, queue, QUANTUM_MS);
    }
    return costMs;
  }

  /** Reads from a connection, and returns the cost. */
  #serve(member: ReadMember, queue: FairQueue<ReadMember>, forMs: number): number {
    const { heldBytes } = member;
    const isSmall = member.standing !== "waiting";
    const startMs = this.#clock.nowMs();
    const hasMore = member.reader.read(startMs + forMs);
    const costMs = this.#cost(member, startMs, heldBytes, isSmall);
    // A member that has left is in no queue.
    if (!this.#members.has(member)) return costMs;
    queue.charge(member, costMs);
    if (hasMore) {
      if (!isSmall) return costMs;
      this.#unstand(member);
      this.#stand(member, "waiting");
      return costMs;
    }
    this.#unstand(member);
    this.#release(member);
    this.#reopen(member, true);
    return costMs;
  }

  /** Subtracts the cost of reading since `sinceMs` from the credit, and returns it. */
  #cost(member: ReadMember, sinceMs: number, bytes: number, isSmall: boolean): number {
    const tookMs = this.#clock.nowMs() - sinceMs;
    this.#take(member, isSmall ? Math.min(tookMs, bytes * MOST_MS_PER_BYTE) : tookMs);
    return tookMs;
  }

  #take(member: ReadMember, costMs: number): void {
    member.creditMs = Math.max(LEAST_CREDIT_MS, member.creditMs - costMs);
  }

  #count(member: ReadMember, nowMs: number): void {
    const grownMs = (nowMs - member.countedMs) * CREDIT_PER_MS;
    member.creditMs = Math.min(MOST_CREDIT_MS, member.creditMs + grownMs);
    member.countedMs = nowMs;
  }

  // --- standings ---------------------------------------------------------------------------------

  /** Removes a member from the queue of its standing. */
  #unstand(member: ReadMember): void {
    switch (member.standing) {
      case "open place":
        this.#openPlaces.remove(member);
        if (!member.hasSourcePlace) this.#sharedCount--;
        member.source.reading--;
        break;
      case "waiting tiny":
        this.#tiny.remove(member);
        break;
      case "waiting small":
        this.#small.remove(member);
        break;
      case "waiting":
        this.#waiting.remove(member);
        member.source.reading--;
        break;
      case "parked small":
        this.#parkedSmall.remove(member);
        break;
      case "parked":
        this.#parked.remove(member);
    }
    member.standing = "open";
  }

  /** Changes a member's standing, which is "open" before. */
  #stand(member: ReadMember, standing: Standing): void {
    member.standing = standing;
    switch (standing) {
      case "open place":
        this.#openPlaces.append(member);
        if (!member.hasSourcePlace) this.#sharedCount++;
        member.source.reading++;
        member.openedMs = this.#clock.nowMs();
        break;
      case "waiting tiny":
        this.#tiny.add(member);
        break;
      case "waiting small":
        this.#small.add(member);
        break;
      case "waiting":
        this.#waiting.add(member);
        member.source.reading++;
        break;
      case "parked small":
        this.#parkedSmall.add(member);
        break;
      case "parked":
        this.#parked.add(member);
        // When the peer resets the connection, everything that it has sent in the meantime is delivered at once, paused
        // or not.
        if (!member.isNarrow) member.reader.narrowInput();
        member.isNarrow = true;
    }
  }

  #wait(member: ReadMember, bytes: number, standing: Standing): void {
    this.#stand(member, standing);
    this.#hold(member, bytes);
  }

  #hold(member: ReadMember, bytes: number): void {
    member.heldBytes += bytes;
    this.#heldBytes += bytes;
  }

  #release(member: ReadMember): void {
    this.#heldBytes -= member.heldBytes;
    member.heldBytes = 0;
  }

  /** Opens or parks a connection from which everything has been read. */
  #reopen(member: ReadMember, isPaused: boolean): void {
    this.#freeSourcePlace(member);
    if (member.creditMs <= 0) member.isHeavy = true;
    const opens = member.isHeavy
      ? this.#parked.length === 0 && this.#open(member)
      : this.#heldBytes < HELD_LIMIT_BYTES;
    if (opens) {
      if (isPaused) member.reader.resumeInput();
      return;
    }
    this.#stand(member, member.isHeavy ? "parked" : "parked small");
    if (!isPaused) member.reader.pauseInput();
    this.#askTurn();
  }

  /** Gives a member that stands nowhere a place. Returns false if there is none for it. */
  #open(member: ReadMember): boolean {
    const place = this.#placeFor(member);
    if (place === "none") return false;
    if (place === "source") {
      member.hasSourcePlace = true;
      this.#sourceCount++;
    }
    this.#stand(member, "open place");
    return true;
  }

  get #hasSharedPlace(): boolean {
    return this.#sharedCount < SHARED_PLACES && this.#heldBytes < HELD_TARGET_BYTES;
  }

  #placeFor({ source }: ReadMember): Place {
    if (this.#hasSharedPlace) return "shared";
    return source.reading === 0 && this.#sourceCount < SOURCE_PLACES ? "source" : "none";
  }

  #freeSourcePlace(member: ReadMember): void {
    if (member.hasSourcePlace) this.#sourceCount--;
    member.hasSourcePlace = false;
  }

  #openParked(): void {
    const most = RESUMED_PER_TURN[this.#heldBytes < HELD_LIMIT_BYTES ? "else" : "beyondLimit"];
    for (let opened = 0; opened < most; opened++) {
      const member = this.#parkedSmall.next();
      if (member === null) break;
      this.#parkedSmall.charge(member, 1);
      this.#unstand(member);
      member.reader.resumeInput();
    }
    if (this.#parked.length === 0) return;
    this.#reclaimPlaces(this.#clock.nowMs());
    for (let looks = 0; looks < SOURCES_PER_TURN; ) {
      // A source whose turn it is keeps it while there is no place for any.
      if (!this.#hasSharedPlace && this.#sourceCount === SOURCE_PLACES) return;
      const member = this.#parked.next();
      if (member === null) return;
      if (this.#placeFor(member) === "none") {
        this.#parked.skipSource();
        looks++;
        continue;
      }
      this.#parked.charge(member, 1);
      this.#unstand(member);
      this.#open(member);
      member.reader.resumeInput();
    }
  }

  /** Withdraws open places from connections that deliver nothing. */
  #reclaimPlaces(nowMs: number): void {
    for (let looks = this.#sharedCount + this.#sourceCount; looks > 0; looks--) {
      const oldest = this.#openPlaces.head;
      if (oldest === null || nowMs - oldest.openedMs < OPEN_MS) return;
      this.#count(oldest, nowMs);
      this.#unstand(oldest);
      this.#freeSourcePlace(oldest);
      oldest.isHeavy = oldest.creditMs <= 0;
      if (!oldest.isHeavy) continue;
      oldest.reader.pauseInput();
      this.#stand(oldest, "parked");
    }
  }

  #openLater(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#clock.after(OPEN_MS, () => this.#clock.soon(this.#turn, "input"));
  }

  /** Parks all connections that could still deliver, until there is room. */
  #parkAll(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    for (const member of this.#members) {
      if (member.isWaiting) continue;
      this.#unstand(member);
      this.#freeSourcePlace(member);
      member.reader.pauseInput();
      this.#stand(member, member.isHeavy ? "parked" : "parked small");
    }
  }
}
