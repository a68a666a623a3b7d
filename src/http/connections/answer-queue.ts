/**
 * The answer queue sends answers over HTTP so that no reader delays others. A table of a million routes is 250 MB of
 * text, readers may be slow, stall or close, and keepalives must not wait. So a long answer is a series of pieces that
 * are made on demand:
 *
 * - All answers together get one slice of work in a turn of the event loop, at most {@link HTTP_ANSWERS_MS}.
 * - The slice goes to the answer of which most was read, if its reader has read everything so far; among those that
 *   have not begun, to the oldest. If they are made one after the other, all end sooner on average than if they took
 *   turns. A slow reader is seldom ready, and clients that connect again and again without reading do not delay a
 *   patient one for long.
 * - Nothing is made in advance: an answer takes the memory of its walk over the table and of one slice, however slow
 *   its reader is.
 * - A reader that is too slow is cut off (slow-reader.ts).
 * - When the reader closes, the walk ends.
 */

import type { Clock, Timer } from "../../base/clock.ts";
import { HTTP_ANSWERS_MS } from "../../base/turn-budget.ts";
import { firstCreditUntilMs, nextCreditUntilMs, SLICE_CHARS } from "./slow-reader.ts";

/** The destination of an answer's text. */
export interface AnswerSink {
  /** Returns false if the reader has not taken everything yet; {@link Answer.drained} must be called when it has. */
  write(text: string): boolean;
  /** Called when the text is complete. {@link Answer.closed} must be called when the reader has taken it. */
  end(): void;
  /** Breaks the answer off so that the reader detects that it is not complete. */
  abort(): void;
}

export interface AnswerEvents {
  /** Called when the reader took less than the least rate, and the answer is cut off. */
  tooSlow(): void;
  /** Called when the pieces could not be made. */
  failed(error: unknown): void;
}

const CHECK_EVERY_MS = 1_000;
/**
 * The young generation is collected after this much text, which takes 1 to 3 ms, and from time to time everything,
 * beside other work. Text is garbage as soon as it is sent, and the engine allows garbage in proportion to the heap,
 * which includes a large table although that is never collected. With these collections a table of a million routes
 * takes some 70 MB while it is sent; without them it took 170 to 400 MB.
 */
const CHARS_PER_COLLECTION = 2 << 20;
const COLLECTIONS_PER_FULL = 8;
/** An answer that ends early counts with this much text, since it leaves garbage, too. */
const CHARS_PER_ANSWER = SLICE_CHARS;

export interface GarbageCollector {
  collectYoung(): void;
  /** Collects everything. The collection may go on after this returns. */
  collectAll(): void;
}

export class AnswerQueue {
  /** The answers, the oldest first. */
  readonly #answers = new Set<Answer>();
  readonly #clock: Clock;
  readonly #collector: GarbageCollector;
  #isScheduled = false;
  #charsSinceCollection = 0;
  #collections = 0;
  #check: Timer | null = null;

  constructor(clock: Clock, collector: GarbageCollector) {
    this.#clock = clock;
    this.#collector = collector;
  }

  /** Sends an answer whose text is made while it is sent. The queue may pause at an empty piece. */
  send(pieces: Iterable<string>, sink: AnswerSink, events: AnswerEvents): Answer {
    const answer = this.#add(pieces[Symbol.iterator](), sink, events);
    this.#charsSinceCollection += CHARS_PER_ANSWER;
    this.#schedule();
    return answer;
  }

  /** Sends a short answer at once. */
  sendText(text: string, sink: AnswerSink, events: AnswerEvents): Answer {
    const answer = this.#add(null, sink, events);
    sink.write(text);
    sink.end();
    answer.startedMs = this.#clock.nowMs();
    answer.blockedSinceMs = answer.startedMs;
    answer.creditUntilMs = firstCreditUntilMs(answer.startedMs);
    return answer;
  }

  /**
   * Sends an answer whose pieces are made by events, and are sent at once. The next piece is requested when the reader
   * has taken the last one. A silent stream stays open; a reader that takes nothing although text is waiting is cut off
   * as with other answers.
   */
  sendStream(pieces: AsyncIterable<string>, sink: AnswerSink, events: AnswerEvents): Answer {
    const answer = this.#add(null, sink, events);
    answer.startedMs = this.#clock.nowMs();
    answer.stream = pieces[Symbol.asyncIterator]();
    void this.#copy(answer.stream, answer);
    return answer;
  }

  async #copy(stream: AsyncIterator<string>, answer: Answer): Promise<void> {
    const { sink } = answer;
    let turnChars = 0;
    try {
      for (;;) {
        const { done, value } = await stream.next();
        if (answer.stream === null) return;
        if (done) break;
        turnChars += value.length;
        answer.chars += value.length;
        this.#charsSinceCollection += value.length;
        if (!sink.write(value)) {
          answer.blockedSinceMs = this.#clock.nowMs();
          answer.creditUntilMs = firstCreditUntilMs(answer.blockedSinceMs);
          await answer.ready();
          turnChars = 0;
        } else if (turnChars >= SLICE_CHARS) {
          // A stream that always has another piece must not delay the others.
          await new Promise<void>((resolve) => this.#clock.soon(resolve));
          turnChars = 0;
        }
        if (answer.stream === null) return;
        this.#collect();
      }
    } catch (error) {
      if (answer.stream === null) return;
      answer.closed();
      answer.events.failed(error);
      sink.abort();
      return;
    }
    answer.stream = null;
    answer.blockedSinceMs ??= this.#clock.nowMs();
    answer.creditUntilMs = firstCreditUntilMs(answer.blockedSinceMs);
    sink.end();
  }

