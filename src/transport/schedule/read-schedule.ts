/**
 * Who is read when. The event loop hands over what each readable socket holds, up to 512 KB a socket and a thousand
 * sockets an iteration, and knows no fairness; this does.
 *
 *     a chunk comes ──▶ small, its connection has credit ─────────▶ read at once       (SMALL_MS a turn for all)
 *                   ├─▶ nobody waits, the turn's time is not over ▶ read at once       (READ_MS a turn for all)
 *                   └─▶ else: the stream is paused, the chunk waits
 *
 *     each turn         the small ones that wait, then the others, by turns (fair-queue.ts), each for a quantum of time.
 *
 *     a chunk is read ─▶ the connection has credit, or there is an open place: the stream is resumed
 *                     └▶ else it is parked: paused, with nothing held, until a place is open
 *
 * Credit is processor time: some at first, more as time goes by, less with whatever is read. Who sends little always has some;
 * of those without, only some are open at a time, since an open one can deliver 512 KB at once. So what is held is bounded,
 * by the chunks that were delivered before their connection was known to send much, at the most one each.
 *
 * Pure: streams and time are passed in.
 */
import type { Clock } from "../../base/clock.ts";
import { FairMember, FairQueue, type FairSource, Ring } from "./fair-queue.ts";

/** A connection, as the schedule needs it. */
export interface Reader {
  /** Reads what was received, until about that time. Returns true if some of it is left. */
  read(untilMs: number): boolean;
  /** Nothing more shall be delivered until `resume`. */
  pauseInput(): void;
  resumeInput(): void;
  /** As little as possible shall be delivered at a time from now on. */
  narrowInput(): void;
}

/** More is not small. */
const SMALL_BYTES = 4_096;
/** What small chunks may take in a turn, all together, as long as they are read ahead of others. */
const SMALL_MS = 3;
/**
 * What all others may take in a turn. With what a client does for each route, it is to pause more often. What a
 * server does for each is little, and a pause costs it as much as a hundred of them: with 4 ms, loading a million took 14 % more
 * processor time.
 */
const READ_MS = { client: 2, server: 8 } as const;
/** A turn is asked for, and what it may take counted anew, only once so much has been taken. */
const ASK_AFTER_MS = 1;
/** How long one is read while others wait. */
const QUANTUM_MS = 0.5;
/** Credit: the most, in processor time, ... */
const MOST_CREDIT_MS = 1;
/** ... the least, so that who has sent much is forgiven within a second, ... */
const LEAST_CREDIT_MS = -4;
/** ... and how much of all time it grows by. A client that sends a KEEPALIVE and ten updates a second needs a tenth. */
const CREDIT_PER_MS = 0.004;
/** A small chunk costs at most so much, whatever the clock says: this process may have been interrupted meanwhile. */
const MOST_MS_PER_BYTE = 0.0025;
/** A chunk's delivery: it is copied into memory that is new, and held. Some times what it takes. */
const DELIVERY_MS_PER_BYTE = 5e-6;
/** Connections without credit that may deliver at a time, some each turn, as long as no more than so much is held. */
const OPEN_PLACES = 16;
const HELD_TARGET_BYTES = 16 << 20;
/**
 * Beyond that nobody delivers: every stream is parked, until less is held. Only those that have all been silent before and send
 * much at the same moment get so far.
 */
const HELD_LIMIT_BYTES = 128 << 20;
/** Of those with credit, so many come out of parking in a turn, beyond the limit and else: the innocent are among them. */
const REOPENED_A_TURN = { beyondLimit: 16, else: 256 } as const;
/** So many sources are looked at in a turn for one that has no open place and holds nothing: it gets one in any case. */
const SOURCES_PER_LOOK = 8;
/** For so long an open place is left to one that delivers nothing while others are parked. */
const OPEN_MS = 5;

/** Where a connection stands. */
type Standing = "open" | "open place" | "waiting small" | "waiting" | "parked small" | "parked";

export class ReadMember extends FairMember<ReadMember> {
  readonly reader: Reader;
  readonly role: "client" | "server";
  standing: Standing = "open";
  /** What it sent last was not small, or it has no credit: it may deliver in an open place only. */
  isHeavy = false;
  isNarrow = false;
  heldBytes = 0;
  creditMs = MOST_CREDIT_MS;
  /** When the credit was counted last. */
  countedMs: number;
  /** Since when it has an open place. */
  openedMs = 0;

