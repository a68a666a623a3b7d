/**
 * Errors of HTTP requests have the same form on the control socket and on public HTTP:
 *
 *     {"code": "METHOD_NOT_ALLOWED", "message": "/healthz takes GET and HEAD, not POST", "allow": ["GET", "HEAD"]}
 *
 * The code is stable, the message is for people, and the fields after them depend on the code.
 */
import { type HttpAnswer, json } from "./connections/http-answer.ts";

const STATUS = {
  BAD_JSON: 400,
  BAD_BODY: 400,
  BAD_QUERY: 400,
  NOT_FOUND: 404,
  PEER_NOT_FOUND: 404,
  NO_KERNEL_ROUTES: 404,
  METHOD_NOT_ALLOWED: 405,
  STOPPING: 409,
  TOO_LARGE: 413,
  MISDIRECTED_REQUEST: 421,
  INTERNAL_ERROR: 500,
  STARTING: 503,
  TABLE_FULL: 507,
} as const satisfies Record<string, number>;

export type HttpErrorCode = keyof typeof STATUS;

/** Further fields of the error's body. */
export type HttpErrorData = Readonly<Record<string, unknown>>;

/** An error as a reader receives it. */
export interface HttpErrorBody {
  readonly code: HttpErrorCode;
  readonly message: string;
}

/** A request is refused. */
export class HttpError extends Error {
  readonly code: HttpErrorCode;
  readonly data: HttpErrorData;
  override readonly name = "HttpError";

  constructor(code: HttpErrorCode, message: string, data: HttpErrorData = {}) {
    super(message);
    this.code = code;
    this.data = data;
  }

  /** Returns the answer. Its body has `data` in addition to the error's own. */
  answer(data: HttpErrorData = {}, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
    const { code, message } = this;
    const body: HttpErrorBody = { code, message, ...data, ...this.data };
    return json(STATUS[code], body, headers);
  }
}
