/**
 * Sends answers over HTTP, so that no reader harms others. A table of a million routes is 250 MB of text, readers may be slow,
 * stall or close, and keepalives must not wait. So a long answer is a series of pieces that are made on demand:
 *
 * - All answers together get one slice of work in a turn of the event loop, {@link HTTP_ANSWERS_MS} at most.
 * - The slice goes to that answer of which most was taken, if its reader has taken everything so far; of those that have not begun,
 *   to the oldest. One after the other, all end sooner on average than if they took turns. A reader that takes little is
 *   seldom ready, and those that come again and again and never read are never before a patient one for long.
 * - Nothing is made ahead: an answer costs its walk over the table and the text of a slice, however slow its reader is.
 * - A reader that is too slow is cut off (slow-reader.ts).
 * - When the reader goes, the walk ends where it is.
 */

import type { Clock, Timer } from "../../base/clock.ts";
import { HTTP_ANSWERS_MS } from "../../base/turn-budget.ts";
import { firstCreditUntilMs, nextCreditUntilMs, SLICE_CHARS } from "./slow-reader.ts";

/** The destination of an answer's text. */
export interface AnswerSink {
  /** Returns false if the reader has not taken everything yet; {@link Answer.drained} must be called when it has. */
  write(text: string): boolean;
  /** The text is complete. {@link Answer.closed} is to be called when the reader has taken it. */
  end(): void;
  /** The answer breaks off, for the reader to see that it is not complete. */
  abort(): void;
}

export interface AnswerEvents {
  /** The reader took less than the least rate, and is cut off. */
  tooSlow(): void;
  /** The pieces could not be made. */
  failed(error: unknown): void;
}

const CHECK_EVERY_MS = 1_000;
/**
 * Text is garbage as soon as it is sent, and the engine lets garbage grow with the heap, in which a large table counts
 * although nothing of it is ever collected. So the young generation is collected after so much text (1 to 3 ms each time), and
 * now and then, beside other work, all. A table of a million routes then costs some 70 MB while it is sent; without this it was
 * 170 to 400 MB.
 */
const CHARS_PER_COLLECTION = 2 << 20;
const COLLECTIONS_PER_FULL = 8;
/** An answer that is broken off early leaves garbage, too. */
const CHARS_PER_ANSWER = SLICE_CHARS;

export interface GarbageCollector {
  collectYoung(): void;
  /** Need not have ended when this returns. */
  collectAll(): void;
}

export class AnswerQueue {
  /** Oldest first. */
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

  /** An answer whose text is made while it is sent. An empty piece is a place to pause. */
  send(pieces: Iterable<string>, sink: AnswerSink, events: AnswerEvents): Answer {
    const answer = this.#add(pieces[Symbol.iterator](), sink, events);
    this.#charsSinceCollection += CHARS_PER_ANSWER;
    this.#schedule();
    return answer;
  }

  /** A short answer, which goes out at once. */
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
   * An answer whose pieces come when they happen, and are sent at once. The next one is asked for when the reader has taken the
   * last. A stream that is silent stays open; a reader that takes nothing although there is something is cut off as with the
   * other answers.
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
          // A stream that always has something next must not keep the others from their turn.
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
    // Before there is new text: what is there now would be taken for something that stays.
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

/** An answer on its way. */
export class Answer {
  /** Null: all pieces are made. */
  pieces: Iterator<string> | null;
  /** The source of an answer whose pieces come when they happen; null if it has ended, or for other answers. */
  stream: AsyncIterator<string> | null = null;
  /** Since when the reader has had something to take; null: it has taken all that there is. */
  blockedSinceMs: number | null = null;
  /** How much text was made. */
  chars = 0;
  /** When the first piece was made. */
  startedMs: number | null = null;
  /** For how long it was blocked, before the last time. */
  #blockedMs = 0;
  /** Resolves {@link ready}. */
  #onReady: (() => void) | null = null;
  /** If the reader takes nothing until then, it is too slow. */
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

  /** It was blocked for more than three quarters of the time. */
  standsStillMostly(nowMs: number): boolean {
    return this.startedMs !== null && this.blockedMs(nowMs) > 0.75 * (nowMs - this.startedMs);
  }

  /** For how long its reader has had something to take, in all. */
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

  /** The reader has taken everything so far. */
  drained(): void {
    this.#owner.drained();
    this.#onReady?.();
  }

  /** The reader has taken all, or has closed: nothing more is made. */
  closed(): void {
    const { pieces, stream } = this;
    this.pieces = null;
    this.stream = null;
    this.#owner.closed();
    this.#onReady?.();
    pieces?.return?.();
    // Its end is not waited for, and how a stream fails that nobody reads any more does not matter.
    stream?.return?.().catch(() => {});
  }
}
