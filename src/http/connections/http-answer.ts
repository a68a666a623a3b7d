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
  return linesAnswer(linesOf(values));
}

/** The same, for values of which several are there at a time: they are sent together. */
export function jsonLinesTogether(values: AsyncIterable<readonly unknown[]>): HttpAnswer {
  return linesAnswer(linesOfAll(values));
}

function linesAnswer(body: AsyncIterable<string>): HttpAnswer {
  return {
    status: 200,
    headers: { "Content-Type": "application/x-ndjson;charset=utf-8", "Cache-Control": "no-store" },
    body,
  };
}

async function* linesOfAll(values: AsyncIterable<readonly unknown[]>): AsyncGenerator<string> {
  for await (const some of values) {
    if (some.length > 0) yield some.map((value) => `${JSON.stringify(value)}\n`).join("");
  }
}

async function* linesOf(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}
