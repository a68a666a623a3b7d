import { systemErrorCode } from "../../base/system-error.ts";

/**
 * This class writes text to a stream that may be a slow pipe, a full disk or `head`, without ever blocking the event
 * loop:
 *
 *     write() → pending text → one write per event-loop turn → the stream's sink
 *
 * process.stdout is not sufficient under Bun: a slow reader loses the text that is still buffered at exit, and
 * console.log does not detect that the reader has closed.
 */

/**
 * The used part of Bun's FileSink. Each call is done when it returns, or resolves once the stream has taken its bytes.
 */
export interface TextSink {
  write(text: string): number | Promise<number>;
  flush(): number | Promise<number>;
  end(): number | Promise<number>;
}

export interface LineWriterOptions {
  /** The most text that waits for the stream, in UTF-16 units. A longer piece is taken when nothing waits. */
  readonly limitChars?: number;
  /**
   * True if a failed write loses only its own text, as for a log on a disk that is full for a while; a line in its
   * place reports the loss. By default nothing is written after a failure.
   */
  readonly mayLose?: boolean;
}

export class LineWriter {
  readonly #sink: TextSink;
  readonly #limitChars: number;
  readonly #mayLose: boolean;
  /** A line that is written before the next text. */
  #lossNotice = "";
  #pending = "";
  /** The length of the text that the sink is writing. */
  #writingChars = 0;
  #isScheduled = false;
  #draining: Promise<void> | null = null;
  #isClosed = false;
  #failure: Error | null = null;
  readonly #goneCallbacks: ((failure: Error | null) => void)[] = [];

  constructor(sink: TextSink, { limitChars = 4 << 20, mayLose = false }: LineWriterOptions = {}) {
    this.#sink = sink;
    this.#limitChars = limitChars;
    this.#mayLose = mayLose;
  }

  /**
   * Takes text, usually whole lines. Returns false if the text is not taken because too much waits already; {@link
   * drained} resolves when there is room. Once the reader has closed, or after {@link end}, text is taken and dropped.
   */
  write(text: string): boolean {
    if (this.#isClosed) return true;
    const waitingChars = this.#pending.length + this.#writingChars;
    if (waitingChars > 0 && waitingChars + text.length > this.#limitChars) return false;
    this.#pending += text;
    this.#schedule();
    return true;
  }

  /** Resolves when the stream has taken everything, or its reader has closed. */
  async drained(): Promise<void> {
    while (this.#pending !== "") await this.#drain();
    await this.#draining;
  }

  /**
   * Calls `callback` when further text cannot be written: with null if the reader has closed (EPIPE, as with `head`), or with
   * the failure of the stream, as on a full disk.
   */
  onGone(callback: (failure: Error | null) => void): void {
    if (this.#isClosed) callback(this.#failure);
    else this.#goneCallbacks.push(callback);
  }

  /** Why the stream failed; null while it works, and if its reader has merely closed. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Writes waiting text and closes. Later text is dropped. */
  async end(): Promise<void> {
    await this.drained();
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.#sink.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#draining !== null) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#drain();
    });
  }

  /**
   * Writes the pending text. It never rejects. At most one write is under way, so that an error is reported in exactly
   * one place.
   */
  #drain(): Promise<void> {
    this.#draining ??= this.#writePending().finally(() => {
      this.#draining = null;
      if (this.#pending !== "") this.#schedule();
    });
    return this.#draining;
  }

  async #writePending(): Promise<void> {
    while (this.#pending !== "") {
      const text = this.#lossNotice + this.#pending;
      this.#lossNotice = "";
      this.#pending = "";
      this.#writingChars = text.length;
      try {
        await this.#sink.write(text);
        await this.#sink.flush();
      } catch (error) {
        this.#fail(error);
      }
      this.#writingChars = 0;
    }
  }

  #fail(error: unknown): void {
    const failure = error instanceof Error ? error : new Error(String(error));
    const isReaderGone = systemErrorCode(failure) === "EPIPE";
    if (this.#mayLose && !isReaderGone) {
      this.#lossNotice = `... lines are missing here: ${failure.message}\n`;
      return;
    }
    this.#isClosed = true;
    this.#pending = "";
    if (!isReaderGone) this.#failure = failure;
    for (const callback of this.#goneCallbacks.splice(0)) callback(this.#failure);
  }
}