  #add(pieces: Iterator<string> | null, sink: AnswerSink, events: AnswerEvents): Answer {
    const answer = new Answer(pieces, sink, events, {
      drained: () => this.#drained(answer),
      closed: () => this.#answers.delete(answer),
    });
    this.#answers.add(answer);
    this.#check ??= this.#clock.after(CHECK_EVERY_MS, this.#cutOffSlow);
    return answer;
  }

  #drained(answer: Answer): void {
    answer.isBlockedNoMore(this.#clock.nowMs());
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#next() === null) return;
    this.#isScheduled = true;
    this.#clock.soon(this.#run);
  }

  #next(): Answer | null {
    let first: Answer | null = null;
    for (const answer of this.#answers) {
      if (answer.pieces === null || answer.blockedSinceMs !== null) continue;
      if (first === null || answer.chars > first.chars) first = answer;
    }
    return first;
  }

  readonly #run = (): void => {
    this.#isScheduled = false;
    const answer = this.#next();
    if (answer !== null) this.#advance(answer);
    this.#schedule();
  };

  #advance(answer: Answer): void {
    const { pieces, sink, events } = answer;
    if (pieces === null) return;
    // This is done before there is new text, which a collection would keep.
    this.#collect();
    const startMs = this.#clock.nowMs();
    answer.startedMs ??= startMs;
    let text = "";
    let isDone = false;
    try {
      while (text.length < SLICE_CHARS && this.#clock.nowMs() - startMs < HTTP_ANSWERS_MS) {
        const { done, value } = pieces.next();
        if (done) {
          isDone = true;
          break;
        }
        text += value;
      }
    } catch (error) {
      answer.closed();
      events.failed(error);
      sink.abort();
      return;
    }
    const nowMs = this.#clock.nowMs();
    if (text !== "") {
      this.#charsSinceCollection += text.length;
      answer.chars += text.length;
      answer.creditUntilMs = nextCreditUntilMs(answer.creditUntilMs, nowMs, text.length);
      if (!sink.write(text)) answer.blockedSinceMs = nowMs;
    }
    if (!isDone) return;
    answer.pieces = null;
    answer.blockedSinceMs ??= nowMs;
    sink.end();
  }

  #collect(): void {
    if (this.#charsSinceCollection < CHARS_PER_COLLECTION) return;
    this.#charsSinceCollection = 0;
    if (++this.#collections % COLLECTIONS_PER_FULL === 0) this.#collector.collectAll();
    else this.#collector.collectYoung();
  }

  readonly #cutOffSlow = (): void => {
    this.#check = null;
    const nowMs = this.#clock.nowMs();
    for (const answer of this.#answers) {
      if (answer.blockedSinceMs === null || nowMs < answer.creditUntilMs) continue;
      answer.closed();
      answer.events.tooSlow();
      answer.sink.abort();
    }
    if (this.#answers.size > 0) this.#check = this.#clock.after(CHECK_EVERY_MS, this.#cutOffSlow);
  };
}

interface AnswerOwner {
  drained(): void;
  closed(): void;
}

/** An answer that is being sent. */
export class Answer {
  /** The source of the pieces; null when all pieces are made. */
  pieces: Iterator<string> | null;
  /** The source of an answer whose pieces are made by events; null if it has ended, or for other answers. */
  stream: AsyncIterator<string> | null = null;
  /** Since when text has been waiting for the reader; null if the reader has taken everything. */
  blockedSinceMs: number | null = null;
  /** How much text was made. */
  chars = 0;
  /** When the first piece was made. */
  startedMs: number | null = null;
  /** For how long it was blocked in all, without the present time. */
  #blockedMs = 0;
  /** Resolves {@link ready}. */
  #onReady: (() => void) | null = null;
  /** When the reader is too slow, unless it takes something before. */
  creditUntilMs = 0;
  readonly sink: AnswerSink;
  readonly events: AnswerEvents;
  readonly #owner: AnswerOwner;

  constructor(pieces: Iterator<string> | null, sink: AnswerSink, events: AnswerEvents, owner: AnswerOwner) {
    this.pieces = pieces;
    this.sink = sink;
    this.events = events;
    this.#owner = owner;
  }

  /** Returns true if it was blocked for more than three quarters of the time. */
  standsStillMostly(nowMs: number): boolean {
    return this.startedMs !== null && this.blockedMs(nowMs) > 0.75 * (nowMs - this.startedMs);
  }

  /** Returns for how long text has been waiting for its reader, in all. */
  blockedMs(nowMs: number): number {
    return this.#blockedMs + (this.blockedSinceMs === null ? 0 : nowMs - this.blockedSinceMs);
  }

  isBlockedNoMore(nowMs: number): void {
    if (this.blockedSinceMs !== null) this.#blockedMs += nowMs - this.blockedSinceMs;
    this.blockedSinceMs = null;
  }

  /** Resolves when the reader has taken everything so far, or has closed. */
  ready(): Promise<void> {
    return new Promise((resolve) => {
      this.#onReady = resolve;
    });
  }

  /** Must be called when the reader has taken everything so far. */
  drained(): void {
    this.#owner.drained();
    this.#onReady?.();
  }

  /** Must be called when the reader has taken everything, or has closed: nothing more is made. */
  closed(): void {
    const { pieces, stream } = this;
    this.pieces = null;
    this.stream = null;
    this.#owner.closed();
    this.#onReady?.();
    pieces?.return?.();
    // Its end is not awaited, and a failure of a stream without a reader does not matter.
    stream?.return?.().catch(() => {});
  }
}
