/**
 * These functions read the parameters of a request's query. Each parameter has a reader, which throws an HttpError for
 * an invalid value.
 */
import { HttpError } from "./http-error.ts";

/** Reads one parameter. `text` is null if the query does not have it. */
export type QueryReader<T> = (text: string | null, name: string) => T;

export type QueryReaders = Readonly<Record<string, QueryReader<unknown>>>;

/** The results of the readers, by the parameters' names. */
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
  // There is one entry for each reader, with the reader's result.
  return Object.fromEntries(values) as QueryValues<Q>;
}

/**
 * Returns a reader of a whole number within bounds, which returns `fallback` if the query does not have the parameter.
 */
export function wholeNumberParameter<F>(least: number, most: number, fallback: F): QueryReader<number | F> {
  return (text, name) => {
    if (text === null) return fallback;
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new HttpError("BAD_QUERY", `${name} must be a whole number from ${least} to ${most}`);
  };
}

/** Reads a switch: `?gone`, `?gone=true` or `?gone=false`; false if the query does not have it. @throws HttpError */
export const switchParameter: QueryReader<boolean> = (text, name) => {
  if (text === null || text === "false") return false;
  if (text === "true" || text === "") return true;
  throw new HttpError("BAD_QUERY", `${name} must be true or false, not ${JSON.stringify(text)}`);
};