  constructor(source: FairSource, reader: Reader, role: "client" | "server", nowMs: number) {
    super(source);
    this.reader = reader;
    this.role = role;
    this.countedMs = nowMs;
  }

  /** Something was received, or may have been, and has not been read. */
  get isWaiting(): boolean {
    return this.standing !== "open" && this.standing !== "open place";
  }
}

export class ReadSchedule {
  readonly #clock: Clock;
  readonly #members = new Set<ReadMember>();
  readonly #small = new FairQueue<ReadMember>(QUANTUM_MS);
  readonly #waiting = new FairQueue<ReadMember>(QUANTUM_MS);
  /** Their costs are places. */
  readonly #parkedSmall = new FairQueue<ReadMember>(1);
  readonly #parked = new FairQueue<ReadMember>(1);
  /** The oldest first. */
  readonly #openPlaces = new Ring<ReadMember>();
  #openCount = 0;
  #heldBytes = 0;
  /** All have been parked since there was room the last time. */
  #isFull = false;
  /** Of this turn. */
  #smallMs = 0;
  #readMs = 0;
  #turnAsked = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Bytes of chunks that wait. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  join(source: FairSource, reader: Reader, role: "client" | "server"): ReadMember {
    const member = new ReadMember(source, reader, role, this.#clock.nowMs());
    this.#members.add(member);
    return member;
  }

