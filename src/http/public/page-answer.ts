/** The files of the page at `/` as answers. The page makes no request to another host, and the browser sees to that. */
import type { HttpAnswer } from "../connections/http-answer.ts";
import { HttpError } from "../http-error.ts";
import { pageFiles } from "./page-files.ts";

/**
 * Only the page's own files and requests are allowed (W3C, Content Security Policy Level 3). Text cannot become HTML or a script:
 * the browser refuses the functions that would do it (W3C, Trusted Types).
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  // A browser asks each time, and gets 304 until another version of the program answers.
  "Cache-Control": "no-cache",
  Vary: "Accept",
};

/** Resolves to a file of the page, or to 304 if the reader has it. */
export async function pageAnswer(
  path: string,
  { ifNoneMatch }: { readonly ifNoneMatch: string | null },
): Promise<HttpAnswer> {
  const file = (await pageFiles()).find((each) => each.path === path);
  if (file === undefined) throw new HttpError("NOT_FOUND", `the page has no file ${path}`);
  const { contentType, text } = file;
  const etag = `"${Bun.hash(text).toString(36)}"`;
  const headers = { ...HEADERS, ETag: etag };
  if (hasTag(ifNoneMatch, etag)) return { status: 304, headers, body: "" };
  return { status: 200, headers: { ...headers, "Content-Type": contentType }, body: text };
}

/** Compares as RFC 9110, 13.1.2 says: weakly, and "*" stands for any. */
function hasTag(ifNoneMatch: string | null, etag: string): boolean {
  const tags = (ifNoneMatch ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}

/**
 * Returns true if the reader of an Accept header (RFC 9110, 12.5.1) prefers HTML to JSON, as browsers do. curl, which takes anything,
 * gets JSON.
 */
export function prefersHtml(accept: string | null): boolean {
  return quality(accept, "text/html") > quality(accept, "application/json");
}

/** Returns the weight that the header gives to exactly this type; 0 if it does not name it. */
function quality(accept: string | null, type: string): number {
  for (const range of (accept ?? "").toLowerCase().split(",")) {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim());
    if (name !== type) continue;
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    const number = weight === undefined ? 1 : Number(weight.slice(2));
    return Number.isNaN(number) ? 0 : number;
  }
  return 0;
}
