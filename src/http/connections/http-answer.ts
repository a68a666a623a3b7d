/** Answers to HTTP requests, as values: the listener writes them. */

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /**
   * A text goes out at once. An iterable's pieces are made while they are sent. Those of an async iterable come when they
   * happen, and the next one is asked for when the reader has taken the last. Neither is begun for HEAD.
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

/** One line of JSON for each value, when it comes. */
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
