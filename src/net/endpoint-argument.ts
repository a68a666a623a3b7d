/** Endpoints as a program gives them: as text, or as what was read from it. */
import { BunBondError, isObject, shown } from "../base/bunbond-error.ts";
import {
  type Endpoint,
  type EndpointError,
  type EndpointErrorCode,
  type EndpointUse,
  formatEndpoint,
  parseEndpoint,
} from "./endpoint.ts";

/** What is wrong; `BAD_ENDPOINT`: it is neither text nor an object with host and port. */
export type BadEndpointCode = EndpointErrorCode | "BAD_ENDPOINT";

/** A text that is no endpoint, or an endpoint whose host or port is none; `code` says what is wrong, and where. */
export class BadEndpointError extends BunBondError {
  readonly text: string;
  override readonly name = "BadEndpointError";
  readonly code: BadEndpointCode;
  /** The first wrong character, and the one behind the last, as offsets in `text`. */
  readonly start: number;
  readonly end: number;

  constructor(
    text: string,
    { code, message, start, end }: Omit<EndpointError, "code"> & { readonly code: BadEndpointCode },
  ) {
    super(`${text}: ${message}`);
    this.text = text;
    this.code = code;
    this.start = start;
    this.end = end;
  }
}

/**
 * The endpoint in canonical form, as {@link parseEndpoint} makes it.
 * @throws BadEndpointError
 */
export function endpointOf(given: Endpoint | string, defaultPort: number, use: EndpointUse): Endpoint {
  const text = textOf(given);
  const endpoint = parseEndpoint(text, defaultPort, use);
  if ("code" in endpoint) throw new BadEndpointError(text, endpoint);
  return endpoint;
}

function textOf(given: Endpoint | string): string {
  if (typeof given === "string") return given;
  if (isObject(given) && typeof given.host === "string" && typeof given.port === "number") {
    return formatEndpoint(given);
  }
  const text = shown(given);
  const message = `not an endpoint, as "[2001:db8::10]:4711" or { host: "2001:db8::10", port: 4711 }`;
  throw new BadEndpointError(text, { code: "BAD_ENDPOINT", message, start: 0, end: text.length });
}
