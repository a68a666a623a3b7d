/** Endpoints as a program gives them: as text, or as what was read from it. */
import { BunBondError } from "./bunbond-error.ts";
import {
  type Endpoint,
  type EndpointError,
  type EndpointErrorCode,
  type EndpointUse,
  formatEndpoint,
  parseEndpoint,
} from "./endpoint.ts";

/** A text that is no endpoint, or an endpoint whose host or port is none; `code` says what is wrong, and where. */
export class BadEndpointError extends BunBondError {
  override readonly name = "BadEndpointError";
  readonly code: EndpointErrorCode;
  /** The first wrong character, and the one behind the last, as offsets in `text`. */
  readonly start: number;
  readonly end: number;

  constructor(
    readonly text: string,
    { code, message, start, end }: EndpointError,
  ) {
    super(`${text}: ${message}`);
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
  const text = typeof given === "string" ? given : formatEndpoint(given);
  const endpoint = parseEndpoint(text, defaultPort, use);
  if ("code" in endpoint) throw new BadEndpointError(text, endpoint);
  return endpoint;
}
