/**
 * The daemon, as the page sees it: requests, and the stream of changes.
 *
 *     EventSource ─ open, begin, change, error ▶ afterEvent() ▶ state ▶ onChange ▶ views
 *     get() ──────── answered ──────────────────▶      ↑
 *                                    a timer after an error
 */
import {
  afterEvent,
  initialLiveState,
  type LiveEvent,
  type LiveState,
  retryAfterMs,
} from "../view/live-state.ts";

/** The daemon refuses a request, with a reason. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

const ANSWER_WITHIN_MS = 20_000;

export class DaemonConnection {
  readonly #onChange: (state: LiveState) => void;
  #state = initialLiveState(Date.now());
  #source: EventSource | null = null;

  constructor(onChange: (state: LiveState) => void) {
    this.#onChange = onChange;
  }

  get state(): LiveState {
    return this.#state;
  }

  /**
   * Resolves to the answer's JSON, whose shape is that of the path.
   * @throws RefusedError, or an error of the network
   */
  async get<T>(path: string): Promise<T> {
    const response = await fetch(path, {
      headers: { Accept: "application/json" },
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const body: unknown = await response.json();
    this.#apply({ kind: "answered", nowMs: Date.now() });
    if (response.ok) return body as T; // the daemon's API is of the same version as the page
    const { message } = body as { readonly message?: string };
    throw new RefusedError(message ?? `the daemon answers ${response.status}`);
  }

  /** Opens the stream, after the last change that came. */
  connect(): void {
    const { lastEventId } = this.#state;
    const after = lastEventId === null ? "" : `&after=${encodeURIComponent(lastEventId)}`;
    const source = new EventSource(`v1/events?snapshot=false${after}`);
    this.#source = source;
    const dataOf = (event: Event): unknown =>
      event instanceof MessageEvent ? JSON.parse(String(event.data)) : null;
    source.addEventListener("open", () => this.#apply({ kind: "opened", nowMs: Date.now() }));
    source.addEventListener("begin", (event) => {
      const { epoch, after: number } = dataOf(event) as { readonly epoch: string; readonly after: number };
      this.#apply({ kind: "begin", nowMs: Date.now(), epoch, after: number });
    });
    source.addEventListener("change", (event) => {
      const id = event instanceof MessageEvent ? event.lastEventId : "";
      // There may be thousands in a second: what has changed is read afterwards, by a view that shows it.
      const number = Number(id.slice(id.lastIndexOf("-") + 1));
      this.#apply({ kind: "change", nowMs: Date.now(), id, number });
    });
    // The browser's own attempts end for good at an answer that is no stream, as of a proxy: this class makes its own.
    source.addEventListener("error", () => this.#lost(source));
  }

  #lost(source: EventSource): void {
    source.close();
    if (this.#source !== source) return;
    this.#source = null;
    this.#apply({ kind: "lost", nowMs: Date.now() });
    setTimeout(() => this.connect(), retryAfterMs(this.#state));
  }

  #apply(event: LiveEvent): void {
    this.#state = afterEvent(this.#state, event);
    this.#onChange(this.#state);
  }
}
