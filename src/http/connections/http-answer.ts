/** Answers to HTTP requests are values; the listener writes them. */

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The body. A text is sent at once. An iterable's pieces are made while they are sent. Those of an async iterable are
   * made by events, and the next one is requested when the reader has taken the last. For HEAD neither is begun.
   */
  readonly body: string | Iterable<string> | AsyncIterable<string>;
}

type Headers = Readonly<Record<string, string>>;

export function json(status: number, body: unknown, headers: Headers = {}): HttpAnswer {
  return {
    status,
    headers: { "Content-Type": "application/json;charset=utf-8", ...headers },
    body: JSON.stringify(body),
  };
}

export function text(status: number, body: string, headers: Headers = {}): HttpAnswer {
  return { status, headers: { "Content-Type": "text/plain;charset=utf-8", ...headers }, body };
}

/** Returns an answer with one line of JSON for each value, as soon as there is one. */
export function jsonLines(values: AsyncIterable<unknown>): HttpAnswer {
  return {
    status: 200,
    headers: { "Content-Type": "application/x-ndjson;charset=utf-8", "Cache-Control": "no-store" },
    body: linesOf(values),
  };
}

async function* linesOf(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}
