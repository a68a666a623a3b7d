import { BunBondError } from "../../base/bunbond-error.ts";

export type CaptureErrorCode = "NOT_A_CAPTURE" | "DAMAGED_CAPTURE" | "BAD_HEX";

/** A file cannot be read any further. What came before is right. */
export class CaptureError extends BunBondError {
  override readonly name = "CaptureError";
  readonly code: CaptureErrorCode;
  /** Two lines of text with a mark under the wrong part; null if the file is no text. */
  readonly caret: string | null;

  constructor(code: CaptureErrorCode, message: string, caret: string | null = null) {
    super(message);
    this.code = code;
    this.caret = caret;
  }
}
