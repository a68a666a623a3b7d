/** Readers of parameters that several queries have, and the cursor of pages. */
import type { Prefix } from "../../net/ip.ts";
import { parsePrefix } from "../../net/prefix.ts";
import { HttpError } from "../http-error.ts";
import { type QueryReader, wholeNumberParameter } from "../query.ts";

/** VNIs and routing tables are 32-bit numbers. */
export const MAX_VNI = 0xffff_ffff;
export const DEFAULT_PAGE = 500;
export const MAX_PAGE = 1000;

export function bad(name: string, text: string, what: string): HttpError {
  return new HttpError("BAD_QUERY", `${name} must be ${what}, not ${JSON.stringify(text)}`);
}

export const optionalVni: QueryReader<number | null> = wholeNumberParameter(0, MAX_VNI, null);

export function readFormat(text: string | null, name: string): "json" | "jsonl" {
  if (text === null || text === "json") return "json";
  if (text === "jsonl") return "jsonl";
  throw bad(name, text, "json or jsonl");
}

/** The last entry of the page before: a VNI or a table, and the destination in it. */
export interface Cursor {
  readonly number: number;
  readonly destination: Prefix;
}

/** Returns the text of the cursor after this entry. */
export function cursorAfter(number: number, destination: string): string {
  return `${number}-${destination}`;
}

export function readCursor(text: string | null, name: string): Cursor | null {
  if (text === null) return null;
  const [, number = "", destination = ""] = /^(\d+)-(.+)$/.exec(text) ?? [];
  const parsed = parsePrefix(destination);
  if (parsed === null || Number(number) > MAX_VNI) throw bad(name, text, "the `next` of the page before");
  return { number: Number(number), destination: parsed.prefix };
}