  /** It is never read again, and what it held is gone. */
  leave(member: ReadMember): void {
    if (!this.#members.delete(member)) return;
    const wasWaiting = member.isWaiting;
    this.#unstand(member);
    this.#release(member);
    // Or the socket would never hear that the peer has closed, too.
    if (wasWaiting) member.reader.resumeInput();
  }

  /**
   * The peer has gone. Returns true if what is unread is still to be read: unless much is held, since pausing does not
   * hold up those who go, and others come in their place.
   */
  keeps(member: ReadMember): boolean {
    return member.heldBytes > 0 && this.#heldBytes < HELD_TARGET_BYTES;
  }

  /** Bytes were received by one that holds some already, or by one that has to be asked to read them. */
  arrived(member: ReadMember, bytes: number): void {
    if (member.standing === "waiting" || member.standing === "waiting small") {
      this.#hold(member, bytes);
      return;
    }
    const nowMs = this.#clock.nowMs();
    this.#count(member, nowMs);
    this.#take(member, bytes * DELIVERY_MS_PER_BYTE);
    const isParked = member.isWaiting;
    this.#unstand(member);
    const isSmall = bytes <= SMALL_BYTES && member.creditMs > 0;
    member.isHeavy = !isSmall;
    if (isSmall ? this.#smallMs < SMALL_MS && !isParked : this.#mayReadAtOnce(member)) {
      const leftMs = READ_MS[member.role] - this.#readMs;
      const hasMore = member.reader.read(nowMs + Math.max(QUANTUM_MS, leftMs));
      const costMs = this.#cost(member, nowMs, bytes, isSmall);
      if (isSmall) this.#smallMs += costMs;
      else this.#readMs += costMs;
      if (this.#smallMs + this.#readMs > ASK_AFTER_MS) this.#askTurn();
      if (!this.#members.has(member)) {
        if (isParked) member.reader.resumeInput();
        return;
      }
      if (!hasMore) {
        this.#reopen(member, isParked);
        return;
      }
      this.#wait(member, bytes, false);
    } else this.#wait(member, bytes, isSmall);
    if (!isParked) member.reader.pauseInput();
    if (this.#heldBytes > HELD_LIMIT_BYTES) this.#parkAll();
    else this.#isFull = false;
    this.#askTurn();
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
    this.#smallMs = 0;
    this.#readMs = 0;
    for (let member = this.#small.next(); member !== null && this.#smallMs < SMALL_MS; ) {
      this.#smallMs += this.#serve(member, this.#small, QUANTUM_MS);
      member = this.#small.next();
    }
    for (let member = this.#waiting.next(); member !== null; member = this.#waiting.next()) {
      const leftMs = READ_MS[member.role] - this.#readMs;
      if (leftMs <= 0) break;
      const forMs = this.#waiting.length === 1 ? leftMs : Math.min(QUANTUM_MS, leftMs);
      this.#readMs += this.#serve(member, this.#waiting, forMs);
    }
    this.#openParked();
    if (this.#small.length + this.#waiting.length > 0) this.#askTurn();
    else if (this.#parkedSmall.length + this.#parked.length > 0) this.#openLater();
  };

  /** Returns what it has cost. */
  #serve(member: ReadMember, queue: FairQueue<ReadMember>, forMs: number): number {
    const { heldBytes } = member;
    const isSmall = member.standing === "waiting small";
    const startMs = this.#clock.nowMs();
    const hasMore = member.reader.read(startMs + forMs);
    const costMs = this.#cost(member, startMs, heldBytes, isSmall);
    // Once it has left, it is in no queue.
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

  /** What reading since then has cost, which is taken from the credit. */
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

  // --- where it stands ---------------------------------------------------------------------------

  /** Takes it out of where it stands. */
  #unstand(member: ReadMember): void {
    switch (member.standing) {
      case "open place":
        this.#openPlaces.remove(member);
        this.#openCount--;
        member.source.reading--;
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

  /** From "open". */
  #stand(member: ReadMember, standing: Standing): void {
    member.standing = standing;
    switch (standing) {
      case "open place":
        this.#openPlaces.append(member);
        this.#openCount++;
        member.source.reading++;
        member.openedMs = this.#clock.nowMs();
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
        // Whatever it has sent meanwhile comes at once when its peer resets the connection, paused or not.
        if (!member.isNarrow) member.reader.narrowInput();
        member.isNarrow = true;
    }
  }

  #wait(member: ReadMember, bytes: number, isSmall: boolean): void {
    this.#stand(member, isSmall ? "waiting small" : "waiting");
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

  /** All has been read. */
  #reopen(member: ReadMember, isPaused: boolean): void {
    if (member.creditMs <= 0) member.isHeavy = true;
    const opens = member.isHeavy
      ? this.#parked.length === 0 && this.#hasOpenPlace(member)
      : this.#heldBytes < HELD_LIMIT_BYTES;
    if (opens) {
      if (member.isHeavy) this.#stand(member, "open place");
      if (isPaused) member.reader.resumeInput();
      return;
    }
    this.#stand(member, member.isHeavy ? "parked" : "parked small");
    if (!isPaused) member.reader.pauseInput();
    this.#askTurn();
  }

  #hasOpenPlace({ source }: ReadMember): boolean {
    return source.reading === 0 || (this.#openCount < OPEN_PLACES && this.#heldBytes < HELD_TARGET_BYTES);
  }

  #openParked(): void {
    const most = REOPENED_A_TURN[this.#heldBytes < HELD_LIMIT_BYTES ? "else" : "beyondLimit"];
    for (let opened = 0; opened < most; opened++) {
      const member = this.#parkedSmall.next();
      if (member === null) break;
      this.#parkedSmall.charge(member, 1);
      this.#unstand(member);
      member.reader.resumeInput();
    }
    if (this.#parked.length === 0) return;
    this.#reclaimPlaces(this.#clock.nowMs());
    for (let looks = 0; looks < SOURCES_PER_LOOK; ) {
      const member = this.#parked.next();
      if (member === null) return;
      if (!this.#hasOpenPlace(member)) {
        this.#parked.skipSource();
        looks++;
        continue;
      }
      this.#parked.charge(member, 1);
      this.#unstand(member);
      this.#stand(member, "open place");
      member.reader.resumeInput();
    }
  }

  /** Those that deliver nothing give way. */
  #reclaimPlaces(nowMs: number): void {
    for (let looks = this.#openCount; looks > 0; looks--) {
      const oldest = this.#openPlaces.head;
      if (oldest === null || nowMs - oldest.openedMs < OPEN_MS) return;
      this.#count(oldest, nowMs);
      this.#unstand(oldest);
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

  /** Whoever could still deliver does so no more, until there is room. */
  #parkAll(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    for (const member of this.#members) {
      if (member.isWaiting) continue;
      this.#unstand(member);
      member.reader.pauseInput();
      this.#stand(member, member.isHeavy ? "parked" : "parked small");
    }
  }
}
