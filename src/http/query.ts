/** Parameters of a request's query: each has a reader, which throws an HttpError for a value that it does not take. */
import { HttpError } from "./http-error.ts";

/** Reads one parameter; null: the query does not have it. */
export type QueryReader<T> = (text: string | null, name: string) => T;

export type QueryReaders = Readonly<Record<string, QueryReader<unknown>>>;

/** What the readers make of a query, by the parameters' names. */
export type QueryValues<Q extends QueryReaders> = { readonly [Name in keyof Q]: ReturnType<Q[Name]> };

/**
 * Reads a query strictly: a parameter without a reader, or one that is given twice, is an error.
 * @throws HttpError
 */
export function readQuery<Q extends QueryReaders>(query: URLSearchParams, readers: Q): QueryValues<Q> {
  const names = Object.keys(readers);
  for (const name of query.keys()) {
    if (!names.includes(name)) {
      const known = names.length === 0 ? "there are no parameters" : `the parameters are ${names.join(", ")}`;
      throw new HttpError("BAD_QUERY", `unknown parameter ${JSON.stringify(name)}; ${known}`);
    }
    if (query.getAll(name).length > 1) throw new HttpError("BAD_QUERY", `${name} is given more than once`);
  }
  const values = names.map((name) => [name, readers[name]?.(query.get(name), name)]);
  // Every reader's name is there, with what that reader returned.
  return Object.fromEntries(values) as QueryValues<Q>;
}

/** A whole number within bounds; `fallback` where the query does not have it. */
export function wholeNumber<F>(least: number, most: number, fallback: F): QueryReader<number | F> {
  return (text, name) => {
    if (text === null) return fallback;
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new HttpError("BAD_QUERY", `${name} must be a whole number from ${least} to ${most}`);
  };
}
