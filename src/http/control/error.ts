import type { ControlErrorCode } from "./api.ts";

const STATUS: Record<ControlErrorCode, number> = {
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  BAD_JSON: 400,
  BAD_BODY: 400,
  TOO_LARGE: 413,
  STARTING: 503,
  STOPPING: 409,
  PEER_NOT_FOUND: 404,
  TABLE_FULL: 507,
  INTERNAL_ERROR: 500,
};

/** A control request is refused. */
export class ControlError extends Error {
  readonly code: ControlErrorCode;
  override readonly name = "ControlError";

  constructor(code: ControlErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  get status(): number {
    return STATUS[this.code];
  }
}
